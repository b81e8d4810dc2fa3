/** Writes the batches that a cleaning keeps to their new segment, many at once, and brings them to the disk as it goes. */
import { BatchView } from "../protocol/batch.ts";
import { type Segment } from "./segment.ts";

/** Written between two syncs: what a cleaner leaves in the page cache would hold up everybody's writes. */
const SYNC_BYTES = 8 * 1024 * 1024;

export class CleanerWriter {
  readonly #segment: Segment;
  readonly #buffer: Uint8Array;
  #usedBytes = 0;
  #unsyncedBytes = 0;

  constructor(segment: Segment, buffer: Uint8Array) {
    this.#segment = segment;
    this.#buffer = buffer;
  }

  get isSyncDue(): boolean {
    return this.#unsyncedBytes >= SYNC_BYTES;
  }

  /** Adds a whole batch, which is copied. Returns how many bytes that made it hand to the operating system. */
  add(batch: Uint8Array): number {
    let writtenBytes = 0;
    if (this.#usedBytes + batch.length > this.#buffer.length) writtenBytes = this.flush();
    if (batch.length > this.#buffer.length) return writtenBytes + this.#write(batch);
    this.#buffer.set(batch, this.#usedBytes);
    this.#usedBytes += batch.length;
    return writtenBytes;
  }

  flush(): number {
    const bytes = this.#buffer.subarray(0, this.#usedBytes);
    this.#usedBytes = 0;
    return this.#write(bytes);
  }

  async sync(): Promise<void> {
    this.#unsyncedBytes = 0;
    await this.#segment.log.sync();
  }

  #write(bytes: Uint8Array): number {
    if (bytes.length === 0) return 0;
    this.#segment.write(bytes);
    for (let at = 0; at < bytes.length;) {
      const batch = new BatchView(bytes, at);
      this.#segment.note(batch);
      at += batch.sizeBytes;
    }
    this.#unsyncedBytes += bytes.length;
    return bytes.length;
  }
}
