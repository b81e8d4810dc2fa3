/** Client metrics of a whole broker: told of while they are wanted, and kept in a topic. */
import { expect, test } from "bun:test";
import { fetch } from "../../../../protocol/api/01_fetch.ts";
import { metadata } from "../../../../protocol/api/03_metadata.ts";
import { apiVersions } from "../../../../protocol/api/18_api_versions.ts";
import { incrementalAlterConfigs } from "../../../../protocol/api/44_incremental_alter_configs.ts";
import { getTelemetrySubscriptions } from "../../../../protocol/api/71_get_telemetry_subscriptions.ts";
import { pushTelemetry } from "../../../../protocol/api/72_push_telemetry.ts";
import { wholeBatches } from "../../../../protocol/batch.ts";
import { ErrorCode } from "../../../../protocol/errors.ts";
import { decodeRecords } from "../../../../protocol/record.ts";
import { ZERO_UUID } from "../../../../protocol/schema.ts";
import vectors from "../../../golden/java_telemetry/vectors.json" with { type: "json" };
import { bytesFromHex } from "../../../golden/vectors.ts";
import { MemoryBroker, type MemoryClient } from "../../../support/memory_broker.ts";

const software = { clientSoftwareName: "test", clientSoftwareVersion: "1.2" };
const SET = 0;
const DELETE = 1;
const CLIENT_METRICS = 16;

async function alter(client: MemoryClient, name: string, value: string | null): Promise<void> {
  const configs = [{ name, value, configOperation: value === null ? DELETE : SET }];
  const { responses } = await client.send(incrementalAlterConfigs, 1, {
    resources: [{ resourceType: CLIENT_METRICS, resourceName: "some", configs }],
    validateOnly: false,
  });
  expect(responses[0]!.errorCode).toBe(ErrorCode.NONE);
}

async function advertised(client: MemoryClient): Promise<number[]> {
  const { apiKeys } = await client.send(apiVersions, 3, software);
  return apiKeys.map(({ apiKey }) => apiKey).filter((key) => key === 71 || key === 72);
}

test("client metrics are advertised while some are wanted", async () => {
  const server = await MemoryBroker.start();
  const client = await server.connect();
  expect(await advertised(client)).toEqual([]);
  await alter(client, "interval.ms", "1000");
  expect(await advertised(client)).toEqual([]);
  await alter(client, "metrics", "a.");
  expect(await advertised(client)).toEqual([71, 72]);
  await alter(client, "metrics", null);
  expect(await advertised(client)).toEqual([]);
  await server.stop();
});

test("a report is a record of the topic for them, by client instance, and the topic is internal", async () => {
  const server = await MemoryBroker.start();
  const client = await server.connect("reporter");
  await client.send(apiVersions, 3, software);
  await alter(client, "metrics", "*");
  const told = await client.send(getTelemetrySubscriptions, 0, { clientInstanceId: ZERO_UUID });
  expect([told.errorCode, told.requestedMetrics]).toEqual([ErrorCode.NONE, ["*"]]);
  const { clientInstanceId, subscriptionId } = told;
  const { compression, hex } = vectors.compressed.find((report) => report.compression === 4)!;
  const { errorCode } = await client.send(pushTelemetry, 0, {
    clientInstanceId,
    subscriptionId,
    terminating: false,
    compressionType: compression,
    metrics: bytesFromHex(hex),
  });
  expect(errorCode).toBe(ErrorCode.NONE);

  const { topics } = await client.send(metadata, 12, { topics: [{ name: "__client_metrics" }] });
  expect([topics[0]!.isInternal, topics[0]!.partitions.length]).toEqual([true, 1]);
  const { responses } = await client.send(fetch, 11, {
    replicaId: -1,
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 1_000_000,
    isolationLevel: 0,
    sessionId: 0,
    sessionEpoch: -1,
    topics: [{
      topic: "__client_metrics",
      partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000_000 }],
    }],
    forgottenTopicsData: [],
  });
  const text = new TextDecoder();
  const records = [...wholeBatches(responses[0]!.partitions[0]!.records!)].flatMap((batch) => [...decodeRecords(batch)])
    .map(({ key, value }) => ({ key: text.decode(key!), value: JSON.parse(text.decode(value!)) }));
  expect(records.map(({ key }) => key)).toEqual([clientInstanceId]);
  const { clientId, clientSoftwareName, clientSoftwareVersion, resource, metrics } = records[0]!.value;
  expect([clientId, clientSoftwareName, clientSoftwareVersion, resource]).toEqual([
    "reporter",
    "test",
    "1.2",
    { client_rack: "r1" },
  ]);
  expect(metrics.map(({ name }: { name: string }) => name)).toEqual(["a.gauge", "a.sum", "a.sum"]);
  await server.stop();
});
