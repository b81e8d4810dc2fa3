/**
 * Fetch: v4–v18.
 *
 * v4 isolation level · v5 log start offset · v7 sessions (KIP-227) · v9 leader epoch check (KIP-320) · v10 zstd ·
 * v11 rack (KIP-392) · v12 flexible, diverging epoch · v13 topic ids (KIP-516) · v15 replica state ·
 * v16 leader hints (KIP-951) · v17 directory id · v18 follower's high watermark
 *
 * v0–v3 would ask for records in formats that are not stored: Kafka 4 does not serve them either.
 * Answers carry views of the log; they are released when the last byte is sent.
 */
import { fetch, type FetchRequest, type FetchResponseDraft } from "../../protocol/api/01_fetch.ts";
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import { handle, type RequestContext } from "../handler.ts";
import {
  type FetchedPartition,
  type FetchSession,
  FINAL_EPOCH,
  INITIAL_EPOCH,
  NO_SESSION_ID,
  partitionKey,
} from "../partitions/fetch_session.ts";
import type { FetchPass, PartitionResult } from "../partitions/fetcher.ts";

type TopicResponse = NonNullable<FetchResponseDraft["responses"]>[number];
type PartitionResponse = TopicResponse["partitions"][number];

const READ_COMMITTED = 1;
const FIRST_TOPIC_ID_VERSION = 13;

export const fetchHandler = handle(fetch, [4, 18], (request, context) => {
  let session: FetchSession | null;
  try {
    session = openSession(request, context);
  } catch (error) {
    if (error instanceof ProtocolError) return { errorCode: error.code, sessionId: NO_SESSION_ID, responses: [] };
    throw error;
  }
  const isIncremental = session !== null && request.sessionEpoch > INITIAL_EPOCH;
  const asked = isIncremental ? session!.partitions.values() : requestedPartitions(request).values();
  const { config, fetcher } = context.broker;
  const pass = fetcher.fetch(asked, {
    maxWaitMs: request.maxWaitMs,
    minBytes: Math.min(request.minBytes, config.get("fetch.max.bytes")),
    maxBytes: Math.min(request.maxBytes, config.get("fetch.max.bytes")),
    isHardLimit: false,
    isReadCommitted: request.isolationLevel === READ_COMMITTED,
  }, (run) => context.connection.onClose(run));
  const answer = (done: FetchPass) => {
    context.onSent(done.release);
    return respond(done, session, isIncremental);
  };
  return pass instanceof Promise ? pass.then(answer) : answer(pass);
});

/**
 * The session the request goes on with or starts; null when it is a full fetch without one.
 * @throws {ProtocolError} when it names a session we cannot go on with
 */
function openSession(request: FetchRequest, context: RequestContext): FetchSession | null {
  const sessions = context.broker.fetchSessions;
  const usesTopicIds = context.apiVersion >= FIRST_TOPIC_ID_VERSION;
  const { sessionId, sessionEpoch } = request;
  if (sessionEpoch === INITIAL_EPOCH || sessionEpoch === FINAL_EPOCH) {
    if (sessionId !== NO_SESSION_ID) sessions.remove(sessionId);
    if (sessionEpoch === FINAL_EPOCH) return null;
    const partitions = requestedPartitions(request);
    return partitions.length === 0 ? null : sessions.create({ usesTopicIds, partitions });
  }
  const session = sessions.next(sessionId, sessionEpoch, usesTopicIds);
  for (const partition of requestedPartitions(request)) {
    const key = partitionKey(usesTopicIds ? partition.topicId : partition.topic, partition.index);
    const known = session.partitions.get(key);
    if (known === undefined) {
      session.partitions.set(key, partition);
      continue;
    }
    known.fetchOffset = partition.fetchOffset;
    known.maxBytes = partition.maxBytes;
    known.currentLeaderEpoch = partition.currentLeaderEpoch;
    known.lastFetchedEpoch = partition.lastFetchedEpoch;
    known.logStartOffset = partition.logStartOffset;
  }
  for (const forgotten of request.forgottenTopicsData) {
    const topicOrId = usesTopicIds ? forgotten.topicId : forgotten.topic;
    for (const index of forgotten.partitions) session.partitions.delete(partitionKey(topicOrId, index));
  }
  return session;
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

function respond(pass: FetchPass, session: FetchSession | null, isIncremental: boolean): FetchResponseDraft {
  const responses: { topic: string; topicId: string; partitions: PartitionResponse[] }[] = [];
  for (const result of pass.results) {
    if (session !== null && !remember(result, session) && isIncremental) continue;
    const { topic, topicId } = result.asked;
    const last = responses[responses.length - 1];
    const response = partitionResponse(result);
    if (last !== undefined && last.topic === topic && last.topicId === topicId) last.partitions.push(response);
    else responses.push({ topic, topicId, partitions: [response] });
  }
  return { errorCode: ErrorCode.NONE, sessionId: session?.id ?? NO_SESSION_ID, responses };
}

/** Notes what the client is told, moves partitions with data to the end of the line; true when there is news. */
function remember(result: PartitionResult, session: FetchSession): boolean {
  const { asked } = result;
  const isError = result.errorCode !== ErrorCode.NONE;
  const hasNews = result.sizeBytes > 0 || isError || asked.toldError || result.divergingEpoch !== null ||
    asked.toldHighWatermark !== result.highWatermark ||
    asked.toldLastStableOffset !== result.lastStableOffset ||
    asked.toldLogStartOffset !== result.logStartOffset;
  asked.toldHighWatermark = result.highWatermark;
  asked.toldLastStableOffset = result.lastStableOffset;
  asked.toldLogStartOffset = result.logStartOffset;
  asked.toldError = isError;
  if (result.sizeBytes > 0) {
    session.moveToEnd(partitionKey(session.usesTopicIds ? asked.topicId : asked.topic, asked.index));
  }
  return hasNews;
}

function partitionResponse(result: PartitionResult): PartitionResponse {
  const response = {
    partitionIndex: result.asked.index,
    errorCode: result.errorCode,
    highWatermark: result.highWatermark,
    lastStableOffset: result.lastStableOffset,
    logStartOffset: result.logStartOffset,
    abortedTransactions: result.abortedTransactions,
    preferredReadReplica: -1,
    records: result.chunks,
  };
  return result.divergingEpoch === null ? response : { ...response, divergingEpoch: result.divergingEpoch };
}

