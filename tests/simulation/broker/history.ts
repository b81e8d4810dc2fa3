/**
 * What clients were promised and shown, kept outside of the broker; every answer is held against it.
 *
 *  1. An acknowledged record is there, at the offset it was acknowledged with. What a power cut may take: with acks=1, and
 *     under the flush policies `interval` (the last seconds) and `os`; nothing of it from before the last start.
 *  2. An offset that a consumer was shown has the same record for ever (with the same exception).
 *  3. A record is there once, and a producer's records are in its order.
 *  4. Offsets follow each other without a gap; the log starts where deletion or retention put it, and never goes back.
 *  5. A topic that was acknowledged is there with its id, its partitions and its config, until its deletion was asked for;
 *     one whose deletion was acknowledged never comes back.
 *  6. A committed group offset that was acknowledged, or seen, never goes back.
 *  7. No producer id is given twice.
 */

export type Policy = "group" | "interval" | "os";

/** The broker broke a promise. */
export class Broken extends Error {
  override readonly name = "Broken";
}

/** One record, as its value says: who wrote it, and how many that one had written there before. */
export interface RecordId {
  readonly writer: string;
  readonly number: number;
}

export function printRecord({ writer, number }: RecordId): string {
  return `${writer}/${number}`;
}

export function parseRecord(text: string): RecordId {
  const match = /^([^/]+)\/(\d+)/.exec(text);
  if (match === null) throw new Broken(`a record reads "${text.slice(0, 40)}", which nobody wrote`);
  return { writer: match[1]!, number: Number(match[2]) };
}

/** What is on the disk for good: all from before a moment, and under the flush policy `interval` all from before another. */
interface Safe {
  readonly safeBeforeMs: number;
  readonly safeByIntervalBeforeMs: number;
}

interface Known {
  readonly id: string;
  readonly sinceMs: number;
  wasShown: boolean;
  /** What it survives: acks=all under `group` a power cut, the rest a kill; null when it was only shown. */
  survives: "power cut" | "kill" | null;
}

export class PartitionHistory {
  readonly name: string;
  readonly policy: Policy;
  /** Retention may move the start anywhere. */
  readonly hasRetention: boolean;
  readonly #nowMs: () => number;
  readonly #byOffset = new Map<number, Known>();
  readonly #offsets = new Map<string, number>();
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
    options: { readonly policy: Policy; readonly hasRetention: boolean; readonly nowMs: () => number },
  ) {
    this.name = name;
    this.#nowMs = options.nowMs;
    this.policy = options.policy;
    this.hasRetention = options.hasRetention;
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

  acked(records: readonly RecordId[], baseOffset: number, acks: number): void {
    records.forEach((record, index) => {
      const offset = baseOffset + index;
      const known = this.#note(offset, printRecord(record));
      known.survives = acks === -1 && this.policy === "group" ? "power cut" : known.survives ?? "kill";
      this.#reaches(offset, known);
    });
  }

  shown(offset: number, record: RecordId): void {
    const known = this.#note(offset, printRecord(record)); // (1, 2, 3)
    known.wasShown = true;
    this.#reaches(offset, known);
  }

  /** `startBefore`: what was known when the question was sent; answers may overtake each other. */
  startTold(startOffset: number, startBefore: number): void {
    if (startOffset < startBefore) {
      throw new Broken(`${this.name}: the log starts at ${startOffset}, and started at ${startBefore} before`);
    }
    if (!this.hasRetention && startOffset > this.askedStart) {
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
      hasLost = true;
    }
    if (hasLost || this.policy !== "group") this.lossCount++;
  }

  #reaches(offset: number, { wasShown, survives }: Known): void {
    const isVisible = wasShown || survives === "power cut" || (survives !== null && this.policy !== "group");
    if (isVisible && offset >= this.#visibleEnd) this.#visibleEnd = offset + 1;
    if (offset >= this.#ackedEnd) this.#ackedEnd = offset + 1;
  }

  #note(offset: number, id: string): Known {
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
    const made: Known = { id, sinceMs: this.#nowMs(), wasShown: false, survives: null };
    this.#byOffset.set(offset, made);
    this.#offsets.set(id, offset);
    return made;
  }
}

export class TopicHistory {
  readonly name: string;
  readonly id: string;
  readonly policy: Policy;
  readonly hasRetention: boolean;
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
    readonly hasRetention: boolean;
    readonly partitionCount: number;
    readonly config: number;
    readonly nowMs: () => number;
  }) {
    this.nowMs = options.nowMs;
    this.name = options.name;
    this.id = options.id;
    this.policy = options.policy;
    this.hasRetention = options.hasRetention;
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
