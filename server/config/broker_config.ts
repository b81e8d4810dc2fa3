/**
 * The configuration of one broker: what was given at start, what was altered since, and what follows from both.
 *
 *     broker's own override  >  override for all brokers  >  given at start  >  coarser config  >  default
 *
 * Given at start means, strongest first: `--override`, `--port` and `--data`, environment, file. All values are parsed
 * and checked before the object exists, so `get` cannot fail.
 */

import { type BrokerConfigName, brokerConfigs, type BrokerConfigValue, brokerDefinition } from "./broker_configs.ts";
import type { ConfigDefinition, ConfigValue } from "./definition.ts";
import { type Listener, readListeners } from "./listeners.ts";
import { checkOrder } from "./order.ts";
import { authorizerConfigs, isNoAuthorizer } from "./rules.ts";
import { ConfigError, parseConfig, type ParsedConfig } from "./values.ts";

export type StaticSource = "override" | "option" | "environment" | "file";

/** One `name=value` as it was given. Later entries of the same source win. */
export interface StaticEntry {
  readonly source: StaticSource;
  readonly name: string;
  readonly value: string;
  /** Where exactly, for messages: a file with its line, a variable, an option. */
  readonly origin?: string;
}

/** Something to tell once the log is there. */
export interface ConfigNotice {
  readonly level: "info" | "warn";
  readonly event: string;
  readonly facts: Readonly<Record<string, string>>;
}

/** The two places where a running broker's configs are altered. */
export type DynamicScope = "all-brokers" | "this-broker";

/** Called with the names whose values are others now. */
export type ChangeListener = (names: ReadonlySet<string>) => void;

export class BrokerConfig {
  /** What is odd about the entries: unknown names, settings without effect. */
  readonly notices: readonly ConfigNotice[];

  readonly #static: ReadonlyMap<string, ParsedConfig>;
  #allBrokers: ReadonlyMap<string, ParsedConfig> = new Map();
  #thisBroker: ReadonlyMap<string, ParsedConfig> = new Map();
  readonly #effective = new Map<string, ConfigValue | null>();
  readonly #changeListeners = new Set<ChangeListener>();

  private constructor(given: ReadonlyMap<string, ParsedConfig>, notices: readonly ConfigNotice[]) {
    this.#static = given;
    this.notices = notices;
    checkOrder(this);
    readListeners(this, "");
  }

  /** @throws {ConfigError} at the first value that is not allowed */
  static parse(entries: readonly StaticEntry[]): BrokerConfig {
    const winners = strongestEntries(entries);
    const given = new Map<string, ParsedConfig>();
    const notices: ConfigNotice[] = [];
    for (const { source, name, value, origin = source } of winners.values()) {
      const definition = brokerDefinition(name);
      if (authorizerConfigs.has(name) && value.trim() !== "") {
        throw new ConfigError(name, value, isNoAuthorizer.words, origin);
      }
      if (definition !== undefined) given.set(name, parseEntry(name, definition, value, origin));
      else if (!isForPlugins(name)) {
        notices.push({ level: "warn", event: "unknown config ignored", facts: { name, from: origin } });
      }
    }
    joinNodeIds(given);
    mapControllerListeners(given);
    openToAdvertised(given);
    const idle = [...given.keys()].filter((name) => brokerDefinition(name)?.hasEffect === false);
    if (idle.length > 0) {
      notices.push({ level: "info", event: "settings without effect", facts: { names: idle.sort().join(",") } });
    }
    const config = new BrokerConfig(given, notices);
    const [first, ...others] = config.get("log.dirs");
    if (others.length > 0) {
      notices.push({ level: "warn", event: "only the first of log.dirs is used", facts: { first: first! } });
    }
    return config;
  }

  get<Name extends BrokerConfigName>(name: Name): BrokerConfigValue<Name> {
    let value = this.#effective.get(name);
    if (value === undefined) {
      value = this.#compute(name);
      this.#effective.set(name, value);
    }
    return value as BrokerConfigValue<Name>;
  }

  /**
   * Where to listen, controller listeners left out.
   * @param hostname this host's name: what clients are told of a listener on all interfaces
   */
  listeners(hostname: string): Listener[] {
    return readListeners(this, hostname);
  }

