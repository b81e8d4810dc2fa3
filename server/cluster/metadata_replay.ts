/**
 * Turns the batches of the metadata log back into changes.
 *
 * (1) A batch is a change, whole or not there. Kafka's controllers spread a large one over several batches, between a record
 *     that begins it and one that ends it: it counts from its end on. One without an end was given up.
 * (2) Nothing may come between the two that is not part of it, so what begins anew drops what was begun.
 */
import type { BatchView } from "../../protocol/batch.ts";
import { decodeRecords } from "../../protocol/record.ts";
import { decodeMetadataRecord, type MetadataRecord } from "./records.ts";

export class MetadataReplay {
  readonly #apply: (records: readonly MetadataRecord[]) => void;
  /** Records of a change that was begun and has not ended; null when none is. */
  #begun: MetadataRecord[] | null = null;

  constructor(apply: (records: readonly MetadataRecord[]) => void) {
    this.#apply = apply;
  }

  read(batch: BatchView): void {
    let change = this.#begun ?? [];
    for (const { value } of decodeRecords(batch)) {
      const record = decodeMetadataRecord(value);
      if (record === "begin") {
        if (this.#begun === null) this.#apply(change);
        change = this.#begun = []; // (2)
      } else if (record === "end" || record === "abort") {
        if (record === "end") this.#apply(change);
        this.#begun = null;
        change = [];
      } else if (record !== null) {
        change.push(record);
      }
    }
    if (this.#begun === null) this.#apply(change);
  }
}
