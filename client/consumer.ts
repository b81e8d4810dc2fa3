/**
 * Reads records, from partitions it is told (`assign`) or as a member of a group (`subscribe`).
 *
 *     poll ─ join when due ─ find positions ─ one fetch under way per leader ─ decode ─ records
 *
 * 1. A partition's `position` is the offset of the next record that `poll` gives out: what was given out is behind it,
 *    what was fetched is not. Commits take positions, so a record that nobody has seen is never committed.
 * 2. Per leader there is one fetch under way or one answer not yet given out, so memory is bounded by `fetchBytesMax`
 *    times the number of brokers.
 * 3. An answer to a question from before the last change of assignment or position is thrown away.
 * 4. Checksums are checked. Control batches are stepped over, and with `isolation: "committed"` aborted records too.
 */
import { fetch, type FetchResponse } from "../protocol/api/01_fetch.ts";
import { MalformedBatch, wholeBatches } from "../protocol/batch.ts";
import { ErrorCode, ProtocolError } from "../protocol/errors.ts";
import { decodeControlMarker, decodeRecords, type RecordView } from "../protocol/record.ts";
import type { Client } from "./client.ts";
import { checkErrorCode, ClosedError, CorruptRecordsError, isRetriable } from "./errors.ts";
import { commitOffsets, type CommittedOffset, committedOffsets, GroupMember } from "./group_member.ts";
import { backoffMs, pause } from "./retry.ts";
import { groupByTopic, type TopicPartition } from "./topic_partition.ts";

export interface ConsumerOptions {
  /** Needed to subscribe and to commit. */
  readonly groupId?: string;
  readonly groupInstanceId?: string;
  /** Where to start in a partition without a committed offset, or whose log no longer has the position. */
  readonly startAt?: "earliest" | "latest" | "none";
  readonly isolation?: "uncommitted" | "committed";
  /** Commits every so often, and before partitions go to others; null: only `commit` does. */
  readonly autoCommitMs?: number | null;
  readonly sessionTimeoutMs?: number;
  readonly rebalanceTimeoutMs?: number;
  readonly heartbeatIntervalMs?: number;
  /** How long the broker may wait for records. */
  readonly fetchWaitMs?: number;
  readonly fetchBytesMin?: number;
  readonly fetchBytesMax?: number;
  readonly partitionBytesMax?: number;
}

/** Key and value are views of the bytes that arrived: copy what is kept for long. */
export interface ConsumerRecord extends RecordView {
  readonly topic: string;
  readonly partition: number;
}

export interface Assignment extends TopicPartition {
  /** The committed offset, or where `startAt` says, when left out. */
  readonly offset?: number;
}

interface Place extends TopicPartition {
  /** null until found out. */
  position: number | null;
}

/** What a fetch brought for one partition. */
interface Fetched {
  readonly place: Place;
  readonly records: ConsumerRecord[];
  readonly nextOffset: number;
}

/** Names in place of topic ids. */
const fetchVersionMax = 12;
const ISOLATION_COMMITTED = 1;

export class Consumer {
  readonly #client: Client;
  readonly #options: ConsumerOptions;
  readonly #startAt: "earliest" | "latest" | "none";
  #member: GroupMember | null = null;
  #places: Place[] = [];
  /** Counts changes of assignment and positions (3). */
  #epoch = 0;
  readonly #fetching = new Set<number>();
  #ready: { readonly epoch: number; readonly leaderId: number; readonly fetched: Fetched[] }[] = [];
  #failure: Error | null = null;
  #wake: (() => void) | null = null;
  #isWoken = false;
  #committedMs: number;
  #hasUncommitted = false;
  #isClosed = false;

  constructor(client: Client, options: ConsumerOptions) {
    this.#client = client;
    this.#options = options;
    this.#startAt = options.startAt ?? "latest";
    this.#committedMs = client.runtime.clock.monotonicMs();
  }

  /** Reads these partitions, and no others. */
  assign(assignments: readonly Assignment[]): void {
    if (this.#member !== null) throw new TypeError("Cannot assign partitions to a consumer that subscribed");
    this.#setPlaces(
      assignments.map(({ topic, partition, offset }) => ({ topic, partition, position: offset ?? null })),
    );
  }

