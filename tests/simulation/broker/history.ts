/**
 * What clients were promised and shown, kept outside of the broker; every answer is held against it.
 *
 *  1. An acknowledged record is there, at the offset it was acknowledged with. What a power cut may take: with acks=1, and
 *     under the flush policies `interval` (the last seconds) and `os`; nothing of it from before the last start.
 *  2. An offset that a consumer was shown has the same record for ever (with the same exception).
 *  3. A record is there once, and a producer's records are in its order.
 *  4. Offsets follow each other without a gap; the log starts where deletion or retention put it, and never goes back. In a
 *     compacted topic records may be missing, but of each key the last one that (1) and (2) promise, or a later one, is
 *     there; a tombstone may go when its time is over.
 *  5. A topic that was acknowledged is there with its id, its partitions and its config, until its deletion was asked for;
 *     one whose deletion was acknowledged never comes back.
 *  6. A committed group offset that was acknowledged, or seen, never goes back.
 *  7. No producer id is given twice.
 */

import type { RecordDraft, RecordView } from "../../../protocol/record.ts";

export type Policy = "group" | "interval" | "os";

/** What `cleanup.policy` and its company may take from a topic. */
export interface Cleanup {
  /** Retention may move the start anywhere. */
  readonly hasRetention: boolean;
  readonly isCompacted: boolean;
  /** Tombstones outlive the run. */
  readonly keepsTombstones: boolean;
}

/** The broker broke a promise. */
export class Broken extends Error {
  override readonly name = "Broken";
}

/** One record, as it says itself: who wrote it, and how many that one had written there before. */
export interface RecordId {
  readonly writer: string;
  readonly number: number;
  /** Null where the topic is not compacted. */
  readonly key: string | null;
  readonly isTombstone: boolean;
}

