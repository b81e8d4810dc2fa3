/** A limit of something per second, for every client that has one: bytes in, bytes out, or time of the processor. */
import type { EntityQuotas } from "../cluster/client_quotas.ts";
import { type Limit, Limits } from "./limits.ts";
import { Sensors } from "./sensors.ts";
import { WindowedRate, type Windows } from "./windowed_rate.ts";

export interface Client {
  readonly user: string;
  readonly clientId: string;
}

export class RateQuota {
  readonly #name: string;
  readonly #windows: Windows;
  readonly #throttleMsMax: number;
  readonly #sensors: Sensors<WindowedRate>;
  #limits: Limits;

  /** `throttleMsMax`: nobody waits longer for it. */
  constructor(name: string, windows: Windows, { throttleMsMax = Infinity }: { readonly throttleMsMax?: number } = {}) {
    this.#name = name;
    this.#windows = windows;
    this.#throttleMsMax = throttleMsMax;
    this.#sensors = new Sensors(() => new WindowedRate(windows));
    this.#limits = new Limits([], name);
  }

  get isActive(): boolean {
    return !this.#limits.isEmpty;
  }

  /** Takes the limits that are set now; what was measured counts for them. Without any, nothing is measured. */
  reload(quotas: Iterable<EntityQuotas>): void {
    this.#limits = new Limits(quotas, this.#name);
  }

  /** Counts, and says how long to wait. */
  record({ user, clientId }: Client, value: number, nowMs: number): number {
    const limit = this.#find(user, clientId);
    if (limit === null) return 0;
    const rate = this.#sensors.get(limit.key, nowMs);
    rate.record(value, nowMs);
    return Math.min(rate.throttleMs(limit.value, nowMs), this.#throttleMsMax);
  }

  /** Counts for those to come; a negative value takes back. */
  note({ user, clientId }: Client, value: number, nowMs: number): void {
    const limit = this.#find(user, clientId);
    if (limit !== null) this.#sensors.get(limit.key, nowMs).record(value, nowMs);
  }

  /** The most that can be had without having to wait, by one who had nothing of late. */
  mostAtOnce({ user, clientId }: Client): number {
    const limit = this.#find(user, clientId);
    if (limit === null || limit.value === Infinity) return Infinity;
    return Math.trunc(limit.value * (this.#windows.count - 1) * (this.#windows.lengthMs / 1_000));
  }

  #find(user: string, clientId: string): Limit | null {
    return this.#limits.isEmpty ? null : this.#limits.find(user, clientId);
  }
}
