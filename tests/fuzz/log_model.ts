/** The array that a log is compared with. */
export interface ModelBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly producerId: number;
  readonly sequence: number;
  readonly kind: "data" | "transactional" | "commit" | "abort";
  readonly records: readonly { readonly offset: number; readonly value: string; readonly timestampMs: number }[];
}

/** What a log must be, as an array of everything ever appended to it. */
export class LogModel {
  history: ModelBatch[] = [];
  /** Where deletion was asked to. */
  logStartOffset = 0;
  /** Where deletion was answered, which a power cut may not take back. */
  durableStartOffset = 0;
  syncedOffset = 0;

  get logEndOffset(): number {
    return Math.max(this.logStartOffset, (this.history.at(-1)?.lastOffset ?? -1) + 1);
  }

  values(from: number): [number, string][] {
    const found: [number, string][] = [];
    for (const batch of this.history) {
      for (const record of batch.records) if (record.offset >= from) found.push([record.offset, record.value]);
    }
    return found;
  }

  cut(logEndOffset: number): void {
    this.history = this.history.filter((batch) => batch.lastOffset < logEndOffset);
  }

  last(producerId: number): ModelBatch | undefined {
    return this.history.findLast((batch) => batch.producerId === producerId);
  }

  /** First offset of the open transaction of each producer, and the transactions that were aborted. */
  transactions(): { open: Map<number, number>; aborted: { firstOffset: number; lastOffset: number }[] } {
    const open = new Map<number, number>();
    const aborted: { firstOffset: number; lastOffset: number }[] = [];
    for (const { kind, producerId, baseOffset } of this.history) {
      if (kind === "data") continue;
      if (kind === "transactional") {
        if (!open.has(producerId)) open.set(producerId, baseOffset);
        continue;
      }
      const firstOffset = open.get(producerId);
      open.delete(producerId);
      if (kind === "abort" && firstOffset !== undefined) aborted.push({ firstOffset, lastOffset: baseOffset });
    }
    return { open, aborted };
  }
}