export function printRecord({ writer, number }: RecordId): string {
  return `${writer}/${number}`;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Who wrote it is in the value, and in a header where there is none. */
export function draftOf(record: RecordId, padding: string): Pick<RecordDraft, "key" | "value" | "headers"> {
  const who = encoder.encode(`${printRecord(record)} ${padding}`);
  const { key, isTombstone } = record;
  return {
    key: key === null ? null : encoder.encode(key),
    value: isTombstone ? null : who,
    headers: isTombstone ? [{ key: "who", value: who }] : [],
  };
}

export function parseRecord({ key, value, headers }: RecordView): RecordId {
  const text = decoder.decode(value ?? headers[0]?.value ?? new Uint8Array(0));
  const match = /^([^/]+)\/(\d+)/.exec(text);
  if (match === null) throw new Broken(`a record reads "${text.slice(0, 40)}", which nobody wrote`);
  return {
    writer: match[1]!,
    number: Number(match[2]),
    key: key === null ? null : decoder.decode(key),
    isTombstone: value === null,
  };
}

/** What is on the disk for good: all from before a moment, and under the flush policy `interval` all from before another. */
interface Safe {
  readonly safeBeforeMs: number;
  readonly safeByIntervalBeforeMs: number;
}

interface Known {
  readonly id: string;
  readonly key: string | null;
  readonly isTombstone: boolean;
  readonly sinceMs: number;
  wasShown: boolean;
  /** What it survives: acks=all under `group` a power cut, the rest a kill; null when it was only shown. */
  survives: "power cut" | "kill" | null;
}

export class PartitionHistory {
  readonly name: string;
  readonly policy: Policy;
  readonly cleanup: Cleanup;
  readonly #nowMs: () => number;
  readonly #byOffset = new Map<number, Known>();
  readonly #offsets = new Map<string, number>();
  /** Tombstones that were sent and never seen again, by their key: each may have been there, and have gone. */
  readonly #lostTombstones = new Map<string, Set<string>>();
  #visibleEnd = 0;
  #ackedEnd = 0;
  /** The highest start that was told. */
  startOffset = 0;
  /** The highest start that deletion was asked for. */
  askedStart = 0;
  /** Power cuts that this partition's unsynced records went through. */
  lossCount = 0;

  constructor(
    name: string,
    options: { readonly policy: Policy; readonly cleanup: Cleanup; readonly nowMs: () => number },
  ) {
    this.name = name;
    this.#nowMs = options.nowMs;
    this.policy = options.policy;
    this.cleanup = options.cleanup;
  }

  get ackedCount(): number {
    let count = 0;
    for (const { survives } of this.#byOffset.values()) if (survives !== null) count++;
    return count;
  }

  /** The log ends here or later: everything that was shown, and everything acknowledged with acks=all. */
  get visibleEnd(): number {
    return Math.max(this.startOffset, this.#visibleEnd);
  }

  /** The same with what was acknowledged with acks=1: visible a sync later. */
  get ackedEnd(): number {
    return Math.max(this.startOffset, this.#ackedEnd);
  }

  sent(records: readonly RecordId[]): void {
    for (const record of records) {
      if (record.key === null || !record.isTombstone || this.cleanup.keepsTombstones) continue;
      const id = printRecord(record);
      if (!this.#offsets.has(id)) this.#lostTombstonesOf(record.key).add(id);
    }
  }

  acked(records: readonly RecordId[], baseOffset: number, acks: number): void {
    records.forEach((record, index) => {
      const offset = baseOffset + index;
      const known = this.#note(offset, record);
      known.survives = acks === -1 && this.policy === "group" ? "power cut" : known.survives ?? "kill";
      this.#reaches(offset, known);
    });
  }

  shown(offset: number, record: RecordId): void {
    const known = this.#note(offset, record); // (1, 2, 3)
    known.wasShown = true;
    this.#reaches(offset, known);
  }

  /** `startBefore`: what was known when the question was sent; answers may overtake each other. */
  startTold(startOffset: number, startBefore: number): void {
    if (startOffset < startBefore) {
      throw new Broken(`${this.name}: the log starts at ${startOffset}, and started at ${startBefore} before`);
    }
    if (!this.cleanup.hasRetention && startOffset > this.askedStart) {
      throw new Broken(`${this.name}: the log starts at ${startOffset}, deletion was asked up to ${this.askedStart}`);
    }
    if (startOffset <= this.startOffset) return;
    this.startOffset = startOffset; // (4)
    for (const [offset, { id }] of this.#byOffset) {
      if (offset >= startOffset) continue;
      this.#byOffset.delete(offset);
      this.#offsets.delete(id);
    }
  }

  /**
   * (4) A reader went over a compacted log from `fromOffset` to before `toOffset`, the end that consumers see, and found these
   * keys, each last at this offset.
   */
  keysFound(
    keys: ReadonlyMap<string, number>,
    range: { readonly fromOffset: number; readonly toOffset: number },
  ): void {
    const fromOffset = Math.max(range.fromOffset, this.startOffset);
    const lasts = new Map<string, [offset: number, known: Known]>();
    for (const [offset, known] of this.#byOffset) {
      if (known.key === null || offset < fromOffset || offset >= range.toOffset) continue;
      if (offset > (lasts.get(known.key)?.[0] ?? -1)) lasts.set(known.key, [offset, known]);
    }
    for (const [key, [offset, { id, isTombstone }]] of lasts) {
      const found = keys.get(key) ?? -1;
      const mayBeGone = !this.cleanup.keepsTombstones && (isTombstone || this.#lostTombstonesOf(key).size > 0);
      if (found < offset && !mayBeGone) {
        throw new Broken(`${this.name}: key ${key} was last seen at ${found}, and has ${id} at ${offset}`);
      }
    }
  }

  powerCut({ safeBeforeMs, safeByIntervalBeforeMs }: Safe): void {
    const keptBeforeMs = this.policy === "interval" ? Math.max(safeBeforeMs, safeByIntervalBeforeMs) : safeBeforeMs;
    let hasLost = false;
    this.#visibleEnd = this.#ackedEnd = 0;
    for (const [offset, known] of this.#byOffset) {
      if (
        known.survives === "power cut" || (known.wasShown && this.policy === "group") || known.sinceMs < keptBeforeMs
      ) {
        this.#reaches(offset, known);
        continue;
      }
      this.#byOffset.delete(offset);
      this.#offsets.delete(known.id);
      // It may be there all the same, and be compacted away later.
      if (known.key !== null && known.isTombstone) this.#lostTombstonesOf(known.key).add(known.id);
      hasLost = true;
    }
    if (hasLost || this.policy !== "group") this.lossCount++;
  }

  #reaches(offset: number, { wasShown, survives }: Known): void {
    const isVisible = wasShown || survives === "power cut" || (survives !== null && this.policy !== "group");
    if (isVisible && offset >= this.#visibleEnd) this.#visibleEnd = offset + 1;
    if (offset >= this.#ackedEnd) this.#ackedEnd = offset + 1;
  }

  #lostTombstonesOf(key: string): Set<string> {
    let lost = this.#lostTombstones.get(key);
    if (lost === undefined) this.#lostTombstones.set(key, lost = new Set());
    return lost;
  }

  #note(offset: number, record: RecordId): Known {
    const id = printRecord(record);
    const { key, isTombstone } = record;
    const known = this.#byOffset.get(offset);
    if (known !== undefined && known.id !== id) {
      throw new Broken(
        `${this.name}: offset ${offset} is ${id}, and was ${known.id} before ` +
          `(shown: ${known.wasShown}, acknowledged to survive a ${known.survives ?? "nothing"})`,
      );
    }
    const other = this.#offsets.get(id);
    if (other !== undefined && other !== offset) {
      throw new Broken(`${this.name}: ${id} is at offset ${offset} and at ${other}`);
    }
    if (known !== undefined) return known;
    if (key !== null && isTombstone) this.#lostTombstonesOf(key).delete(id);
    const made: Known = { id, key, isTombstone, sinceMs: this.#nowMs(), wasShown: false, survives: null };
    this.#byOffset.set(offset, made);
    this.#offsets.set(id, offset);
    return made;
  }
}

export class TopicHistory {
  readonly name: string;
  readonly id: string;
  readonly policy: Policy;
  readonly cleanup: Cleanup;
  readonly nowMs: () => number;
  state: "live" | "deleting" | "deleted" = "live";
  /** There were so many for certain; there may be up to `partitionCountAsked`. */
  partitionCount: number;
  partitionCountAsked: number;
  /** `max.message.bytes`: it grows. What was acknowledged, and what was asked for last. */
  config: number;
  configAsked: number;
  readonly #partitions: PartitionHistory[] = [];
  readonly #committed = new Map<string, { known: number; asked: number }>();

  constructor(options: {
    readonly name: string;
    readonly id: string;
    readonly policy: Policy;
    readonly cleanup: Cleanup;
    readonly partitionCount: number;
    readonly config: number;
    readonly nowMs: () => number;
  }) {
    this.nowMs = options.nowMs;
    this.name = options.name;
    this.id = options.id;
    this.policy = options.policy;
    this.cleanup = options.cleanup;
    this.partitionCount = this.partitionCountAsked = options.partitionCount;
    this.config = this.configAsked = options.config;
  }

  get isLive(): boolean {
    return this.state === "live";
  }

  partition(index: number): PartitionHistory {
    return this.#partitions[index] ??= new PartitionHistory(`${this.name}-${index} (${this.id})`, this);
  }

  /** Of all partitions that may be there. */
  partitions(): PartitionHistory[] {
    return Array.from({ length: this.partitionCountAsked }, (_, index) => this.partition(index));
  }

  /** (5) `countBefore`: what was known when the question was sent. */
  described(partitionCount: number, countBefore: number): void {
    if (partitionCount < countBefore || partitionCount > this.partitionCountAsked) {
      throw new Broken(
        `topic ${this.name} has ${partitionCount} partitions, not ${countBefore} to ${this.partitionCountAsked}`,
      );
    }
    this.partitionCount = Math.max(this.partitionCount, partitionCount);
  }

  /** (5) */
  configured(value: number, valueBefore: number): void {
    if (value < valueBefore || value > this.configAsked) {
      throw new Broken(
        `topic ${this.name} has max.message.bytes ${value}, not ${valueBefore} to ${this.configAsked}`,
      );
    }
    this.config = Math.max(this.config, value);
  }

  commitAsked(group: string, partition: number, offset: number): void {
    this.#commit(group, partition).asked = offset;
  }

  /** What a group has committed for certain; -1 for nothing. */
  committed(group: string, partition: number): number {
    return this.#commit(group, partition).known;
  }

  /** (6) `offsetBefore`: what was known when the question was sent. */
  commitKnown(group: string, partition: number, offset: number, offsetBefore: number): void {
    const commit = this.#commit(group, partition);
    if (offset < offsetBefore || offset > commit.asked) {
      throw new Broken(
        `group ${group} has committed ${offset} of ${this.name}-${partition}, not ${offsetBefore} to ${commit.asked}`,
      );
    }
    commit.known = Math.max(commit.known, offset);
  }

  #commit(group: string, partition: number): { known: number; asked: number } {
    const key = `${group} ${partition}`;
    let commit = this.#committed.get(key);
    if (commit === undefined) this.#committed.set(key, commit = { known: -1, asked: -1 });
    return commit;
  }
}

export class History {
  readonly topics = new Map<string, TopicHistory>();
  readonly #producerIds = new Set<number>();

  liveTopics(): TopicHistory[] {
    return [...this.topics.values()].filter((topic) => topic.isLive);
  }

  /** (7) */
  producerIdGiven(producerId: number): void {
    if (this.#producerIds.has(producerId)) throw new Broken(`producer id ${producerId} is given twice`);
    this.#producerIds.add(producerId);
  }

  powerCut(safe: Safe): void {
    for (const topic of this.topics.values()) for (const partition of topic.partitions()) partition.powerCut(safe);
  }

  get ackedCount(): number {
    let count = 0;
    for (const topic of this.topics.values()) for (const partition of topic.partitions()) count += partition.ackedCount;
    return count;
  }
}