  /** The value when someone set it, else null, whatever the default is. */
  explicit<Name extends BrokerConfigName>(name: Name): BrokerConfigValue<Name> | null {
    return (this.#set(name)?.value ?? null) as BrokerConfigValue<Name> | null;
  }

  /** The effective value under a name that may be none of the table's, or have a listener's prefix; null when there is none. */
  valueOf(name: string): ConfigValue | null {
    if (Object.hasOwn(brokerConfigs, name)) return this.get(name as BrokerConfigName);
    return this.#set(name)?.value ?? null;
  }

  /** As given at start. */
  get staticConfigs(): ReadonlyMap<string, ParsedConfig> {
    return this.#static;
  }

  dynamicConfigs(scope: DynamicScope): ReadonlyMap<string, ParsedConfig> {
    return scope === "all-brokers" ? this.#allBrokers : this.#thisBroker;
  }

  /**
   * Takes the overrides of a scope, all of them: a name that is missing is no longer overridden. Values that do not
   * parse (a newer version may have written them) are left out.
   */
  setDynamicConfigs(scope: DynamicScope, overrides: ReadonlyMap<string, string>): void {
    const parsed = parseAll(overrides);
    const names = new Set([...this.dynamicConfigs(scope).keys(), ...parsed.keys()]);
    const before = new Map([...names].map((name) => [name, this.#set(name)?.text]));
    if (scope === "all-brokers") this.#allBrokers = parsed;
    else this.#thisBroker = parsed;
    this.#effective.clear();
    const changed = new Set([...names].filter((name) => before.get(name) !== this.#set(name)?.text));
    if (changed.size === 0) return;
    for (const listener of [...this.#changeListeners]) listener(changed);
  }

  /** @throws {ConfigError} when the overrides of a scope, all of them, would contradict what else is set */
  checkDynamicConfigs(scope: DynamicScope, overrides: ReadonlyMap<string, string>): void {
    const copy = new BrokerConfig(this.#static, []);
    copy.#allBrokers = scope === "all-brokers" ? parseAll(overrides) : this.#allBrokers;
    copy.#thisBroker = scope === "this-broker" ? parseAll(overrides) : this.#thisBroker;
    copy.#effective.clear();
    checkOrder(copy);
    copy.listeners("");
  }

  /** Calls `listener` after overrides have changed values. Gives the function that ends it. */
  onChange(listener: ChangeListener): () => void {
    this.#changeListeners.add(listener);
    return () => this.#changeListeners.delete(listener);
  }

  #set(name: string): ParsedConfig | undefined {
    return this.#thisBroker.get(name) ?? this.#allBrokers.get(name) ?? this.#static.get(name);
  }

  #compute(name: BrokerConfigName): ConfigValue | null {
    const set = this.explicit(name);
    if (set !== null) return set;
    const definition: ConfigDefinition = brokerConfigs[name];
    if (definition.default !== null) return definition.default;
    for (const fallback of definition.fallbacks) {
      const coarser = this.get(fallback.name as BrokerConfigName) as ConfigValue | null;
      // Negative is "no limit" in every unit.
      if (typeof coarser === "number") return coarser < 0 ? coarser : coarser * fallback.factor;
      if (coarser !== null) return coarser;
    }
    return null;
  }
}

// ---------------------------------------------------------------------------------------------- below: how

const strength: Record<StaticSource, number> = { override: 3, option: 2, environment: 1, file: 0 };

function strongestEntries(entries: readonly StaticEntry[]): Map<string, StaticEntry> {
  const winners = new Map<string, StaticEntry>();
  for (const entry of entries) {
    const winner = winners.get(entry.name);
    if (winner === undefined || strength[entry.source] >= strength[winner.source]) winners.set(entry.name, entry);
  }
  return winners;
}

/** Kafka hands these on to Java plugins, whatever comes after the prefix. */
function isForPlugins(name: string): boolean {
  return name.startsWith("rsm.config.") || name.startsWith("rlmm.config.");
}

/** `broker.id` and `node.id` are one config with two names. */
function joinNodeIds(given: Map<string, ParsedConfig>): void {
  const node = given.get("node.id");
  const broker = given.get("broker.id");
  if (node !== undefined && broker !== undefined && broker.value !== -1 && node.value !== broker.value) {
    throw new ConfigError("broker.id", broker.text, `the same as node.id, ${node.text}`);
  }
  const id = node ?? (broker?.value === -1 ? undefined : broker);
  if (id === undefined) return;
  given.set("node.id", parseConfig("node.id", brokerConfigs["node.id"], id.text));
  given.set("broker.id", id);
}

/** As Kafka does: with the map left at its default, controller listeners need no entry in it. */
function mapControllerListeners(given: Map<string, ParsedConfig>): void {
  if (given.has("listener.security.protocol.map") || given.has("controller.listener.names")) return;
  // Kafka's examples name the controller's listener CONTROLLER; without its setting nothing else would.
  const listeners = given.get("listeners");
  if (listeners !== undefined && /(^|,)CONTROLLER:/i.test(listeners.text)) {
    given.set("controller.listener.names", { value: ["CONTROLLER"], text: "CONTROLLER" });
  }
}

/** Who advertises an address, and says not where to listen, is not alone on this machine: listen everywhere, as Kafka does. */
function openToAdvertised(given: Map<string, ParsedConfig>): void {
  if (given.has("listeners") || !given.has("advertised.listeners")) return;
  given.set("listeners", parseConfig("listeners", brokerConfigs.listeners, "PLAINTEXT://:9092"));
}

function parseEntry(name: string, definition: ConfigDefinition, value: string, origin: string): ParsedConfig {
  try {
    return parseConfig(name, definition, value);
  } catch (error) {
    if (error instanceof ConfigError) throw error.withOrigin(origin);
    throw error;
  }
}

function parseAll(overrides: ReadonlyMap<string, string>): ReadonlyMap<string, ParsedConfig> {
  const parsed = new Map<string, ParsedConfig>();
  for (const [name, value] of overrides) {
    const definition = brokerDefinition(name);
    if (definition === undefined) continue;
    try {
      parsed.set(name, parseConfig(name, definition, value));
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
    }
  }
  return parsed;
}
