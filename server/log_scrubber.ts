/**
 * Has the closed segments of all logs read again from time to time, to find bits that flipped on the disk: a pass, at
 * `log.scrub.bytes.per.second`, and the next one `log.scrub.interval.ms` after that one began. The reading: `storage/scrub.ts`.
 */
import type { Runtime, Timer } from "../runtime/runtime.ts";
import type { LogDir } from "../storage/log_dir.ts";
import type { Scrub } from "../storage/scrub.ts";
import type { BrokerConfig } from "./config.ts";
import type { Logger } from "./log.ts";

/** A broker that has just started has other things to do. */
const FIRST_PASS_AFTER_MS = 10 * 60 * 1000;
/** Where scrubbing is off: how soon it is noticed that it is on. */
const OFF_CHECK_MS = 60_000;

export class LogScrubber {
  readonly #runtime: Runtime;
  readonly #config: BrokerConfig;
  readonly #logger: Logger;
  readonly #scrub: Scrub;
  #timer: Timer | null = null;
  #isStopped = false;

  constructor(options: {
    readonly runtime: Runtime;
    readonly config: BrokerConfig;
    readonly logger: Logger;
    readonly logDir: LogDir;
  }) {
    this.#runtime = options.runtime;
    this.#config = options.config;
    this.#logger = options.logger;
    this.#scrub = options.logDir.scrub;
  }

  start(): void {
    this.#after(Math.min(FIRST_PASS_AFTER_MS, this.#config.get("log.scrub.interval.ms")));
  }

  /** No pass begins any more. One under way ends with the data folder. */
  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  async #run(): Promise<void> {
    const startedMs = this.#runtime.clock.monotonicMs();
    const rate = () => this.#config.get("log.scrub.bytes.per.second");
    try {
      await this.#scrub.pass(rate);
    } catch (error) {
      this.#logger.error("scrub failed", { reason: error instanceof Error ? error : String(error) });
    }
    const tookMs = this.#runtime.clock.monotonicMs() - startedMs;
    this.#after(rate() > 0 ? Math.max(0, this.#config.get("log.scrub.interval.ms") - tookMs) : OFF_CHECK_MS);
  }

  #after(delayMs: number): void {
    if (!this.#isStopped) this.#timer = this.#runtime.timers.after(delayMs, () => void this.#run());
  }
}
