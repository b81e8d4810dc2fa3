import { describe, expect, test } from "bun:test";
import { BrokerConfig } from "../../../server/config.ts";
import {
  ConfigSource,
  describeAllBrokers,
  describeBroker,
  describeClientMetrics,
  type DescribedConfig,
  describeGroup,
  describeTopic,
} from "../../../server/config/describe.ts";
import { type KafkaConfigAnswer, kafkaConfigs } from "../../support/kafka_configs.ts";

/** A broker that was given what the Kafka was given whose answers we have, and altered as that was. */
function sameBroker(): BrokerConfig {
  const entries = Object.entries(kafkaConfigs.given);
  const config = BrokerConfig.parse(entries.map(([name, value]) => ({ source: "file", name, value })));
  config.setDynamicConfigs("this-broker", new Map([["log.retention.ms", "7200000"]]));
  config.setDynamicConfigs(
    "all-brokers",
    // The last one is set by Kafka itself when it formats its folder (KIP-966).
    new Map([["log.retention.ms", "9000000"], ["message.max.bytes", "2000000"], ["min.insync.replicas", "1"]]),
  );
  return config;
}

const noOverrides = { thisBroker: new Map(), allBrokers: new Map() };

/** Configs of ours; defaults of ours. */
const ours = /^(log\.flush\.policy|log\.open\.files\.max|log\.scrub\..*|flush\.policy|crc32c\.native\.enable)$/;
const otherDefault = /^(listeners|log\.dir)$/;

describe("described configs", () => {
  test("broker is described as Kafka describes it", () => {
    const all = describeBroker(sameBroker(), noOverrides);
    expect(comparable(all)).toEqual(expected("BROKER:1"));
  });

  test("what is set for all brokers is described as Kafka describes it", () => {
    expect(comparable(describeAllBrokers(sameBroker(), noOverrides))).toEqual(expected("BROKER:"));
  });

  test("topic without overrides is described as Kafka describes it", () => {
    expect(comparable(describeTopic(new Map(), sameBroker()))).toEqual(expected("TOPIC:plain"));
  });

  test("topic with overrides is described as Kafka describes it", () => {
    const overrides = new Map([
      ["retention.ms", "3600000"],
      ["cleanup.policy", "compact,delete"],
      ["segment.bytes", "1048576"],
      ["compression.type", "zstd"],
    ]);
    expect(comparable(describeTopic(overrides, sameBroker()))).toEqual(expected("TOPIC:configured"));
  });

  test("group without overrides is described as Kafka describes it", () => {
    expect(comparable(describeGroup(new Map(), sameBroker()))).toEqual(expected("GROUP:plain"));
  });

  test("group with overrides is described as Kafka describes it", () => {
    const overrides = new Map([["consumer.session.timeout.ms", "50000"]]);
    expect(comparable(describeGroup(overrides, sameBroker()))).toEqual(expected("GROUP:altered"));
  });

  test("client metrics subscription is described as Kafka describes it", () => {
    expect(comparable(describeClientMetrics(new Map([["interval.ms", "1000"]])))).toEqual(
      expected("CLIENT_METRICS:altered"),
    );
  });

  test("password is never shown", () => {
    const name = "listener.name.external.ssl.keystore.password";
    const config = BrokerConfig.parse([{ source: "file", name, value: "secret" }]);
    const entry = describeBroker(config, noOverrides).find((entry) => entry.name === name)!;
    expect(entry.isSensitive).toBe(true);
    expect(entry.value).toBe(null);
    expect(entry.synonyms.map((synonym) => synonym.value)).toEqual([null]);
  });

  test("config of a listener falls back on the general one", () => {
    const config = BrokerConfig.parse([
      { source: "file", name: "listener.name.external.ssl.client.auth", value: "required" },
      { source: "file", name: "ssl.client.auth", value: "requested" },
    ]);
    const entry = describeBroker(config, noOverrides).find(({ name }) =>
      name === "listener.name.external.ssl.client.auth"
    )!;
    expect(entry.synonyms.map(({ name, value }) => `${name}=${value}`)).toEqual([
      "listener.name.external.ssl.client.auth=required",
      "ssl.client.auth=requested",
      "ssl.client.auth=none",
    ]);
  });

  test("entries come in the order of their names, each once", () => {
    const names = describeBroker(sameBroker(), noOverrides).map(({ name }) => name);
    expect(names).toEqual([...new Set(names)].sort());
  });
});

type Comparable = Record<string, Omit<KafkaConfigAnswer, "type"> & { readonly type: string }>;

const sourceNames: Readonly<Record<number, string>> = {
  [ConfigSource.TOPIC]: "DYNAMIC_TOPIC_CONFIG",
  [ConfigSource.DYNAMIC_BROKER]: "DYNAMIC_BROKER_CONFIG",
  [ConfigSource.DYNAMIC_DEFAULT_BROKER]: "DYNAMIC_DEFAULT_BROKER_CONFIG",
  [ConfigSource.STATIC_BROKER]: "STATIC_BROKER_CONFIG",
  [ConfigSource.DEFAULT]: "DEFAULT_CONFIG",
  [ConfigSource.CLIENT_METRICS]: "DYNAMIC_CLIENT_METRICS_CONFIG",
  [ConfigSource.GROUP]: "DYNAMIC_GROUP_CONFIG",
};

/** By Kafka's numbers for types. */
const typeNames = ["UNKNOWN", "BOOLEAN", "STRING", "INT", "SHORT", "LONG", "DOUBLE", "LIST", "CLASS", "PASSWORD"];

function comparable(configs: readonly DescribedConfig[]): Comparable {
  const all: Comparable = {};
  for (const config of configs) {
    if (ours.test(config.name)) continue;
    const synonyms = config.synonyms.map(({ source, name, value }) => `${sourceNames[source]}:${name}=${value}`);
    all[config.name] = {
      value: otherDefault.test(config.name) ? "" : config.value,
      source: sourceNames[config.configSource]!,
      type: typeNames[config.configType]!,
      readOnly: config.readOnly,
      sensitive: config.isSensitive,
      synonyms: withoutOurDefaults(config.name, synonyms),
    };
  }
  return all;
}

function expected(resource: string): Comparable {
  const entries = Object.entries(kafkaConfigs.answers[resource]!).map(([name, answer]) => [name, {
    ...answer,
    value: otherDefault.test(name) ? "" : answer.value,
    synonyms: withoutOurDefaults(name, answer.synonyms),
  }]);
  return Object.fromEntries(entries) as Comparable;
}

/** Where our default is another than Kafka's, or Kafka requires a value and we have one, the default is not compared. */
function withoutOurDefaults(name: string, synonyms: readonly string[]): string[] {
  const isOurs = /^(listeners|log\.dir|node\.id|process\.roles|controller\.listener\.names)$/.test(name);
  return synonyms.filter((synonym) => !isOurs || !synonym.startsWith("DEFAULT_CONFIG:"));
}
