/**
 * Walks the batches of a `.log` file from front to back: recovery, rebuilding of indexes, replay of producers, lookups.
 *
 * (1) A batch that seems wrong is read again before anybody hears of it, for a bit may have flipped on the way here
 *     (`steady_read.ts`): where its length or format cannot be, or its checksum is wrong, all of it; where it does not begin
 *     with the offset, or the leader epoch, that the one before leads to expect, what is outside of its checksum.
 * (2) What is wrong twice is said: bytes that are no batch end the walk, and a batch with a wrong checksum is visited as one.
 */
import {
  BATCH_HEADER_BYTES,
  batchProblem,
  BatchView,
  LOG_OVERHEAD_BYTES,
  MAGIC,
  readInt32,
} from "../protocol/batch.ts";
import { type BufferPool } from "./buffer_pool.ts";
import { type PooledFile } from "./file_pool.ts";

/** Read at first: many a scan looks at a few batches. */
const CHUNK_BYTES_MIN = 16 * 1024;
/** Read in one go later on. A batch that is larger is read by itself. */
const CHUNK_BYTES_MAX = 1024 * 1024;
/** Base offset, length and leader epoch, which no checksum covers. */
const UNCHECKED_BYTES = 16;

export interface ScanEnd {
  /** Where the first batch starts that was not visited. */
  readonly position: number;
  /** What is wrong with the bytes there; null when the scan came to the end of its range or was told to stop. */
  readonly problem: string | null;
}

/**
 * Calls `visit` for every whole batch in `[from, to)`; it returns false to stop before the batch it was given. The batch is a
 * view of a buffer that is used again: what `visit` keeps, it copies. `damage`: what is wrong with its bytes (2), or null.
 */
export function scan(
  file: PooledFile,
  range: { readonly from: number; readonly to: number },
  buffers: BufferPool,
  visit: (batch: BatchView, position: number, damage: string | null) => boolean,
): ScanEnd {
  let position = range.from;
  /** The batch there seemed wrong, and what there is of it now was read again (1). */
  let secondLookAt = -1;
  let nextOffset = -1;
  let leaderEpoch = -1;
  let buffer = buffers.take(Math.min(CHUNK_BYTES_MIN, Math.max(range.to - range.from, BATCH_HEADER_BYTES)));
  try {
    while (position < range.to) {
      const wantedBytes = Math.min(buffer.length, range.to - position);
      const target = buffer.subarray(0, wantedBytes);
      const readBytes = secondLookAt === position ? file.readAgain(target, position) : file.read(target, position);
      const bytes = buffer.subarray(0, readBytes);
      let at = 0;
      let isDoubted = false;
      while (batchProblem(bytes, at) === null) {
        const batch = new BatchView(bytes, at);
        const damage = damageOf(batch);
        const isExpected = batch.baseOffset === nextOffset && batch.partitionLeaderEpoch === leaderEpoch;
        isDoubted = position + at !== secondLookAt &&
          (damage !== null || !(isExpected || isSteady(file, batch, position)));
        if (isDoubted) break;
        if (!visit(batch, position + at, damage)) return { position: position + at, problem: null };
        nextOffset = batch.nextOffset;
        leaderEpoch = batch.partitionLeaderEpoch;
        at += batch.sizeBytes;
      }
      position += at;
      if (position >= range.to) break;
      if (isDoubted) {
        secondLookAt = position;
        continue;
      }
      if (at > 0) {
        if (buffer.length < CHUNK_BYTES_MAX && buffer.length < range.to - position) {
          buffers.give(buffer);
          buffer = buffers.take(buffer.length * 4);
        }
        continue;
      }
      // Not one whole batch in the buffer: a large one, or none.
      const problem = batchProblem(bytes, 0)!;
      const sizeBytes = readBytes < LOG_OVERHEAD_BYTES ? 0 : LOG_OVERHEAD_BYTES + readInt32(bytes, 8);
      if (sizeBytes <= buffer.length || sizeBytes > range.to - position) {
        if (position === secondLookAt) return { position, problem };
        secondLookAt = position;
        continue;
      }
      buffers.give(buffer);
      buffer = buffers.take(sizeBytes);
    }
    return { position, problem: null };
  } finally {
    buffers.give(buffer);
  }
}

/** What a checksum or the format says against a batch. */
function damageOf(batch: BatchView): string | null {
  if (batch.magic !== MAGIC) return `unknown format ${batch.magic}`;
  return batch.isCrcValid() ? null : `the checksum is ${batch.computeCrc()} and must be ${batch.crc}`;
}

/** Whether another read gives the same of what lies outside of the checksum. `position`: of the buffer that the batch is in. */
function isSteady(file: PooledFile, { bytes, at }: BatchView, position: number): boolean {
  const again = new Uint8Array(UNCHECKED_BYTES);
  return file.readAgain(again, position + at) === UNCHECKED_BYTES &&
    again.every((byte, index) => byte === bytes[at + index]);
}
