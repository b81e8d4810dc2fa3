/**
 * What of a log is on the disk for good.
 *
 * (1) Everything below `syncedOffset` survives a power cut: its bytes are synced in every segment they are in, and so are
 *     the folder's entries of those files, the folder's own, and the topic's id in it.
 * (2) A sync covers all segments written to since the last one, oldest first in the list, so `syncedOffset` never passes a
 *     segment that was rolled and not synced.
 * (3) A failed sync is final. The kernel may have dropped the bytes and will call the next sync a success: the log must
 *     not be believed, and goes offline.
 * (4) Everything below `recoveryPoint` is synced together with its index entries. After a crash only what is past it is
 *     read again.
 */
import { type StorageContext } from "./context.ts";
import { directoryOf } from "./atomic_file.ts";
import { type StorageError, storageError } from "./errors.ts";
import { GroupCommit } from "./group_commit.ts";
import { syncPartitionMetadata } from "./partition_metadata.ts";
import { type Segment } from "./segment.ts";

export class LogSync {
  readonly #context: StorageContext;
  readonly #directory: string;
  readonly #commits: GroupCommit;
  #endOffset: number;
  #syncedOffset: number;
  recoveryPoint: number;
  /** Written to since the last sync began, in order. */
  #dirty: Segment[] = [];
  /** Times that files were added, and how many of these are synced. One at first: an earlier process may have made files and died. */
  #addedCount = 1;
  #syncedAddedCount = 0;
  /** Nor may it have synced whose folder it is. */
  #isFirst = true;
  /** The folder itself is new. */
  #isNewFolder: boolean;
  #failure: StorageError | null = null;
  /** When the oldest unsynced write was made; for `flush.ms`. */
  #dirtySinceMs = 0;

  constructor(
    context: StorageContext,
    directory: string,
    options: { readonly endOffset: number; readonly recoveryPoint: number; readonly isNewFolder: boolean },
  ) {
    this.#context = context;
    this.#directory = directory;
    this.#endOffset = options.endOffset;
    this.#syncedOffset = options.endOffset;
    this.recoveryPoint = options.recoveryPoint;
    this.#isNewFolder = options.isNewFolder;
    this.#commits = new GroupCommit(context.runtime.timers, context.syncs, () => this.#commit());
  }

  /** Where the log ends. */
  get endOffset(): number {
    return this.#endOffset;
  }

  get syncedOffset(): number {
    return this.#syncedOffset;
  }

  /** Whether this process has synced the folder, and what is in it. */
  get isFolderSynced(): boolean {
    return !this.#isFirst && !this.#hasNewFiles;
  }

  get #hasNewFiles(): boolean {
    return this.#syncedAddedCount < this.#addedCount;
  }

  /** Resolves when no sync is under way, however it ended. */
  idle(): Promise<void> {
    return this.#commits.idle();
  }

  get isIdle(): boolean {
    return this.#commits.isIdle;
  }

  get hasUnsynced(): boolean {
    return this.#dirty.length > 0;
  }

  /** The log was written to, and ends at `endOffset` now. */
  // hot: per batch
  wrote(segment: Segment, endOffset: number, nowMs: number): void {
    this.#endOffset = endOffset;
    const dirty = this.#dirty;
    if (dirty.length === 0) this.#dirtySinceMs = nowMs;
    if (dirty.length === 0 || dirty[dirty.length - 1] !== segment) dirty.push(segment);
  }

  /**
   * A segment is about to be added: its entry in the folder must be synced (1), and not before that of the segment before it,
   * or a power cut could leave the later one only.
   */
  addsFiles(): void {
    if (this.#hasNewFiles) this.#syncEntriesNow(); // rare: the segment before was added just now
    this.#addedCount++;
  }

  /** The segment is deleted: nobody cares any more whether it is synced. */
  forget(segment: Segment): void {
    this.#dirty = this.#dirty.filter((dirty) => dirty !== segment);
  }

  /** A segment that will not be written to may have been cut since it was last synced: the next sync covers that too. */
  covers(segment: Segment): void {
    if (segment.log.isDirty && this.#dirty[this.#dirty.length - 1] !== segment) this.#dirty.push(segment);
  }

  /** The log was cut, and ends at `endOffset` now; the segment with the cut, which has another object now, is synced. */
  truncated(segment: Segment, endOffset: number): void {
    this.forget(segment);
    this.#endOffset = endOffset;
    this.#syncedOffset = this.#dirty.length === 0 ? endOffset : Math.min(this.#syncedOffset, endOffset);
  }

  isDue(nowMs: number, flushMs: number): boolean {
    const ageMs = nowMs - this.#dirtySinceMs;
    return this.#dirty.length > 0 && this.#commits.isIdle && (ageMs >= flushMs || ageMs < 0); // Below 0 the clock was set back.
  }

  /** Resolves when everything written before the call is synced. */
  wait(): Promise<void> {
    if (this.#syncedOffset === this.#endOffset && this.#dirty.length === 0 && this.#commits.isIdle) return SYNCED;
    return this.#commits.wait();
  }

  async #commit(): Promise<void> {
    if (this.#failure !== null) throw this.#failure; // (3)
    let endOffset = this.#endOffset;
    try {
      // Taken here, where their syncs begin: from then on a segment that is deleted keeps its file until they end.
      const segments = this.#dirty;
      endOffset = this.#endOffset;
      this.#dirty = [];
      if (this.#isFirst || this.#hasNewFiles) await this.#syncWithEntries(segments);
      else if (segments.length === 1) await segments[0]!.log.sync();
      else await Promise.all(segments.map((segment) => segment.log.sync())); // (2)
    } catch (cause) {
      throw this.#failure = storageError(`Cannot sync log "${this.#directory}" up to offset ${endOffset}`, cause);
    }
    this.#syncedOffset = endOffset; // (1)
  }

  /** All at once: it takes the file system little more than one of them (1). */
  async #syncWithEntries(segments: readonly Segment[]): Promise<void> {
    const { files } = this.#context.runtime;
    const addedCount = this.#addedCount;
    const syncs = segments.map((segment) => () => segment.log.sync());
    if (this.#isFirst) syncs.push(() => syncPartitionMetadata(files, this.#directory));
    syncs.push(() => files.syncDirectoryAsync(this.#directory));
    if (this.#isNewFolder) syncs.push(() => files.syncDirectoryAsync(directoryOf(this.#directory)));
    await Promise.all(syncs.map(async (sync) => await sync())); // whatever one of them throws, all are waited for by somebody
    this.#isFirst = false;
    this.#entriesSynced(addedCount);
  }

  #syncEntriesNow(): void {
    const { files } = this.#context.runtime;
    files.syncDirectory(this.#directory);
    if (this.#isNewFolder) files.syncDirectory(directoryOf(this.#directory));
    this.#entriesSynced(this.#addedCount);
  }

  #entriesSynced(addedCount: number): void {
    this.#isNewFolder = false;
    this.#syncedAddedCount = Math.max(this.#syncedAddedCount, addedCount);
  }
}

const SYNCED = Promise.resolve();
