/**
 * Puts a segment that a cleaner has written in the place of those it was made from.
 *
 *   step                       on the disk afterwards                      a start then finds
 *   1 sync, folder too         N.log  M.log  N.log.cleaned                 the old ones; removes `.cleaned`
 *   2 .cleaned → .swap         N.log  M.log  N.log.swap                    the old ones if a name of the set is still `.cleaned`,
 *   3 sync the folder                                                      else the new one
 *   4 retire the old ones      N.log.deleted  M.log.deleted  N.log.swap    the new one: it covers whatever old ones are left
 *   5 sync the folder
 *   6 .swap → its name         N.log  N.index.swap                         the new one, whose indexes are there
 *   7 sync the folder
 *   8 the same of the indexes  N.log  N.index
 *   9 sync the folder
 *
 * (1) At every step either all old segments or the whole new one are on the disk, whichever of the unsynced renames a power cut
 *     leaves. `interrupted_swap.ts` ends what a crash has interrupted.
 * (2) The new segment ends with the offset the last of the old ones ended with, so that what a crash left of those can be told
 *     from what follows them.
 * (3) The readers' view changes in step 4, between two turns of the loop. Until step 9 no other segment of the log is renamed or
 *     deleted (`isUnderWay`).
 *     An index with its own name beside a log that is still `.swap` would be taken for one of the old: step 7 is for that.
 * (4) Old files are unlinked after step 5 at the earliest, and never while somebody reads them.
 * (5) A failure in step 1 leaves the log as it was, and so does one in step 2 that can be taken back; any other takes the log
 *     offline, for the next start to end it: what a failed sync leaves behind could come back later, in the place of what
 *     others have written by then.
 */
import { type LogConfig } from "./log_config.ts";
import { type LogParts } from "./log_parts.ts";
import { type LogStart } from "./log_start.ts";
import { Segment } from "./segment.ts";
import { CLEANED_SUFFIX, fileNameOf, SEGMENT_SUFFIXES, SWAP_SUFFIX } from "./segment_files.ts";

export class SegmentReplacement {
  readonly #parts: LogParts;
  readonly #start: LogStart;
  /** Between steps 2 and 9 (3). */
  isUnderWay = false;

  constructor(parts: LogParts, start: LogStart) {
    this.#parts = parts;
    this.#start = start;
  }

  /**
   * `cleaned` takes the place of `old`; its files are written and end in `.cleaned`. False when the log has changed meanwhile:
   * nothing has happened then.
   * @throws {StorageError | FileError}
   */
  async run(old: readonly Segment[], cleaned: Segment, config: LogConfig): Promise<boolean> {
    const { context, segments, health, directory } = this.#parts;
    const { files } = context.runtime;
    await cleaned.syncFiles();
    await files.syncDirectoryAsync(directory); // 1
    if (health.isClosed || health.isOffline || !segments.hasRun(old)) return false;
    this.isUnderWay = true;
    try {
      this.#nameSwap(cleaned); // 2
      return await this.#exchange(old, cleaned, config);
    } finally {
      this.isUnderWay = false;
    }
  }

  /** Step 2. Where it fails it is taken back, durably (5). */
  #nameSwap(cleaned: Segment): void {
    const { context, health, directory } = this.#parts;
    const { files } = context.runtime;
    try {
      cleaned.rename(SWAP_SUFFIX);
      cleaned.close();
    } catch (cause) {
      try {
        for (const suffix of SEGMENT_SUFFIXES) {
          const path = `${directory}/${fileNameOf(cleaned.baseOffset, suffix)}`;
          files.remove(path + SWAP_SUFFIX);
          files.remove(path + CLEANED_SUFFIX);
        }
        files.syncDirectory(directory);
      } catch {
        throw health.failedReplacement(cause);
      }
      throw cause;
    }
  }

  async #exchange(old: readonly Segment[], cleaned: Segment, config: LogConfig): Promise<boolean> {
    const { context, segments, health, directory } = this.#parts;
    const { files, clock } = context.runtime;
    const { baseOffset, sizeBytes } = cleaned;
    try {
      await files.syncDirectoryAsync(directory); // 3
      if (health.isClosed || health.isOffline) return false;
      const ending = SWAP_SUFFIX;
      const replacement = Segment.open(context, directory, { baseOffset, sizeBytes, config, ending });
      segments.replace(old, replacement);
      for (const segment of old) segment.retire(); // 4
      await files.syncDirectoryAsync(directory); // 5
      const time = { nowMs: clock.nowMs(), delayMs: config.fileDeleteDelayMs };
      for (const segment of old) this.#start.unlinkLater(segment, time); // (4)
      if (health.isClosed) return true; // The folder has another name, or none: the next start ends it.
      replacement.renameLog(""); // 6
      await files.syncDirectoryAsync(directory); // 7
      if (health.isClosed) return true;
      replacement.renameIndexes(); // 8
      await files.syncDirectoryAsync(directory); // 9
      return true;
    } catch (cause) {
      if (!health.isClosed) throw health.failedReplacement(cause); // (5)
      throw cause;
    }
  }
}
