/**
 * Reads for a ShareFetch: records that a member may have are read, acquired for it, and sent as the log has them.
 *
 * What is acquired is known by the headers of batches; no record is looked at. The log is read first, by the reader that
 * serves Fetch; only when there is enough, or time is up, is something acquired, in the same turn. So a fetch that waits
 * holds its request and nothing else, and looks again when a partition gains records, when records come back, when there is
 * room for more, when what is not in memory was loaded, or when time is up.
 *
 * A member that is gone acquires nothing.
 */
import { batches } from "../../protocol/batch.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Timers } from "../../runtime/runtime.ts";
import { DelayedFetch, type Missing, type Moment } from "../partitions/delayed_fetch.ts";
import type { FetchedPartition } from "../partitions/fetch_session.ts";
import type { Fetcher, FetchOptions, FetchPass, PartitionResult } from "../partitions/fetcher.ts";
import type { Partition } from "../partitions/partition.ts";
import type { AcquiredRecords, Extent } from "./partition/state.ts";
import type { SharePartition } from "./share_partition.ts";
import type { SharePartitions } from "./share_partitions.ts";

export interface ShareFetchOptions {
  readonly groupId: string;
  readonly memberId: string;
  readonly maxWaitMs: number;
  readonly minBytes: number;
  /** Of the whole answer, shared out among its partitions; the first batch is sent whatever its size. */
  readonly maxBytes: number;
  /** 0: nothing is looked at. Less: nothing is acquired. */
  readonly recordsMax: number;
  readonly batchSize: number;
  readonly isStrict: boolean;
}

export interface SharedPartitionResult {
  readonly partition: Partition;
  readonly errorCode: number;
  readonly chunks: readonly Uint8Array[];
  readonly acquired: readonly AcquiredRecords[];
}

/** Whoever holds it calls `release` once the chunks are sent or dropped. */
export interface ShareFetchResult {
  readonly results: readonly SharedPartitionResult[];
  release(): void;
}

const NOTHING: ShareFetchResult = { results: [], release() {} };

export class ShareFetcher {
  readonly #partitions: SharePartitions;
  readonly #fetcher: Fetcher;
  readonly #timers: Timers;
  readonly #waiting = new Set<ShareFetch>();
  #isStopped = false;

  constructor(options: {
    readonly partitions: SharePartitions;
    readonly fetcher: Fetcher;
    readonly timers: Timers;
  }) {
    this.#partitions = options.partitions;
    this.#fetcher = options.fetcher;
    this.#timers = options.timers;
  }

  /** Fetches that wait for records. */
  get waitingCount(): number {
    return this.#waiting.size;
  }

