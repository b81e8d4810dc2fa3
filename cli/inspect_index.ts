/**
 * What an index file holds, and whether it agrees with its segment.
 *
 *   .index      the batch at an entry's position ends with its offset
 *   .timeindex  no record up to an entry's offset is later than its timestamp, and a batch that ends with the offset, or one
 *               before it, has it
 *   .txnindex   markers follow each other, and each transaction begins before its marker
 *
 * The file of a segment that Kafka writes to is filled up with zeros: those are no entries.
 */
import { readInt32, readInt64 } from "../protocol/batch.ts";
import type { FileSystem } from "../runtime/runtime.ts";
import { ABORTED_ENTRY_BYTES, decodeAbortedTransactions } from "../storage/aborted_transactions.ts";
import { StorageError } from "../storage/errors.ts";
import { OFFSET_ENTRY_BYTES } from "../storage/offset_index.ts";
import {
  INDEX_SUFFIX,
  LOG_SUFFIX,
  offsetInName,
  TIME_INDEX_SUFFIX,
  TRANSACTION_INDEX_SUFFIX,
} from "../storage/segment_files.ts";
import { TIME_ENTRY_BYTES } from "../storage/time_index.ts";
import { walkHeaders } from "./inspect_batches.ts";
import { type InspectOutput, type Row, timeOf } from "./inspect_output.ts";

/** An index is 10 MiB at most by default; one of a stranger may be of any size. */
const INDEX_BYTES_MAX = 256 * 1024 * 1024;

export interface IndexOptions {
  readonly isShown: boolean;
}

export function inspectOffsetIndex(
  files: FileSystem,
  path: string,
  output: InspectOutput,
  { isShown }: IndexOptions,
): Row {
  const bytes = indexBytes(files, path, OFFSET_ENTRY_BYTES, output);
  const baseOffset = baseOf(path, INDEX_SUFFIX);
  const count = entryCount(bytes, OFFSET_ENTRY_BYTES, (at) => readInt32(bytes, at + 4));
  const log = openLog(files, path, INDEX_SUFFIX, output);
  try {
    let before = { offset: -1, position: -1 };
    for (let at = 0; at < count * OFFSET_ENTRY_BYTES; at += OFFSET_ENTRY_BYTES) {
      const offset = baseOffset + readInt32(bytes, at);
      const position = readInt32(bytes, at + 4);
      const entry = at / OFFSET_ENTRY_BYTES;
      if (isShown) output.row("offsetEntry", { offset, position });
      if (offset <= before.offset || position <= before.position) {
        output.problem(path, "it does not grow", { entry, offset, position });
      }
      before = { offset, position };
      if (log === null) continue;
      let found: number | null = null;
      walkHeaders(log, { from: position, to: log.size() }, (batch) => {
        found = batch.lastOffset;
        return false;
      });
      if (found !== offset) {
        const says = found === null ? "no batch starts there" : `the batch there ends with offset ${found}`;
        output.problem(path, `it does not agree with the segment: ${says}`, { entry, offset, position });
      }
    }
  } finally {
    log?.close();
  }
  return { entries: count, unusedEntries: Math.floor(bytes.length / OFFSET_ENTRY_BYTES) - count };
}

export function inspectTimeIndex(
  files: FileSystem,
  path: string,
  output: InspectOutput,
  { isShown }: IndexOptions,
): Row {
  const bytes = indexBytes(files, path, TIME_ENTRY_BYTES, output);
  const baseOffset = baseOf(path, TIME_INDEX_SUFFIX);
  const count = entryCount(bytes, TIME_ENTRY_BYTES, (at) => readInt64(bytes, at));
  const entries = Array.from({ length: count }, (_, entry) => {
    const at = entry * TIME_ENTRY_BYTES;
    return { timestamp: readInt64(bytes, at), offset: baseOffset + readInt32(bytes, at + 8) };
  });
  for (const [entry, { timestamp, offset }] of entries.entries()) {
    if (isShown) output.row("timeEntry", { time: timeOf(timestamp), timestamp, offset });
    const before = entries[entry - 1];
    if (before === undefined || (timestamp > before.timestamp && offset >= before.offset)) continue;
    output.problem(path, "it does not grow", { entry, timestamp, offset });
  }
  const log = openLog(files, path, TIME_INDEX_SUFFIX, output);
  if (log !== null) {
    try {
      compareTimes(log, entries, (entry, problem) => {
        output.problem(path, `it does not agree with the segment: ${problem}`, { entry, ...entries[entry]! });
      });
    } finally {
      log.close();
    }
  }
  return { entries: count, unusedEntries: Math.floor(bytes.length / TIME_ENTRY_BYTES) - count };
}

