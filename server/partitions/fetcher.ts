/**
 * Reads for a fetch: one pass over its partitions, and the wait when a pass found too little.
 *
 * A fetch that waits holds its request and nothing else: what the first pass read is released, and read again when the
 * partitions have gained what is missing (`min.bytes`), when what is not in memory was loaded, when the time is up
 * (`max.wait`), or when something ended. What is in memory does not wait for what is not: it is sent if it is enough, and the
 * rest is loaded for the next fetch.
 */
import type { Cluster } from "../cluster/cluster.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { OffsetOutOfRange, StorageError } from "../../storage/errors.ts";
import { ColdRead, type LogRead } from "../../storage/log.ts";
import type { Timers } from "../../runtime/runtime.ts";
import { DelayedFetch } from "./delayed_fetch.ts";
import type { FetchedPartition } from "./fetch_session.ts";
import { leaderEpochProblem } from "./leader_epoch.ts";
import { absenceOf, type LeaderHint } from "./leader_hint.ts";
import type { Partition } from "./partition.ts";
import type { Partitions } from "./partitions.ts";

export interface FetchOptions {
  readonly maxWaitMs: number;
  readonly minBytes: number;
  /** Of the whole answer; the first batch is sent whatever its size. */
  readonly maxBytes: number;
  readonly isReadCommitted: boolean;
  /** A follower asks; this node's partitions have none. */
  readonly isFromReplica: boolean;
  /** Topics are asked for by id (v13), not by name. */
  readonly usesTopicIds: boolean;
  /** The first batch of each partition is given whatever its size, not that of the answer alone: the client has no other way past it. */
  readonly fillsEach: boolean;
}

/** What one partition's read gave. */
export interface PartitionResult {
  readonly asked: FetchedPartition;
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  readonly chunks: readonly Uint8Array[];
  readonly sizeBytes: number;
  readonly abortedTransactions: readonly { readonly producerId: number; readonly firstOffset: number }[] | null;
  readonly divergingEpoch: { readonly epoch: number; readonly endOffset: number } | null;
  /** For a client that is wrong about who leads, or when. */
  readonly leader: LeaderHint | null;
}

/** One look at all partitions of a fetch. Whoever holds it calls `release` once the chunks are sent or dropped. */
export interface FetchPass {
  readonly results: readonly PartitionResult[];
  readonly sizeBytes: number;
  /** An error or a diverging epoch: the client should hear of it now. */
  readonly isUrgent: boolean;
  /** What has records that are not in memory. */
  readonly cold: readonly ColdPartition[];
  release(): void;
}

export interface ColdPartition {
  readonly asked: FetchedPartition;
  /** See `ColdRead`. */
  readonly loaded: Promise<StorageError | null>;
}

/**
 * Over all connections, what was read for answers and not yet taken by the kernel. Peers that ask and do not read would
 * otherwise fill the memory, an answer each; above it fetches find nothing until somebody reads. An answer may pass it by
 * one batch.
 */
const UNSENT_BYTES_MAX = 128 * 1024 * 1024;
/** What a cold partition will have to give, for all that is known. */
const COLD_BYTES_EXPECTED = 1024 * 1024;
const NO_CHUNKS: readonly Uint8Array[] = [];

export class Fetcher {
  readonly #partitions: Partitions;
  readonly #cluster: Cluster;
  readonly #timers: Timers;
  readonly #unsentBytesMax: number;
  #unsentBytes = 0;
  readonly #waiting = new Set<DelayedFetch>();
  #isStopped = false;

  constructor(options: {
    readonly partitions: Partitions;
    readonly cluster: Cluster;
    readonly timers: Timers;
    readonly unsentBytesMax?: number;
  }) {
    this.#partitions = options.partitions;
    this.#cluster = options.cluster;
    this.#timers = options.timers;
    this.#unsentBytesMax = options.unsentBytesMax ?? UNSENT_BYTES_MAX;
  }

  /** Bytes read for answers that are not sent. */
  get unsentBytes(): number {
    return this.#unsentBytes;
  }

