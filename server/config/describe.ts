/**
 * A resource's configs as DescribeConfigs tells them: value, where it comes from, and what would hold if it did not.
 *
 * Synonyms are listed by Kafka's rule: the config's own names in order of source, from the first one that has the very
 * name asked for. So `log.retention.hours` appears below `log.retention.ms` only when the latter is set somewhere.
 */

import type { BrokerConfig } from "./broker_config.ts";
import { type BrokerConfigName, brokerConfigs, brokerDefinition } from "./broker_configs.ts";
import { type ClientMetricsConfigName, clientMetricsConfigs } from "./client_metrics_configs.ts";
import type { ConfigDefinition, ConfigType } from "./definition.ts";
import { type GroupConfigName, groupConfigs } from "./group_configs.ts";
import { GroupConfig, TopicConfig } from "./topic_config.ts";
import { type TopicConfigName, topicConfigs } from "./topic_configs.ts";
import { documentationText, formatConfig } from "./values.ts";

/** Kafka's numbers for where a value comes from. */
export const ConfigSource = {
  TOPIC: 1,
  DYNAMIC_BROKER: 2,
  DYNAMIC_DEFAULT_BROKER: 3,
  STATIC_BROKER: 4,
  DEFAULT: 5,
  DYNAMIC_BROKER_LOGGER: 6,
  CLIENT_METRICS: 7,
  GROUP: 8,
} as const;

/** One entry of an answer, without what was not asked for. */
export interface DescribedConfig {
  readonly name: string;
  readonly value: string | null;
  readonly readOnly: boolean;
  readonly configSource: number;
  readonly isSensitive: boolean;
  readonly synonyms: readonly Synonym[];
  readonly configType: number;
  readonly documentation: string | null;
}

export interface Synonym {
  readonly name: string;
  readonly value: string | null;
  readonly source: number;
}

/** What was set by request, of names that nobody here knows too. */
export interface BrokerOverrides {
  readonly thisBroker: ReadonlyMap<string, string>;
  readonly allBrokers: ReadonlyMap<string, string>;
}

/** All configs of this broker. */
export function describeBroker(config: BrokerConfig, overrides: BrokerOverrides): DescribedConfig[] {
  const names = new Set<string>(Object.keys(brokerConfigs).filter((name) => !brokerDefinition(name)?.isInternal));
  for (const set of allSet(config)) for (const name of set.keys()) names.add(name);
  const known = sorted(names).map((name) => {
    const definition = brokerDefinition(name)!;
    return described(name, definition, synonymsOf(config, name), {
      value: synonymsOf(config, name).find((synonym) => synonym.name === name)?.value ?? null,
      readOnly: definition.updateMode === "read-only",
    });
  });
  return [...known, ...describeUnknown(overrides)];
}

/** What is set for all brokers: the configs of the broker resource without a name. */
export function describeAllBrokers(
  config: BrokerConfig,
  { allBrokers }: Pick<BrokerOverrides, "allBrokers">,
): DescribedConfig[] {
  const set = config.dynamicConfigs("all-brokers");
  const known = sorted(set.keys()).map((name) => {
    const definition = brokerDefinition(name)!;
    const synonym = {
      name,
      value: visible(definition, set.get(name)!.text),
      source: ConfigSource.DYNAMIC_DEFAULT_BROKER,
    };
    return described(name, definition, [synonym], {
      value: synonym.value,
      readOnly: definition.updateMode === "read-only",
    });
  });
  return [...known, ...describeUnknown({ thisBroker: new Map(), allBrokers })];
}

export function describeTopic(overrides: ReadonlyMap<string, string>, config: BrokerConfig): DescribedConfig[] {
  const topic = new TopicConfig(overrides, config);
  return shown(topicConfigs).map((name) => {
    const definition: ConfigDefinition = topicConfigs[name as TopicConfigName];
    const { brokerName } = topicConfigs[name as TopicConfigName];
    const effective = topic.get(name as TopicConfigName);
    const value = effective === null ? null : formatConfig(definition.type, effective, overrides.get(name));
    const inherited = brokerName === null ? [] : synonymsOf(config, brokerName);
    const own = overrides.has(name) ? [{ name, value, source: ConfigSource.TOPIC }] : [];
    return described(name, definition, [...own, ...inherited], { value, readOnly: false });
  });
}

export function describeGroup(overrides: ReadonlyMap<string, string>, config: BrokerConfig): DescribedConfig[] {
  const group = new GroupConfig(overrides, config);
  return shown(groupConfigs).map((name) => {
    const definition: ConfigDefinition = groupConfigs[name as GroupConfigName];
    const { brokerName } = groupConfigs[name as GroupConfigName];
    const effective = group.get(name as GroupConfigName);
    const value = effective === null ? null : formatConfig(definition.type, effective, overrides.get(name));
    const inherited = brokerName === null ? defaultOf(name, definition) : synonymsOf(config, brokerName);
    const own = overrides.has(name) ? [{ name, value, source: ConfigSource.GROUP }] : [];
    return described(name, definition, [...own, ...inherited], { value, readOnly: false });
  });
}