export function inspectTransactionIndex(
  files: FileSystem,
  path: string,
  output: InspectOutput,
  { isShown }: IndexOptions,
): Row {
  const bytes = indexBytes(files, path, ABORTED_ENTRY_BYTES, output);
  const whole = bytes.subarray(0, bytes.length - bytes.length % ABORTED_ENTRY_BYTES);
  let entries;
  try {
    entries = decodeAbortedTransactions(whole, path);
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    output.problem(path, error.message);
    return { entries: null };
  }
  let lastOffset = baseOf(path, TRANSACTION_INDEX_SUFFIX) - 1;
  for (const [entry, transaction] of entries.entries()) {
    if (isShown) output.row("abortedTransaction", { ...transaction });
    if (transaction.lastOffset <= lastOffset || transaction.firstOffset >= transaction.lastOffset) {
      output.problem(path, "no log can have aborted this here", { entry, ...transaction });
    }
    lastOffset = transaction.lastOffset;
  }
  return { entries: entries.length };
}

// ---------------------------------------------------------------------------------------------- below: how

function indexBytes(files: FileSystem, path: string, entryBytes: number, output: InspectOutput): Uint8Array {
  const sizeBytes = files.stat(path)?.sizeBytes ?? 0;
  if (sizeBytes > INDEX_BYTES_MAX) {
    output.problem(path, `only the first ${INDEX_BYTES_MAX} of ${sizeBytes} bytes are looked at`);
  }
  if (sizeBytes % entryBytes !== 0) {
    output.problem(path, `${sizeBytes} bytes are no whole number of entries of ${entryBytes} bytes`);
  }
  const file = files.open(path, { readOnly: true });
  try {
    const bytes = new Uint8Array(Math.min(sizeBytes, INDEX_BYTES_MAX));
    return bytes.subarray(0, file.read(bytes, 0));
  } finally {
    file.close();
  }
}

/** Entries before the zeros at the end. The first may be of zeros. */
function entryCount(bytes: Uint8Array, entryBytes: number, keyAt: (at: number) => number): number {
  let count = Math.floor(bytes.length / entryBytes);
  const isZero = (entry: number) => {
    const at = entry * entryBytes;
    return keyAt(at) === 0 && bytes.subarray(at, at + entryBytes).every((byte) => byte === 0);
  };
  while (count > 1 && isZero(count - 1)) count--;
  // All zeros: one batch at the start of a segment looks the same in an offset index, and is never in one by itself.
  return count === 1 && isZero(0) && bytes.length > entryBytes ? 0 : count;
}

function compareTimes(
  log: { size(): number } & Parameters<typeof walkHeaders>[0],
  entries: readonly { readonly timestamp: number; readonly offset: number }[],
  differs: (entry: number, problem: string) => void,
): void {
  let entry = 0;
  let maxTimestamp = -1;
  walkHeaders(log, { from: 0, to: log.size() }, (batch) => {
    for (; entry < entries.length && entries[entry]!.offset < batch.baseOffset; entry++) {
      // Offsets between batches are a cleaner's work.
      if (entries[entry]!.timestamp < maxTimestamp) differs(entry, `a record before it is of ${timeOf(maxTimestamp)}`);
    }
    const isInside = entry < entries.length && entries[entry]!.offset <= batch.lastOffset;
    maxTimestamp = Math.max(maxTimestamp, batch.maxTimestamp);
    if (!isInside) return entry < entries.length;
    if (entries[entry]!.timestamp !== maxTimestamp) {
      differs(entry, `up to there the latest is of ${timeOf(maxTimestamp)}`);
    }
    entry++;
    return entry < entries.length;
  });
  if (entry < entries.length && log.size() > 0) differs(entry, "the segment ends before it");
}

function baseOf(path: string, suffix: string): number {
  return offsetInName(nameOf(path), suffix) ?? 0;
}

function nameOf(path: string): string {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return name.replace(/\.(deleted|cleaned|swap)$/, "");
}

function openLog(files: FileSystem, path: string, suffix: string, output: InspectOutput) {
  const logPath = path.replace(suffix, LOG_SUFFIX);
  if (logPath !== path && files.stat(logPath) !== null) return files.open(logPath, { readOnly: true });
  output.problem(path, "its segment is missing, so it is compared with nothing");
  return null;
}
