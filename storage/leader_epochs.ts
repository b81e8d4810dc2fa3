/**
 * Which leader wrote from which offset on: `leader-epoch-checkpoint`. A follower or consumer that has been away asks where
 * an epoch ended, and learns from which offset on what it knows was written by someone deposed.
 *
 *   0               version
 *   2               count
 *   0 0             epoch, its first offset
 *   3 118
 *
 * (1) Epochs and their first offsets both grow.
 * (2) An epoch is in the file, durably, before the recovery point passes its first batch: what is not in the file, recovery
 *     finds in the batches it reads. So an append writes no file.
 * (3) The first entry starts at or below the log's first offset, when the log holds anything.
 */
import { type FileSystem } from "../runtime/runtime.ts";
import { readCheckpointLines, writeCheckpointLines, writeCheckpointLinesAsync } from "./checkpoint.ts";
import { StorageError, storageError } from "./errors.ts";

export const LEADER_EPOCH_FILE = "leader-epoch-checkpoint";

export const NO_EPOCH = -1;
export const NO_OFFSET = -1;

export interface EpochEntry {
  readonly epoch: number;
  readonly startOffset: number;
}

export interface EpochEnd {
  readonly leaderEpoch: number;
  readonly endOffset: number;
}

const UNKNOWN_EPOCH_END: EpochEnd = { leaderEpoch: NO_EPOCH, endOffset: NO_OFFSET };

export class LeaderEpochs {
  readonly #files: FileSystem;
  readonly #path: string;
  #entries: EpochEntry[];
  #isSaved = true;
  /** Saves on the loop. */
  #saveCount = 0;

  private constructor(files: FileSystem, path: string, entries: EpochEntry[]) {
    this.#files = files;
    this.#path = path;
    this.#entries = entries;
  }

  static open(files: FileSystem, directory: string): LeaderEpochs {
    const path = `${directory}/${LEADER_EPOCH_FILE}`;
    const entries = readCheckpointLines(files, path, 2).map(([epoch, startOffset]) => ({
      epoch: Number(epoch),
      startOffset: Number(startOffset),
    }));
    let before: EpochEntry | null = null;
    for (const entry of entries) {
      const grows = before === null || (entry.epoch > before.epoch && entry.startOffset >= before.startOffset);
      if (!Number.isInteger(entry.epoch) || !Number.isSafeInteger(entry.startOffset) || !grows) {
        throw new StorageError(`Cannot understand "${path}": entry ${entry.epoch} at ${entry.startOffset}`, "CORRUPT");
      }
      before = entry;
    }
    return new LeaderEpochs(files, path, entries);
  }

  /** Of a log that is new or whose file is damaged: entries come from its batches. */
  static empty(files: FileSystem, directory: string): LeaderEpochs {
    return new LeaderEpochs(files, `${directory}/${LEADER_EPOCH_FILE}`, []);
  }

  get entries(): readonly EpochEntry[] {
    return this.#entries;
  }

  get latestEpoch(): number {
    return this.#entries.at(-1)?.epoch ?? NO_EPOCH;
  }

  /** The file is up to date. */
  get isSaved(): boolean {
    return this.#isSaved;
  }

  /** Notes that batches of `epoch` start at `startOffset`; does nothing when it, or a later one, is known. */
  assign(epoch: number, startOffset: number): void {
    if (epoch < 0 || epoch <= this.latestEpoch) return;
    // An epoch that starts where the one before it starts leaves that one without a record.
    const kept = this.#entries.filter((entry) => entry.startOffset < startOffset);
    this.#change([...kept, { epoch, startOffset }]);
  }

