/**
 * What Kafka's controllers wrote in their log of how they vote: the version of their protocol, and who votes. Nothing here needs it;
 * it is carried on from snapshot to snapshot, for a Kafka that takes the folder back knows its voters from nowhere else.
 */
import { batches, type BatchView, readInt16 } from "../../protocol/batch.ts";
import { decodeRecords } from "../../protocol/record.ts";

/** Types of control records: KRaftVersionRecord, VotersRecord. */
const KRAFT_VERSION_TYPE = 5;
const VOTING_TYPES: ReadonlySet<number> = new Set([KRAFT_VERSION_TYPE, 6]);

export interface ControlRecord {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export class KraftVoters {
  /** The last of each type. */
  readonly #records = new Map<number, ControlRecord>();

  /** To be shown every control batch, in order. */
  note(batch: BatchView): void {
    for (const { key, value } of decodeRecords(batch)) {
      const type = key === null || key.length < 4 ? -1 : readInt16(key, 2);
      if (!VOTING_TYPES.has(type) || key === null || value === null) continue;
      this.#records.set(type, { key: key.slice(), value: value.slice() });
    }
  }

  /** The same for all of a snapshot. */
  noteAll(snapshot: Uint8Array): void {
    for (const batch of batches(snapshot)) if (batch.isControl) this.note(batch);
  }

  /** Of their protocol; null: they never wrote it down. */
  get kraftVersion(): number | null {
    const record = this.#records.get(KRAFT_VERSION_TYPE);
    // A version of the record's own comes first.
    return record === undefined || record.value.length < 4 ? null : readInt16(record.value, 2);
  }

  /** By type, ascending. */
  records(): ControlRecord[] {
    return [...this.#records].sort(([one], [other]) => one - other).map(([, record]) => record);
  }
}