export function describeClientMetrics(overrides: ReadonlyMap<string, string>): DescribedConfig[] {
  return shown(clientMetricsConfigs).map((name) => {
    const definition: ConfigDefinition = clientMetricsConfigs[name as ClientMetricsConfigName];
    const override = overrides.get(name);
    const own = override === undefined ? [] : [{ name, value: override, source: ConfigSource.CLIENT_METRICS }];
    const value = override ?? formatConfig(definition.type, definition.default!);
    return described(name, definition, own, { value, readOnly: false });
  });
}

/** The broker's own log: one logger, `root`, with its level. */
export function describeLogger(level: string): DescribedConfig[] {
  return [{
    name: "root",
    value: level.toUpperCase(),
    readOnly: false,
    configSource: ConfigSource.DYNAMIC_BROKER_LOGGER,
    isSensitive: false,
    synonyms: [],
    configType: 0,
    documentation: null,
  }];
}

// ---------------------------------------------------------------------------------------------- below: how

/** Kafka's numbers for types. */
const typeNumbers: Record<ConfigType, number> = {
  BOOLEAN: 1,
  STRING: 2,
  INT: 3,
  SHORT: 4,
  LONG: 5,
  DOUBLE: 6,
  LIST: 7,
  CLASS: 8,
  PASSWORD: 9,
};

/** Configs that say the same in different units, finest first. A config's own name need not be the first. */
const unitFamilies: readonly (readonly BrokerConfigName[])[] = [
  ["log.retention.ms", "log.retention.minutes", "log.retention.hours"],
  ["log.roll.ms", "log.roll.hours"],
  ["log.roll.jitter.ms", "log.roll.jitter.hours"],
  ["log.flush.interval.ms", "log.flush.scheduler.interval.ms"],
];

/** They may be anything, so their values are kept secret. */
function describeUnknown({ thisBroker, allBrokers }: BrokerOverrides): DescribedConfig[] {
  const names = new Set([...thisBroker.keys(), ...allBrokers.keys()]);
  return sorted(names).filter((name) => brokerDefinition(name) === undefined).map((name) => {
    const synonyms: Synonym[] = [];
    if (thisBroker.has(name)) synonyms.push({ name, value: null, source: ConfigSource.DYNAMIC_BROKER });
    if (allBrokers.has(name)) synonyms.push({ name, value: null, source: ConfigSource.DYNAMIC_DEFAULT_BROKER });
    return {
      name,
      value: null,
      readOnly: true,
      configSource: synonyms[0]!.source,
      isSensitive: true,
      synonyms,
      configType: 0,
      documentation: null,
    };
  });
}

function described(
  name: string,
  definition: ConfigDefinition,
  synonyms: readonly Synonym[],
  { value, readOnly }: { readonly value: string | null; readonly readOnly: boolean },
): DescribedConfig {
  return {
    name,
    value: visible(definition, value),
    readOnly,
    configSource: synonyms[0]?.source ?? ConfigSource.DEFAULT,
    isSensitive: definition.type === "PASSWORD",
    synonyms,
    configType: typeNumbers[definition.type],
    documentation: documentationText(definition),
  };
}

function synonymsOf(config: BrokerConfig, name: string): Synonym[] {
  const family = unitFamilies.find((names) => names.some((member) => member === name)) ?? withBaseName(name);
  const [thisBroker, allBrokers, atStart] = allSet(config);
  const synonyms: Synonym[] = [];
  for (
    const [set, source] of [
      [thisBroker, ConfigSource.DYNAMIC_BROKER],
      [allBrokers, ConfigSource.DYNAMIC_DEFAULT_BROKER],
      [atStart, ConfigSource.STATIC_BROKER],
    ] as const
  ) {
    for (const member of family) {
      const given = set.get(member);
      if (given === undefined) continue;
      synonyms.push({ name: member, value: visible(brokerDefinition(member)!, given.text), source });
    }
  }
  for (const member of family) {
    if (Object.hasOwn(brokerConfigs, member)) {
      synonyms.push(...defaultOf(member, brokerConfigs[member as BrokerConfigName]));
    }
  }
  const first = synonyms.findIndex((synonym) => synonym.name === name);
  return first < 0 ? [] : synonyms.slice(first);
}

/** `listener.name.external.ssl.client.auth` falls back on `ssl.client.auth`. */
function withBaseName(name: string): string[] {
  const base = /^listener\.name\.[^.]+\.(.+)$/.exec(name)?.[1];
  return base === undefined ? [name] : [name, base];
}

function defaultOf(name: string, definition: ConfigDefinition): Synonym[] {
  if (definition.default === null) return [];
  return [{ name, value: formatConfig(definition.type, definition.default), source: ConfigSource.DEFAULT }];
}

function allSet(config: BrokerConfig) {
  return [config.dynamicConfigs("this-broker"), config.dynamicConfigs("all-brokers"), config.staticConfigs] as const;
}

function shown(table: Readonly<Record<string, ConfigDefinition>>): string[] {
  return sorted(Object.keys(table).filter((name) => !table[name]!.isInternal));
}

function sorted(names: Iterable<string>): string[] {
  return [...names].sort();
}

function visible(definition: ConfigDefinition, text: string | null): string | null {
  return definition.type === "PASSWORD" ? null : text;
}
