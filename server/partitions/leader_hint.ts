/**
 * What a client that asked the wrong broker, or of the wrong leadership, is told besides (KIP-951): who leads, and where that
 * is, so that it need not ask for metadata first.
 */
import { ErrorCode } from "../../protocol/errors.ts";
import type { BrokerNode, Cluster, PartitionState } from "../cluster/cluster.ts";

export interface LeaderHint {
  readonly leaderId: number;
  readonly leaderEpoch: number;
}

/** Why a partition is not served here: it is led elsewhere, or there is none. */
export function absenceOf(
  cluster: Cluster,
  topic: string,
  index: number,
): { readonly errorCode: number; readonly hint: LeaderHint | null } {
  const known: PartitionState | undefined = cluster.topic(topic)?.partitions[index];
  if (known === undefined) return { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, hint: null };
  const { leaderId, leaderEpoch } = known;
  return { errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER, hint: { leaderId, leaderEpoch } };
}

/** The nodes that hints name, each once, as clients of a listener reach them. */
export function endpointsOf(
  hints: Iterable<{ readonly leaderId?: number }>,
  cluster: Cluster,
  listenerName: string,
): readonly (Omit<BrokerNode, "id"> & { readonly nodeId: number })[] {
  const ids = new Set(Array.from(hints, ({ leaderId }) => leaderId));
  if (ids.size === 0) return [];
  return cluster.brokers(listenerName).filter(({ id }) => ids.has(id)).map(({ id, ...node }) => ({
    nodeId: id,
    ...node,
  }));
}
