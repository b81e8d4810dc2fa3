/** What ShareFetch and ShareAcknowledge have in common: who asks, and what is said of records. */
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { AcknowledgeType } from "./partition/state.ts";
import type { SharePartitions } from "./share_partitions.ts";

export interface Member {
  readonly groupId: string;
  readonly memberId: string;
}

const memberIdLengthMax = 36;

/** @throws {ProtocolError} INVALID_REQUEST */
export function checkMember(
  { groupId, memberId }: { readonly groupId: string | null; readonly memberId: string | null },
): Member {
  if (groupId === null) throw new ProtocolError(ErrorCode.INVALID_REQUEST, "Invalid group id in the request.");
  if (!isMemberId(memberId)) throw new ProtocolError(ErrorCode.INVALID_REQUEST, "Invalid member id in the request.");
  return { groupId, memberId };
}

export function isMemberId(memberId: string | null): memberId is string {
  return memberId !== null && memberId !== "" && memberId.length <= memberIdLengthMax;
}

export interface AcknowledgeRequest {
  readonly isRenewAck: boolean;
  readonly topics: readonly {
    readonly topicId: string;
    readonly partitions: readonly {
      readonly partitionIndex: number;
      readonly acknowledgementBatches: readonly AcknowledgementBatch[];
    }[];
  }[];
}

interface AcknowledgementBatch {
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly acknowledgeTypes: readonly number[];
}

export interface Acknowledged {
  readonly topicId: string;
  readonly index: number;
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

/** Takes all that a request says of records. Of partitions that it says nothing of, nothing is said. */
export async function acknowledgeAll(
  request: AcknowledgeRequest,
  member: Member,
  { cluster, sharePartitions, apiVersion }: {
    readonly cluster: Pick<Cluster, "topicById">;
    readonly sharePartitions: Pick<SharePartitions, "acknowledge">;
    readonly apiVersion: number;
  },
): Promise<readonly Acknowledged[]> {
  const typeMax = apiVersion >= 2 ? AcknowledgeType.renew : AcknowledgeType.reject;
  return await Promise.all(
    request.topics.flatMap(({ topicId, partitions }) =>
      partitions.filter(({ acknowledgementBatches }) => acknowledgementBatches.length > 0).map(
        async ({ partitionIndex: index, acknowledgementBatches }): Promise<Acknowledged> => {
          const place = { topicId, index };
          const refused = (errorCode: number) => ({ ...place, errorCode, errorMessage: null });
          const topic = cluster.topicById(topicId);
          if (topic === undefined) return refused(ErrorCode.UNKNOWN_TOPIC_ID);
          if (!isSound(acknowledgementBatches, typeMax, request.isRenewAck)) return refused(ErrorCode.INVALID_REQUEST);
          if (topic.partitions[index] === undefined) return refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
          const batches = acknowledgementBatches.map(({ firstOffset, lastOffset, acknowledgeTypes }) => ({
            first: firstOffset,
            last: lastOffset,
            types: acknowledgeTypes,
          }));
          return { ...place, ...await sharePartitions.acknowledge(member, place, batches) };
        },
      )
    ),
  );
}

function isSound(batches: readonly AcknowledgementBatch[], typeMax: number, isRenewal: boolean): boolean {
  let previous = -1;
  for (const { firstOffset, lastOffset, acknowledgeTypes: types } of batches) {
    if (firstOffset > lastOffset || firstOffset < previous || types.length === 0) return false;
    if (types.length > 1 && lastOffset - firstOffset !== types.length - 1) return false;
    if (types.some((type) => type < 0 || type > typeMax)) return false;
    if (!isRenewal && types.includes(AcknowledgeType.renew)) return false;
    previous = lastOffset;
  }
  return true;
}
