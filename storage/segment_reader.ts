/**
 * Reads of what is no longer in the tail: through a memory map, or where there is none into a pooled buffer. While nobody may wait for the disk, what is not in the page cache comes from the ranges that
 * `cold_reads.ts` loads, and `NotInMemory` says what to load.
 *
 * (1) A view of a map, of a pooled buffer or of a loaded range is good until `release`; its segment counts the reader in until
 *     then, or the range does.
 * (2) A read gives batches of one segment: it ends where the segment ends, and the next one goes on. It may give less than the
 *     limits allow: what is in memory.
 * (3) Bytes that are no batch, or a gap where none may be, are read again from the file before anybody hears of them, even if that
 *     waits for the disk: damage is rare. The records' own checksum is for the consumer to compare.
 */
import { BATCH_HEADER_BYTES, readInt64 } from "../protocol/batch.ts";
import { NotInMemory, WINDOW_BYTES } from "./cold_reads.ts";
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
/** The least for which the active segment is mapped: a map costs 15 µs to make, a copy of so much 10 µs. */
const MAPPED_BYTES_MIN = 64 * 1024;
/** The least that is loaded from a disk at once. */
const LOAD_BYTES_MIN = 64 * 1024;
/** After a cold read, so many reads in sequence look whether what comes next is cold too. */
const SUSPICION_COUNT = 16;

export class SegmentReader {
  readonly #context: StorageContext;
  readonly #segments: SegmentList;
  readonly #mayHaveGap: (offset: number) => boolean;
  #hints: Hints | null = null;
  #isGapReported = false;
  #suspicionCount = 0;
  /** What seemed wrong is read again, from the file (3). */
  #isSecondLook = false;

  /** `mayHaveGap`: whether a cleaner may have taken offsets away there. */
  constructor(context: StorageContext, segments: SegmentList, mayHaveGap: (offset: number) => boolean) {
    this.#context = context;
    this.#segments = segments;
    this.#mayHaveGap = mayHaveGap;
  }

  /** Batches from the one that holds `offset` on, or from the next one when compaction took that away. */
  read(offset: number, limits: ReadLimits): LogRead {
    try {
      return this.#read(offset, limits);
    } catch (error) {
      if (!(error instanceof SeemsWrong)) throw error;
      error.segment.log.forgetLoads();
      this.#hints = null;
      this.#isSecondLook = true;
      return this.#context.cold.waiting(() => this.#read(offset, limits)); // (3)
    } finally {
      this.#isSecondLook = false;
    }
  }

  #read(offset: number, limits: ReadLimits): LogRead {
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
    if (!this.#isSecondLook) throw new SeemsWrong(segment);
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
    const { maps, cold } = this.#context;
    const hint = this.#hints?.positionOf(segment, offset) ?? null;
    let from = hint ?? segment.index.positionOf(offset);
    const wanted = { segment, offset, limits, isSequential: hint !== null || from === 0 };
    if (cold.isTrying && segment.log.loaded.length > 0) {
      const loaded = this.#readLoaded(wanted, from);
      if (typeof loaded !== "number") return loaded;
      from = loaded;
    }
    if (!this.#isSecondLook && (!isActive || isMapWorthIt(wanted, from))) {
      const bytes = maps.acquire(
        segment.map,
        segment.log.path,
        segment.sizeBytes,
        mappedBytesMin(wanted, from, isActive),
      );
      if (bytes !== null) {
        const isWhole = bytes.length === segment.sizeBytes;
        let read: LogRead | null = null;
        try {
          read = this.#readMapped(wanted, bytes, from);
          if (read !== null || isWhole) return read;
        } finally {
          if (read === null || read.sizeBytes === 0) maps.release(segment.map);
        }
      }
    }
    return this.#readFile(wanted, from);
  }

