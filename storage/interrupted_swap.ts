/**
 * Ends what a cleaner was doing when the process died. A cleaner writes `.cleaned` files, syncs them, renames them all to
 * `.swap`, then deletes the segments they replace and drops the suffix.
 *
 *   .cleaned                      not finished: remove
 *   .swap                         finished: remove the segments from its base to its last offset, then take their place
 *   .swap at or above a .cleaned  part of a set that is not finished: remove, the old segments are all there
 *   an index .swap, its log none  the log has its name already: take its place, unless an old one is there: that is its log's
 *
 * (1) At every step either all old segments or all new ones are complete, so doing this again after a crash in the middle
 *     comes to the same end.
 * (2) The old ones are gone for good before a name changes: without its `.swap` nothing would say which of them it covers.
 * (3) The log has its name for good before its indexes have theirs: beside a `.log.swap` they would be taken for the old ones.
 * (4) A `.swap` was whole on the disk before it had that name. One that is not any more is damage: nothing is removed.
 */
import { type StorageContext } from "./context.ts";
import { StorageError } from "./errors.ts";
import { scan } from "./scan.ts";
import {
  CLEANED_SUFFIX,
  fileNameOf,
  LOG_SUFFIX,
  offsetInName,
  SEGMENT_SUFFIXES,
  SWAP_SUFFIX,
} from "./segment_files.ts";

/** Returns true when it changed the folder. */
export function finishInterruptedSwap(context: StorageContext, directory: string, names: readonly string[]): boolean {
  const { files } = context.runtime;
  const cleaned = names.filter((name) => name.endsWith(CLEANED_SUFFIX));
  const swapped = names.filter((name) => name.endsWith(SWAP_SUFFIX));
  if (cleaned.length === 0 && swapped.length === 0) return false;

  const firstCleaned = Math.min(...cleaned.map((name) => baseOf(name, CLEANED_SUFFIX) ?? Infinity));
  const valid = swapped.filter((name) => (baseOf(name, SWAP_SUFFIX) ?? Infinity) < firstCleaned);
  let fromOffset = Infinity;
  let toOffset = -Infinity;
  for (const name of valid) {
    const baseOffset = offsetInName(name, LOG_SUFFIX + SWAP_SUFFIX);
    if (baseOffset === null) continue;
    fromOffset = Math.min(fromOffset, baseOffset);
    toOffset = Math.max(toOffset, endOffsetOf(context, `${directory}/${name}`, baseOffset));
  }
  for (const name of swapped) if (!valid.includes(name)) files.remove(`${directory}/${name}`);
  for (const name of cleaned) files.remove(`${directory}/${name}`);
  for (const name of names) {
    const baseOffset = baseOf(name, "");
    if (baseOffset !== null && baseOffset >= fromOffset && baseOffset < toOffset) files.remove(`${directory}/${name}`);
  }
  files.syncDirectory(directory); // (2)
  const logs = valid.filter((name) => name.endsWith(LOG_SUFFIX + SWAP_SUFFIX));
  for (const name of logs) files.rename(`${directory}/${name}`, `${directory}/${name.slice(0, -SWAP_SUFFIX.length)}`);
  if (logs.length > 0) files.syncDirectory(directory); // (3)
  for (const name of valid) {
    if (logs.includes(name)) continue;
    const target = name.slice(0, -SWAP_SUFFIX.length);
    const isAlone = !valid.includes(fileNameOf(baseOf(name, SWAP_SUFFIX)!, LOG_SUFFIX + SWAP_SUFFIX));
    if (isAlone && names.includes(target)) files.remove(`${directory}/${name}`);
    else files.rename(`${directory}/${name}`, `${directory}/${target}`);
  }
  files.syncDirectory(directory);
  context.report({ level: "info", event: "swap-finished", facts: { directory, fromOffset, toOffset } });
  return true;
}

/** The base offset in the name of one of a segment's files, with `ending` after its suffix. */
function baseOf(name: string, ending: string): number | null {
  for (const suffix of SEGMENT_SUFFIXES) {
    const offset = offsetInName(name, suffix + ending);
    if (offset !== null) return offset;
  }
  return null;
}

function endOffsetOf(context: StorageContext, path: string, baseOffset: number): number {
  const file = context.pool.file(path);
  let endOffset = baseOffset;
  try {
    const { position, problem } = scan(file, { from: 0, to: file.use().size() }, context.buffers, (batch) => {
      endOffset = batch.nextOffset;
      return true;
    });
    if (problem === null) return endOffset;
    throw new StorageError(
      `Cannot put "${path}" in its place: it is damaged at position ${position} (${problem}); restore the partition's folder ` +
        "from a backup or another replica",
      "CORRUPT",
    );
  } finally {
    file.close();
  }
}