  /** What may still be read for answers. */
  get roomBytes(): number {
    return Math.max(0, this.#unsentBytesMax - this.#unsentBytes);
  }

  /** Counts memory that an answer takes as unsent, until the release that it gives. */
  hold(sizeBytes: number): () => void {
    this.#unsentBytes += sizeBytes;
    let isReleased = false;
    return () => {
      if (isReleased) return;
      isReleased = true;
      this.#unsentBytes -= sizeBytes;
    };
  }

  /** Fetches that wait for data. */
  get waitingCount(): number {
    return this.#waiting.size;
  }

  /** Answers every fetch that waits with what there is, and lets none wait from here on. */
  stop(): void {
    this.#isStopped = true;
    for (const waiting of [...this.#waiting]) waiting.end();
  }

  /** Reads now, or when there is enough or time is up. `onClose` tells when nobody waits for the answer any more. */
  fetch(
    asked: Iterable<FetchedPartition>,
    options: FetchOptions,
    onClose: (run: () => void) => () => void,
  ): FetchPass | Promise<FetchPass> {
    const list = [...asked];
    const pass = this.readPass(list, options);
    const mayWait = options.maxWaitMs > 0 || isColdOnly(pass);
    if (isEnough(pass, options) || !mayWait || list.length === 0 || this.#isStopped) return pass;
    pass.release();
    return new Promise((resolve) => {
      const partitions = list.map((partition) => this.#find(partition, options));
      const failed = new Set<FetchedPartition>();
      let forgetClose = () => {};
      const delayed = new DelayedFetch({
        partitions: partitions.filter((partition) => partition !== undefined),
        missingBytes: options.minBytes - pass.sizeBytes,
        cold: pass.cold,
        failed,
        maxWaitMs: options.maxWaitMs,
        timers: this.#timers,
        look: (moment) => {
          const again = this.readPass(list, options, failed);
          const isOver = moment === "end" || (moment === "time is up" && !isColdOnly(again));
          if (!isOver && !isEnough(again, options)) {
            again.release();
            return { missingBytes: options.minBytes - again.sizeBytes, cold: again.cold };
          }
          this.#waiting.delete(delayed);
          forgetClose();
          resolve(again);
          return null;
        },
      });
      this.#waiting.add(delayed);
      forgetClose = onClose(() => delayed.end()); // at once when it has closed already
    });
  }

  /**
   * Results are in the order asked, what is not here behind what is. `failed`: what could not be loaded. hot: per fetch
   */
  readPass(
    asked: readonly FetchedPartition[],
    options: FetchOptions,
    failed: ReadonlySet<FetchedPartition> = NONE_FAILED,
  ): FetchPass {
    const results: PartitionResult[] = [];
    const missing: PartitionResult[] = [];
    const reads: LogRead[] = [];
    const cold: ColdPartition[] = [];
    const roomBytes = this.#unsentBytesMax - this.#unsentBytes;
    let leftBytes = Math.min(options.maxBytes, Math.max(0, roomBytes));
    let sizeBytes = 0;
    let isUrgent = false;
    for (const one of asked) {
      const partition = this.#find(one, options);
      if (partition === undefined) {
        missing.push(this.#notFound(one, options));
        isUrgent = true;
        continue;
      }
      if (failed.has(one)) {
        results.push(failedFetch(one, ErrorCode.KAFKA_STORAGE_ERROR));
        isUrgent = true;
        continue;
      }
      const coldCount = cold.length;
      const isFull = leftBytes === 0 && coldCount > 0; // There will be enough.
      const limits = isFull
        ? null
        : { leftBytes, atLeastOneBatch: (sizeBytes === 0 || options.fillsEach) && roomBytes > 0 };
      const result = readOne(one, partition, options, limits, { reads, cold });
      results.push(result);
      sizeBytes += result.sizeBytes;
      if (cold.length > coldCount) leftBytes = Math.max(0, leftBytes - Math.min(one.maxBytes, COLD_BYTES_EXPECTED));
      leftBytes = Math.max(0, leftBytes - result.sizeBytes);
      if (result.errorCode !== ErrorCode.NONE || result.divergingEpoch !== null) isUrgent = true;
    }
    results.push(...missing);
    let heldBytes = 0;
    for (const read of reads) heldBytes += Math.max(read.sizeBytes, read.heldBytes);
    this.#unsentBytes += heldBytes;
    let isReleased = false;
    return {
      results,
      sizeBytes,
      isUrgent,
      cold,
      release: () => {
        if (isReleased) return;
        isReleased = true;
        this.#unsentBytes -= heldBytes;
        for (const read of reads) read.release();
      },
    };
  }

  #find(asked: FetchedPartition, { usesTopicIds }: FetchOptions): Partition | undefined {
    const topic = usesTopicIds ? this.#cluster.topicById(asked.topicId)?.name : asked.topic;
    return topic === undefined ? undefined : this.#partitions.get(topic, asked.index);
  }

  #notFound(asked: FetchedPartition, { usesTopicIds }: FetchOptions): PartitionResult {
    const topic = usesTopicIds ? this.#cluster.topicById(asked.topicId)?.name : asked.topic;
    if (topic === undefined) return { ...failedFetch(asked, ErrorCode.UNKNOWN_TOPIC_ID), abortedTransactions: [] };
    const { errorCode, hint } = absenceOf(this.#cluster, topic, asked.index);
    return { ...failedFetch(asked, errorCode), abortedTransactions: [], leader: hint };
  }
}

const NONE_FAILED: ReadonlySet<FetchedPartition> = new Set();

interface ReadRoom {
  readonly leftBytes: number;
  readonly atLeastOneBatch: boolean;
}

/** What a pass gathers beside the results. */
interface Gathered {
  readonly reads: LogRead[];
  readonly cold: ColdPartition[];
}

/** hot: per partition of a fetch. Without `room` it is looked at, and not read. */
function readOne(
  asked: FetchedPartition,
  partition: Partition,
  options: FetchOptions,
  room: ReadRoom | null,
  gathered: Gathered,
): PartitionResult {
  try {
    const refusal = refusalOf(asked, partition, options);
    if (refusal !== null) return refusal;
    return room === null ? served(asked, partition) : tryRead(asked, partition, options, room, gathered);
  } catch (error) {
    if (error instanceof OffsetOutOfRange) return failedFetch(asked, ErrorCode.OFFSET_OUT_OF_RANGE);
    if (error instanceof StorageError) return failedFetch(asked, ErrorCode.KAFKA_STORAGE_ERROR);
    throw error;
  }
}

/** What is answered without a look into the log; null when that is due. */
function refusalOf(
  asked: FetchedPartition,
  partition: Partition,
  { isFromReplica }: FetchOptions,
): PartitionResult | null {
  const epochProblem = leaderEpochProblem(partition, Math.max(-1, asked.currentLeaderEpoch)); // any negative one is none
  if (epochProblem === ErrorCode.FENCED_LEADER_EPOCH) return misled(asked, epochProblem, partition);
  if (epochProblem !== ErrorCode.NONE) return failedFetch(asked, epochProblem);
  if (isFromReplica) return misled(asked, ErrorCode.NOT_LEADER_OR_FOLLOWER, partition);
  if (asked.lastFetchedEpoch >= 0) {
    const end = partition.endOffsetForEpoch(asked.lastFetchedEpoch);
    if (end.leaderEpoch < 0) return failedFetch(asked, ErrorCode.OFFSET_OUT_OF_RANGE);
    // What is asked for is deleted: whether it was of this history does not matter any more. As Kafka.
    if (asked.fetchOffset < partition.logStartOffset) return failedFetch(asked, ErrorCode.OFFSET_OUT_OF_RANGE);
    if (isDiverged(asked, end)) {
      return { ...served(asked, partition), divergingEpoch: { epoch: end.leaderEpoch, endOffset: end.endOffset } };
    }
  }
  if (partition.log.isOffline) return failedFetch(asked, ErrorCode.KAFKA_STORAGE_ERROR);
  const { fetchOffset } = asked;
  if (fetchOffset < partition.logStartOffset || fetchOffset > partition.highWatermark) {
    // Between the high watermark and the log's end there is nothing to see yet, but the offset is a valid one.
    if (fetchOffset < partition.logStartOffset || fetchOffset > partition.log.logEndOffset) {
      return failedFetch(asked, ErrorCode.OFFSET_OUT_OF_RANGE);
    }
    return served(asked, partition);
  }
  return null;
}

function tryRead(
  asked: FetchedPartition,
  partition: Partition,
  { isReadCommitted }: FetchOptions,
  { leftBytes, atLeastOneBatch }: ReadRoom,
  { reads, cold }: Gathered,
): PartitionResult {
  const { fetchOffset } = asked;
  const maxBytes = Math.min(asked.maxBytes, leftBytes);
  if (maxBytes < 0) { // as Kafka
    const isAtEnd = fetchOffset >= (isReadCommitted ? partition.lastStableOffset : partition.highWatermark);
    return isAtEnd
      ? served(asked, partition, isReadCommitted ? [] : null)
      : failedFetch(asked, ErrorCode.UNKNOWN_SERVER_ERROR);
  }
  const read = partition.read(fetchOffset, { maxBytes, isReadCommitted, atLeastOneBatch });
  if (read instanceof ColdRead) {
    cold.push({ asked, loaded: read.loaded });
    return served(asked, partition, isReadCommitted ? [] : null);
  }
  reads.push(read);
  if (read.sizeBytes === 0) return served(asked, partition, isReadCommitted ? [] : null);
  if (!isReadCommitted) return { ...served(asked, partition), chunks: read.chunks, sizeBytes: read.sizeBytes };
  const aborted = partition.log.tryAbortedTransactions(fetchOffset, read.nextOffset);
  if (aborted instanceof ColdRead) {
    reads.pop();
    read.release();
    cold.push({ asked, loaded: aborted.loaded });
    return served(asked, partition, []);
  }
  return { ...served(asked, partition, aborted), chunks: read.chunks, sizeBytes: read.sizeBytes };
}

function isEnough(pass: FetchPass, options: FetchOptions): boolean {
  return pass.isUrgent || (pass.sizeBytes >= options.minBytes && !isColdOnly(pass));
}

/** There are records, and none of them can be had without a wait: that is not to be told as if there were none. */
function isColdOnly(pass: FetchPass): boolean {
  return pass.sizeBytes === 0 && pass.cold.length > 0;
}

/** KIP-320, KIP-595: whether the client's last record is from a history this log does not have. */
function isDiverged(
  asked: FetchedPartition,
  end: { readonly leaderEpoch: number; readonly endOffset: number },
): boolean {
  return end.leaderEpoch < asked.lastFetchedEpoch || end.endOffset < asked.fetchOffset;
}

function served(
  asked: FetchedPartition,
  partition: Partition,
  abortedTransactions: PartitionResult["abortedTransactions"] = null,
): PartitionResult {
  return {
    asked,
    errorCode: ErrorCode.NONE,
    highWatermark: partition.highWatermark,
    lastStableOffset: partition.lastStableOffset,
    logStartOffset: partition.logStartOffset,
    chunks: NO_CHUNKS,
    sizeBytes: 0,
    abortedTransactions,
    divergingEpoch: null,
    leader: null,
  };
}

/** The client should learn who leads (KIP-951). */
function misled(asked: FetchedPartition, errorCode: number, { leaderEpoch, leaderId }: Partition): PartitionResult {
  return { ...failedFetch(asked, errorCode), leader: { leaderId, leaderEpoch } };
}

export function failedFetch(asked: FetchedPartition, errorCode: number): PartitionResult {
  return {
    asked,
    errorCode,
    highWatermark: -1,
    lastStableOffset: -1,
    logStartOffset: -1,
    chunks: NO_CHUNKS,
    sizeBytes: 0,
    abortedTransactions: null,
    divergingEpoch: null,
    leader: null,
  };
}
