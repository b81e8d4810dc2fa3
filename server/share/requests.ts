/** What ShareFetch and ShareAcknowledge have in common: who asks, and what is said of records. */
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { type Acknowledgement, AcknowledgeType } from "./partition/state.ts";
import { sessionKey } from "./sessions.ts";
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

/** Whether a request says anything of records. */
export function isAcknowledging({ topics }: AcknowledgeRequest): boolean {
  return topics.some(({ partitions }) => partitions.some(({ acknowledgementBatches: { length } }) => length > 0));
}

interface Surroundings {
  readonly cluster: Pick<Cluster, "topicById">;
  readonly sharePartitions: Pick<SharePartitions, "acknowledge">;
  readonly apiVersion: number;
}

/**
 * Takes all that a request says of records: of a partition that it names twice, what it says last. A partition that it says
 * nothing of is answered only if something is said of another, as in Kafka.
 */
export async function acknowledgeAll(
  request: AcknowledgeRequest,
  member: Member,
  { cluster, sharePartitions, apiVersion }: Surroundings,
): Promise<readonly Acknowledged[]> {
  const typeMax = apiVersion >= 2 ? AcknowledgeType.renew : AcknowledgeType.reject;
  const answers: (Acknowledged | Promise<Acknowledged>)[] = [];
  const silent: Acknowledged[] = [];
  let isTaken = false;
  for (const { topicId, index, batches } of lastWords(request)) {
    const place = { topicId, index };
    const topic = cluster.topicById(topicId);
    const errorCode = topic === undefined
      ? ErrorCode.UNKNOWN_TOPIC_ID
      : !isSound(batches, typeMax, request.isRenewAck)
      ? ErrorCode.INVALID_REQUEST
      : topic.partitions[index] === undefined
      ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
      : ErrorCode.NONE;
    if (errorCode !== ErrorCode.NONE) answers.push({ ...place, errorCode, errorMessage: null });
    else if (batches.length === 0) silent.push({ ...place, errorCode, errorMessage: null });
    else {
      isTaken = true;
      const taken = sharePartitions.acknowledge(member, place, batches.map(asAcknowledgement));
      answers.push(taken.then((outcome) => ({ ...place, ...outcome })));
    }
  }
  return await Promise.all(isTaken ? [...answers, ...silent] : answers);
}

interface LastWord {
  readonly topicId: string;
  readonly index: number;
  readonly batches: readonly AcknowledgementBatch[];
}

function lastWords({ topics }: AcknowledgeRequest): Iterable<LastWord> {
  const words = new Map<string, LastWord>();
  for (const { topicId, partitions } of topics) {
    for (const { partitionIndex: index, acknowledgementBatches: batches } of partitions) {
      words.set(sessionKey(topicId, index), { topicId, index, batches });
    }
  }
  return words.values();
}

function asAcknowledgement({ firstOffset, lastOffset, acknowledgeTypes }: AcknowledgementBatch): Acknowledgement {
  return { first: firstOffset, last: lastOffset, types: acknowledgeTypes };
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
