/**
 * What has to be done from time to time whether or not anybody asks: retention, flushes by age, checkpoints, expiry of
 * producers. One timer a job; a job that fails says so and runs again at its next time.
 */
import type { Runtime, Timer } from "../runtime/runtime.ts";
import type { LogDir } from "../storage/log_dir.ts";
import type { BrokerConfig } from "./config.ts";
import type { Logger } from "./log.ts";
import type { Partitions } from "./partitions/partitions.ts";

/** Kafka waits as long before the first run of its periodic jobs. */
const FIRST_RUN_AFTER_MS = 30_000;
/** How late a flush by age may be. */
const FLUSH_CHECK_MS = 200;
/** How late deleted segments may be unlinked. */
const DELETION_CHECK_MS = 5_000;
/** How soon what could not be made for a new topic is tried again. */
const MISSING_CHECK_MS = 1_000;

export class Housekeeping {
  readonly #runtime: Runtime;
  readonly #config: BrokerConfig;
  readonly #logger: Logger;
  readonly #logDir: LogDir;
  readonly #partitions: Partitions;
  readonly #timers = new Map<string, Timer>();

  constructor(options: {
    readonly runtime: Runtime;
    readonly config: BrokerConfig;
    readonly logger: Logger;
    readonly logDir: LogDir;
    readonly partitions: Partitions;
  }) {
    this.#runtime = options.runtime;
    this.#config = options.config;
    this.#logger = options.logger;
    this.#logDir = options.logDir;
    this.#partitions = options.partitions;
  }

  start(): void {
    const config = this.#config;
    const now = () => this.#runtime.clock.nowMs();
    const retentionMs = () => config.get("log.retention.check.interval.ms");
    const checkpointMs = () => config.get("log.flush.offset.checkpoint.interval.ms");
    this.#every("retention", retentionMs, () => this.#applyRetention(now()), FIRST_RUN_AFTER_MS);
    this.#every("checkpoint", checkpointMs, () => this.#logDir.checkpoint());
    this.#every("flush", () => FLUSH_CHECK_MS, () => void this.#logDir.flushDue(now())); // one may stall
    this.#every("deletion", () => DELETION_CHECK_MS, () => this.#logDir.removeDeleted(now()));
    this.#every("making of partitions", () => MISSING_CHECK_MS, () => this.#partitions.ensureMissing());
    const expiryMs = () => config.get("producer.id.expiration.check.interval.ms");
    this.#every("producer expiry", expiryMs, () => {
      this.#logDir.expireProducers(now(), config.get("producer.id.expiration.ms"));
      this.#logDir.releaseUnused();
    });
  }

  /** What consumers have not been shown yet stays, however old. */
  async #applyRetention(nowMs: number): Promise<void> {
    await this.#logDir.applyRetention(
      nowMs,
      (log) => this.#partitions.get(log.topic, log.partition)?.highWatermark ?? log.logEndOffset,
    );
  }

  stop(): void {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }

  #every(job: string, intervalMs: () => number, run: () => unknown, firstAfterMs = intervalMs()): void {
    const again = async () => {
      try {
        await run();
      } catch (error) {
        this.#logger.error(`${job} failed`, { reason: error instanceof Error ? error : String(error) });
      }
      // Stopped meanwhile: then there is no timer of this job any more.
      if (this.#timers.has(job)) this.#timers.set(job, this.#runtime.timers.after(intervalMs(), again));
    };
    this.#timers.set(job, this.#runtime.timers.after(Math.min(firstAfterMs, intervalMs()), again));
  }
}
