/**
 * `clean-size-checkpoint`: how large the last segment of each log was when the data folder was closed in order. A start
 * compares it with the files: a log's end is then taken from the checkpoints and not read, and a file that was cut or grew since
 * would be a log whose end is not where it is said to be.
 *
 *   0                           version
 *   1                           count
 *   orders 0 4500 4711 18324    topic, partition, base of the last segment, the log's end, size of the segment's file
 *
 * (1) Written after the marker of a shutdown in order, where there is room for it, and read by the start that finds the marker, which
 *     takes it away: after a crash there is none.
 * (2) Kafka does not know it, and leaves it as it is when it uses the folder. A line counts only while base and end are still
 *     those of the log; for logs without one the end of the segment is read (`endsWith`).
 */
import { BATCH_HEADER_BYTES } from "../protocol/batch.ts";
import { type FileSystem } from "../runtime/runtime.ts";
import { readCheckpointLines, writeCheckpointLines } from "./checkpoint.ts";
import { isDiskFull } from "./errors.ts";
import { batchSizeAt, lastOffsetAt } from "./log_read.ts";
import { type Segment } from "./segment.ts";

export const CLEAN_SIZE_FILE = "clean-size-checkpoint";
/** How many batches may follow the last that an index knows of. */
const BATCHES_MAX = 1000;

export interface CleanSize {
  readonly topic: string;
  readonly partition: number;
  readonly baseOffset: number;
  readonly endOffset: number;
  readonly sizeBytes: number;
}

export interface ClosedLog {
  readonly topic: string;
  readonly partition: number;
  readonly logEndOffset: number;
  readonly hasFolder: boolean;
  readonly activeSegment: Segment;
}

/** By log; none when the folder was not closed in order, or by another program. The file is gone afterwards (1). */
export function takeCleanSizes(files: FileSystem, path: string, isClean: boolean): ReadonlyMap<string, CleanSize> {
  const file = `${path}/${CLEAN_SIZE_FILE}`;
  const sizes = new Map<string, CleanSize>();
  if (files.stat(file) === null) return sizes;
  if (isClean) {
    for (const size of readCleanSizes(files, file)) sizes.set(`${size.topic}-${size.partition}`, size);
  }
  files.remove(file);
  return sizes;
}

/** @throws {StorageError} */
export function readCleanSizes(files: FileSystem, file: string): CleanSize[] {
  return readCheckpointLines(files, file, 5).map(([topic = "", ...words]) => {
    const [partition = NaN, baseOffset = NaN, endOffset = NaN, sizeBytes = NaN] = words.map(Number);
    return { topic, partition, baseOffset, endOffset, sizeBytes };
  });
}

export function writeCleanSizes(files: FileSystem, path: string, logs: Iterable<ClosedLog>): void {
  const lines: string[] = [];
  for (const { topic, partition, logEndOffset, hasFolder, activeSegment } of logs) {
    if (!hasFolder) continue;
    lines.push(`${topic} ${partition} ${activeSegment.baseOffset} ${logEndOffset} ${activeSegment.sizeBytes}`);
  }
  try {
    writeCheckpointLines(files, `${path}/${CLEAN_SIZE_FILE}`, lines);
  } catch (error) {
    if (!isDiskFull(error)) throw error;
  }
}

/** Whether the segment's file ends with the batch before `endOffset`, by a look at headers from the last index entry on. */
export function endsWith(segment: Segment, endOffset: number): boolean {
  const found = segment.index.glance(endOffset - 1);
  if (found === null) return false;
  try {
    return endAfter(segment, found.position) === endOffset;
  } finally {
    segment.log.close();
  }
}

/** The offset after the batches from `position` to the file's end, -1 when there is something else. */
function endAfter(segment: Segment, from: number): number {
  const header = new Uint8Array(BATCH_HEADER_BYTES);
  let position = from;
  let nextOffset = segment.baseOffset;
  for (let count = 0; count < BATCHES_MAX && position < segment.sizeBytes; count++) {
    if (segment.log.read(header, position) < BATCH_HEADER_BYTES) return -1;
    const sizeBytes = batchSizeAt(header, 0);
    if (sizeBytes < 0) return -1;
    nextOffset = lastOffsetAt(header, 0) + 1;
    position += sizeBytes;
  }
  return position === segment.sizeBytes ? nextOffset : -1;
}
