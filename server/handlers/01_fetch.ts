/**
 * Fetch: v0–v18.
 *
 * v0 message sets of format 0 · v1 throttle · v2 format 1 · v3 a limit for the answer · v4 format 2, isolation level · v5 log start offset · v7 sessions (KIP-227) · v9 leader epoch check (KIP-320) · v10 zstd ·
 * v11 rack (KIP-392) · v12 flexible, diverging epoch · v13 topic ids (KIP-516) · v15 replica state ·
 * v16 leader hints (KIP-951) · v17 directory id · v18 follower's high watermark
 *
 * What v0–v3 ask for is in formats that are not stored: it is converted (`old_fetches.ts`), which Kafka 4 does no more.
 * Answers carry views of the log; they are released when the last byte is sent.
 */
import { fetch, type FetchRequest, type FetchResponseDraft } from "../../protocol/api/01_fetch.ts";
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import { EncodedResponse } from "../../protocol/frame.ts";
import { handle, type RequestContext } from "../handler.ts";
import {
  type FetchedPartition,
  type FetchSession,
  FINAL_EPOCH,
  INITIAL_EPOCH,
  NO_SESSION_ID,
  partitionKey,
} from "../partitions/fetch_session.ts";
import { failedFetch, type FetchOptions, type FetchPass, type PartitionResult } from "../partitions/fetcher.ts";
import { endpointsOf } from "../partitions/leader_hint.ts";
import { LAST_MESSAGE_SET_VERSION } from "../partitions/old_fetches.ts";

type TopicResponse = NonNullable<FetchResponseDraft["responses"]>[number];
type PartitionResponse = TopicResponse["partitions"][number];

const READ_UNCOMMITTED = 0;
const READ_COMMITTED = 1;
const FIRST_ANSWER_LIMIT_VERSION = 3;
/** Of KAFKA_STORAGE_ERROR. */
const FIRST_STORAGE_ERROR_VERSION = 6;
const FIRST_TOPIC_ID_VERSION = 13;
const FIRST_REPLICA_STATE_VERSION = 15;
const FIRST_LEADER_HINT_VERSION = 16;

/** What a fetch reads, and the session it belongs to: null for a full fetch without one. */
interface Plan {
  readonly session: FetchSession | null;
  /** The client is told only what is new to it. */
  readonly isIncremental: boolean;
  readonly asked: readonly FetchedPartition[];
}

export const fetchHandler = handle(fetch, [0, 18], (request, context) => {
  const { isolationLevel } = request;
  let plan: Plan;
  try {
    plan = makePlan(request, context);
  } catch (error) {
    if (error instanceof ProtocolError) return { errorCode: error.code, sessionId: NO_SESSION_ID, responses: [] };
    throw error;
  }
  if (isolationLevel !== READ_UNCOMMITTED && isolationLevel !== READ_COMMITTED && readsAny(plan, context)) {
    return refuseAll(request, plan, context);
  }
  const { apiVersion, broker, connection, meter } = context;
  const bytesMax = Math.min(broker.config.get("fetch.max.bytes"), meter === null ? Infinity : meter.fetchBytesMax());
  const { replicaId } = apiVersion < FIRST_REPLICA_STATE_VERSION ? request : request.replicaState;
  const options: FetchOptions = {
    maxWaitMs: request.maxWaitMs,
    minBytes: Math.min(request.minBytes, bytesMax),
    maxBytes: Math.min(request.maxBytes, bytesMax),
    isReadCommitted: isolationLevel === READ_COMMITTED,
    isFromReplica: replicaId >= 0,
    usesTopicIds: apiVersion >= FIRST_TOPIC_ID_VERSION,
    fillsEach: apiVersion < FIRST_ANSWER_LIMIT_VERSION,
  };
  const pass = apiVersion > LAST_MESSAGE_SET_VERSION
    ? broker.fetcher.fetch(plan.asked, options, (run) => connection.onClose(run))
    : broker.oldFetches.fetch(plan.asked, { ...options, apiVersion }, connection);
  const answer = (done: FetchPass) => {
    context.onSent(done.release);
    const response = respond(done, plan, context);
    let encoded: EncodedResponse | null = null;
    if (meter !== null && !options.isFromReplica) {
      encoded = meter.encoded(() => encode(response, context));
      if (!meter.admitsFetch(encoded)) return answerNothing(plan, context);
    }
    if (plan.session !== null) { for (const result of done.results) remember(result, plan.session); }
    const endpoints = done.isUrgent && !options.isFromReplica ? endpointsIn(response, context) : [];
    // As in Kafka they are not counted.
    return endpoints.length > 0 ? { ...response, nodeEndpoints: endpoints } : encoded ?? response;
  };
  return pass instanceof Promise ? pass.then(answer) : answer(pass);
});