  /** From loaded ranges; the position from which to look elsewhere when they do not have what is wanted. */
  #readLoaded(wanted: Wanted, from: number): LogRead | null | number {
    const { segment, offset, limits } = wanted;
    const { cold } = this.#context;
    for (let position = from;;) {
      if (position >= segment.sizeBytes) return null;
      const range = cold.find(segment.log, position, BATCH_HEADER_BYTES);
      if (range === null) return position;
      const { buffer } = range;
      const end = Math.min(range.end, segment.sizeBytes) - range.start;
      const start = walkTo(buffer, position - range.start, end, offset);
      position = range.start + start.end;
      if (start.isBroken) return this.#broken(segment, position);
      if (start.end + BATCH_HEADER_BYTES > end) continue;
      const walk = walkWithin(buffer, start.end, end, limits, 0);
      if (walk.end === start.end) {
        const firstBytes = this.#firstBytes(wanted, buffer, start.end, position);
        if (firstBytes === 0) return emptyRead(offset);
        if (range.isAtEnd) return this.#broken(segment, position);
        throw this.#cold(wanted, position, firstBytes);
      }
      this.#lookForGap(segment, offset, readInt64(buffer, start.end));
      const chunk = buffer.subarray(start.end, walk.end);
      const read = new OwnedRead([chunk], chunk.length, walk.nextOffset, () => cold.release(range), buffer.length);
      cold.hold(range);
      const rangeEnd = range.start + walk.end;
      this.#remember(segment, walk.nextOffset, rangeEnd);
      if (wanted.isSequential) {
        cold.loadAhead(segment.log, rangeEnd, segment.sizeBytes, (start) => isInMemory(segment, start));
        if (isPassed(buffer, walk.end, end)) cold.passed(range);
      }
      return read;
    }
  }

  /** The map is released by the caller, unless there is something to read. */
  #readMapped(wanted: Wanted, bytes: Uint8Array, from: number): LogRead | null {
    const { segment, offset, limits } = wanted;
    const { cold, maps } = this.#context;
    let wantedBytes = cold.isTrying ? Math.min(limits.maxBytes, READ_BYTES_MAX) + BATCH_HEADER_BYTES : bytes.length;
    for (let position = from;;) {
      const wantedEnd = Math.min(position + wantedBytes, bytes.length);
      const end = cold.isTrying ? this.#cachedUntil(segment, position, wantedEnd) : wantedEnd;
      const start = walkTo(bytes, position, end, offset);
      if (start.isBroken) return this.#broken(segment, start.end);
      if (start.end >= bytes.length) return null;
      if (start.end + BATCH_HEADER_BYTES > end) {
        if (end < wantedEnd) throw this.#cold(wanted, start.end, BATCH_HEADER_BYTES);
        if (start.end === position) return this.#broken(segment, position);
        position = start.end;
        continue;
      }
      position = start.end;
      const walk = walkWithin(bytes, position, end, limits, 0);
      if (walk.isBroken && walk.end === position) return this.#broken(segment, position);
      if (walk.end === position) {
        const firstBytes = this.#firstBytes(wanted, bytes, position, position);
        if (firstBytes === 0) return emptyRead(offset);
        if (end < wantedEnd) throw this.#cold(wanted, position, firstBytes);
        wantedBytes = firstBytes + BATCH_HEADER_BYTES;
        continue;
      }
      this.#lookForGap(segment, offset, readInt64(bytes, position));
      this.#remember(segment, walk.nextOffset, walk.end);
      if (wanted.isSequential && this.#suspicionCount > 0) this.#lookAhead(segment, walk.end);
      const chunk = bytes.subarray(position, walk.end);
      return new OwnedRead([chunk], chunk.length, walk.nextOffset, () => maps.release(segment.map));
    }
  }

  #readFile(wanted: Wanted, from: number): LogRead | null {
    const { segment, offset, limits } = wanted;
    const { buffers, cold } = this.#context;
    let position = from;
    let wantedBytes = Math.min(Math.max(limits.maxBytes, READ_BYTES_MIN), READ_BYTES_MAX);
    while (position + BATCH_HEADER_BYTES <= segment.sizeBytes) {
      const buffer = buffers.take(Math.min(wantedBytes, segment.sizeBytes - position));
      let read: LogRead | null = null;
      try {
        const target = buffer.subarray(0, Math.min(buffer.length, segment.sizeBytes - position));
        const readBytes = this.#readSome(wanted, target, position);
        const start = walkTo(buffer, 0, readBytes, offset);
        if (start.isBroken) return this.#broken(segment, position + start.end);
        position += start.end;
        if (start.end + BATCH_HEADER_BYTES > readBytes) { // Not found yet, or its header is cut.
          if (readBytes < BATCH_HEADER_BYTES) return this.#broken(segment, position);
          continue;
        }
        const walk = walkWithin(buffer, start.end, readBytes, limits, 0);
        this.#lookForGap(segment, offset, readInt64(buffer, start.end));
        if (walk.end > start.end) {
          return read = this.#ownedRead(segment, buffer, start.end, walk.end, position, walk.nextOffset);
        }
        const firstBytes = this.#firstBytes(wanted, buffer, start.end, position);
        if (firstBytes === 0) return emptyRead(offset);
        if (cold.isTrying && readBytes < target.length) throw this.#cold(wanted, position, firstBytes);
        wantedBytes = Math.max(firstBytes, wantedBytes); // The first batch was cut: read again from its start.
      } finally {
        if (read === null) buffers.give(buffer);
      }
    }
    return position >= segment.sizeBytes ? null : this.#broken(segment, position);
  }

  /** The size of the batch at `at`, which is at `position` of the segment; 0 when the limits leave it out. */
  #firstBytes({ segment, limits }: Wanted, bytes: Uint8Array, at: number, position: number): number {
    const firstBytes = batchSizeAt(bytes, at);
    if (firstBytes < 0) return this.#broken(segment, position);
    const isWanted = lastOffsetAt(bytes, at) < limits.upToOffset &&
      (firstBytes <= limits.maxBytes || limits.atLeastOneBatch);
    if (!isWanted) return 0;
    return position + firstBytes > segment.sizeBytes ? this.#broken(segment, position) : firstBytes;
  }

  #readSome(wanted: Wanted, target: Uint8Array, position: number): number {
    const { log } = wanted.segment;
    if (!this.#context.cold.isTrying) return log.read(target, position);
    try {
      return log.read(target, position, BATCH_HEADER_BYTES);
    } catch (error) {
      if (error instanceof NotInMemory) throw this.#cold(wanted, position, BATCH_HEADER_BYTES);
      throw error;
    }
  }

  /** What to load: as much as the reader wants, a whole window for one in sequence. */
  #cold({ segment, limits, isSequential }: Wanted, position: number, leastBytes: number): NotInMemory {
    this.#suspicionCount = SUSPICION_COUNT;
    const length = Math.max(leastBytes, isSequential ? WINDOW_BYTES : Math.min(limits.maxBytes, WINDOW_BYTES));
    const loadBytes = Math.min(Math.max(length, LOAD_BYTES_MIN), segment.sizeBytes - position);
    return new NotInMemory(segment.log, position, loadBytes);
  }

  // hot: per read
  #cachedUntil({ map }: Segment, position: number, end: number): number {
    const mapped = map.mapped!;
    // While there is reason to suspect, pages may still be on their way.
    return this.#suspicionCount === 0 && mapped.isCached(position, end) ? end : mapped.cachedUntil(position, end);
  }

  #lookAhead(segment: Segment, position: number): void {
    this.#suspicionCount--;
    if (isInMemory(segment, position)) return;
    this.#suspicionCount = SUSPICION_COUNT;
    this.#context.cold.loadAhead(segment.log, position, segment.sizeBytes, () => false);
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
    }, buffer.length);
  }

  #broken(segment: Segment, position: number): never {
    if (!this.#isSecondLook) throw new SeemsWrong(segment);
    return damaged(segment, position);
  }

  #remember(segment: Segment, nextOffset: number, position: number): void {
    (this.#hints ??= new Hints()).remember(segment, nextOffset, position);
  }
}