  /** Writes the file when it is not up to date. */
  save(): void {
    if (this.#isSaved) return;
    writeCheckpointLines(this.#files, this.#path, this.#lines());
    this.#isSaved = true;
    this.#saveCount++;
  }

  /**
   * The same off the loop, but for the folder's entry: returns what is to be called when that is synced, null when nothing is
   * to be saved. What changes meanwhile is left to the next; a `save` meanwhile is the later one. Not while another of this
   * kind is under way.
   */
  async saveAsync(): Promise<(() => void) | null> {
    const entries = this.#entries;
    const saveCount = this.#saveCount;
    if (this.#isSaved) return null;
    const isOvertaken = () => this.#saveCount !== saveCount;
    await writeCheckpointLinesAsync(this.#files, this.#path, this.#lines(), isOvertaken);
    return () => {
      if (entries === this.#entries) this.#isSaved = true;
    };
  }

  /** The epoch that wrote `offset`, `NO_EPOCH` when that is not known. */
  epochOf(offset: number): number {
    let found = NO_EPOCH;
    for (const entry of this.#entries) {
      if (entry.startOffset > offset) break;
      found = entry.epoch;
    }
    return found;
  }

  /**
   * Where `epoch` ended. Of the latest epoch: the log's end. Of one that wrote nothing here: the epoch before it, and where
   * that one ended. Of one older than all known: itself, and where the oldest starts.
   */
  endOffsetFor(epoch: number, logEndOffset: number): EpochEnd {
    if (epoch === NO_EPOCH || this.#entries.length === 0) return UNKNOWN_EPOCH_END;
    if (epoch === this.latestEpoch) return { leaderEpoch: epoch, endOffset: logEndOffset };
    const laterIndex = this.#entries.findIndex((entry) => entry.epoch > epoch);
    if (laterIndex < 0) return UNKNOWN_EPOCH_END;
    const endOffset = this.#entries[laterIndex]!.startOffset;
    return { leaderEpoch: laterIndex === 0 ? epoch : this.#entries[laterIndex - 1]!.epoch, endOffset };
  }

  /** The log now ends at `endOffset`. */
  truncateFromEnd(endOffset: number): void {
    const kept = this.#entries.filter((entry) => entry.startOffset < endOffset);
    if (kept.length !== this.#entries.length) this.#change(kept);
  }

  /** The log now starts at `startOffset`: drops epochs that ended before it, and moves the start of the one it is in. */
  truncateFromStart(startOffset: number): void {
    const currentIndex = this.#entries.findLastIndex((entry) => entry.startOffset <= startOffset);
    if (currentIndex < 0) return;
    const current = this.#entries[currentIndex]!;
    if (currentIndex === 0 && current.startOffset === startOffset) return;
    this.#change([{ epoch: current.epoch, startOffset }, ...this.#entries.slice(currentIndex + 1)]);
  }

  #lines(): string[] {
    return this.#entries.map((entry) => `${entry.epoch} ${entry.startOffset}`);
  }

  #change(entries: EpochEntry[]): void {
    this.#entries = entries;
    this.#isSaved = false;
  }
}

/** The epochs of a log, read when first asked for: ten thousand logs open without. */
export class LazyLeaderEpochs {
  #epochs: LeaderEpochs | null;
  readonly #open: () => LeaderEpochs;
  readonly #failed: (error: StorageError) => StorageError;

  /** `failed`: they could not be read; returns what to throw. */
  constructor(
    epochs: LeaderEpochs | null,
    open: () => LeaderEpochs,
    failed: (error: StorageError) => StorageError,
  ) {
    this.#epochs = epochs;
    this.#open = open;
    this.#failed = failed;
  }

  /** @throws {StorageError} when they cannot be read */
  load(): LeaderEpochs {
    if (this.#epochs !== null) return this.#epochs;
    try {
      return this.#epochs = this.#open();
    } catch (cause) {
      throw this.#failed(storageError("Cannot read leader epochs", cause));
    }
  }

  /** Writes the file when they are loaded and it is not up to date. */
  save(): void {
    this.#epochs?.save();
  }

  /** The same off the loop, but for the folder's entry (`LeaderEpochs.saveAsync`). */
  async saveAsync(): Promise<(() => void) | null> {
    return await this.#epochs?.saveAsync() ?? null;
  }
}
