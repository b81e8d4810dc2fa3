import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createTopics } from "../../../../protocol/api/19_create_topics.ts";
import { describeConfigs } from "../../../../protocol/api/32_describe_configs.ts";
import { alterConfigs } from "../../../../protocol/api/33_alter_configs.ts";
import { incrementalAlterConfigs } from "../../../../protocol/api/44_incremental_alter_configs.ts";
import { errorName } from "../../../../protocol/errors.ts";
import { ResourceType } from "../../../../server/cluster/cluster.ts";
import { ConfigOperation } from "../../../../server/config/alter.ts";
import { createLogger } from "../../../../server/log.ts";
import { createMemoryRuntime } from "../../../../runtime/memory.ts";
import { MemoryBroker, type MemoryClient } from "../../../support/memory_broker.ts";

const { TOPIC, BROKER, BROKER_LOGGER, GROUP, CLIENT_METRICS } = ResourceType;
const { SET, DELETE, APPEND } = ConfigOperation;

type Change = readonly [type: number, name: string, config: string, value: string | null, operation?: number];

let runtime = createMemoryRuntime();
let memory: MemoryBroker;
let client: MemoryClient;

beforeEach(async () => {
  runtime = createMemoryRuntime();
  await start();
  await client.send(createTopics, 7, {
    topics: [{ name: "orders", numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
    timeoutMs: 1_000,
  });
});

afterEach(() => memory.stop());

async function start(): Promise<void> {
  const logger = createLogger(runtime, { level: "error", write: () => {} });
  memory = await MemoryBroker.start({ runtime, logger });
  client = await memory.connect();
}

/** The error's name, or NONE. */
async function alter(
  [resourceType, resourceName, name, value, operation = SET]: Change,
  validateOnly = false,
): Promise<string> {
  const configs = [{ name, value, configOperation: operation }];
  const resources = [{ resourceType, resourceName, configs }];
  const { responses } = await client.send(incrementalAlterConfigs, 1, { resources, validateOnly });
  return errorName(responses[0]!.errorCode);
}

/** Name=value of a resource's configs, all or the ones asked for. */
async function values(
  resourceType: number,
  resourceName: string,
  configurationKeys: string[] | null = null,
): Promise<string[]> {
  const { results } = await client.send(describeConfigs, 4, {
    resources: [{ resourceType, resourceName, configurationKeys }],
  });
  return results[0]!.configs.map(({ name, value }) => `${name}=${value}`);
}

const retention = () => memory.broker.partitions.get("orders", 0)!.log.config.retentionMs;

describe("altered configs", () => {
  test("of a topic reach its logs", async () => {
    expect(await alter([TOPIC, "orders", "retention.ms", "60000"])).toBe("NONE");
    expect(retention()).toBe(60_000);
    expect(await alter([TOPIC, "orders", "retention.ms", null, DELETE])).toBe("NONE");
    expect(retention()).toBe(604_800_000);
  });

  test("of the broker reach the logs of topics that set nothing themselves", async () => {
    expect(await alter([BROKER, "", "log.retention.ms", "60000"])).toBe("NONE");
    expect(retention()).toBe(60_000);
    expect(await alter([BROKER, "1", "log.retention.ms", "50000"])).toBe("NONE");
    expect(retention()).toBe(50_000);
    expect(await alter([TOPIC, "orders", "retention.ms", "40000"])).toBe("NONE");
    expect(retention()).toBe(40_000);
  });

  test("outlive a restart", async () => {
    await alter([TOPIC, "orders", "cleanup.policy", "compact", APPEND]);
    await alter([BROKER, "1", "message.max.bytes", "77"]);
    await alter([GROUP, "readers", "consumer.session.timeout.ms", "50000"]);
    await alter([CLIENT_METRICS, "all", "interval.ms", "1000"]);
    await memory.stop();
    await start();
    expect(await values(TOPIC, "orders", ["cleanup.policy", "max.message.bytes"])).toEqual([
      "cleanup.policy=delete,compact",
      "max.message.bytes=77",
    ]);
    expect(await values(GROUP, "readers", ["consumer.session.timeout.ms"])).toEqual([
      "consumer.session.timeout.ms=50000",
    ]);
    expect(await values(CLIENT_METRICS, "all")).toEqual(["interval.ms=1000", "match=", "metrics="]);
  });

  test("change nothing when they are only validated", async () => {
    expect(await alter([TOPIC, "orders", "retention.ms", "60000"], true)).toBe("NONE");
    expect(await alter([TOPIC, "orders", "retention.ms", "soon"], true)).toBe("INVALID_CONFIG");
    expect(retention()).toBe(604_800_000);
  });

  test("of the logger change its level", async () => {
    expect(await alter([BROKER_LOGGER, "1", "root", "WARN"])).toBe("NONE");
    expect(memory.broker.logger.level).toBe("warn");
    expect(await values(BROKER_LOGGER, "1")).toEqual(["root=WARN"]);
  });

  // Codes are those of a Kafka 4.4 broker for the same requests.
  test.each<[string, Change, string]>([
    ["absent topic", [TOPIC, "none", "retention.ms", "1"], "UNKNOWN_TOPIC_OR_PARTITION"],
    ["absent topic, badly,", [TOPIC, "none", "retention.ms", "soon"], "INVALID_CONFIG"],
    ["impossible topic", [TOPIC, "no such", "retention.ms", "1"], "INVALID_TOPIC_EXCEPTION"],
    ["topic without a name", [TOPIC, "", "retention.ms", "1"], "INVALID_REQUEST"],
    ["other broker", [BROKER, "7", "log.retention.ms", "1"], "INVALID_REQUEST"],
    ["broker that is no number", [BROKER, "one", "log.retention.ms", "1"], "INVALID_REQUEST"],
    ["group without a name", [GROUP, "", "consumer.session.timeout.ms", "50000"], "INVALID_REQUEST"],
    ["subscription without a name", [CLIENT_METRICS, "", "interval.ms", "1000"], "INVALID_REQUEST"],
    ["unknown kind of resource", [99, "x", "a", "b"], "INVALID_REQUEST"],
    ["logger of another broker", [BROKER_LOGGER, "7", "root", "INFO"], "INVALID_REQUEST"],
    ["logger that is not there", [BROKER_LOGGER, "1", "no.such.logger", "INFO"], "INVALID_CONFIG"],
    ["level that is none", [BROKER_LOGGER, "1", "root", "LOUD"], "INVALID_CONFIG"],
    ["level of the root taken away", [BROKER_LOGGER, "1", "root", null, DELETE], "INVALID_REQUEST"],
    ["level appended", [BROKER_LOGGER, "1", "root", "INFO", APPEND], "INVALID_REQUEST"],
  ])("of an %s are refused", async (_, change, expected) => {
    expect(await alter(change)).toBe(expected);
  });

  test("of a resource that is named twice are refused both times", async () => {
    const resource = {
      resourceType: TOPIC,
      resourceName: "orders",
      configs: [{ name: "retention.ms", value: "1", configOperation: SET }],
    };
    const { responses } = await client.send(incrementalAlterConfigs, 1, {
      resources: [resource, { ...resource }],
      validateOnly: false,
    });
    expect(responses.map(({ errorCode }) => errorName(errorCode))).toEqual(["INVALID_REQUEST", "INVALID_REQUEST"]);
    expect(retention()).toBe(604_800_000);
  });
});

describe("replaced configs", () => {
  test.each([0, 1, 2])("v%i unset what is not named", async (version) => {
    await alter([TOPIC, "orders", "segment.ms", "5000"]);
    const configs = [{ name: "retention.ms", value: "60000" }];
    const resources = [{ resourceType: TOPIC, resourceName: "orders", configs }];
    const { responses } = await client.send(alterConfigs, version, { resources, validateOnly: false });
    expect(responses).toEqual([{ resourceType: TOPIC, resourceName: "orders", errorCode: 0, errorMessage: null }]);
    expect([...memory.broker.cluster.topic("orders")!.configs]).toEqual([["retention.ms", "60000"]]);
  });
});

describe("described configs", () => {
  const resources = [{ resourceType: TOPIC, resourceName: "orders", configurationKeys: ["retention.ms"] }];
  const asked = { resources, includeSynonyms: true, includeDocumentation: true };

  test("v0 tells whether a value is the default", async () => {
    const isDefault = async () =>
      (await client.send(describeConfigs, 0, { resources })).results[0]!.configs[0]!.isDefault;
    expect(await isDefault()).toBe(true);
    await alter([TOPIC, "orders", "retention.ms", "1"]);
    expect(await isDefault()).toBe(false);
  });

  test.each([1, 2, 3, 4])("v%i tells the source, and type and text from version 3 on", async (version) => {
    await alter([TOPIC, "orders", "retention.ms", "1"]);
    const { results } = await client.send(
      describeConfigs,
      version,
      version < 3 ? { resources, includeSynonyms: true } : asked,
    );
    const config = results[0]!.configs[0]!;
    expect(config.configSource).toBe(1);
    expect(config.synonyms).toEqual([{ name: "retention.ms", value: "1", source: 1 }]);
    expect(config.configType).toBe(version < 3 ? 0 : 5);
    expect((config.documentation ?? "").length > 0).toBe(version >= 3);
  });

  test("no names, or an empty list of them, mean all", async () => {
    const all = await values(TOPIC, "orders");
    expect(all.length).toBe(38);
    expect(await values(TOPIC, "orders", [])).toEqual(all);
  });

  test.each<[string, number, string, string]>([
    ["absent topic", TOPIC, "none", "UNKNOWN_TOPIC_OR_PARTITION"],
    ["impossible topic", TOPIC, "no such", "INVALID_TOPIC_EXCEPTION"],
    ["other broker", BROKER, "7", "INVALID_REQUEST"],
    ["logger without a broker", BROKER_LOGGER, "", "INVALID_REQUEST"],
    ["group without a name", GROUP, "", "INVALID_REQUEST"],
    ["unknown kind of resource", 99, "x", "INVALID_REQUEST"],
  ])("of an %s are refused", async (_, resourceType, resourceName, expected) => {
    const { results } = await client.send(describeConfigs, 4, {
      resources: [{ resourceType, resourceName, configurationKeys: null }],
    });
    expect(errorName(results[0]!.errorCode)).toBe(expected);
    expect(results[0]!.configs).toEqual([]);
  });

  // As of a Kafka 4.4 broker: they stay without effect, and can be found to be taken away.
  test("of brokers are also those that nobody knows, their values left out", async () => {
    await alter([BROKER, "", "no.such", "1"]);
    await alter([BROKER, "1", "no.such", "2"]);
    const { results } = await client.send(describeConfigs, 4, {
      resources: ["1", ""].map((resourceName) => ({
        resourceType: BROKER,
        resourceName,
        configurationKeys: ["no.such"],
      })),
      includeSynonyms: true,
    });
    const one = { name: "no.such", value: null, source: 2 }, all = { ...one, source: 3 };
    const unknown = {
      name: "no.such",
      value: null,
      readOnly: true,
      isSensitive: true,
      configType: 0,
      documentation: null,
      isDefault: false,
    };
    expect(results.map(({ configs }) => configs)).toEqual([
      [{ ...unknown, configSource: 2, synonyms: [one, all] }],
      [{ ...unknown, configSource: 3, synonyms: [all] }],
    ]);
  });

  // As of a Kafka 4.4 broker.
  test("of all resources are refused with one of an unknown kind", async () => {
    const { results } = await client.send(describeConfigs, 4, {
      resources: [
        { resourceType: TOPIC, resourceName: "orders", configurationKeys: null },
        { resourceType: 0, resourceName: "x", configurationKeys: null },
      ],
    });
    expect(results.map(({ errorCode, configs }) => [errorName(errorCode), configs]))
      .toEqual([["INVALID_REQUEST", []], ["INVALID_REQUEST", []]]);
  });
});
