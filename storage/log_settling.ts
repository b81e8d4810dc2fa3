/**
 * Brings a log to the disk with all that belongs to its records (indexes, leader epochs, producers), and moves the recovery
 * point up behind it, so that no recovery has to read what is below. The records alone: `log_sync.ts`.
 *
 * (1) The recovery point only grows, and passes rolled segments in their order: they settle one after the other, and while one
 *     is on its way nothing else moves the point past it.
 * (2) What a full disk cannot take leaves the recovery point where it is: the next start reads more, and nothing is lost.
 */
import { isDiskFull, storageError } from "./errors.ts";
import { type LogParts } from "./log_parts.ts";
import { type Segment } from "./segment.ts";

export class LogSettling {
  readonly #parts: LogParts;
  readonly #recoveryPointMoved: () => void;
  /** Rolled segments on their way to the disk (1). */
  #rolled: Promise<void> = Promise.resolve();
  #unsettledCount = 0;
  /** What a clean shutdown would do is done up to here. */
  #settledOffset: number;

  constructor(
    parts: LogParts,
    options: {
      /** -1 when the log was recovered. */
      readonly settledOffset: number;
      readonly recoveryPointMoved: () => void;
    },
  ) {
    this.#parts = parts;
    this.#settledOffset = options.settledOffset;
    this.#recoveryPointMoved = options.recoveryPointMoved;
  }

  /** Resolves when everything appended before the call is on the disk. A failure takes the log offline. */
  async sync(): Promise<void> {
    const { sync, health, directory } = this.#parts;
    health.assertOnline();
    try {
      await sync.wait();
    } catch (cause) {
      throw health.goOffline(storageError(`Cannot sync log "${directory}"`, cause));
    }
  }

  /** `old` ended at `endOffset`: brings it to the disk in the background with all its files. */
  rolled(old: Segment, endOffset: number): void {
    this.#unsettledCount++;
    this.#rolled = this.#rolled.then(() => this.#settleRolled(old, endOffset));
    this.#parts.health.inBackground(this.#rolled);
  }

  /** Moves the recovery point up to what is synced, its index entries with it; syncs nothing else. */
  async advanceRecoveryPoint(): Promise<void> {
    const { segments, producers, epochs, sync, health, directory } = this.#parts;
    const target = sync.syncedOffset;
    if (health.isOffline || health.isClosed) return;
    if (this.#unsettledCount > 0 || target <= sync.recoveryPoint) return; // (1)
    const { active } = segments;
    try {
      active.flushIndexes();
      epochs.save();
      // Of the state now, which may be ahead of what is synced; a recovery takes one at or below the recovery point.
      if (target === sync.endOffset) producers.snapshot(target, { durable: false });
      await active.syncIndexes();
    } catch (cause) {
      if (isDiskFull(cause)) return; // (2)
      throw health.goOffline(storageError(`Cannot write indexes of "${directory}"`, cause));
    }
    if (health.isClosed) return;
    this.moveRecoveryPoint(target);
    if (target === sync.endOffset) this.#settledOffset = target;
  }

  /** Brings everything to the disk, as a clean shutdown wants it. Returns false when the log is offline. */
  async settle(): Promise<boolean> {
    const { context, segments, producers, epochs, sync, health } = this.#parts;
    if (health.isOffline) return false;
    const { active } = segments;
    const { endOffset } = sync;
    if (endOffset === this.#settledOffset && !active.log.isDirty) return true;
    active.finish();
    sync.covers(active);
    await this.sync();
    producers.snapshot(endOffset, { durable: false });
    const [newFiles, epochsSaved] = await Promise.all([
      active.syncIndexFiles(),
      context.syncs.run(() => epochs.saveAsync()),
    ]);
    if (newFiles.length > 0 || epochsSaved !== null) await this.#syncFolder();
    for (const file of newFiles) file.mayBeNew = false;
    epochsSaved?.();
    this.moveRecoveryPoint(endOffset);
    return true;
  }

  /** The log was cut: what was done for its end then says nothing of the end it grows to. */
  truncated(): void {
    this.#settledOffset = -1;
  }

  moveRecoveryPoint(offset: number): void {
    const { sync } = this.#parts;
    if (offset <= sync.recoveryPoint) return; // (1)
    sync.recoveryPoint = offset;
    this.#recoveryPointMoved();
  }

  /** Brings a segment that ended to the disk with all its files, so that no recovery has to read it. */
  async #settleRolled(old: Segment, endOffset: number): Promise<void> {
    const { context, producers, epochs, health } = this.#parts;
    await this.sync();
    await old.syncIndexes();
    await producers.syncSnapshot(endOffset);
    if (health.isClosed) return; // Deleted meanwhile: another log may live under the old name.
    await this.#syncFolder();
    if (health.isClosed) return;
    let isSaved = true;
    let epochsSaved: (() => void) | null = null;
    try {
      epochsSaved = await context.syncs.run(() => epochs.saveAsync());
    } catch (cause) {
      if (!isDiskFull(cause)) throw cause;
      isSaved = false; // (2): a checkpoint moves it when there is room.
    }
    if (health.isClosed) return;
    if (epochsSaved !== null) await this.#syncFolder();
    epochsSaved?.();
    this.#unsettledCount--;
    if (isSaved && !health.isClosed) this.moveRecoveryPoint(endOffset);
  }

  #syncFolder(): Promise<void> {
    const { context, directory } = this.#parts;
    return context.syncs.run(() => context.runtime.files.syncDirectoryAsync(directory));
  }
}
