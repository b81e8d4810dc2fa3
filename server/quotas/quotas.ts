/**
 * The limits of clients, as they are kept: who has which, and what they have used of late. `RequestMeter` applies them to a
 * request, `ConnectionRates` to a connection.
 *
 * Where nothing is set nothing is measured, and a request costs one look at `isActive`.
 */
import type { Clock } from "../../runtime/runtime.ts";
import type { BrokerConfig } from "../config.ts";
import type { ClientQuotas } from "../cluster/client_quotas.ts";
import { ConnectionRates } from "./connection_rates.ts";
import { MutationQuota } from "./mutation_quota.ts";
import { RateQuota } from "./rate_quota.ts";

export class Quotas {
  readonly produce: RateQuota;
  readonly fetch: RateQuota;
  /** Percent of a second of the processor, per second. */
  readonly requestTime: RateQuota;
  readonly mutations: MutationQuota;
  readonly connections: ConnectionRates;
  readonly #clock: Clock;
  /** A limit that requests must be held to is set. */
  isActive = false;

  constructor({ config, clock }: { readonly config: BrokerConfig; readonly clock: Clock }) {
    const windows = {
      count: config.get("quota.window.num"),
      lengthMs: config.get("quota.window.size.seconds") * 1_000,
    };
    this.produce = new RateQuota("producer_byte_rate", windows);
    this.fetch = new RateQuota("consumer_byte_rate", windows);
    // A burst of it says little about what comes: nobody waits longer than a window.
    this.requestTime = new RateQuota("request_percentage", windows, { throttleMsMax: windows.lengthMs });
    this.mutations = new MutationQuota({
      count: config.get("controller.quota.window.num"),
      lengthMs: config.get("controller.quota.window.size.seconds") * 1_000,
    });
    this.connections = new ConnectionRates(windows);
    this.#clock = clock;
  }

  /** Takes what is set now. */
  reload(quotas: ClientQuotas): void {
    for (const kind of [this.produce, this.fetch, this.requestTime, this.mutations, this.connections]) {
      kind.reload(quotas.entities());
    }
    this.isActive = this.produce.isActive || this.fetch.isActive || this.requestTime.isActive ||
      this.mutations.isActive;
  }

  /** Fractions for what a request takes, whole milliseconds for rates as in Kafka. A clock that goes only forward. */
  exactMs(): number {
    return this.#clock.monotonicMs();
  }

  nowMs(): number {
    return Math.floor(this.#clock.monotonicMs());
  }
}
