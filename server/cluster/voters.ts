/**
 * Who votes on the cluster's metadata (KIP-853): this node, alone. A request to change that is answered as by a Kafka controller
 * that votes alone, which is not removed, and that cannot reach the one to be added.
 */
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import { ZERO_UUID } from "../../protocol/schema.ts";

export interface Voter {
  readonly id: number;
  /** Of its data folder. */
  readonly directoryId: string;
}

interface VoterRequest {
  readonly clusterId: string | null;
  readonly voterId: number;
  readonly voterDirectoryId: string;
}

/** What speaks against any such request, or null. */
export function reasonAgainst(request: VoterRequest, clusterId: string, verb: "Add" | "Remove"): ProtocolError | null {
  if (request.clusterId !== null && request.clusterId !== clusterId) {
    return new ProtocolError(
      ErrorCode.INCONSISTENT_CLUSTER_ID,
      `The given id "${request.clusterId}" doesn't match the cluster id "${clusterId}"`,
    );
  }
  if (request.voterId >= 0 && request.voterDirectoryId !== ZERO_UUID) return null;
  return new ProtocolError(ErrorCode.INVALID_REQUEST, `${verb} voter request didn't include a valid voter`);
}

/** As Kafka's messages have it. */
export function named({ id, directoryId }: Voter): string {
  return `ReplicaKey(id=${id}, directoryId=${directoryId})`;
}
