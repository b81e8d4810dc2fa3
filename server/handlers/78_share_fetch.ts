/**
 * ShareFetch: v1–v2.
 *
 * v2 a strict limit of records (KIP-1206), acknowledgements that prolong locks (KIP-1222)
 *
 * Acknowledgements that come with a fetch are taken first, and the fetch does not wait for them; the answer waits for both.
 * Partitions are served in the session's order, which is rotated by the session's epoch, as Kafka does it.
 */
import { shareFetch, type ShareFetchRequest, type ShareFetchResponseDraft } from "../../protocol/api/78_share_fetch.ts";
import { ErrorCode, errorInfo, ProtocolError } from "../../protocol/errors.ts";
import { EncodedResponse } from "../../protocol/frame.ts";
import { ZERO_UUID } from "../../protocol/schema.ts";
import { requireShareProtocol } from "../features.ts";
import { handle, type RequestContext } from "../handler.ts";
import type { Partition } from "../partitions/partition.ts";
import { acknowledgeAll, type Acknowledged, checkMember, isAcknowledging, type Member } from "../share/requests.ts";
import { FINAL_EPOCH, INITIAL_EPOCH, sessionKey, type ShareSession } from "../share/sessions.ts";
import type { SharedPartitionResult, ShareFetchResult } from "../share/share_fetcher.ts";

type TopicResponse = ShareFetchResponseDraft["responses"][number];
type PartitionResponse = TopicResponse["partitions"][number];
type Asked = ShareFetchRequest["topics"][number]["partitions"][number];

const BATCH_OPTIMIZED_MODE = 0;
const RECORD_LIMIT_MODE = 1;
const NO_RECORDS: readonly Uint8Array[] = [];

export const shareFetchHandler = handle(shareFetch, [1, 2], async (request, context) => {
  const { broker, apiVersion } = context;
  const { cluster, sharePartitions } = broker;
  try {
    requireShareProtocol(broker);
    const member = checkMember(request);
    const isRenewal = apiVersion >= 2 && request.isRenewAck;
    if (isRenewal) checkRenewal(request);
    const session = await sessionOf(request, member, context);
    const acknowledging = isAcknowledging(request)
      ? acknowledgeAll(request, member, { cluster, sharePartitions, apiVersion })
      : [];
    // What is being said of records is looked at before new ones are read: it makes room for them.
    const fetching = session === null || isRenewal ? null : fetch(request, member, session, context);
    const [acknowledged, fetched] = await Promise.all([acknowledging, fetching]);
    if (fetched !== null) context.onSent(() => fetched.read.release());
    if (request.shareSessionEpoch === FINAL_EPOCH) {
      broker.sharePartitions.sessions.end(broker.sharePartitions.sessions.get(member.groupId, member.memberId));
    }
    const response = {
      throttleTimeMs: 0,
      errorCode: ErrorCode.NONE,
      acquisitionLockTimeoutMs: sharePartitions.rulesOf(member.groupId).lockMs,
      responses: responses(fetched?.answers ?? [], acknowledged, context),
      nodeEndpoints: [],
    };
    // The records are the member's now: they are sent, and the member rests afterwards.
    const { meter, correlationId } = context;
    if (meter === null) return response;
    const encoded = meter.encoded(() =>
      EncodedResponse.of(shareFetch, { version: apiVersion, correlationId }, response)
    );
    meter.fetched(encoded);
    return encoded ?? response;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return {
      throttleTimeMs: 0,
      errorCode: error.code,
      responses: [],
      nodeEndpoints: [],
    };
  }
});

/** @throws {ProtocolError} INVALID_REQUEST: a renewal is not to bring records */
function checkRenewal({ maxBytes, minBytes, maxRecords, maxWaitMs }: ShareFetchRequest): void {
  const wrong = Object.entries({ maxBytes, minBytes, maxRecords, maxWaitMs }).filter(([, value]) => value !== 0);
  if (wrong.length === 0) return;
  const words = wrong.map(([name]) => `${name} must be set to 0, `).join("");
  throw new ProtocolError(ErrorCode.INVALID_REQUEST, `${words}if isRenewAck is true.`);
}

