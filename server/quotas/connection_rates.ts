/**
 * How fast one address may connect (KIP-612). A connection too many is not counted; it is held unread for as long as it came too
 * early, a window at most, and closed: closed at once, it would come again at once.
 */
import { canonicalAddress } from "../cluster/client_address.ts";
import { type EntityQuotas, EntityType } from "../cluster/client_quotas.ts";
import { Sensors } from "./sensors.ts";
import { WindowedRate, type Windows } from "./windowed_rate.ts";

const NAME = "connection_creation_rate";
/** Kafka's word for no limit. */
const UNLIMITED = 2 ** 31 - 1;

export class ConnectionRates {
  readonly #windows: Windows;
  readonly #sensors: Sensors<WindowedRate>;
  /** By address; null is any. */
  #limits: ReadonlyMap<string | null, number> = new Map();

  constructor(windows: Windows) {
    this.#windows = windows;
    this.#sensors = new Sensors(() => new WindowedRate(windows));
  }

  reload(quotas: Iterable<EntityQuotas>): void {
    const limits = new Map<string | null, number>();
    for (const { entity, values } of quotas) {
      const address = entity.get(EntityType.IP);
      const rate = values.get(NAME);
      if (address === undefined || rate === undefined) continue;
      limits.set(address === null ? null : canonicalAddress(address), Math.trunc(rate));
    }
    this.#limits = limits;
  }

  /** 0: it may come; else how long it is to be held. */
  admit(host: string, nowMs: number): number {
    if (this.#limits.size === 0) return 0;
    const address = canonicalAddress(host) ?? host;
    const limit = this.#limits.get(address) ?? this.#limits.get(null) ?? UNLIMITED;
    if (limit === UNLIMITED) return 0;
    const rate = this.#sensors.get(address, nowMs);
    rate.record(1, nowMs);
    const throttleMs = Math.min(rate.throttleMs(limit, nowMs), this.#windows.lengthMs);
    if (throttleMs > 0) rate.record(-1, nowMs);
    return throttleMs;
  }
}
