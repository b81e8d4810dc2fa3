/**
 * Reads closed segments over again, slowly, to find bits that flipped on the disk before a reader does, while a backup or
 * another replica may still have them right. It finds and says; it repairs nothing and takes nothing offline.
 *
 * (1) It is in nobody's way: it reads off the loop, a chunk at a time, checks that one in well under a millisecond, and then
 *     waits as long as the rate asks. Reads and writes of others go on between.
 * (2) It works in bounded memory: one chunk, however large a batch is, or says it is.
 * (3) Segments come and go meanwhile. One that is no longer part of its log when a read ends is left, whatever the read gave.
 * (4) Damage is said once, not with every pass.
 * (5) What seems damaged is read again first: a bit may have flipped on the way here.
 */
import { type Runtime, type Timer } from "../runtime/runtime.ts";
import { type StorageEvent } from "./context.ts";
import { segmentDamaged, StorageError, storageError } from "./errors.ts";
import { type Log } from "./log.ts";
import { type Segment } from "./segment.ts";
import { SegmentCheck } from "./segment_check.ts";

/** Read and checked in one go (1). */
const CHUNK_BYTES = 32 * 1024;
/** No wait is longer, so that a change of the rate shows, and a stop. */
const WAIT_MS_MAX = 1_000;

export class Scrub {
  readonly #runtime: Runtime;
  readonly #logs: () => Iterable<Log>;
  readonly #report: (event: StorageEvent) => void;
  /** Files found damaged (4). */
  readonly #damaged = new Set<string>();
  #isStopped = false;
  #underWay: Promise<void> | null = null;
  #wait: { readonly timer: Timer; readonly end: () => void } | null = null;

  constructor(runtime: Runtime, logs: () => Iterable<Log>, report: (event: StorageEvent) => void) {
    this.#runtime = runtime;
    this.#logs = logs;
    this.#report = report;
  }

  /** Goes through all closed segments once, at the rate given, in bytes per second; ends at once where that is 0. */
  pass(bytesPerSecond: () => number): Promise<void> {
    if (this.#underWay !== null || this.#isStopped) return this.#underWay ?? Promise.resolve();
    const pass = this.#pass(bytesPerSecond).finally(() => this.#underWay = null);
    return this.#underWay = pass;
  }

  /** Resolves when nothing is read any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#wait?.timer.cancel();
    this.#wait?.end();
    await this.#underWay;
  }

  async #pass(bytesPerSecond: () => number): Promise<void> {
    const startedMs = this.#runtime.clock.monotonicMs();
    const chunk = new Uint8Array(CHUNK_BYTES);
    const logs = [...this.#logs()];
    // From anywhere: brokers that are started again and again would otherwise look at the first logs only.
    const first = Math.floor(this.#runtime.random.next() * logs.length);
    const total = { segments: 0, bytes: 0, damaged: 0 };
    for (let index = 0; index < logs.length; index++) {
      const log = logs[(first + index) % logs.length]!;
      if (log.isOffline) continue;
      const baseOffsets = log.segmentBases();
      for (const [at, segment] of log.closedSegments().entries()) {
        const check = new SegmentCheck(segment, baseOffsets[at + 1]!);
        const readBytes = await this.#check(log, { segment, check }, chunk, bytesPerSecond);
        if (this.#isStopped || bytesPerSecond() <= 0) return;
        total.segments++;
        total.bytes += readBytes;
        if (this.#damaged.has(segment.log.path)) total.damaged++;
      }
    }
    const tookMs = Math.round(this.#runtime.clock.monotonicMs() - startedMs);
    if (total.segments > 0) this.#report({ level: "info", event: "scrubbed", facts: { ...total, tookMs } });
  }

  /** Reads one segment from end to end, or to where it is damaged; returns how much that was. */
  async #check(
    log: Log,
    { segment, check }: { readonly segment: Segment; readonly check: SegmentCheck },
    chunk: Uint8Array,
    bytesPerSecond: () => number,
  ): Promise<number> {
    let totalBytes = 0;
    const isWanted = () => !this.#isStopped && bytesPerSecond() > 0 && log.closedSegments().includes(segment); // (3)
    while (isWanted() && !check.isAtEnd) {
      try {
        const bytes = await check.read(chunk);
        totalBytes += bytes.length;
        if (!isWanted()) break;
        check.check(bytes);
        await this.#pause(bytes.length, bytesPerSecond);
      } catch (cause) {
        if (!isWanted()) break;
        if (cause instanceof StorageError && check.lookAgain()) continue; // (5)
        this.#found(segment, check, cause);
        break;
      }
    }
    return totalBytes;
  }

  #found(segment: Segment, check: SegmentCheck, cause: unknown): void {
    const file = segment.log.path;
    if (this.#damaged.has(file)) return; // (4)
    const error = storageError(`Cannot check "${file}"`, cause);
    const { position, nextOffset } = check;
    const damage = { file, position, offset: nextOffset, problem: error.message };
    if (error.code !== "CORRUPT") return this.#report({ level: "warn", event: "scrub-failed", facts: damage });
    this.#damaged.add(file);
    this.#report(segmentDamaged(damage));
  }

  /** As long as the rate asks for so many bytes; shorter when that changes to nothing. */
  async #pause(readBytes: number, bytesPerSecond: () => number): Promise<void> {
    let leftMs = (readBytes / bytesPerSecond()) * 1000;
    for (; leftMs > 0 && !this.#isStopped && bytesPerSecond() > 0; leftMs -= WAIT_MS_MAX) {
      await new Promise<void>((resolve) => {
        const timer = this.#runtime.timers.after(Math.min(leftMs, WAIT_MS_MAX), resolve);
        this.#wait = { timer, end: resolve };
      });
      this.#wait = null;
    }
  }
}
