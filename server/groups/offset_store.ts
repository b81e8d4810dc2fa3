/**
 * The committed offsets of the groups of one shard.
 *
 * A value that is on its way to the log is staged: it decides what has to be undone or deleted, but readers see it only
 * once it is safe. So an offset that was read cannot be forgotten by a crash.
 *
 *  1. `durable` is what the log holds for certain; `latest` is what it will hold when all that is staged lands.
 *  2. With nothing staged the two are the same, and an entry without a value is gone from the maps.
 *  3. Values of one key settle in the order in which they were staged.
 */
import { noEntries, SmallMap } from "./small_map.ts";

export interface CommittedOffset {
  readonly offset: number;
  /** -1: the client did not say. */
  readonly leaderEpoch: number;
  readonly metadata: string;
  readonly commitTimestampMs: number;
  /** When the client wants it forgotten (OffsetCommit v2–v4); -1: by the broker's retention. */
  readonly expireTimestampMs: number;
  /** `ZERO_UUID` when the commit was by name and the topic's id was not stored with it. */
  readonly topicId: string;
}

export interface OffsetEntry {
  readonly durable: CommittedOffset | null;
  readonly latest: CommittedOffset | null;
}

export type TopicOffsets = ReadonlyMap<number, OffsetEntry>;
export type GroupOffsets = ReadonlyMap<string, TopicOffsets>;

/** A value on its way; to be given to `settle` once. */
export interface StagedOffset {
  readonly groupId: string;
  readonly topic: string;
  readonly partition: number;
  readonly value: CommittedOffset | null;
}

interface Entry extends OffsetEntry {
  durable: CommittedOffset | null;
  latest: CommittedOffset | null;
  stagedCount: number;
}

const NO_OFFSETS: GroupOffsets = noEntries();

export class OffsetStore {
  readonly #groups = new Map<string, SmallMap<string, SmallMap<number, Entry>>>();

  get(groupId: string, topic: string, partition: number): CommittedOffset | null {
    return this.#groups.get(groupId)?.get(topic)?.get(partition)?.durable ?? null;
  }

  /** All of a group, what is only staged included. */
  of(groupId: string): GroupOffsets {
    return this.#groups.get(groupId) ?? NO_OFFSETS;
  }

  groupIds(): Iterable<string> {
    return this.#groups.keys();
  }

  /** As the log says: at loading, and when a transaction ends. */
  restore(groupId: string, topic: string, partition: number, value: CommittedOffset | null): void {
    const entry = this.#entry(groupId, topic, partition);
    entry.durable = value;
    if (entry.stagedCount > 0) return;
    entry.latest = value;
    if (value === null) this.#forget(groupId, topic, partition);
  }

  /** null deletes. */
  stage(groupId: string, topic: string, partition: number, value: CommittedOffset | null): StagedOffset {
    const entry = this.#entry(groupId, topic, partition);
    entry.latest = value;
    entry.stagedCount++;
    return { groupId, topic, partition, value };
  }

  /** The staged value is in the log, or will never be. */
  settle({ groupId, topic, partition, value }: StagedOffset, isWritten: boolean): void {
    const entry = this.#entry(groupId, topic, partition);
    if (isWritten) entry.durable = value;
    entry.stagedCount--;
    if (entry.stagedCount > 0) return;
    entry.latest = entry.durable;
    if (entry.durable === null) this.#forget(groupId, topic, partition);
  }

  #entry(groupId: string, topic: string, partition: number): Entry {
    let topics = this.#groups.get(groupId);
    if (topics === undefined) this.#groups.set(groupId, topics = new SmallMap());
    let partitions = topics.get(topic);
    if (partitions === undefined) topics.set(topic, partitions = new SmallMap());
    let entry = partitions.get(partition);
    if (entry === undefined) partitions.set(partition, entry = { durable: null, latest: null, stagedCount: 0 });
    return entry;
  }

  #forget(groupId: string, topic: string, partition: number): void {
    const topics = this.#groups.get(groupId);
    const partitions = topics?.get(topic);
    partitions?.delete(partition);
    if (partitions?.size === 0) topics?.delete(topic);
    if (topics?.size === 0) this.#groups.delete(groupId);
  }
}
