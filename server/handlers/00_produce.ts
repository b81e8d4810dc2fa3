/**
 * Produce: v0–v13.
 *
 * v0 message sets of formats 0 and 1 · v1 throttle · v2 log append time · v3 message format 2 · v5 log start offset · v7 zstd · v8 record errors (KIP-467) · v9 flexible ·
 * v10 leader hints (KIP-951) · v12 implicit transaction partitions (KIP-890) · v13 topic ids (KIP-516)
 *
 * In two phases: checks and appends happen before the call returns, so that batches of one connection are appended in
 * the order they came; only the wait for the disk (acks=all under flush policy `group`) is left to the promise. One that brings
 * new partitions into a transaction (v12+) is held, and all behind it, until the coordinator has written them down.
 * acks=0 has no answer; as in Kafka a failure then closes the connection, which is all the client can be told.
 */
import { produce, type ProduceRequest, type ProduceResponseDraft } from "../../protocol/api/00_produce.ts";
import { ErrorCode, errorName } from "../../protocol/errors.ts";
import { StorageError } from "../../storage/errors.ts";
import { isInternalTopic } from "../cluster/topic_name.ts";
import { RequestRefused } from "../dispatch.ts";
import { type Answer, handle, type RequestContext } from "../handler.ts";
import { type BatchRefusal, checkBatch, nextBatchSize } from "../partitions/batch_check.ts";
import { absenceOf, endpointsOf, type LeaderHint } from "../partitions/leader_hint.ts";
import { checkMessageSet, LAST_MESSAGE_SET_VERSION } from "../partitions/message_set_check.ts";
import type { Partition } from "../partitions/partition.ts";
import {
  beginTransactional,
  hasTransactionalRecords,
  isTransactionalBatch,
  type ProducedTransaction,
} from "../transactions/produced_transaction.ts";

type PartitionData = ProduceRequest["topicData"][number]["partitionData"][number];

interface PartitionAnswer {
  index: number;
  errorCode: number;
  baseOffset: number;
  logAppendTimeMs: number;
  logStartOffset: number;
  recordErrors: readonly { readonly batchIndex: number; readonly batchIndexErrorMessage: string }[];
  errorMessage: string | null;
  currentLeader?: LeaderHint;
}

interface TopicAnswer {
  name: string;
  topicId: string;
  partitionResponses: PartitionAnswer[];
}

/** An append that is answered once it is on the disk. */
interface Wait {
  readonly answer: PartitionAnswer;
  readonly durable: Promise<void>;
}

/**
 * A client's timeout is meant for the wait for replicas, which Kafka on one node does not have: even 0 succeeds there. The
 * wait for the disk gets at least this long.
 */
const WAIT_MS_MIN = 1_000;
const FIRST_LEADER_HINT_VERSION = 10;
const NO_RECORD_ERRORS: PartitionAnswer["recordErrors"] = [];

export const produceHandler = handle(produce, [0, 13], (request, context) => {
  if (context.meter !== null) context.meter.produced();
  const mayBeTransactional = context.apiVersion > LAST_MESSAGE_SET_VERSION;
  if (!mayBeTransactional || !hasTransactionalRecords(request)) return appendAll(request, context, null);
  const transaction = beginTransactional(request, context);
  if (typeof transaction === "number") return refuseAll(request, transaction);
  if (transaction.admitted === null) return appendAll(request, context, transaction);
  let answer: Answer<ProduceResponseDraft> = null;
  const ordered = transaction.admitted.then(() => {
    answer = appendAll(request, context, transaction);
  });
  context.ordered = ordered;
  return ordered.then(() => answer);
}, { isPipelined: true });

