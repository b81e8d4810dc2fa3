/** The segments of a log in the order of their base offsets; the last one is the active one. */
import { assert } from "./errors.ts";
import { type Segment } from "./segment.ts";

export class SegmentList {
  #segments: Segment[];

  constructor(segments: Segment[]) {
    assert(segments.length > 0, "a log has at least one segment");
    this.#segments = segments;
  }

  get all(): readonly Segment[] {
    return this.#segments;
  }

  get count(): number {
    return this.#segments.length;
  }

  get first(): Segment {
    return this.#segments[0]!;
  }

  get active(): Segment {
    return this.#segments[this.#segments.length - 1]!;
  }

  get sizeBytes(): number {
    let sizeBytes = 0;
    for (const segment of this.#segments) sizeBytes += segment.sizeBytes;
    return sizeBytes;
  }

  /** Index of the segment that `offset` is in, or would be; 0 for offsets before the first. */
  floorIndex(offset: number): number {
    let low = 0;
    let high = this.#segments.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#segments[middle]!.baseOffset <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  push(segment: Segment): void {
    assert(segment.baseOffset > this.active.baseOffset, "segments are in order");
    this.#segments.push(segment);
  }

  /** Whether these are in the list, one after the other. */
  hasRun(segments: readonly Segment[]): boolean {
    const start = this.#segments.indexOf(segments[0]!);
    return start >= 0 && segments.every((segment, index) => this.#segments[start + index] === segment);
  }

  /** Puts one in the place of some in a row, with the base offset of the first; never of the active one. */
  replace(segments: readonly Segment[], replacement: Segment): void {
    assert(this.hasRun(segments) && segments.at(-1) !== this.active, "what is replaced is in the log, and closed");
    assert(replacement.baseOffset === segments[0]!.baseOffset, "it starts where the first of them starts");
    this.#segments.splice(this.#segments.indexOf(segments[0]!), segments.length, replacement);
  }

  /** Takes the active one out; there must be another. */
  takeLast(): Segment {
    assert(this.#segments.length > 1, "a log has at least one segment");
    return this.#segments.pop()!;
  }

  /** Puts another in the place of the active one. */
  replaceActive(segment: Segment): void {
    this.#segments[this.#segments.length - 1] = segment;
  }

  /** Takes the oldest out; there must be another. */
  takeFirst(): Segment {
    assert(this.#segments.length > 1, "the active segment stays");
    return this.#segments.shift()!;
  }
}
