/**
 * Who may connect: `max.connections`, `max.connections.per.ip` with its exceptions, and `max.connection.creation.rate`.
 *
 * The rate is a schedule, not a count: each connection takes the next free slot, slots are one second divided by the rate
 * apart, and a second's worth of slots that nobody took may be taken at once. Who comes early waits for its slot unread;
 * where the wait would be longer than `WAIT_MS_MAX` it is refused, so that a flood does not pile up.
 *
 *     rate 2:   slot    0   500  1000  1500 ms
 *               comes   0     0     0     0        the third and the fourth wait 500 and 1,000 ms
 */
import type { Clock } from "../runtime/runtime.ts";
import type { BrokerConfig } from "./config.ts";
import { pairs } from "./config/rules.ts";

/** The longest that a new connection is kept waiting; a client gives up on connecting after about as long. */
export const WAIT_MS_MAX = 10_000;
/** Slots of so much time past are kept for a burst. */
const BURST_MS = 1_000;

export type Admission =
  | { readonly kind: "admitted"; readonly waitMs: number }
  | { readonly kind: "refused"; readonly reason: string };

export class ConnectionLimits {
  readonly #config: BrokerConfig;
  readonly #clock: Clock;
  /** When the next connection is due; time that passed unused is cut to a burst. */
  #nextSlotMs = -Infinity;
  #overridesText = "";
  #overrides: ReadonlyMap<string, number> = new Map();

  constructor(config: BrokerConfig, clock: Clock) {
    this.#config = config;
    this.#clock = clock;
  }

  /** Decides on a newcomer by those that are there already, and takes its slot. */
  admit(host: string, { count, countOfHost }: { readonly count: number; readonly countOfHost: number }): Admission {
    if (count >= this.#config.get("max.connections") || countOfHost >= this.#countMaxOf(host)) {
      return { kind: "refused", reason: "too many connections" };
    }
    const nowMs = this.#clock.monotonicMs();
    const intervalMs = 1_000 / this.#config.get("max.connection.creation.rate");
    const slotMs = Math.max(this.#nextSlotMs, nowMs - BURST_MS + intervalMs);
    const waitMs = Math.max(0, slotMs - nowMs);
    if (waitMs > WAIT_MS_MAX) return { kind: "refused", reason: "too many new connections" };
    this.#nextSlotMs = slotMs + intervalMs;
    return { kind: "admitted", waitMs };
  }

  #countMaxOf(host: string): number {
    const text = this.#config.get("max.connections.per.ip.overrides");
    if (text !== this.#overridesText) {
      this.#overrides = parseOverrides(text);
      this.#overridesText = text;
    }
    return this.#overrides.get(host) ?? this.#config.get("max.connections.per.ip");
  }
}

/** "localhost" is the one name that needs no one asked; an IPv6 address may stand in brackets. */
function parseOverrides(text: string): ReadonlyMap<string, number> {
  const overrides = new Map<string, number>();
  for (const parts of pairs(text)) {
    const host = parts.slice(0, -1).join(":").replace(/^\[(.*)\]$/, "$1");
    for (const address of host === "localhost" ? ["127.0.0.1", "::1"] : [host]) {
      overrides.set(address, Number(parts.at(-1)));
    }
  }
  return overrides;
}