/** Kafka's answer to an isolation level that it does not know. A session that the request would have begun is not. */
function refuseAll(
  request: FetchRequest,
  { session, isIncremental }: Plan,
  context: RequestContext,
): FetchResponseDraft {
  if (session !== null && !isIncremental) context.broker.fetchSessions.remove(session.id);
  const errorCode = ErrorCode.UNKNOWN_SERVER_ERROR;
  const told = context.apiVersion < FIRST_TOPIC_ID_VERSION ? requestedPartitions(request) : [];
  const results = told.map((asked) => ({ ...failedFetch(asked, errorCode), abortedTransactions: [] }));
  return { errorCode, sessionId: request.sessionId, responses: byTopic(results, context) };
}

/** Some of what is asked for is there: only then Kafka looks at how it is to be read. */
function readsAny({ asked }: Plan, { apiVersion, broker: { cluster } }: RequestContext): boolean {
  return asked.some(({ topic, topicId, index }) => {
    const known = apiVersion >= FIRST_TOPIC_ID_VERSION ? cluster.topicById(topicId) : cluster.topic(topic);
    return known?.partitions[index] !== undefined;
  });
}

function encode(response: FetchResponseDraft, { apiVersion, correlationId }: RequestContext): EncodedResponse {
  return EncodedResponse.of(fetch, { version: apiVersion, correlationId }, response);
}

/** To a client over its limit: it was told nothing. A session that the request would have begun is not. */
function answerNothing({ session, isIncremental }: Plan, { broker }: RequestContext): FetchResponseDraft {
  if (session !== null && !isIncremental) broker.fetchSessions.remove(session.id);
  const sessionId = session !== null && isIncremental ? session.id : NO_SESSION_ID;
  return { errorCode: ErrorCode.NONE, sessionId, responses: [] };
}

/** @throws {ProtocolError} when the request names a session it cannot go on with */
function makePlan(request: FetchRequest, context: RequestContext): Plan {
  const sessions = context.broker.fetchSessions;
  const usesTopicIds = context.apiVersion >= FIRST_TOPIC_ID_VERSION;
  const { sessionId, sessionEpoch } = request;
  const partitions = requestedPartitions(request);
  if (sessionEpoch === INITIAL_EPOCH || sessionEpoch === FINAL_EPOCH) {
    if (sessionId !== NO_SESSION_ID) sessions.remove(sessionId);
    const session = sessionEpoch === INITIAL_EPOCH ? sessions.create({ usesTopicIds, partitions }) : null;
    return { session, isIncremental: false, asked: partitions };
  }
  const session = sessions.next(sessionId, sessionEpoch, usesTopicIds);
  session.update(partitions);
  for (const forgotten of request.forgottenTopicsData) {
    const topicOrId = usesTopicIds ? forgotten.topicId : forgotten.topic;
    for (const index of forgotten.partitions) session.partitions.delete(partitionKey(topicOrId, index));
  }
  if (session.partitions.size > 0) return { session, isIncremental: true, asked: [...session.partitions.values()] };
  sessions.remove(sessionId);
  return { session: null, isIncremental: false, asked: partitions };
}

