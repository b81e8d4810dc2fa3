/** Walks the batches of a `.log` file from front to back: recovery, rebuilding of indexes, replay of producers, lookups. */
import { BATCH_HEADER_BYTES, batchProblem, BatchView, LOG_OVERHEAD_BYTES, readInt32 } from "../protocol/batch.ts";
import { type BufferPool } from "./buffer_pool.ts";
import { type PooledFile } from "./file_pool.ts";

/** Read at first: many a scan looks at a few batches. */
const CHUNK_BYTES_MIN = 16 * 1024;
/** Read in one go later on. A batch that is larger is read by itself. */
const CHUNK_BYTES_MAX = 1024 * 1024;

export interface ScanEnd {
  /** Where the first batch starts that was not visited. */
  readonly position: number;
  /** What is wrong with the bytes there; null when the scan came to the end of its range or was told to stop. */
  readonly problem: string | null;
}

/**
 * Calls `visit` for every whole batch in `[from, to)`; it returns false to stop before the batch it was given. The batch is a
 * view of a buffer that is used again: what `visit` keeps, it copies.
 */
export function scan(
  file: PooledFile,
  range: { readonly from: number; readonly to: number },
  buffers: BufferPool,
  visit: (batch: BatchView, position: number) => boolean,
): ScanEnd {
  let position = range.from;
  let buffer = buffers.take(Math.min(CHUNK_BYTES_MIN, Math.max(range.to - range.from, BATCH_HEADER_BYTES)));
  try {
    while (position < range.to) {
      const wantedBytes = Math.min(buffer.length, range.to - position);
      const readBytes = file.read(buffer.subarray(0, wantedBytes), position);
      const bytes = buffer.subarray(0, readBytes);
      let at = 0;
      while (batchProblem(bytes, at) === null) {
        if (!visit(new BatchView(bytes, at), position + at)) return { position: position + at, problem: null };
        at += LOG_OVERHEAD_BYTES + readInt32(bytes, at + 8);
      }
      position += at;
      if (position >= range.to) break;
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
      if (sizeBytes <= buffer.length || sizeBytes > range.to - position) return { position, problem };
      buffers.give(buffer);
      buffer = buffers.take(sizeBytes);
    }
    return { position, problem: null };
  } finally {
    buffers.give(buffer);
  }
}
