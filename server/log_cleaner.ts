/**
 * Compacts logs in the background, one at a time, as long as there is one that needs it; then looks again every
 * `log.cleaner.backoff.ms`. The work itself, and how it keeps out of the way: `storage/cleaner.ts`, `storage/cleaner_pace.ts`.
 */
import type { Runtime, Timer } from "../runtime/runtime.ts";
import type { CleanerSettings } from "../storage/cleaner.ts";
import type { LogDir } from "../storage/log_dir.ts";
import type { BrokerConfig } from "./config.ts";
import type { Logger } from "./log.ts";
import type { Partitions } from "./partitions/partitions.ts";

export class LogCleaner {
  readonly #runtime: Runtime;
  readonly #config: BrokerConfig;
  readonly #logger: Logger;
  readonly #logDir: LogDir;
  readonly #partitions: Partitions;
  #timer: Timer | null = null;
  #isStopped = false;

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
    if (!this.#config.get("log.cleaner.enable")) return;
    this.#timer = this.#runtime.timers.after(this.#config.get("log.cleaner.backoff.ms"), () => this.#run());
  }

  /** No cleaning begins any more. One under way ends with its log. */
  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  async #run(): Promise<void> {
    let hasCleaned = false;
    try {
      hasCleaned = await this.#logDir.cleaner.cleanOne(this.#runtime.clock.nowMs(), {
        settings: this.#settings(),
        highWatermarkOf: (log) => this.#partitions.get(log.topic, log.partition)?.highWatermark ?? 0,
      });
    } catch (error) {
      this.#logger.error("compaction failed", { reason: error instanceof Error ? error : String(error) });
    }
    if (this.#isStopped) return;
    const delayMs = hasCleaned ? 0 : this.#config.get("log.cleaner.backoff.ms");
    this.#timer = this.#runtime.timers.after(delayMs, () => this.#run());
  }

  #settings(): CleanerSettings {
    const config = this.#config;
    return {
      tableBytesMax: config.get("log.cleaner.dedupe.buffer.size"),
      tableLoadFactor: config.get("log.cleaner.io.buffer.load.factor"),
      bufferBytes: config.get("log.cleaner.io.buffer.size"),
      bytesPerSecondMax: config.get("log.cleaner.io.max.bytes.per.second"),
    };
  }
}