function requestedPartitions(request: FetchRequest): FetchedPartition[] {
  const partitions: FetchedPartition[] = [];
  for (const topic of request.topics) {
    for (const asked of topic.partitions) {
      partitions.push({
        topic: topic.topic,
        topicId: topic.topicId,
        index: asked.partition,
        fetchOffset: asked.fetchOffset,
        maxBytes: asked.partitionMaxBytes,
        currentLeaderEpoch: asked.currentLeaderEpoch,
        lastFetchedEpoch: asked.lastFetchedEpoch,
        logStartOffset: asked.logStartOffset,
        toldHighWatermark: -1,
        toldLastStableOffset: -1,
        toldLogStartOffset: -1,
        toldError: false,
      });
    }
  }
  return partitions;
}

function respond(pass: FetchPass, { session, isIncremental }: Plan, context: RequestContext): FetchResponseDraft {
  const results = isIncremental ? pass.results.filter(isNews) : pass.results;
  const sessionId = session?.id ?? NO_SESSION_ID;
  return { errorCode: ErrorCode.NONE, sessionId, responses: byTopic(results, context) };
}

/** Where the leaders are that the answer names; a follower knows. */
function endpointsIn(response: FetchResponseDraft, { broker, connection }: RequestContext) {
  const hints = (response.responses ?? []).flatMap(({ partitions }) =>
    partitions.map(({ currentLeader }) => currentLeader).filter((leader) => leader !== undefined)
  );
  return hints.length === 0 ? [] : endpointsOf(hints, broker.cluster, connection.listener.name);
}

/** Neighbours of the same topic share an entry. */
function byTopic(results: readonly PartitionResult[], context: RequestContext): TopicResponse[] {
  const responses: { topic: string; topicId: string; partitions: PartitionResponse[] }[] = [];
  for (const result of results) {
    const { topic, topicId } = result.asked;
    const last = responses[responses.length - 1];
    const response = partitionResponse(result, context);
    if (last !== undefined && last.topic === topic && last.topicId === topicId) last.partitions.push(response);
    else responses.push({ topic, topicId, partitions: [response] });
  }
  return responses;
}

/** Something that the client was not told before. */
function isNews(result: PartitionResult): boolean {
  const { asked } = result;
  return result.sizeBytes > 0 || result.errorCode !== ErrorCode.NONE || asked.toldError ||
    result.divergingEpoch !== null ||
    asked.toldHighWatermark !== result.highWatermark ||
    asked.toldLastStableOffset !== result.lastStableOffset ||
    asked.toldLogStartOffset !== result.logStartOffset;
}

/** Notes what the client is told, and moves partitions with data to the end of the line. */
function remember(result: PartitionResult, session: FetchSession): void {
  const { asked } = result;
  asked.toldHighWatermark = result.highWatermark;
  asked.toldLastStableOffset = result.lastStableOffset;
  asked.toldLogStartOffset = result.logStartOffset;
  asked.toldError = result.errorCode !== ErrorCode.NONE;
  if (result.sizeBytes > 0) session.moveToEnd(session.keyOf(asked));
}

function partitionResponse(result: PartitionResult, { apiVersion }: RequestContext): PartitionResponse {
  const response = {
    partitionIndex: result.asked.index,
    errorCode: errorKnownTo(apiVersion, result.errorCode),
    highWatermark: result.highWatermark,
    lastStableOffset: result.lastStableOffset,
    logStartOffset: result.logStartOffset,
    abortedTransactions: result.abortedTransactions,
    preferredReadReplica: -1,
    records: result.chunks,
  };
  const { divergingEpoch, leader } = result;
  if (divergingEpoch !== null) return { ...response, divergingEpoch };
  if (leader === null || apiVersion < FIRST_LEADER_HINT_VERSION) return response;
  return { ...response, currentLeader: leader };
}

/** Clients of old look for another leader instead. */
function errorKnownTo(apiVersion: number, errorCode: number): number {
  const isUnknown = errorCode === ErrorCode.KAFKA_STORAGE_ERROR && apiVersion < FIRST_STORAGE_ERROR_VERSION;
  return isUnknown ? ErrorCode.NOT_LEADER_OR_FOLLOWER : errorCode;
}
