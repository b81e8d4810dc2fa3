/**
 * Reads of what is no longer in the tail: closed segments through a memory map, the active one (and where there is no map,
 * every one) into a pooled buffer.
 *
 * (1) A view of a map or of a pooled buffer is good until `release`; its segment counts the reader in until then.
 * (2) A read gives batches of one segment: it ends where the segment ends, and the next one goes on.
 */
import { BATCH_HEADER_BYTES, readInt64 } from "../protocol/batch.ts";
import { type StorageContext } from "./context.ts";
import { StorageError } from "./errors.ts";
import {
  batchSizeAt,
  emptyRead,
  lastOffsetAt,
  type LogRead,
  OwnedRead,
  type ReadLimits,
  walkTo,
  walkWithin,
} from "./log_read.ts";
import { type Segment } from "./segment.ts";
import { type SegmentList } from "./segment_list.ts";

/** Readers in sequence whose place is remembered. */
const HINT_COUNT = 8;
/** The least that is read from a file at once: finding the first batch takes a walk of up to `index.interval.bytes`. */
const READ_BYTES_MIN = 16 * 1024;
/** The most, unless one batch is larger. */
const READ_BYTES_MAX = 4 * 1024 * 1024;

export class SegmentReader {
  readonly #context: StorageContext;
  readonly #segments: SegmentList;
  readonly #mayHaveGap: (offset: number) => boolean;
  #hints: Hints | null = null;
  #isGapReported = false;

  /** `mayHaveGap`: whether a cleaner may have taken offsets away there. */
  constructor(context: StorageContext, segments: SegmentList, mayHaveGap: (offset: number) => boolean) {
    this.#context = context;
    this.#segments = segments;
    this.#mayHaveGap = mayHaveGap;
  }

  /** Batches from the one that holds `offset` on, or from the next one when compaction took that away. */
  read(offset: number, limits: ReadLimits): LogRead {
    const all = this.#segments.all;
    for (let index = this.#segments.floorIndex(offset); index < all.length; index++) {
      const segment = all[index]!;
      const read = this.#readSegment(segment, index === all.length - 1, offset, limits);
      if (read !== null) return read;
    }
    return emptyRead(offset);
  }

