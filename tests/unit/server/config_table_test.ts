import { describe, expect, test } from "bun:test";
import { brokerConfigs } from "../../../server/config/broker_configs.ts";
import { clientMetricsConfigs } from "../../../server/config/client_metrics_configs.ts";
import type { ConfigDefinition } from "../../../server/config/definition.ts";
import { groupConfigs } from "../../../server/config/group_configs.ts";
import { topicConfigs } from "../../../server/config/topic_configs.ts";
import { ConfigError, formatConfig, parseConfig } from "../../../server/config/values.ts";
import { configsInUse } from "../../support/config_uses.ts";
import { type KafkaConfigDefinition, kafkaConfigs } from "../../support/kafka_configs.ts";

type Table = Readonly<Record<string, ConfigDefinition>>;

type Kind = "broker" | "topic" | "group" | "client metrics";

const tables: [Kind, Table, Readonly<Record<string, KafkaConfigDefinition>>][] = [
  ["broker", brokerConfigs, kafkaConfigs.definitions.broker],
  ["topic", topicConfigs, kafkaConfigs.definitions.topic],
  ["group", groupConfigs, kafkaConfigs.definitions.group],
  ["client metrics", clientMetricsConfigs, kafkaConfigs.definitions.clientMetrics],
];

/** What Kafka's definitions do not have: configs of our own, and names that Kafka only knows as quotas of a broker. */
const notInKafka = new Set([
  "log.flush.policy",
  "log.open.files.max",
  "flush.policy",
  "crc32c.native.enable",
  "log.scrub.bytes.per.second",
  "log.scrub.interval.ms",
  "cluster.id",
  "leader.replication.throttled.rate",
  "follower.replication.throttled.rate",
  "replica.alter.log.dirs.io.max.bytes.per.second",
]);

/** A broker that starts without any configuration needs these; Kafka requires them or points elsewhere. */
const otherDefault = new Set(["node.id", "process.roles", "controller.listener.names", "listeners", "log.dir"]);

describe("config tables", () => {
  test.each(tables)("%s configs have the names of Kafka's", (_, ours, kafkas) => {
    const names = Object.keys(ours).filter((name) => !notInKafka.has(name)).sort();
    expect(names).toEqual(Object.keys(kafkas).sort());
  });

  test.each(tables)("%s configs have the types and defaults of Kafka's", (_, ours, kafkas) => {
    const facts = (name: string, type: string, text: string | null) =>
      `${name} ${type} ${otherDefault.has(name) ? "(ours)" : text}`;
    const expected = Object.entries(kafkas).map(([name, kafka]) => facts(name, kafka.type, kafka.default)).sort();
    const actual = Object.entries(ours).filter(([name]) => !notInKafka.has(name)).map(([name, definition]) => {
      const text = definition.default === null ? null : formatConfig(definition.type, definition.default);
      return facts(name, definition.type, text);
    }).sort();
    expect(actual).toEqual(expected);
  });

  test.each(tables)("%s configs that Kafka hides are hidden", (_, ours, kafkas) => {
    const hidden = (table: Readonly<Record<string, unknown>>, isHidden: (name: string) => boolean) =>
      Object.keys(table).filter((name) => !notInKafka.has(name) && isHidden(name)).sort();
    expect(hidden(ours, (name) => ours[name]!.isInternal)).toEqual(
      hidden(kafkas, (name) => kafkas[name]!.internal === true),
    );
  });

  test("broker configs can be altered at runtime where Kafka's can", () => {
    const table: Table = brokerConfigs;
    const alterable = Object.keys(table).filter((name) => table[name]!.updateMode !== "read-only");
    const ours = Object.fromEntries(
      alterable.filter((name) => !notInKafka.has(name) || name in kafkaConfigs.dynamic).map((
        name,
      ) => [name, table[name]!.updateMode as string]),
    );
    expect(ours).toEqual({ ...kafkaConfigs.dynamic });
  });

  test.each(tables)("%s configs have the bounds of Kafka's", (_, ours, kafkas) => {
    for (const [name, { allowed = "" }] of Object.entries(kafkas)) {
      const range = /^\[(-?[\d.]+),\.\.\.(?:,(-?[\d.]+))?\](?: or (-?\d+))?$/.exec(allowed);
      if (range === null) continue;
      const definition = ours[name]!;
      const [, min = "", max, or] = range;
      const accepts = (text: string) => `${name}=${text} ${isAllowed(name, definition, text)}`;
      expect(accepts(min)).toBe(`${name}=${min} true`);
      const below = `${Number(min) - 1}`;
      expect(accepts(below)).toBe(`${name}=${below} ${below === or}`);
      if (max === undefined) continue;
      expect(accepts(max)).toBe(`${name}=${max} true`);
      const above = `${Number(max) + 1}`;
      expect(accepts(above)).toBe(`${name}=${above} false`);
    }
  });

  test.each(tables)("%s configs take the names that Kafka lists and no others", (_, ours, kafkas) => {
    for (const [name, { allowed = "" }] of Object.entries(kafkas)) {
      const listed = /^(?:\(case insensitive\) )?\[([A-Za-z_]+(?:, \w+)+)\]$/.exec(allowed)?.[1]?.split(", ");
      if (listed === undefined) continue;
      for (const text of listed) {
        expect(`${name}=${text} ${isAllowed(name, ours[name]!, text)}`).toBe(`${name}=${text} true`);
      }
      expect(`${name} ${isAllowed(name, ours[name]!, "no such thing")}`).toBe(`${name} false`);
    }
  });

  test("configs are said to have no effect where nothing reads them, and only there", () => {
    const used = configsInUse();
    const uses = { broker: used.broker, topic: used.topic, group: used.group, "client metrics": used.clientMetrics };
    for (const [kind, ours] of tables) {
      const idle = Object.keys(ours).filter((name) => !uses[kind].has(name)).sort();
      const saidToBeIdle = Object.keys(ours).filter((name) => !ours[name]!.hasEffect).sort();
      expect(`${kind}: ${saidToBeIdle.join(" ")}`).toBe(`${kind}: ${idle.join(" ")}`);
    }
  });

  test.each(tables)("%s configs are described in a sentence that ends", (_, ours) => {
    for (const [name, { documentation }] of Object.entries(ours)) {
      expect(`${name}: ${documentation}`).toMatch(/: [A-Z].{15,}\.$/);
    }
  });
});

function isAllowed(name: string, definition: ConfigDefinition, text: string): boolean {
  try {
    parseConfig(name, definition, text);
    return true;
  } catch (error) {
    if (error instanceof ConfigError) return false;
    throw error;
  }
}
