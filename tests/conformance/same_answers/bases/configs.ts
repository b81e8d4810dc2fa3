/** Configs, of topics, brokers, groups and client metrics: DescribeConfigs, AlterConfigs, IncrementalAlterConfigs. */

import { alterConfigs } from "../../../../protocol/api/33_alter_configs.ts";
import { describeConfigs } from "../../../../protocol/api/32_describe_configs.ts";
import { incrementalAlterConfigs } from "../../../../protocol/api/44_incremental_alter_configs.ts";
import { until } from "../../../support/broker.ts";
import { type Base, base } from "../base.ts";
import type { Talk } from "../talk.ts";

const TOPIC = 2, BROKER = 4, CLIENT_METRICS = 16, GROUP = 32;

export const configBases: readonly Base[] = [
  base(describeConfigs, "of a topic", {
    draft: (_, { world }) => describing(TOPIC, world.compacted.name, ["cleanup.policy", "retention.ms", "segment.ms"]),
  }),
  base(describeConfigs, "of a broker", {
    draft: () => describing(BROKER, "1", ["num.io.threads", "log.retention.ms", "auto.create.topics.enable"]),
  }),
  base(describeConfigs, "of a group", {
    draft: (_, talk) => describing(GROUP, talk.named("g"), ["consumer.session.timeout.ms"]),
  }),
  base(describeConfigs, "of client metrics", {
    draft: (_, talk) => describing(CLIENT_METRICS, talk.named("c"), ["interval.ms", "metrics"]),
  }),
  ...[true, false].flatMap((validateOnly) => [
    base(alterConfigs, `of a topic${validateOnly ? ", only validated" : ""}`, {
      prepare: configured,
      draft: (name) => ({
        resources: [{ resourceType: TOPIC, resourceName: name, configs: [{ name: "retention.ms", value: "5000" }] }],
        validateOnly,
      }),
      probe: look,
    }),
    base(incrementalAlterConfigs, `of a topic${validateOnly ? ", only validated" : ""}`, {
      prepare: configured,
      draft: (name) => ({
        resources: [{
          resourceType: TOPIC,
          resourceName: name,
          configs: [
            { name: "cleanup.policy", configOperation: 2, value: "compact" },
            { name: "segment.ms", configOperation: 1, value: null },
          ],
        }],
        validateOnly,
      }),
      probe: look,
    }),
  ]),
  base(incrementalAlterConfigs, "of a group", {
    draft: (_, talk) => ({
      resources: [{
        resourceType: GROUP,
        resourceName: talk.named("g"),
        configs: [{ name: "consumer.heartbeat.interval.ms", configOperation: 0, value: "6000" }],
      }],
      validateOnly: true,
    }),
  }),
  base(incrementalAlterConfigs, "of client metrics", {
    draft: (_, talk) => ({
      resources: [{
        resourceType: CLIENT_METRICS,
        resourceName: talk.named("c"),
        configs: [{ name: "interval.ms", configOperation: 0, value: "6000" }],
      }],
      validateOnly: true,
    }),
  }),
];

function describing(resourceType: number, resourceName: string, configurationKeys: readonly string[]) {
  return {
    resources: [{ resourceType, resourceName, configurationKeys }],
    includeSynonyms: true,
    includeDocumentation: false,
  };
}

/** A topic that has configs of its own. */
async function configured({ dialogue }: Talk): Promise<string> {
  return (await dialogue.topic("configured", { configs: { "segment.ms": "100000" } })).name;
}

const keys = ["cleanup.policy", "retention.ms", "segment.ms", "max.message.bytes"];

/**
 * What the topic has then. Kafka's broker learns of it from the controller a little later: a config that is changed
 * afterwards shows that it has.
 */
async function look(talk: Talk, name: string): Promise<void> {
  const client = await talk.dialogue.main();
  const flag = { name: "max.message.bytes", configOperation: 0, value: "4711" };
  await client.send(incrementalAlterConfigs, 1, {
    resources: [{ resourceType: TOPIC, resourceName: name, configs: [flag] }],
    validateOnly: false,
  });
  const draft = describing(TOPIC, name, keys);
  await until(async () => {
    const { results } = await client.send(describeConfigs, 4, draft);
    return results[0]?.configs.some(({ value }) => value === flag.value) ?? false;
  }, { what: "A changed config" });
  await talk.ask("its configs", describeConfigs, 4, draft);
}