/**
 * The session that the request begins or goes on with; null: it ends the session, and fetches nothing.
 * @throws {ProtocolError}
 */
async function sessionOf(
  request: ShareFetchRequest,
  { groupId, memberId }: Member,
  { broker, connection }: RequestContext,
): Promise<ShareSession | null> {
  const { shareSessionEpoch: epoch } = request;
  const sessions = broker.sharePartitions.sessions;
  if (epoch === FINAL_EPOCH) {
    sessions.get(groupId, memberId);
    return null;
  }
  let session: ShareSession | null;
  if (epoch === INITIAL_EPOCH) {
    if (isAcknowledging(request)) {
      throw new ProtocolError(ErrorCode.INVALID_REQUEST, errorInfo(ErrorCode.INVALID_REQUEST).message);
    }
    session = sessions.open(groupId, memberId, (run) => connection.onClose(run));
    if (session === null) {
      // Else it would ask again at once.
      await waitFor(request.maxWaitMs, { broker, connection });
      const code = ErrorCode.SHARE_SESSION_LIMIT_REACHED;
      throw new ProtocolError(code, errorInfo(code).message);
    }
  } else session = sessions.next(groupId, memberId, epoch);
  const named = allPartitions(request);
  for (const { topicId, asked } of named) {
    session.add({ topicId, index: asked.partitionIndex }, epoch !== INITIAL_EPOCH);
  }
  if (epoch === INITIAL_EPOCH && session.partitions.size < named.length) {
    // One is named twice: Kafka begins no such session.
    sessions.end(session);
    throw new ProtocolError(ErrorCode.UNKNOWN_SERVER_ERROR);
  }
  for (const { topicId, partitions } of request.forgottenTopicsData) {
    for (const index of partitions) session.forget(topicId, index);
  }
  return session;
}

function waitFor(
  delayMs: number,
  { broker, connection }: Pick<RequestContext, "broker" | "connection">,
): Promise<void> {
  return new Promise((resolve) => {
    const timer = broker.runtime.timers.after(Math.max(0, delayMs), () => {
      forgetClose();
      resolve();
    });
    let forgetClose = () => {};
    forgetClose = connection.onClose(() => {
      timer.cancel();
      resolve();
    });
  });
}

function allPartitions({ topics }: ShareFetchRequest): { readonly topicId: string; readonly asked: Asked }[] {
  return topics.flatMap(({ topicId, partitions }) => partitions.map((asked) => ({ topicId, asked })));
}

interface Answer {
  readonly topicId: string;
  readonly partition: PartitionResponse;
}

interface Fetched {
  readonly answers: readonly Answer[];
  readonly read: ShareFetchResult;
}

async function fetch(
  request: ShareFetchRequest,
  { groupId, memberId }: Member,
  session: ShareSession,
  { broker, connection, meter }: RequestContext,
): Promise<Fetched> {
  const { shareSessionEpoch: epoch } = request;
  const answers: Answer[] = [];
  const found: Partition[] = [];
  for (const { topicId, index } of rotated([...session.partitions.values()], epoch)) {
    const topic = broker.cluster.topicById(topicId);
    const partition = topic === undefined ? undefined : broker.partitions.get(topic.name, index);
    if (partition !== undefined) found.push(partition);
    else {
      const errorCode = topic === undefined ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
      answers.push({ topicId, partition: { ...empty(index), errorCode } });
    }
  }
  const { shareAcquireMode: mode } = request;
  if (found.length > 0 && mode !== BATCH_OPTIMIZED_MODE && mode !== RECORD_LIMIT_MODE) {
    throw new ProtocolError(ErrorCode.UNKNOWN_SERVER_ERROR); // as Kafka, and as late
  }
  const maxBytes = Math.min(
    request.maxBytes,
    broker.config.get("fetch.max.bytes"),
    meter?.fetchBytesMax() ?? Infinity,
  );
  const read = await broker.shareFetcher.fetch(found, {
    groupId,
    memberId,
    maxWaitMs: request.maxWaitMs,
    minBytes: Math.min(request.minBytes, maxBytes),
    maxBytes,
    recordsMax: request.maxRecords,
    batchSize: request.batchSize,
    isStrict: mode === RECORD_LIMIT_MODE,
  }, (run) => connection.onClose(run));
  for (const result of read.results) {
    answers.push({ topicId: result.partition.topicId, partition: answered(result) });
  }
  const isFirst = epoch === INITIAL_EPOCH;
  return { answers: isFirst ? answers : answers.filter((answer) => isNews(answer, session)), read };
}