function appendAll(
  request: ProduceRequest,
  context: RequestContext,
  transaction: ProducedTransaction | null,
): Answer<ProduceResponseDraft> {
  const responses: TopicAnswer[] = [];
  const waits: Wait[] = [];
  let hasError = false;
  for (const topicData of request.topicData) {
    const name = context.apiVersion >= 13
      ? context.broker.cluster.topicById(topicData.topicId)?.name ?? null
      : topicData.name;
    const partitionResponses: PartitionAnswer[] = [];
    if (topicData.partitionData.length === 0) continue; // as Kafka
    for (const partitionData of topicData.partitionData) {
      const answer = name === null
        ? absent(null, partitionData, context)
        : append(name, partitionData, request, context, transaction, waits);
      if (answer.errorCode !== ErrorCode.NONE) hasError = true;
      partitionResponses.push(answer);
    }
    responses.push({ name: topicData.name, topicId: topicData.topicId, partitionResponses });
  }
  if (request.acks === 0) {
    if (hasError) throw new RequestRefused(`A batch sent with acks=0 was refused: ${firstError(responses)}`);
    return null;
  }
  const response = respond(responses, hasError, context);
  return waits.length === 0 ? response : whenDurable(waits, request.timeoutMs, context).then(() => response);
}

/** What is wrong with the request as a whole is answered for each of its partitions. */
function refuseAll({ acks, topicData }: ProduceRequest, errorCode: number): ProduceResponseDraft | null {
  if (acks === 0) throw new RequestRefused(`A request sent with acks=0 was refused: ${errorName(errorCode)}`);
  return {
    responses: topicData.filter(({ partitionData }) => partitionData.length > 0).map((topic) => ({
      name: topic.name,
      topicId: topic.topicId,
      partitionResponses: topic.partitionData.map(({ index }) => refuse(index, errorCode, null)),
    })),
  };
}

/** hot: per partition of a request */
function append(
  topic: string,
  partitionData: PartitionData,
  request: ProduceRequest,
  context: RequestContext,
  transaction: ProducedTransaction | null,
  waits: Wait[],
): PartitionAnswer {
  const { index, records } = partitionData;
  const { broker } = context;
  const partition = broker.partitions.get(topic, index);
  if (partition === undefined) return absent(topic, partitionData, context);
  const { apiVersion } = context;
  const toCheck = { apiVersion, nowMs: broker.runtime.clock.nowMs() };
  const check = apiVersion > LAST_MESSAGE_SET_VERSION
    ? checkBatch(records, partition.rules, toCheck)
    : checkMessageSet(records, partition.rules, toCheck);
  // As in Kafka, what the request's framing breaks is told before all, and what the log minds behind all else.
  if (check.kind === "refused" && check.by === "request") return refusedFor(check, partition, index);
  const isTransactional = transaction !== null && records !== null && isTransactionalBatch(records);
  const refusal = isTransactional ? transaction.refusalOf(partition, records) : ErrorCode.NONE;
  if (refusal !== ErrorCode.NONE) return refuse(index, refusal, null);
  if (request.acks < -1 || request.acks > 1) {
    return refuse(index, ErrorCode.INVALID_REQUIRED_ACKS, `acks=${request.acks} is none of -1, 0 and 1`);
  }
  if (isInternalTopic(topic) && context.clientId !== ADMIN_CLIENT_ID) {
    return refuse(index, ErrorCode.INVALID_TOPIC_EXCEPTION, `Clients may not write to the internal topic "${topic}"`);
  }
  if (check.kind === "empty") return refuse(index, ErrorCode.NONE, null);
  if (check.kind === "refused") return refusedFor(check, partition, index);
  if (partition.log.isOffline) return refuse(index, ErrorCode.KAFKA_STORAGE_ERROR, "The partition is offline");
  let appended;
  try {
    const startsAtZero = isTransactional && transaction.startsAtZero;
    appended = partition.append(check.records, { acks: request.acks, origin: "client", startsAtZero });
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    broker.logger.error("append failed", { partition: `${topic}-${index}`, reason: error });
    return refuse(index, ErrorCode.KAFKA_STORAGE_ERROR, error.message);
  }
  const { result, durable } = appended;
  if (result.kind === "rejected") return startingAt(partition, refuse(index, result.errorCode, null));
  const answer: PartitionAnswer = {
    index,
    errorCode: ErrorCode.NONE,
    baseOffset: result.firstOffset,
    logAppendTimeMs: result.logAppendTimeMs,
    logStartOffset: result.logStartOffset,
    recordErrors: NO_RECORD_ERRORS,
    errorMessage: null,
  };
  if (durable !== null) waits.push({ answer, durable });
  return answer;
}

