/**
 * What one partition owes to its clients, kept outside of the broker: what was acknowledged, what was shown, and what must
 * follow from it for whoever reads.
 *
 *  1. A record that was acknowledged or shown is at its offset, and no other one ever is; none is at two offsets.
 *  2. Records are in the order in which their producer numbered them.
 *  3. What is left of a log has no gap, from its start to its end, and the end is behind all that was acknowledged or shown.
 *     In a compacted one records may be missing, but never the last one of a key.
 *  4. A log's start never goes back, and only retention moves it.
 *  5. While no batch was given up, a record's number is its offset: nothing came twice, nothing is missing.
 */

/** What a topic's `cleanup.policy` may take away. */
export interface Rules {
  readonly hasRetention: boolean;
  readonly isCompacted: boolean;
}

/** A record as its producer made it; its number counts the producer's records in the partition. */
export interface KilledRecord {
  readonly number: number;
  /** Null where the topic is not compacted. */
  readonly key: string | null;
  readonly isTombstone: boolean;
}

/** A promise was broken. */
export class LedgerError extends Error {
  override readonly name: string = "LedgerError";
}

/** An old record of a key was read, and not the tombstone after it. Both may have gone while the reader was between them. */
export class OutrunError extends LedgerError {
  override readonly name = "OutrunError";
}

interface Last {
  readonly offset: number;
  readonly number: number;
  readonly isTombstone: boolean;
}

export class PartitionLedger {
  readonly name: string;
  readonly rules: Rules;
  /** Batches were given up without an answer: their records may be there, or not. */
  hasGaps = false;
  ackedCount = 0;
  /** Nothing below is there any more. */
  startOffset = 0;
  /** Behind everything acknowledged or shown. */
  endOffset = 0;
  readonly #numberAt: number[] = [];
  readonly #offsetOf: number[] = [];
  /** By key, the last record that is known to be there. */
  readonly #lastOf = new Map<string, Last>();
  /** Tombstones that were sent, and of which nothing is known: each may have been there and have taken its key away. */
  readonly #unknownTombstones = new Map<string, Set<number>>();

  constructor(name: string, rules: Rules) {
    this.name = name;
    this.rules = rules;
  }

  /** The records are on their way. */
  sent(records: readonly KilledRecord[]): void {
    for (const { key, number, isTombstone } of records) {
      if (key === null || !isTombstone) continue;
      const numbers = this.#unknownTombstones.get(key);
      if (numbers === undefined) this.#unknownTombstones.set(key, new Set([number]));
      else numbers.add(number);
    }
  }

  /** The broker said that it has `records` from `baseOffset` on. */
  acked(records: readonly KilledRecord[], baseOffset: number): void {
    records.forEach((record, index) => this.#note(baseOffset + index, record));
    this.ackedCount += records.length;
  }

  /** A reader was given the record. */
  shown(offset: number, record: KilledRecord): void {
    this.#note(offset, record);
  }

  /** A reader was told where the log starts (4). */
  startTold(startOffset: number): void {
    if (startOffset < this.startOffset) {
      throw new LedgerError(`${this.name} starts at ${startOffset}, and started at ${this.startOffset} before`);
    }
    if (startOffset > 0 && !this.rules.hasRetention) {
      throw new LedgerError(`${this.name} starts at ${startOffset}, and nothing may be deleted there`);
    }
    this.startOffset = startOffset;
  }

  /** The last record that is known of each key, in no order. */
  lastRecords(): Iterable<[key: string, last: Last]> {
    return this.#lastOf;
  }

  /** Whether a tombstone may have taken the key away, and be gone itself. */
  mayBeGone(key: string): boolean {
    return this.#lastOf.get(key)?.isTombstone === true || (this.#unknownTombstones.get(key)?.size ?? 0) > 0;
  }

  #note(offset: number, record: KilledRecord): void {
    const { number, key, isTombstone } = record;
    const known = this.#numberAt[offset];
    if (known !== undefined && known !== number) {
      throw new LedgerError(`${this.name} has record ${number} at offset ${offset}, where ${known} was before`); // (1)
    }
    const other = this.#offsetOf[number];
    if (other !== undefined && other !== offset) {
      throw new LedgerError(`${this.name} has record ${number} at offset ${offset} and at ${other}`); // (1)
    }
    if (!this.hasGaps && number !== offset) {
      throw new LedgerError(`${this.name} has record ${number} at offset ${offset}`); // (5)
    }
    this.#numberAt[offset] = number;
    this.#offsetOf[number] = offset;
    this.endOffset = Math.max(this.endOffset, offset + 1);
    if (key === null) return;
    if (isTombstone) this.#unknownTombstones.get(key)?.delete(number);
    const last = this.#lastOf.get(key);
    if (last === undefined || last.offset < offset) this.#lastOf.set(key, { offset, number, isTombstone });
  }
}

