/**
 * Which metrics the operator wants from which clients (KIP-714): what is set for resources of the kind "client metrics". A
 * subscription without any config set is none.
 */
import { ClientMetricsConfig, readMatches, type Selector } from "../config/client_metrics_configs.ts";
import { ConfigError } from "../config/values.ts";
import { type Cluster, ResourceType } from "../cluster/cluster.ts";

/** What a subscription may choose clients by. */
export type ClientFacts = Readonly<Record<Selector, string>>;

export interface Subscription {
  /** Prefixes of names; "*" is all of them. */
  readonly metrics: readonly string[];
  readonly intervalMs: number;
  readonly isFor: (client: ClientFacts) => boolean;
}

/** What one client is asked for: all its subscriptions together. */
export interface Wanted {
  /** In order; empty: nothing. */
  readonly metrics: readonly string[];
  readonly intervalMs: number;
}

export const ALL_METRICS = "*";
/** How often a client that nothing is wanted from asks again: Kafka's default. */
export const INTERVAL_MS = 300_000;

export class Subscriptions {
  readonly #cluster: Pick<Cluster, "configResources" | "configsOf">;
  #version = 0;
  #subscriptions: readonly Subscription[] | null = null;

  constructor(cluster: Pick<Cluster, "configResources" | "configsOf" | "onChange">) {
    this.#cluster = cluster;
    cluster.onChange((change) => {
      if (change.kind !== "configsChanged" || change.resource.type !== ResourceType.CLIENT_METRICS) return;
      this.#version++;
      this.#subscriptions = null;
    });
  }

  /** Another one when what is wanted may be other. */
  get version(): number {
    return this.#version;
  }

  /** Whether any metric is wanted from any client. */
  get isAnyWanted(): boolean {
    return this.#all().some(({ metrics }) => metrics.length > 0);
  }

  wantedFrom(client: ClientFacts): Wanted {
    return combined(this.#all().filter(({ isFor }) => isFor(client)));
  }

  #all(): readonly Subscription[] {
    return this.#subscriptions ??= Array.from(
      this.#cluster.configResources(ResourceType.CLIENT_METRICS),
      (resource) => readSubscription(this.#cluster.configsOf(resource)),
    );
  }
}

export function combined(subscriptions: readonly Subscription[]): Wanted {
  const metrics = new Set(subscriptions.flatMap((subscription) => subscription.metrics));
  return {
    metrics: metrics.has(ALL_METRICS) ? [ALL_METRICS] : [...metrics].sort(),
    intervalMs: Math.min(INTERVAL_MS, ...subscriptions.map(({ intervalMs }) => intervalMs)),
  };
}

/** What cannot be read, as a pattern of Java's that RE2 does not know, is for nobody: to widen it would tell more than was wanted. */
export function readSubscription(overrides: ReadonlyMap<string, string>): Subscription {
  const config = new ClientMetricsConfig(overrides);
  try {
    const matches = Array.from(readMatches(config.get("match")));
    return {
      metrics: config.get("metrics"),
      intervalMs: config.get("interval.ms"),
      isFor: (client) => matches.every(([selector, program]) => program.matches(ascii(client[selector]))),
    };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { metrics: [], intervalMs: INTERVAL_MS, isFor: () => false };
  }
}

/** Patterns know of no other characters. One of them is to be any character, and no particular one. */
function ascii(text: string): string {
  return text.replace(/\P{ASCII}/gu, "\x7f");
}
