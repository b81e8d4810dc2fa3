/**
 * Segments that are no longer in a log, whose renamed files wait to be unlinked: for `file.delete.delay.ms`, and for as long as
 * a reader has a view of them.
 */
import { type Segment } from "./segment.ts";

interface DeletedSegment {
  readonly segment: Segment;
  readonly dueMs: number;
}

export class DeletedSegments {
  #segments: DeletedSegment[] = [];

  get count(): number {
    return this.#segments.length;
  }

  /** Whether somebody holds a view of their files. */
  get isInUse(): boolean {
    return this.#segments.some(({ segment }) => segment.isInUse);
  }

  add(segment: Segment, dueMs: number): void {
    this.#segments.push({ segment, dueMs });
  }

  /** Unlinks those whose delay is over and that nobody reads any more. */
  unlinkDue(nowMs: number): void {
    this.#segments = this.#segments.filter(({ segment, dueMs }) => {
      if (nowMs < dueMs || segment.isInUse) return true;
      segment.unlink();
      return false;
    });
  }

  /** Lets go of the files; the next start removes them. */
  close(): void {
    for (const { segment } of this.#segments) segment.close();
  }
}