/** The client that Kafka's own tools write internal topics with. */
const ADMIN_CLIENT_ID = "__admin_client";

function refuse(index: number, errorCode: number, errorMessage: string | null): PartitionAnswer {
  return {
    index,
    errorCode,
    baseOffset: -1,
    logAppendTimeMs: -1,
    logStartOffset: -1,
    recordErrors: NO_RECORD_ERRORS,
    errorMessage,
  };
}

function refusedFor(
  { errorCode, message, recordErrors, by }: BatchRefusal,
  partition: Partition,
  index: number,
): PartitionAnswer {
  const refusal = { ...refuse(index, errorCode, message), recordErrors };
  return by === "log" ? startingAt(partition, refusal) : refusal;
}

/** There is no such topic, or partition here. Kafka has looked for transactional batches before it knows, and met what is none. */
function absent(
  topic: string | null,
  { index, records }: PartitionData,
  { broker, apiVersion }: RequestContext,
): PartitionAnswer {
  if (records !== null && nextBatchSize(records, 0) < 0) return refuse(index, ErrorCode.CORRUPT_MESSAGE, null);
  if (topic === null) return refuse(index, ErrorCode.UNKNOWN_TOPIC_ID, null);
  const { errorCode, hint } = absenceOf(broker.cluster, topic, index);
  const answer = refuse(index, errorCode, null);
  return hint === null || apiVersion < FIRST_LEADER_HINT_VERSION ? answer : { ...answer, currentLeader: hint };
}

/** With what a client needs that asked the wrong broker (v10). */
function respond(responses: readonly TopicAnswer[], hasError: boolean, context: RequestContext): ProduceResponseDraft {
  if (!hasError || context.apiVersion < FIRST_LEADER_HINT_VERSION) return { responses };
  const hints = responses.flatMap(({ partitionResponses }) =>
    partitionResponses.map(({ currentLeader }) => currentLeader).filter((leader) => leader !== undefined)
  );
  return { responses, nodeEndpoints: endpointsOf(hints, context.broker.cluster, context.connection.listener.name) };
}

/** What the log itself refuses is answered with where it starts (KIP-360: a producer tells lost state by it). */
function startingAt(partition: Partition, answer: PartitionAnswer): PartitionAnswer {
  answer.logStartOffset = partition.logStartOffset;
  return answer;
}

/** Resolves when every append is on the disk, has failed, or the client's time is up; writes failures into the answers. */
function whenDurable(waits: readonly Wait[], timeoutMs: number, context: RequestContext): Promise<void> {
  return new Promise((resolve) => {
    const open = new Set(waits);
    const settle = (wait: Wait) => {
      open.delete(wait);
      if (open.size > 0) return;
      timer.cancel();
      resolve();
    };
    const waitMs = Math.max(WAIT_MS_MIN, timeoutMs);
    const timer = context.broker.runtime.timers.after(waitMs, () => {
      for (const { answer } of open) {
        answer.errorCode = ErrorCode.REQUEST_TIMED_OUT;
        answer.errorMessage = `The append was not on the disk within ${waitMs} ms`;
      }
      open.clear();
      resolve();
    });
    for (const wait of waits) {
      wait.durable.then(() => settle(wait), (error) => {
        if (open.has(wait)) storageFailed(wait.answer, error);
        settle(wait);
      });
    }
  });
}

function firstError(responses: readonly TopicAnswer[]): string {
  for (const { name, partitionResponses } of responses) {
    for (const { index, errorCode, errorMessage } of partitionResponses) {
      if (errorCode !== ErrorCode.NONE) return `${name}-${index}: ${errorMessage ?? errorName(errorCode)}`;
    }
  }
  return "unknown";
}

function storageFailed(answer: PartitionAnswer, error: unknown): void {
  answer.errorCode = ErrorCode.KAFKA_STORAGE_ERROR;
  answer.baseOffset = -1;
  answer.errorMessage = error instanceof Error ? error.message : String(error);
}