  /** Answers every fetch that waits with nothing, and lets none wait from here on. */
  stop(): void {
    this.#isStopped = true;
    for (const fetch of [...this.#waiting]) fetch.abandon();
  }

  /** `partitions` in the order in which they are served. `onClose` tells when nobody waits for the answer any more. */
  fetch(
    partitions: readonly Partition[],
    options: ShareFetchOptions,
    onClose: (run: () => void) => () => void,
  ): Promise<ShareFetchResult> {
    if (partitions.length === 0 || options.recordsMax === 0 || options.maxBytes === 0 || this.#isStopped) {
      return Promise.resolve(NOTHING);
    }
    return new Promise((resolve, reject) => {
      const fetch = new ShareFetch(partitions, options, {
        sharePartitions: this.#partitions,
        fetcher: this.#fetcher,
        timers: this.#timers,
        done: (result) => {
          this.#waiting.delete(fetch);
          forgetClose();
          resolve(result);
        },
      });
      this.#waiting.add(fetch);
      let forgetClose = () => {};
      try {
        fetch.begin();
      } catch (error) {
        this.#waiting.delete(fetch);
        return reject(error);
      }
      if (this.#waiting.has(fetch)) forgetClose = onClose(() => fetch.abandon());
    });
  }
}

interface Surroundings {
  readonly sharePartitions: SharePartitions;
  readonly fetcher: Fetcher;
  readonly timers: Timers;
  readonly done: (result: ShareFetchResult) => void;
}

/** A share partition that may have something, and the read that it asks for. */
interface Candidate {
  readonly share: SharePartition;
  readonly asked: FetchedPartition;
}

class ShareFetch {
  readonly #asked: readonly Partition[];
  readonly #options: ShareFetchOptions;
  readonly #around: Surroundings;
  readonly #isReadCommitted: boolean;
  /** Why these have nothing to give. */
  readonly #failed = new Map<Partition, number>();
  readonly #unreadable = new Set<FetchedPartition>();
  readonly #watched = new Map<SharePartition, () => void>();
  #delayed: DelayedFetch | null = null;
  #isDone = false;

  constructor(asked: readonly Partition[], options: ShareFetchOptions, around: Surroundings) {
    this.#asked = asked;
    this.#options = options;
    this.#around = around;
    this.#isReadCommitted = around.sharePartitions.rulesOf(options.groupId).isReadCommitted;
  }

  begin(): void {
    const missing = this.#look(this.#options.maxWaitMs > 0 ? "there is more" : "time is up");
    if (missing === null) return;
    this.#delayed = new DelayedFetch({
      ...missing,
      partitions: this.#asked,
      failed: this.#unreadable,
      maxWaitMs: Math.max(0, this.#options.maxWaitMs),
      timers: this.#around.timers,
      look: (moment) => this.#look(moment),
    });
  }

  /** Nobody waits for it any more. */
  abandon(): void {
    if (this.#isDone) return;
    this.#finish(NOTHING);
    this.#delayed?.end();
  }

  /** null when it has answered. */
  #look(moment: Moment): Missing | null {
    if (this.#isDone) return null;
    const candidates = this.#candidates();
    if (this.#failed.size === this.#asked.length) {
      this.#finish({ results: this.#failures(), release() {} });
      return null;
    }
    if (this.#options.maxBytes < 0 && candidates.length > 0) {
      this.#finish({ results: [...candidates.map(unread), ...this.#failures()], release() {} });
      return null;
    }
    const pass = this.#around.fetcher.readPass(
      candidates.map(({ asked }) => asked),
      this.#readOptions,
      this.#unreadable,
    );
    // Records that only have to be loaded are worth a wait that is longer than the member's (see DelayedFetch).
    const isColdOnly = pass.sizeBytes === 0 && pass.cold.length > 0;
    const isLoading = pass.sizeBytes === 0 &&
      [...this.#watched.keys()].some((share) => !share.isClosed && !share.isActive);
    const isOver = moment === "end" || moment === "time is up" && !isColdOnly && !isLoading;
    const isEnough = pass.isUrgent || pass.sizeBytes > 0 && pass.sizeBytes >= this.#options.minBytes;
    if (!isOver && !isEnough) {
      pass.release();
      return { missingBytes: Math.max(1, this.#options.minBytes - pass.sizeBytes), cold: pass.cold };
    }
    this.#finish({ results: [...this.#acquire(candidates, pass), ...this.#failures()], release: () => pass.release() });
    return null;
  }

  /** Those that may have something now; who is not loaded, or has no room, says so later. */
  #candidates(): Candidate[] {
    const found: { readonly share: SharePartition; readonly fetchOffset: number }[] = [];
    for (const partition of this.#asked) {
      if (this.#failed.has(partition)) continue;
      if (partition.isRemoved) {
        this.#failed.set(partition, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
        continue;
      }
      const share = this.#around.sharePartitions.open(this.#options.groupId, partition);
      this.#watch(share);
      const { fetchOffset } = share;
      if (fetchOffset !== null) found.push({ share, fetchOffset });
    }
    const maxBytes = Math.max(1, Math.floor(this.#options.maxBytes / Math.max(1, found.length)));
    return found.map(({ share, fetchOffset }) => ({ share, asked: readAt(share.partition, fetchOffset, maxBytes) }));
  }

  #watch(share: SharePartition): void {
    if (this.#watched.has(share)) return;
    // As many bytes as may be missing: it looks again.
    this.#watched.set(share, share.watch(() => this.#delayed?.advanced(Infinity)));
    share.loaded.then(({ errorCode }) => {
      if (errorCode !== ErrorCode.NONE) this.#failed.set(share.partition, errorCode);
      this.#delayed?.advanced(Infinity);
    }).catch(() => {
      this.#failed.set(share.partition, ErrorCode.UNKNOWN_SERVER_ERROR);
      this.#delayed?.advanced(Infinity);
    });
  }

  get #readOptions(): FetchOptions {
    const { maxWaitMs, minBytes, maxBytes } = this.#options;
    return {
      maxWaitMs,
      minBytes,
      maxBytes,
      isReadCommitted: this.#isReadCommitted,
      isFromReplica: false,
      usesTopicIds: true,
      fillsEach: false,
    };
  }

  #acquire(candidates: readonly Candidate[], pass: FetchPass): SharedPartitionResult[] {
    let room = this.#options.recordsMax;
    const shares = new Map(candidates.map(({ asked, share }) => [asked, share]));
    return pass.results.map((result) => {
      const share = shares.get(result.asked)!;
      const nothing = { partition: share.partition, errorCode: 0, chunks: [], acquired: [] };
      // Below the log's start or past its end: it has moved since, and the next look knows.
      if (result.errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) return nothing;
      if (result.errorCode !== ErrorCode.NONE) return { ...nothing, errorCode: result.errorCode };
      if (result.sizeBytes === 0 || room <= 0) return nothing;
      const { memberId, batchSize, isStrict } = this.#options;
      const read = extentsOf(result, this.#isReadCommitted);
      const acquired = share.acquire({
        memberId,
        fetchOffset: result.asked.fetchOffset,
        batches: read.batches,
        aborted: read.aborted,
        recordsMax: room,
        batchSize: Math.max(1, batchSize),
        isStrict,
      });
      for (const { first, last } of acquired) room -= last - first + 1;
      return { ...nothing, acquired, chunks: partsHolding(result.chunks, acquired) };
    });
  }

  #failures(): SharedPartitionResult[] {
    return Array.from(this.#failed, ([partition, errorCode]) => ({ partition, errorCode, chunks: [], acquired: [] }));
  }

  #finish(result: ShareFetchResult): void {
    this.#isDone = true;
    for (const forget of this.#watched.values()) forget();
    this.#watched.clear();
    this.#around.done(result);
  }
}

/** To less than no bytes, as in Kafka. */
function unread({ share: { partition } }: Candidate): SharedPartitionResult {
  return { partition, errorCode: ErrorCode.UNKNOWN_SERVER_ERROR, chunks: [], acquired: [] };
}

function readAt({ topic, topicId, index }: Partition, fetchOffset: number, maxBytes: number): FetchedPartition {
  return {
    topic,
    topicId,
    index,
    fetchOffset,
    maxBytes,
    currentLeaderEpoch: -1,
    lastFetchedEpoch: -1,
    logStartOffset: -1,
    toldHighWatermark: -1,
    toldLastStableOffset: -1,
    toldLogStartOffset: -1,
    toldError: false,
  };
}

/** The batches that were read, by their headers; and those that belong to transactions that were aborted. */
function extentsOf(
  { chunks, abortedTransactions }: PartitionResult,
  isReadCommitted: boolean,
): { readonly batches: Extent[]; readonly aborted: Extent[] } {
  const read: Extent[] = [];
  const aborted: Extent[] = [];
  const begun = isReadCommitted ? [...abortedTransactions ?? []] : [];
  begun.sort((one, other) => one.firstOffset - other.firstOffset);
  const producers = new Set<number>();
  let next = 0;
  for (const chunk of chunks) {
    for (const batch of batches(chunk)) {
      const extent = { first: batch.baseOffset, last: batch.lastOffset };
      read.push(extent);
      if (begun.length === 0 || !batch.hasProducerId) continue;
      while (next < begun.length && begun[next]!.firstOffset <= extent.last) producers.add(begun[next++]!.producerId);
      // Transactions of a producer come one after another: this marker ends the one that was aborted.
      if (batch.isControl) producers.delete(batch.producerId);
      else if (batch.isTransactional && producers.has(batch.producerId)) aborted.push(extent);
    }
  }
  return { batches: read, aborted };
}

/** The chunks from the batch of the first record acquired to that of the last. hot: per fetch */
function partsHolding(chunks: readonly Uint8Array[], acquired: readonly AcquiredRecords[]): Uint8Array[] {
  const first = acquired[0]?.first;
  const last = acquired.at(-1)?.last;
  if (first === undefined || last === undefined) return [];
  const parts: Uint8Array[] = [];
  for (const chunk of chunks) {
    let start = -1;
    let end = -1;
    for (const batch of batches(chunk)) {
      if (batch.lastOffset < first || batch.baseOffset > last) continue;
      if (start === -1) start = batch.at;
      end = batch.at + batch.sizeBytes;
    }
    if (start !== -1) parts.push(start === 0 && end === chunk.length ? chunk : chunk.subarray(start, end));
  }
  return parts;
}