/** One reading of a partition, from some offset on. */
export class LedgerPass {
  position: number;
  /** Offsets that had no record: compaction took them. */
  missingCount = 0;
  readonly #ledger: PartitionLedger;
  readonly #fromOffset: number;
  #lastNumber = -1;
  readonly #lastOf = new Map<string, KilledRecord>();

  constructor(ledger: PartitionLedger, fromOffset: number) {
    this.#ledger = ledger;
    this.#fromOffset = fromOffset;
    this.position = fromOffset;
  }

  /** The next batch: its records at or past the position, and the offset behind it. */
  read(records: Iterable<readonly [offset: number, record: KilledRecord]>, nextOffset: number): void {
    const { name, rules } = this.#ledger;
    const first = this.position;
    let count = 0;
    for (const [offset, record] of records) {
      if (offset < first) continue; // The batch began before the offset that was asked for.
      if (offset < this.position || (offset > this.position && !rules.isCompacted)) {
        throw new LedgerError(`${name}: offset ${offset} comes where ${this.position} should`); // (3)
      }
      if (record.number <= this.#lastNumber) {
        throw new LedgerError(`${name}: record ${record.number} at ${offset} comes after ${this.#lastNumber}`); // (2)
      }
      this.#ledger.shown(offset, record);
      this.#lastNumber = record.number;
      if (record.key !== null) this.#lastOf.set(record.key, record);
      this.position = offset + 1;
      count++;
    }
    if (nextOffset < this.position || (nextOffset > this.position && !rules.isCompacted)) {
      throw new LedgerError(`${name}: the batch with offset ${first} ends before ${nextOffset}`); // (3)
    }
    this.position = nextOffset;
    this.missingCount += nextOffset - first - count;
  }

  /** The log ends here, with nobody writing since the pass began, which was at the log's start: is all there? */
  end(endOffset: number): void {
    const { name, startOffset, rules } = this.#ledger;
    if (endOffset < this.#ledger.endOffset) {
      throw new LedgerError(`${name} ends at ${endOffset}, and reached to ${this.#ledger.endOffset} before`); // (3)
    }
    if (this.position !== endOffset) throw new LedgerError(`${name} gives nothing at ${this.position} of ${endOffset}`);
    if (!rules.isCompacted) return;
    for (const [key, { offset, number, isTombstone }] of this.#ledger.lastRecords()) {
      const found = this.#lastOf.get(key);
      const mayBeGone = offset < Math.max(startOffset, this.#fromOffset) || this.#ledger.mayBeGone(key);
      if (found === undefined && mayBeGone) continue;
      if (found === undefined || found.number < number) {
        const instead = found === undefined ? "nothing" : `record ${found.number}`;
        const Kind = isTombstone ? OutrunError : LedgerError;
        throw new Kind(
          `${name} has ${instead} for key ${key}, which was last written by ${number} at ${offset}`,
        ); // (3)
      }
    }
  }
}