  /** The reader goes on behind a gap: waiting would not help it. Once per log, somebody should know. */
  #lookForGap(segment: Segment, offset: number, firstOffset: number): void {
    if (firstOffset <= offset || this.#isGapReported || this.#mayHaveGap(offset)) return;
    this.#isGapReported = true;
    this.#context.report({
      level: "error",
      event: "log-gap",
      facts: { file: segment.log.path, fromOffset: offset, toOffset: firstOffset },
    });
  }

  /** Null when the segment holds nothing at or past `offset`. */
  #readSegment(segment: Segment, isActive: boolean, offset: number, limits: ReadLimits): LogRead | null {
    if (segment.sizeBytes === 0) return null;
    const from = this.#hints?.positionOf(segment, offset) ?? segment.index.positionOf(offset);
    const { maps } = this.#context;
    if (!isActive) {
      const bytes = maps.acquire(segment.map, segment.log.path, segment.sizeBytes);
      if (bytes !== null) return this.#readMapped(segment, bytes, from, offset, limits);
    }
    return this.#readFile(segment, from, offset, limits);
  }

  #readMapped(segment: Segment, bytes: Uint8Array, from: number, offset: number, limits: ReadLimits): LogRead | null {
    const { maps } = this.#context;
    const start = walkTo(bytes, from, bytes.length, offset);
    if (start.isBroken) return maps.release(segment.map), broken(segment, start.end);
    if (start.end >= bytes.length) return maps.release(segment.map), null;
    const walk = walkWithin(bytes, start.end, bytes.length, limits, 0);
    if (walk.isBroken && walk.end === start.end) return maps.release(segment.map), broken(segment, walk.end);
    if (walk.end === start.end) return maps.release(segment.map), emptyRead(offset);
    this.#lookForGap(segment, offset, readInt64(bytes, start.end));
    this.#remember(segment, walk.nextOffset, walk.end);
    const chunk = bytes.subarray(start.end, walk.end);
    return new OwnedRead([chunk], chunk.length, walk.nextOffset, () => maps.release(segment.map));
  }

  #readFile(segment: Segment, from: number, offset: number, limits: ReadLimits): LogRead | null {
    const { buffers } = this.#context;
    let position = from;
    let wantedBytes = Math.min(Math.max(limits.maxBytes, READ_BYTES_MIN), READ_BYTES_MAX);
    while (position + BATCH_HEADER_BYTES <= segment.sizeBytes) {
      const buffer = buffers.take(Math.min(wantedBytes, segment.sizeBytes - position));
      const target = buffer.subarray(0, Math.min(buffer.length, segment.sizeBytes - position));
      const readBytes = segment.log.use().read(target, position);
      const start = walkTo(buffer, 0, readBytes, offset);
      if (start.isBroken) return buffers.give(buffer), broken(segment, position + start.end);
      position += start.end;
      if (start.end + BATCH_HEADER_BYTES > readBytes) { // Not found yet, or its header is cut.
        buffers.give(buffer);
        if (readBytes < BATCH_HEADER_BYTES) return broken(segment, position);
        continue;
      }
      const walk = walkWithin(buffer, start.end, readBytes, limits, 0);
      this.#lookForGap(segment, offset, readInt64(buffer, start.end));
      if (walk.end > start.end) return this.#ownedRead(segment, buffer, start.end, walk.end, position, walk.nextOffset);
      const firstBytes = batchSizeAt(buffer, start.end);
      const isWanted = firstBytes > 0 && lastOffsetAt(buffer, start.end) < limits.upToOffset &&
        (firstBytes <= limits.maxBytes || limits.atLeastOneBatch);
      buffers.give(buffer);
      if (firstBytes < 0 || position + firstBytes > segment.sizeBytes) return broken(segment, position);
      if (!isWanted) return emptyRead(offset);
      wantedBytes = Math.max(firstBytes, wantedBytes); // The first batch was cut: read again from its start.
    }
    return position >= segment.sizeBytes ? null : broken(segment, position);
  }

  #ownedRead(
    segment: Segment,
    buffer: Uint8Array,
    start: number,
    end: number,
    position: number,
    nextOffset: number,
  ): LogRead {
    this.#remember(segment, nextOffset, position + end - start);
    const chunk = buffer.subarray(start, end);
    segment.readerCount++;
    return new OwnedRead([chunk], chunk.length, nextOffset, () => {
      segment.readerCount--;
      this.#context.buffers.give(buffer);
    });
  }

  #remember(segment: Segment, nextOffset: number, position: number): void {
    (this.#hints ??= new Hints()).remember(segment, nextOffset, position);
  }
}

/** Where the last reads ended: a reader in sequence needs no index. */
class Hints {
  readonly #offsets = new Float64Array(HINT_COUNT).fill(-1);
  readonly #positions = new Float64Array(HINT_COUNT);
  readonly #segments: (Segment | null)[] = Array(HINT_COUNT).fill(null);
  #next = 0;

  positionOf(segment: Segment, offset: number): number | null {
    for (let slot = 0; slot < HINT_COUNT; slot++) {
      if (this.#offsets[slot] === offset && this.#segments[slot] === segment) return this.#positions[slot]!;
    }
    return null;
  }

  remember(segment: Segment, offset: number, position: number): void {
    this.#offsets[this.#next] = offset;
    this.#positions[this.#next] = position;
    this.#segments[this.#next] = segment;
    this.#next = (this.#next + 1) % HINT_COUNT;
  }
}

function broken(segment: Segment, position: number): never {
  throw new StorageError(
    `Cannot read "${segment.log.path}": the bytes at ${position} of ${segment.sizeBytes} are no batch; stop the broker and ` +
      `remove ".kafka_cleanshutdown" so that the next start checks the log`,
    "CORRUPT",
  );
}
