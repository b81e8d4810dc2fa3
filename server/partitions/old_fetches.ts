/**
 * Fetches of clients that know only message sets (v0–v3): found like any other, then converted. Old clients are few, and must
 * not be felt by the rest:
 *
 *  1. One fetch is converted at a time, and gives way to everything else after every piece of it.
 *  2. An answer has at most `ANSWER_BYTES_MAX`, or one message if that is larger; the client asks for the rest. What is
 *     converted and not sent counts as unsent like any answer, so that peers who do not read cannot fill the memory with it.
 *  3. Nothing is converted for a client that is gone.
 *  4. A client is not told "nothing" again and again where there are only control batches, which it cannot be shown: what
 *     comes behind them is waited for.
 */
import { ErrorCode } from "../../protocol/errors.ts";
import type { MessageMagic } from "../../protocol/message_set.ts";
import type { Clock, Random, Timers } from "../../runtime/runtime.ts";
import { downConvert, PIECE_BYTES } from "./down_conversion.ts";
import type { FetchedPartition } from "./fetch_session.ts";
import { failedFetch, type Fetcher, type FetchOptions, type FetchPass, type PartitionResult } from "./fetcher.ts";

/** The last version of Fetch that is answered with message sets. */
export const LAST_MESSAGE_SET_VERSION = 3;
/** A fetch of these versions has no limit of its own before v3 (2). */
const ANSWER_BYTES_MAX = 4 * 1024 * 1024;

export interface OldFetch extends FetchOptions {
  readonly apiVersion: number;
}

/** Who waits for the answer. */
export interface Asker {
  readonly isClosed: boolean;
  onClose(run: () => void): () => void;
}

/** A pass whose records are message sets. */
interface Converted extends FetchPass {
  /** What to ask for next where only control batches were found; null when there is something to tell (4). */
  readonly next: readonly FetchedPartition[] | null;
}

export class OldFetches {
  readonly #fetcher: Fetcher;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #random: Random;
  readonly #answerBytesMax: number;
  /** Ends with the conversion that is under way, and those that wait for it (1). */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: {
    readonly fetcher: Fetcher;
    readonly clock: Clock;
    readonly timers: Timers;
    readonly random: Random;
    readonly answerBytesMax?: number;
  }) {
    this.#fetcher = options.fetcher;
    this.#clock = options.clock;
    this.#timers = options.timers;
    this.#random = options.random;
    this.#answerBytesMax = options.answerBytesMax ?? ANSWER_BYTES_MAX;
  }

  async fetch(asked: readonly FetchedPartition[], options: OldFetch, asker: Asker): Promise<FetchPass> {
    const endMs = this.#clock.monotonicMs() + options.maxWaitMs;
    for (let list = asked;;) {
      const maxWaitMs = Math.max(0, endMs - this.#clock.monotonicMs());
      const pass = await this.#fetcher.fetch(list, { ...options, maxWaitMs }, (run) => asker.onClose(run));
      const converted = await this.#inTurn(() => this.#convert(pass, options, asker));
      if (converted.next === null) return converted;
      list = converted.next; // (4)
    }
  }

  /** (1) */
  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(run);
    this.#turn = done.catch(() => {}); // It is told to who waits for it.
    return done;
  }

  async #convert(pass: FetchPass, { apiVersion, maxBytes }: OldFetch, asker: Asker): Promise<Converted> {
    const { results } = pass;
    const { roomBytes } = this.#fetcher;
    let leftBytes = Math.min(maxBytes, this.#answerBytesMax, roomBytes);
    const converted = [...results];
    let sizeBytes = 0;
    let { isUrgent } = pass;
    let hasPassed = false;
    // Clients of v0 to v2 ask in the same order every time: the last partition would get nothing while the first has much.
    const first = apiVersion < 3 ? Math.floor(this.#random.next() * results.length) : 0;
    const next = results.map(({ asked }) => asked);
    try {
      for (let step = 0; step < results.length && !asker.isClosed; step++) { // (3)
        const index = (first + step) % results.length;
        const result = results[index]!;
        if (result.sizeBytes === 0) continue;
        if (roomBytes === 0 || (leftBytes <= 0 && sizeBytes > 0)) {
          converted[index] = { ...result, chunks: [], sizeBytes: 0 };
          continue;
        }
        const magic = apiVersion <= 1 ? 0 : 1;
        // The first message of all is given whatever its size: the client has no other way past it.
        const answerBytes = sizeBytes === 0 ? Infinity : leftBytes;
        const one = await this.#convertOne(result, { magic, leftBytes, answerBytes }, asker);
        converted[index] = one.result;
        sizeBytes += one.result.sizeBytes;
        leftBytes -= one.result.sizeBytes;
        if (one.result.errorCode !== ErrorCode.NONE) isUrgent = true;
        if (one.nextOffset > result.asked.fetchOffset) hasPassed = true;
        next[index] = { ...result.asked, fetchOffset: one.nextOffset };
      }
    } finally {
      pass.release();
    }
    const isTold = sizeBytes > 0 || isUrgent || !hasPassed || asker.isClosed;
    return {
      results: asker.isClosed ? [] : converted,
      sizeBytes,
      isUrgent,
      cold: pass.cold,
      release: this.#fetcher.hold(sizeBytes), // (2)
      next: isTold ? null : next,
    };
  }

  async #convertOne(
    result: PartitionResult,
    { magic, leftBytes, answerBytes }: {
      readonly magic: MessageMagic;
      readonly leftBytes: number;
      /** What the first piece may take. */
      readonly answerBytes: number;
    },
    asker: Asker,
  ): Promise<{ readonly result: PartitionResult; readonly nextOffset: number }> {
    const { asked } = result;
    const room = { leftBytes: Math.min(asked.maxBytes, leftBytes) };
    const pieces = downConvert(result.chunks, { magic, fromOffset: asked.fetchOffset, room });
    const chunks: Uint8Array[] = [];
    let sizeBytes = 0;
    let nextOffset = asked.fetchOffset;
    let workedBytes = 0;
    for (;;) {
      const { done, value } = pieces.next();
      if (done) {
        if (value !== ErrorCode.NONE && chunks.length === 0) {
          return { result: failedFetch(asked, value), nextOffset };
        }
        break;
      }
      const { bytes } = value;
      if (bytes.length > (chunks.length > 0 ? room.leftBytes : answerBytes)) break;
      if (bytes.length > 0) chunks.push(bytes);
      sizeBytes += bytes.length;
      room.leftBytes -= bytes.length;
      nextOffset = value.nextOffset;
      if (room.leftBytes <= 0 && chunks.length > 0) break;
      workedBytes += value.workedBytes;
      if (workedBytes < PIECE_BYTES) continue;
      workedBytes = 0;
      await new Promise<void>((resolve) => this.#timers.soon(resolve));
      if (asker.isClosed) break;
    }
    return { result: { ...result, chunks, sizeBytes }, nextOffset };
  }
}