/** Whether the window at `position` is known to be. */
function isInMemory({ map, sizeBytes }: Segment, position: number): boolean {
  if (position >= sizeBytes) return true;
  if (map.mapped === null) return false;
  const end = Math.min(position + WINDOW_BYTES, sizeBytes, map.mapped.bytes.length);
  return end > position && map.mapped.cachedUntil(position, end) === end;
}

/** Whether the active segment has so much to give that a look by map, which has to grow with it, is cheaper than a copy. */
function isMapWorthIt({ segment, limits }: Wanted, from: number): boolean {
  return Math.min(segment.sizeBytes - from, limits.maxBytes) >= MAPPED_BYTES_MIN;
}

/** How much of the segment a map must have for this read. One that was made when the active segment was shorter may do. */
function mappedBytesMin({ segment, limits }: Wanted, from: number, isActive: boolean): number {
  return isActive ? Math.min(segment.sizeBytes, from + Math.min(limits.maxBytes, READ_BYTES_MAX)) : segment.sizeBytes;
}

/** What a read is to find, and whether it goes on where another ended. */
interface Wanted {
  readonly segment: Segment;
  readonly offset: number;
  readonly limits: ReadLimits;
  readonly isSequential: boolean;
}

/** Whether there is no whole batch in `bytes[at, end)`. */
function isPassed(bytes: Uint8Array, at: number, end: number): boolean {
  if (at + BATCH_HEADER_BYTES > end) return true;
  const sizeBytes = batchSizeAt(bytes, at);
  return sizeBytes < 0 || at + sizeBytes > end;
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

/** For `read`, which looks again (3). */
class SeemsWrong extends Error {
  override readonly name = "SeemsWrong";
  constructor(readonly segment: Segment) {
    super(`What was read of "${segment.log.path}" seems wrong`);
  }
}

/** Bytes of a segment that are no batch. */
export class SegmentDamage extends StorageError {
  constructor(readonly segment: Segment, message: string) {
    super(message, "CORRUPT");
  }
}

function damaged(segment: Segment, position: number): never {
  throw new SegmentDamage(
    segment,
    `Cannot read "${segment.log.path}": the bytes at ${position} of ${segment.sizeBytes} are no batch; stop the broker and ` +
      `remove ".kafka_cleanshutdown" so that the next start checks the log`,
  );
}
