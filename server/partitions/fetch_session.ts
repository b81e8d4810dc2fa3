/**
 * Fetch sessions (KIP-227): a client that asks for the same partitions again and again says so once, and from then on
 * sends what changed and is sent what changed.
 *
 *     request                       means
 *     id 0,  epoch  0 or -1 (0)     full fetch; a session is made when there is room (0), or none wanted (-1)
 *     id n,  epoch -1               full fetch; session n ends
 *     id n,  epoch  0               full fetch; session n ends, a new one is made
 *     id n,  epoch  e > 0           incremental; e must be the one expected
 *
 * Invariants:
 *  1. At most `slotCountMax` sessions; a new one takes the place of the least recently used one, when that one was idle for
 *     `evictableAfterMs`, or the newcomer is larger.
 *  2. A session's partitions are in the order in which they are served: one that got data goes to the end (fairness).
 */
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import type { Clock, Random } from "../../runtime/runtime.ts";

export const NO_SESSION_ID = 0;
export const INITIAL_EPOCH = 0;
export const FINAL_EPOCH = -1;

/** One partition of a fetch, as asked for, and what the client was last told of it. */
export interface FetchedPartition {
  readonly topic: string;
  readonly topicId: string;
  readonly index: number;
  fetchOffset: number;
  maxBytes: number;
  currentLeaderEpoch: number;
  lastFetchedEpoch: number;
  logStartOffset: number;
  /** As last answered; -1 when never. An incremental answer leaves out what has not changed. */
  toldHighWatermark: number;
  toldLastStableOffset: number;
  toldLogStartOffset: number;
  toldError: boolean;
}

export class FetchSession {
  /** By `partitionKey`; insertion order is the order of service (2). */
  readonly partitions = new Map<string, FetchedPartition>();
  nextEpoch = 1;
  lastUsedMs: number;

  constructor(readonly id: number, readonly usesTopicIds: boolean, nowMs: number) {
    this.lastUsedMs = nowMs;
  }

  /** Takes up what a request says of partitions: new ones, and new wishes about known ones. */
  update(partitions: readonly FetchedPartition[]): void {
    for (const partition of partitions) {
      const key = this.keyOf(partition);
      const known = this.partitions.get(key);
      if (known === undefined) {
        this.partitions.set(key, partition);
        continue;
      }
      known.fetchOffset = partition.fetchOffset;
      known.maxBytes = partition.maxBytes;
      known.currentLeaderEpoch = partition.currentLeaderEpoch;
      known.lastFetchedEpoch = partition.lastFetchedEpoch;
      known.logStartOffset = partition.logStartOffset;
    }
  }

  keyOf({ topic, topicId, index }: FetchedPartition): string {
    return partitionKey(this.usesTopicIds ? topicId : topic, index);
  }

  /** (2) */
  moveToEnd(key: string): void {
    const partition = this.partitions.get(key);
    if (partition === undefined) return;
    this.partitions.delete(key);
    this.partitions.set(key, partition);
  }
}

export function partitionKey(topicOrId: string, index: number): string {
  return `${topicOrId}-${index}`;
}

const EVICTABLE_AFTER_MS = 120_000;
const SESSION_ID_MAX = 0x7fffffff;

export class FetchSessionCache {
  readonly #slotCountMax: number;
  readonly #clock: Clock;
  readonly #random: Random;
  /** In order of use, least recent first. */
  readonly #sessions = new Map<number, FetchSession>();

  constructor(options: { readonly slotCountMax: number; readonly clock: Clock; readonly random: Random }) {
    this.#slotCountMax = options.slotCountMax;
    this.#clock = options.clock;
    this.#random = options.random;
  }

  get count(): number {
    return this.#sessions.size;
  }

  /** null when there is no room (1); the client then goes on with full fetches. */
  create(
    options: { readonly usesTopicIds: boolean; readonly partitions: readonly FetchedPartition[] },
  ): FetchSession | null {
    const nowMs = this.#clock.monotonicMs();
    if (this.#slotCountMax === 0) return null;
    if (this.#sessions.size >= this.#slotCountMax && !this.#evict(nowMs, options.partitions.length)) return null;
    const session = new FetchSession(this.#newId(), options.usesTopicIds, nowMs);
    session.update(options.partitions);
    this.#sessions.set(session.id, session);
    return session;
  }

  /**
   * The session of an incremental fetch, its epoch moved on.
   * @throws {ProtocolError} FETCH_SESSION_ID_NOT_FOUND, INVALID_FETCH_SESSION_EPOCH, FETCH_SESSION_TOPIC_ID_ERROR
   */
  next(id: number, epoch: number, usesTopicIds: boolean): FetchSession {
    const session = this.#sessions.get(id);
    if (session === undefined) {
      throw new ProtocolError(ErrorCode.FETCH_SESSION_ID_NOT_FOUND, `Fetch session ${id} is unknown`);
    }
    if (epoch !== session.nextEpoch) {
      throw new ProtocolError(
        ErrorCode.INVALID_FETCH_SESSION_EPOCH,
        `Fetch session ${id} expects epoch ${session.nextEpoch}, not ${epoch}`,
      );
    }
    if (usesTopicIds !== session.usesTopicIds) {
      throw new ProtocolError(
        ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR,
        `Fetch session ${id} names topics ${session.usesTopicIds ? "by id" : "by name"} from its start`,
      );
    }
    session.nextEpoch = session.nextEpoch === SESSION_ID_MAX ? 1 : session.nextEpoch + 1;
    session.lastUsedMs = this.#clock.monotonicMs();
    this.#sessions.delete(id);
    this.#sessions.set(id, session);
    return session;
  }

  remove(id: number): void {
    this.#sessions.delete(id);
  }

  #evict(nowMs: number, newcomerSize: number): boolean {
    const [oldest] = this.#sessions.values();
    if (oldest === undefined) return false;
    const isStale = nowMs - oldest.lastUsedMs > EVICTABLE_AFTER_MS;
    if (!isStale && newcomerSize <= oldest.partitions.size) return false;
    this.#sessions.delete(oldest.id);
    return true;
  }

  #newId(): number {
    for (;;) {
      const id = 1 + Math.floor(this.#random.next() * (SESSION_ID_MAX - 1));
      if (!this.#sessions.has(id)) return id;
    }
  }
}
