/**
 * Where a log starts, and the segments below that, which go.
 *
 * (1) The start only grows, unless all of the log was dropped for one that starts elsewhere (`truncation.ts`). Readers see it at a
 *     new place once a restart will not take it back.
 * (2) Segments wholly below it are deleted from the oldest on, one by one on the disk too, so what is left has no gap,
 *     not even after a power cut.
 * (3) The files of a deleted segment stay a while, and as long as somebody reads them (`deleted_segments.ts`).
 */
import { DeletedSegments } from "./deleted_segments.ts";
import { isDiskFull, OffsetOutOfRange } from "./errors.ts";
import { type LogParts } from "./log_parts.ts";
import { type LogSettling } from "./log_settling.ts";
import { type Segment } from "./segment.ts";

export interface DeletionTime {
  readonly nowMs: number;
  /** `file.delete.delay.ms` */
  readonly delayMs: number;
}

export class LogStart {
  readonly #parts: LogParts;
  readonly #settling: LogSettling;
  readonly #needsCare: () => void;
  readonly #startOffsetMoved: () => Promise<void>;
  readonly deleted = new DeletedSegments();
  #offset: number;
  /** Where it shall be: on its way to the disk, and told to nobody before it is there. */
  #offsetToSave: number;

  constructor(
    parts: LogParts,
    settling: LogSettling,
    options: {
      readonly offset: number;
      /** There is something to unlink later. */
      readonly needsCare: () => void;
      /** Resolves when `offsetToSave` is written down. */
      readonly startOffsetMoved: () => Promise<void>;
    },
  ) {
    this.#parts = parts;
    this.#settling = settling;
    this.#offset = options.offset;
    this.#offsetToSave = options.offset;
    this.#needsCare = options.needsCare;
    this.#startOffsetMoved = options.startOffsetMoved;
  }

  /** The first offset a reader may ask for. */
  get offset(): number {
    return this.#offset;
  }

  /** What to write down as the log's start. */
  get offsetToSave(): number {
    return Math.max(this.#offsetToSave, this.#offset);
  }

  /** Resolves when the start is at `offset`, or was past it already. */
  async moveTo(offset: number): Promise<void> {
    const { sync, epochs, health } = this.#parts;
    this.#offsetToSave = Math.max(this.#offsetToSave, offset);
    // With its folder gone in a power cut, the log would start at 0 again, whatever the checkpoint says.
    if (!sync.isFolderSynced) await this.#settling.sync();
    await this.#startOffsetMoved();
    if (offset <= this.#offset || health.isClosed) return;
    if (offset > sync.endOffset) throw new OffsetOutOfRange(offset, this.#offset, sync.endOffset); // It was cut meanwhile.
    this.#offset = offset; // (1)
    epochs.load().truncateFromStart(offset);
  }

  /** The log starts there now, whatever it held: it was dropped. */
  set(offset: number): void {
    this.#offset = this.#offsetToSave = offset;
  }

  /**
   * Deletes the first `count` segments, from the oldest on; returns how many the disk had room for: a new name may take some.
   * After an error what was deleted is, and the rest is still in the log.
   */
  deleteFirst(count: number, time: DeletionTime): number {
    const { context, segments, producers, epochs, sync, health, directory } = this.#parts;
    const { files } = context.runtime;
    this.#saveEpochs();
    // A killed process may have begun to delete, and not have come to its sync.
    if (!sync.isFolderSynced) files.syncDirectory(directory);
    let deletedCount = 0;
    for (; deletedCount < count; deletedCount++) {
      const segment = segments.first;
      try {
        segment.retire();
      } catch (cause) {
        if (!isDiskFull(cause)) throw cause;
        health.failedWrite("delete segments of", sync.endOffset, cause);
        break;
      }
      segments.takeFirst();
      sync.forget(segment);
      this.unlinkLater(segment, time);
      // One by one: a power cut may bring back the last, and the start offset with it, but must leave no gap (2).
      files.syncDirectory(directory);
    }
    if (deletedCount === 0) return 0;
    const firstOffset = segments.first.baseOffset;
    this.#offset = Math.max(this.#offset, firstOffset); // (1)
    producers.removeBelow(firstOffset);
    epochs.load().truncateFromStart(this.#offset);
    this.#settling.moveRecoveryPoint(firstOffset); // Of what is below there is nothing left to recover.
    context.report({
      level: "info",
      event: "segments-deleted",
      facts: { log: this.#parts.name, count: deletedCount, logStartOffset: this.#offset },
    });
    return deletedCount;
  }

  /**
   * An epoch whose batches all go is found by no recovery any more. Forgotten, it would be taken for one that wrote nothing,
   * and its readers for such as have read what was lost. Deletion is what makes room on a full disk, and does not wait for it.
   */
  #saveEpochs(): void {
    try {
      this.#parts.epochs.load().save();
    } catch (cause) {
      if (!isDiskFull(cause)) throw cause;
    }
  }

  unlinkLater(segment: Segment, { nowMs, delayMs }: DeletionTime): void {
    this.deleted.add(segment, nowMs + delayMs);
    this.#needsCare();
  }
}