/** Each partition comes first in its turn. */
function rotated<Item>(items: readonly Item[], epoch: number): readonly Item[] {
  const at = epoch < 1 || items.length === 0 ? 0 : epoch % items.length;
  return at === 0 ? items : [...items.slice(at), ...items.slice(0, at)];
}

function answered({ partition, errorCode, chunks, acquired }: SharedPartitionResult): PartitionResponse {
  return {
    ...empty(partition.index),
    errorCode,
    records: chunks,
    acquiredRecords: acquired.map(({ first, last, deliveryCount }) => ({
      firstOffset: first,
      lastOffset: last,
      deliveryCount,
    })),
  };
}

function empty(partitionIndex: number): PartitionResponse {
  return {
    partitionIndex,
    errorCode: ErrorCode.NONE,
    acknowledgeErrorCode: ErrorCode.NONE,
    currentLeader: { leaderId: 0, leaderEpoch: 0 },
    records: NO_RECORDS,
    acquiredRecords: [],
  };
}

/** Records, an error, or the first word on a partition; notes what the member is told. */
function isNews({ topicId, partition }: Answer, session: ShareSession): boolean {
  const known = session.partitions.get(sessionKey(topicId, partition.partitionIndex));
  if (known === undefined) return true;
  const isError = partition.errorCode !== ErrorCode.NONE;
  const hasRecords = partition.acquiredRecords.length > 0;
  const isDue = known.isAnswerDue;
  known.isAnswerDue = isError;
  if (hasRecords) session.moveToEnd(known);
  return hasRecords || isError || isDue;
}

/** What was read, and what became of acknowledgements, of a partition in one place. */
function responses(
  answers: readonly Answer[],
  acknowledged: readonly Acknowledged[],
  { broker }: RequestContext,
): TopicResponse[] {
  const topics = new Map<string, Map<number, PartitionResponse>>();
  const put = (topicId: string, partition: PartitionResponse) => {
    const ofTopic = topics.get(topicId) ?? new Map<number, PartitionResponse>();
    ofTopic.set(partition.partitionIndex, partition);
    topics.set(topicId, ofTopic);
  };
  for (const { topicId, partition } of answers) put(topicId, partition);
  for (const { topicId, index, errorCode, errorMessage } of acknowledged) {
    const partition = topics.get(topicId)?.get(index) ?? empty(index);
    put(topicId, { ...partition, acknowledgeErrorCode: errorCode, acknowledgeErrorMessage: errorMessage });
  }
  return Array.from(topics, ([topicId, partitions]) => ({
    topicId,
    partitions: Array.from(partitions.values(), (partition) => withLeader(topicId, partition, broker)),
  })).filter(({ topicId, partitions }) => topicId !== ZERO_UUID || partitions.length > 0);
}

/** Who leads, where the member is wrong about it (KIP-951). */
function withLeader(
  topicId: string,
  response: PartitionResponse,
  { cluster }: RequestContext["broker"],
): PartitionResponse {
  if (response.errorCode !== ErrorCode.NOT_LEADER_OR_FOLLOWER) return response;
  const partition = cluster.topicById(topicId)?.partitions[response.partitionIndex];
  if (partition === undefined) return response;
  return { ...response, currentLeader: { leaderId: cluster.nodeId, leaderEpoch: partition.leaderEpoch } };
}
