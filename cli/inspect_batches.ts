/**
 * Walks the batches of a `.log` file that may be damaged, and may be written to meanwhile, in bounded memory.
 *
 * (1) A batch is believed when its checksum is right, whatever its offset, which the checksum does not cover; or when another
 *     follows where its length says, so that only something in it is wrong.
 * (2) Where no batch stands, the next one with a right checksum is looked for byte by byte. What is passed over is one
 *     stretch of damage.
 * (3) A file that grew since it was opened was cut off by us, not damaged: its size is asked for again before that is said.
 */
import {
  BATCH_HEADER_BYTES,
  batchProblem,
  BatchView,
  LOG_OVERHEAD_BYTES,
  MAGIC,
  readInt32,
} from "../protocol/batch.ts";
import type { FileHandle } from "../runtime/runtime.ts";

const BUFFER_BYTES = 1024 * 1024;
/** No broker takes a batch of this size; more memory than that is not spent on a length that may be damaged. */
const BATCH_BYTES_MAX = 128 * 1024 * 1024;

export interface BatchVisitor {
  /** The view is of a buffer that is used again. */
  batch(batch: BatchView, at: { readonly position: number; readonly isCrcValid: boolean }): void;
  damage(problem: string, range: { readonly from: number; readonly to: number }): void;
}

/** Visits all of the file; returns its size. */
export function walkBatches(file: FileHandle, visitor: BatchVisitor): number {
  const window = new Window(file);
  let position = 0;
  while (position < window.sizeBytes) {
    const problem = problemAt(window, position);
    if (problem === null) {
      const batch = window.batch(position);
      const { sizeBytes } = batch;
      const isCrcValid = batch.isCrcValid();
      if (isCrcValid || isFollowed(window, position + sizeBytes)) {
        // What follows it was looked at, perhaps in its place in memory.
        visitor.batch(isCrcValid ? batch : window.batch(position), { position, isCrcValid });
        position += sizeBytes;
        continue;
      }
    } else if (window.grew()) {
      continue; // (3)
    }
    const next = findBatch(window, position + 1);
    visitor.damage(problem ?? "its checksum is wrong, and perhaps its length: no batch follows it", {
      from: position,
      to: next,
    });
    position = next;
  }
  return window.sizeBytes;
}

/** The headers of batches from a position on that a batch starts at, until `visit` says false or no batch follows. */
export function walkHeaders(
  file: FileHandle,
  range: { readonly from: number; readonly to: number },
  visit: (header: BatchView, position: number) => boolean,
): number {
  // The view wants a whole batch; one whose length is its header's is all that is looked at.
  const header = new Uint8Array(BATCH_HEADER_BYTES);
  let position = range.from;
  while (position + BATCH_HEADER_BYTES <= range.to) {
    if (file.read(header, position) < BATCH_HEADER_BYTES) break;
    const sizeBytes = LOG_OVERHEAD_BYTES + readInt32(header, 8);
    if (header[16] !== MAGIC || sizeBytes < BATCH_HEADER_BYTES || position + sizeBytes > range.to) break;
    header.set([0, 0, 0, BATCH_HEADER_BYTES - LOG_OVERHEAD_BYTES], 8);
    if (!visit(new BatchView(header), position)) break;
    position += sizeBytes;
  }
  return position;
}

// ---------------------------------------------------------------------------------------------- below: how

/** A stretch of the file in memory. */
class Window {
  sizeBytes: number;
  readonly #file: FileHandle;
  #buffer = new Uint8Array(BUFFER_BYTES);
  #from = 0;
  #length = 0;

  constructor(file: FileHandle) {
    this.#file = file;
    this.sizeBytes = file.size();
  }

  /** Whether the file has more than it had. */
  grew(): boolean {
    const sizeBytes = this.#file.size();
    const hasGrown = sizeBytes > this.sizeBytes;
    this.sizeBytes = Math.max(sizeBytes, this.sizeBytes);
    if (hasGrown) this.#length = 0;
    return hasGrown;
  }

  /** `count` bytes at a position, fewer at the end of the file. A view. */
  bytes(position: number, count: number): Uint8Array {
    const wanted = Math.min(count, this.sizeBytes - position);
    if (position < this.#from || position + wanted > this.#from + this.#length) this.#fill(position, wanted);
    return this.#buffer.subarray(position - this.#from, Math.min(position - this.#from + wanted, this.#length));
  }

  batch(position: number): BatchView {
    return new BatchView(
      this.bytes(position, LOG_OVERHEAD_BYTES + readInt32(this.bytes(position, LOG_OVERHEAD_BYTES), 8)),
    );
  }

  #fill(position: number, count: number): void {
    if (count > this.#buffer.length) this.#buffer = new Uint8Array(count);
    else if (this.#buffer.length > BUFFER_BYTES && count <= BUFFER_BYTES) this.#buffer = new Uint8Array(BUFFER_BYTES);
    this.#from = position;
    this.#length = this.#file.read(
      this.#buffer.subarray(0, Math.min(this.#buffer.length, this.sizeBytes - position)),
      position,
    );
  }
}

/** What keeps the bytes at a position from being a batch; null when nothing does. */
function problemAt(window: Window, position: number): string | null {
  const header = window.bytes(position, BATCH_HEADER_BYTES);
  const left = window.sizeBytes - position;
  if (header.length < Math.min(left, BATCH_HEADER_BYTES)) return "it cannot be read";
  if (header.every((byte) => byte === 0)) return "there are zeros in the place of a batch";
  if (header.length < LOG_OVERHEAD_BYTES) return `${left} bytes are too few for a batch`;
  const sizeBytes = LOG_OVERHEAD_BYTES + readInt32(header, 8);
  if (sizeBytes > BATCH_BYTES_MAX && sizeBytes <= left) return `a length of ${sizeBytes} is more than any batch has`;
  const bytes = sizeBytes > left ? header : window.bytes(position, Math.max(sizeBytes, BATCH_HEADER_BYTES));
  return batchProblem(bytes, 0);
}

/** A batch with a wrong checksum may have a wrong length too: then no batch follows it. */
function isFollowed(window: Window, position: number): boolean {
  return position === window.sizeBytes || problemAt(window, position) === null;
}

/** Where the next batch starts that can be believed (2), or the file's end. */
function findBatch(window: Window, from: number): number {
  for (let position = from; position + BATCH_HEADER_BYTES <= window.sizeBytes; position++) {
    const bytes = window.bytes(position, BUFFER_BYTES / 2);
    const end = bytes.length - BATCH_HEADER_BYTES;
    let at = 0;
    // Offsets are below 2^48, so a batch begins with two zeros.
    while (at <= end && !(bytes[at + 16] === MAGIC && bytes[at] === 0 && bytes[at + 1] === 0)) at++;
    position += at;
    if (at > end) continue;
    if (problemAt(window, position) === null && window.batch(position).isCrcValid()) return position;
  }
  return window.sizeBytes;
}