  /** Reads its share of these topics as a member of the group. */
  subscribe(topics: readonly string[]): void {
    const { groupId, groupInstanceId = null } = this.#options;
    if (groupId === undefined) throw new TypeError("Cannot subscribe without a group id");
    if (this.#member !== null) throw new TypeError("Cannot subscribe twice");
    const sessionTimeoutMs = this.#options.sessionTimeoutMs ?? 45_000;
    this.#member = new GroupMember({
      client: this.#client,
      groupId,
      topics,
      groupInstanceId,
      sessionTimeoutMs,
      rebalanceTimeoutMs: this.#options.rebalanceTimeoutMs ?? 60_000,
      heartbeatIntervalMs: this.#options.heartbeatIntervalMs ?? Math.min(3000, sessionTimeoutMs / 3),
      onRevoke: () => this.#revoked(),
      onRebalance: () => this.#wakeUp(),
    });
  }

  /** What is read at present. */
  assignment(): TopicPartition[] {
    return this.#places.map(({ topic, partition }) => ({ topic, partition }));
  }

  /** The offset of the next record that `poll` will give of a partition; null while it is not known. */
  position(topic: string, partition: number): number | null {
    return this.#placeOf(topic, partition).position;
  }

  seek(topic: string, partition: number, offset: number): void {
    this.#placeOf(topic, partition).position = offset;
    this.#changed();
  }

  /**
   * The next records, of one broker, in order within each partition; none when `timeoutMs` are over. Being called again
   * means that those given before are done with: from then on they may be committed.
   */
  async poll(timeoutMs = 1000): Promise<ConsumerRecord[]> {
    const { clock } = this.#client.runtime;
    const deadlineMs = clock.monotonicMs() + timeoutMs;
    await this.#autoCommit();
    for (;;) {
      if (this.#isClosed) throw new ClosedError("Cannot poll: the consumer is closed");
      this.#throwFailure();
      await this.#joinWhenDue();
      await this.#findPositions();
      const records = this.#takeReady();
      const started = this.#startFetches().catch((error) => this.#failed(error));
      if (records.length > 0) return records; // what goes wrong from here on is for the next poll
      await started;
      this.#throwFailure();
      const leftMs = deadlineMs - clock.monotonicMs();
      if (leftMs <= 0) return [];
      if (this.#ready.length === 0) await this.#sleep(leftMs);
    }
  }

  /** Every record from here on, until the consumer is closed. */
  async *[Symbol.asyncIterator](): AsyncGenerator<ConsumerRecord> {
    while (!this.#isClosed) yield* await this.poll();
  }

  /** Commits the positions: all that `poll` has given out. */
  async commit(): Promise<void> {
    const { groupId, groupInstanceId = null } = this.#options;
    if (groupId === undefined) throw new TypeError("Cannot commit without a group id");
    const offsets = this.#places.flatMap(({ topic, partition, position }): CommittedOffset[] =>
      position === null ? [] : [{ topic, partition, offset: position }]
    );
    this.#committedMs = this.#client.runtime.clock.monotonicMs();
    if (this.#member !== null) await this.#member.commit(offsets);
    else {await commitOffsets(
        { client: this.#client, groupId, generationId: -1, memberId: "", groupInstanceId },
        offsets,
      );}
    this.#hasUncommitted = false;
  }

  /** Commits (unless told not to by itself), leaves the group, and gives no more. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#wakeUp();
    try {
      await this.#revoked();
    } finally {
      await this.#member?.leave();
    }
  }

  // ------------------------------------------------------------------------------------------ group

  async #joinWhenDue(): Promise<void> {
    const assigned = await this.#member?.ensureJoined() ?? null;
    if (assigned !== null) this.#setPlaces(assigned.map((place) => ({ ...place, position: null })));
  }

  get #commitsByItself(): boolean {
    return this.#options.groupId !== undefined && this.#options.autoCommitMs !== null;
  }

  async #autoCommit(): Promise<void> {
    if (!this.#commitsByItself || !this.#hasUncommitted) return;
    const dueMs = this.#committedMs + (this.#options.autoCommitMs ?? 5000);
    if (this.#client.runtime.clock.monotonicMs() >= dueMs) await this.#commitIfOurs();
  }

  async #revoked(): Promise<void> {
    if (this.#commitsByItself && this.#hasUncommitted) await this.#commitIfOurs();
  }

  /** The group may have given our partitions away; then their new owner reads again what we did not commit. */
  async #commitIfOurs(): Promise<void> {
    try {
      await this.commit();
    } catch (error) {
      const { UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION, REBALANCE_IN_PROGRESS, FENCED_INSTANCE_ID } = ErrorCode;
      const lost: readonly number[] = [
        UNKNOWN_MEMBER_ID,
        ILLEGAL_GENERATION,
        REBALANCE_IN_PROGRESS,
        FENCED_INSTANCE_ID,
      ];
      if (!(error instanceof ProtocolError) || !lost.includes(error.code)) throw error;
    }
  }

  // ------------------------------------------------------------------------------------------ positions

  #setPlaces(places: Place[]): void {
    this.#places = places;
    this.#hasUncommitted = false;
    this.#changed();
  }

  #changed(): void {
    this.#epoch++;
    this.#ready = [];
    this.#wakeUp();
  }

  #placeOf(topic: string, partition: number): Place {
    const place = this.#places.find((candidate) => candidate.topic === topic && candidate.partition === partition);
    if (place === undefined) throw new TypeError(`Partition ${partition} of "${topic}" is not assigned`);
    return place;
  }

  async #findPositions(): Promise<void> {
    const places = this.#places.filter(({ position }) => position === null);
    if (places.length === 0) return;
    const { groupId } = this.#options;
    if (groupId !== undefined) {
      for (const { topic, partition, offset } of await committedOffsets(this.#client, groupId, places)) {
        this.#placeOf(topic, partition).position = offset;
      }
    }
    for (const place of places) if (place.position === null) await this.#resetPosition(place);
  }

  async #resetPosition(place: Place): Promise<void> {
    const { topic, partition } = place;
    if (this.#startAt === "none") {
      throw new ProtocolError(
        ErrorCode.OFFSET_OUT_OF_RANGE,
        `No place to start in partition ${partition} of "${topic}"`,
      );
    }
    place.position = await this.#client.admin().offset(topic, partition, this.#startAt);
  }

  // ------------------------------------------------------------------------------------------ fetching

  /** Starts a fetch from every leader that has none under way and no answer waiting (2). */
  async #startFetches(): Promise<void> {
    const epoch = this.#epoch;
    const byLeader = new Map<number, Place[]>();
    for (const place of this.#places) {
      if (place.position === null) continue;
      const leaderId = await this.#leaderOf(place);
      if (epoch !== this.#epoch) return;
      if (leaderId === null) continue;
      const ofLeader = byLeader.get(leaderId);
      if (ofLeader === undefined) byLeader.set(leaderId, [place]);
      else ofLeader.push(place);
    }
    for (const [leaderId, places] of byLeader) {
      if (this.#fetching.has(leaderId) || this.#ready.some((answer) => answer.leaderId === leaderId)) continue;
      this.#fetching.add(leaderId);
      void this.#fetchFrom(leaderId, places, epoch).finally(() => {
        this.#fetching.delete(leaderId);
        this.#wakeUp();
      });
    }
  }

  /** null while there is none: asked again in a while. */
  async #leaderOf({ topic, partition }: Place): Promise<number | null> {
    const known = this.#client.metadata.leaderOf(topic, partition);
    if (known !== -1) return known;
    try {
      return (await this.#client.leaderOf(topic, partition)).leaderId;
    } catch (error) {
      if (!isRetriable(error)) throw error;
      await pause(this.#client.runtime, backoffMs(this.#client.runtime, 2));
      return null;
    }
  }

  /** Never rejects: what cannot be helped by trying again is thrown by the next poll. */
  async #fetchFrom(leaderId: number, places: readonly Place[], epoch: number): Promise<void> {
    const fetchWaitMs = this.#options.fetchWaitMs ?? 500;
    try {
      const connection = await this.#client.connectionTo(leaderId, "fetch");
      const response = await connection.send(fetch, {
        maxWaitMs: fetchWaitMs,
        minBytes: this.#options.fetchBytesMin ?? 1,
        maxBytes: this.#options.fetchBytesMax ?? 16 * 1024 * 1024,
        isolationLevel: this.#options.isolation === "committed" ? ISOLATION_COMMITTED : 0,
        topics: groupByTopic(places).map(([topic, ofTopic]) => ({
          topic,
          partitions: ofTopic.map(({ partition, position }) => ({
            partition,
            fetchOffset: position ?? 0,
            partitionMaxBytes: this.#options.partitionBytesMax ?? 1024 * 1024,
          })),
        })),
        forgottenTopicsData: [],
      }, { versionMax: fetchVersionMax, extraTimeoutMs: fetchWaitMs });
      if (epoch !== this.#epoch) return; // (3)
      checkErrorCode(response.errorCode, "Cannot fetch");
      this.#accept(leaderId, places, response);
    } catch (error) {
      if (epoch !== this.#epoch) return;
      for (const { topic } of places) this.#client.metadata.forget(topic);
      if (isRetriable(error)) await pause(this.#client.runtime, backoffMs(this.#client.runtime, 2));
      else this.#failed(error);
    }
  }

  #accept(leaderId: number, places: readonly Place[], response: FetchResponse): void {
    const fetched: Fetched[] = [];
    for (const { topic, partitions } of response.responses) {
      for (const answered of partitions) {
        const place = places.find((asked) => asked.topic === topic && asked.partition === answered.partitionIndex);
        if (place === undefined || place.position === null) continue;
        if (answered.errorCode === ErrorCode.OFFSET_OUT_OF_RANGE && this.#startAt !== "none") {
          place.position = null; // the next poll finds a new one
          continue;
        }
        checkErrorCode(answered.errorCode, `Cannot fetch from partition ${place.partition} of "${topic}"`);
        const chunk = decodeFetched(place, place.position, answered, this.#options.isolation === "committed");
        if (chunk.nextOffset > place.position) fetched.push(chunk);
      }
    }
    if (fetched.length > 0) this.#ready.push({ epoch: this.#epoch, leaderId, fetched });
  }

  /** The records of the oldest answer; their partitions' positions move behind them (1). */
  #takeReady(): ConsumerRecord[] {
    for (let answer = this.#ready.shift(); answer !== undefined; answer = this.#ready.shift()) {
      if (answer.epoch !== this.#epoch) continue;
      for (const { place, nextOffset } of answer.fetched) place.position = nextOffset;
      this.#hasUncommitted = true;
      const records = answer.fetched.flatMap((chunk) => chunk.records);
      if (records.length > 0) return records;
    }
    return [];
  }

  // ------------------------------------------------------------------------------------------ waiting

  #failed(error: unknown): void {
    this.#failure ??= error instanceof Error ? error : new Error(String(error), { cause: error });
    this.#wakeUp();
  }

  #throwFailure(): void {
    const failure = this.#failure;
    this.#failure = null;
    if (failure !== null) throw failure;
  }

  /** Ends the sleep, or the next one where none is on: something may have happened since the sleeper looked. */
  #wakeUp(): void {
    if (this.#wake === null) this.#isWoken = true;
    else this.#wake();
  }

  #sleep(durationMs: number): Promise<void> {
    if (this.#isWoken) {
      this.#isWoken = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const timer = this.#client.runtime.timers.after(durationMs, () => this.#wakeUp());
      this.#wake = () => {
        this.#wake = null;
        timer.cancel();
        resolve();
      };
    });
  }
}

