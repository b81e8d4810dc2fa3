/**
 * Names of the files in a partition's folder.
 *
 *   00000000000000368769.log        batches from offset 368769 on
 *   00000000000000368769.index      offset → position
 *   00000000000000368769.timeindex  timestamp → offset
 *   00000000000000368769.txnindex   aborted transactions that end in the segment; absent while there are none
 *   00000000000000368769.snapshot   producers as they were before offset 368769
 *   leader-epoch-checkpoint         leader epoch → its first offset
 *   partition.metadata              the topic's id
 */

export const LOG_SUFFIX = ".log";
export const INDEX_SUFFIX = ".index";
export const TIME_INDEX_SUFFIX = ".timeindex";
export const TRANSACTION_INDEX_SUFFIX = ".txnindex";
export const SNAPSHOT_SUFFIX = ".snapshot";
/** A segment that is gone for readers and waits for its end. */
export const DELETED_SUFFIX = ".deleted";
/** What a cleaner has not finished writing. */
export const CLEANED_SUFFIX = ".cleaned";
/** What a cleaner has finished and not yet put in place. */
export const SWAP_SUFFIX = ".swap";

/** The files a segment may have, log first. */
export const SEGMENT_SUFFIXES = [LOG_SUFFIX, INDEX_SUFFIX, TIME_INDEX_SUFFIX, TRANSACTION_INDEX_SUFFIX] as const;

const NAME_DIGITS = 20;

export function fileNameOf(offset: number, suffix: string): string {
  return String(offset).padStart(NAME_DIGITS, "0") + suffix;
}

/** The offset in a file's name when it ends in `suffix`, else null. */
export function offsetInName(name: string, suffix: string): number | null {
  if (name.length !== NAME_DIGITS + suffix.length || !name.endsWith(suffix)) return null;
  const digits = name.slice(0, NAME_DIGITS);
  return /^\d+$/.test(digits) ? Number(digits) : null;
}
