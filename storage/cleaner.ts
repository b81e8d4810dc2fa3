/**
 * The cleaner of a data folder: finds the compacted log that needs it most, cleans it, and remembers how far it came.
 *
 *   cleaner-offset-checkpoint      topic partition offset: gaps below the offset are in order, and it is cleaned from there on
 *
 * (1) One log at a time, one table of keys in memory while it is cleaned.
 * (2) The checkpoint lags behind what was cleaned, never ahead: cleaning again what is clean changes nothing.
 * (3) A log that could not be cleaned for anything but a full disk is left alone until the next start; it is reported, and
 *     serves on.
 */
import { CLEANER_OFFSET_FILE, writeOffsetCheckpoint } from "./checkpoint.ts";
import { CleanerPace } from "./cleaner_pace.ts";
import { type CompactionPlan } from "./compaction_plan.ts";
import { type StorageContext } from "./context.ts";
import { isDiskFull, storageError } from "./errors.ts";
import { type Log } from "./log.ts";

/** The `log.cleaner.…` settings of a broker. */
export interface CleanerSettings {
  /** `dedupe.buffer.size` */
  readonly tableBytesMax: number;
  /** `io.buffer.load.factor` */
  readonly tableLoadFactor: number;
  /** `io.buffer.size` */
  readonly bufferBytes: number;
  /** `io.max.bytes.per.second` */
  readonly bytesPerSecondMax: number;
}

/** Kafka's defaults. */
export const DEFAULT_CLEANER_SETTINGS: CleanerSettings = {
  tableBytesMax: 128 * 1024 * 1024,
  tableLoadFactor: 0.9,
  bufferBytes: 512 * 1024,
  bytesPerSecondMax: Infinity,
};

export interface CleanerOptions {
  readonly settings?: CleanerSettings;
  /** Nothing at or past it is cleaned; without it, all that is no open transaction's may be. */
  readonly highWatermarkOf?: (log: Log) => number;
}

interface Candidate {
  readonly log: Log;
  readonly plan: CompactionPlan;
}

export class Cleaner {
  readonly #context: StorageContext;
  readonly #path: string;
  readonly #logs: () => Iterable<Log>;
  readonly #saveRecoveryPoints: () => void;
  #underWay: { readonly log: Log; readonly end: Promise<boolean> } | null = null;
  #isStopping = false;

  constructor(context: StorageContext, folder: {
    readonly path: string;
    readonly logs: () => Iterable<Log>;
    /** Brings them to the disk when they have moved. Throws when it cannot. */
    readonly saveRecoveryPoints: () => void;
  }) {
    this.#context = context;
    this.#path = folder.path;
    this.#logs = folder.logs;
    this.#saveRecoveryPoints = folder.saveRecoveryPoints;
  }

  /** Cleans the log that needs it most. False when none does, or the cleaning was stopped. */
  cleanOne(nowMs: number, options: CleanerOptions = {}): Promise<boolean> {
    if (this.#underWay !== null) return this.#underWay.end;
    const candidate = this.#isStopping ? null : this.#filthiest(nowMs, options);
    if (candidate === null) return Promise.resolve(false);
    const end = this.#clean(candidate, options.settings ?? DEFAULT_CLEANER_SETTINGS).finally(() => {
      this.#underWay = null;
    });
    this.#underWay = { log: candidate.log, end };
    return end;
  }

  /** Ends what is under way, and cleans no more. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#underWay?.log.compaction.stop();
    await this.#underWay?.end;
  }

  /** Writes down how far every log is cleaned. */
  saveOffsets(): void {
    const entries = [];
    for (const { topic, partition, compaction } of this.#logs()) {
      if (compaction.cleanedOffset > 0) entries.push({ topic, partition, offset: compaction.cleanedOffset });
    }
    writeOffsetCheckpoint(this.#context.runtime.files, `${this.#path}/${CLEANER_OFFSET_FILE}`, entries);
  }

  /** The log with the highest dirty ratio of those that are due. */
  #filthiest(nowMs: number, options: CleanerOptions): Candidate | null {
    let filthiest: Candidate | null = null;
    for (const log of this.#logs()) {
      if (!log.config.cleanupPolicy.compact || log.isOffline || !log.hasFolder || log.compaction.failure !== null) {
        continue;
      }
      if (log.segmentCount < 2) continue;
      try {
        const highWatermark = options.highWatermarkOf?.(log) ?? log.logEndOffset;
        let plan = log.compaction.plan(nowMs, highWatermark);
        if (!plan.isDue || (filthiest !== null && plan.dirtyRatio <= filthiest.plan.dirtyRatio)) continue;
        // Only now the producers: of ten thousand logs they would all be read for nothing.
        const unstableOffset = log.firstUnstableOffsetBelow(highWatermark);
        if (unstableOffset !== null) plan = log.compaction.plan(nowMs, Math.min(highWatermark, unstableOffset));
        if (!plan.isDue) continue;
        filthiest = { log, plan };
      } catch (cause) {
        this.#reportFailure(log, cause);
      }
    }
    return filthiest;
  }

  async #clean({ log, plan }: Candidate, settings: CleanerSettings): Promise<boolean> {
    const { clock, random } = this.#context.runtime;
    const startedMs = clock.monotonicMs();
    try {
      const result = await log.compaction.clean(plan, {
        pace: new CleanerPace(this.#context.runtime, () => settings.bytesPerSecondMax),
        tableBytesMax: settings.tableBytesMax,
        tableLoadFactor: settings.tableLoadFactor,
        bufferBytes: settings.bufferBytes,
        seed: Math.floor(random.next() * 0x1_0000_0000),
        saveRecoveryPoints: this.#saveRecoveryPoints,
      });
      if (!result.isDone) return false;
      this.saveOffsets(); // (2)
      this.#context.report({
        level: "info",
        event: "log-compacted",
        facts: {
          log: log.name,
          fromOffset: plan.firstDirtyOffset,
          toOffset: log.compaction.cleanedOffset,
          readBytes: result.readBytes,
          writtenBytes: result.writtenBytes,
          tookMs: Math.round(clock.monotonicMs() - startedMs),
        },
      });
      return true;
    } catch (cause) {
      this.#reportFailure(log, cause);
      return false;
    }
  }

  /** (3) */
  #reportFailure(log: Log, cause: unknown): void {
    const error = storageError(`Cannot compact log "${log.name}"`, cause);
    if (!isDiskFull(error)) log.compaction.failure = error;
    const facts = { log: log.name, problem: error.message };
    this.#context.report({ level: isDiskFull(error) ? "warn" : "error", event: "compaction-failed", facts });
  }
}