type AnsweredPartition = FetchResponse["responses"][number]["partitions"][number];

/** Decodes what came of a partition, from `position` on. A batch may start before it. */
function decodeFetched(
  place: Place,
  position: number,
  { records: bytes, abortedTransactions }: AnsweredPartition,
  onlyCommitted: boolean,
): Fetched {
  const { topic, partition } = place;
  const records: ConsumerRecord[] = [];
  const aborted = [...abortedTransactions ?? []].sort((first, second) => first.firstOffset - second.firstOffset);
  const abortedProducers = new Set<number>();
  let nextOffset = position;
  try {
    for (const batch of wholeBatches(bytes ?? new Uint8Array(0))) {
      if (batch.lastOffset < position) continue;
      if (!batch.isCrcValid()) throw new MalformedBatch(`its checksum is wrong (offset ${batch.baseOffset})`);
      nextOffset = batch.nextOffset;
      while (aborted[0] !== undefined && aborted[0].firstOffset <= batch.lastOffset) {
        abortedProducers.add(aborted.shift()!.producerId);
      }
      if (batch.isControl) {
        for (const record of decodeRecords(batch)) {
          if (decodeControlMarker(record).kind === "abort") abortedProducers.delete(batch.producerId);
        }
      } else if (!(onlyCommitted && batch.isTransactional && abortedProducers.has(batch.producerId))) {
        for (const { offset, timestamp, key, value, headers } of decodeRecords(batch)) {
          if (offset >= position) records.push({ topic, partition, offset, timestamp, key, value, headers });
        }
      }
    }
  } catch (cause) {
    if (!(cause instanceof MalformedBatch)) throw cause;
    throw new CorruptRecordsError(
      `Cannot read partition ${partition} of "${topic}" at ${nextOffset}: ${cause.message}`,
      { cause },
    );
  }
  return { place, records, nextOffset };
}
