/** Metrics that Kafka's own clients push (KIP-714), for anybody to read. Kafka itself keeps none: it wants a plugin for that. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { getTelemetrySubscriptions } from "../../protocol/api/71_get_telemetry_subscriptions.ts";
import { pushTelemetry, type PushTelemetryRequestDraft } from "../../protocol/api/72_push_telemetry.ts";
import { apiVersions } from "../../protocol/api/18_api_versions.ts";
import { initCrc32c } from "../../protocol/crc32c.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { ZERO_UUID } from "../../protocol/schema.ts";
import { whyNotBesideKafka } from "../support/beside_kafka.ts";
import { BrokerProcess, target } from "../support/broker.ts";
import { KafkaTools, type ToolName } from "../support/kafka_tools.ts";
import { TestClient } from "../support/test_client.ts";
import vectors from "../golden/java_telemetry/vectors.json" with { type: "json" };
import { bytesFromHex } from "../golden/vectors.ts";

/** What clients push in which codec is below, on every runtime. */
const reason = whyNotBesideKafka();
if (reason !== null) console.warn(`skipped: metrics of Kafka's clients, for ${reason}`);
const timeoutMs = 60_000;

let broker: BrokerProcess;

beforeAll(async () => {
  await initCrc32c();
  if (target !== "kafka") broker = await BrokerProcess.start({ config: { "telemetry.max.bytes": 100_000 } });
}, timeoutMs);
afterAll(() => broker?.dispose());

describe.skipIf(reason !== null)("Kafka's tools and clients", () => {
  let tools: KafkaTools;
  beforeAll(() => {
    tools = KafkaTools.start();
  });
  afterAll(() => tools.stop(), timeoutMs);

  async function lines(name: ToolName, args: string): Promise<readonly string[]> {
    const { status, output, lines } = await tools.run(name, ["--bootstrap-server", broker.address, ...args.split(" ")]);
    if (status !== 0) throw new Error(`"${name} ${args}" ended with status ${status}\n${output}`);
    return lines;
  }

  const produce = () => lines("producer-perf-test", "--topic busy --num-records 200 --record-size 10 --throughput 200");

  test("push nothing while nothing is wanted, and what is wanted once it is", async () => {
    await lines("topics", "--create --topic busy");
    await produce();
    expect(await lines("topics", "--list")).toEqual(["busy"]);

    const wanted = "--metrics org.apache.kafka.producer.record. --interval 100 --match client_id=perf-producer-client";
    await lines("client-metrics", `--alter --name perf ${wanted}`);
    await produce();
    expect(await lines("topics", "--list --exclude-internal")).toEqual(["busy"]);
    const read = await lines("console-consumer", "--topic __client_metrics --from-beginning --timeout-ms 5000");
    const reports = read.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
    expect(reports.length).toBeGreaterThan(2);
    const [{ clientId, clientSoftwareName, clientAddress, clientInstanceId }] = reports;
    expect([clientId, clientSoftwareName, clientAddress]).toEqual([
      "perf-producer-client",
      "apache-kafka-java",
      "127.0.0.1",
    ]);
    expect(new Set(reports.map((report) => report.clientInstanceId))).toEqual(new Set([clientInstanceId]));
    // A client that is closed reports once more, where it finds the time.
    expect(reports.slice(0, -1).some(({ isLast }) => isLast)).toBe(false);
    const metrics = reports.flatMap((report) => report.metrics);
    expect(metrics.every(({ name }) => name.startsWith("org.apache.kafka.producer.record."))).toBe(true);
    const sent = metrics.filter(({ name }) => name === "org.apache.kafka.producer.record.send.total");
    // Told as differences: together they are what was sent, as far as it was told.
    expect(sent.every(({ kind, temporality }) => kind === "sum" && temporality === "delta")).toBe(true);
    const values = sent.flatMap(({ points }) => points).map(({ value }) => value as number);
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
    const sum = values.reduce((one, other) => one + other, 0);
    expect([sum > 0, sum <= 200]).toEqual([true, true]);
  }, timeoutMs);
});

describe.skipIf(target === "kafka")("a client that speaks for itself", () => {
  const packed = vectors.compressed.find(({ compression }) => compression === 4)!;
  const metrics = bytesFromHex(packed.hex);

  async function connect(): Promise<TestClient> {
    const client = await TestClient.connect(broker.port, { clientId: "own" });
    await client.send(apiVersions, 3, { clientSoftwareName: "own", clientSoftwareVersion: "1" });
    return client;
  }

  test("is told what is wanted, and what is wrong with its reports", async () => {
    const client = await connect();
    const told = await client.send(getTelemetrySubscriptions, 0, { clientInstanceId: ZERO_UUID });
    expect([told.errorCode, told.pushIntervalMs, told.telemetryMaxBytes, told.deltaTemporality]).toEqual([
      ErrorCode.NONE,
      300_000,
      100_000,
      true,
    ]);
    expect(told.acceptedCompressionTypes).toEqual([4, 3, 1, 2]);
    expect(told.requestedMetrics).toEqual([]);
    const { clientInstanceId, subscriptionId } = told;
    const again = await client.send(getTelemetrySubscriptions, 0, { clientInstanceId });
    expect(again.errorCode).toBe(ErrorCode.THROTTLING_QUOTA_EXCEEDED);
    const report = { clientInstanceId, subscriptionId, terminating: false, compressionType: 4, metrics };
    const push = async (more: Partial<typeof report>) =>
      (await client.send(pushTelemetry, 0, { ...report, ...more })).errorCode;
    expect(await push({ clientInstanceId: ZERO_UUID })).toBe(ErrorCode.INVALID_REQUEST);
    expect(await push({})).toBe(ErrorCode.NONE);
    expect(await push({})).toBe(ErrorCode.THROTTLING_QUOTA_EXCEEDED);
    expect(await push({ terminating: true })).toBe(ErrorCode.NONE);
    expect(await push({ terminating: true })).toBe(ErrorCode.INVALID_REQUEST);
    client.close();
  }, timeoutMs);

  test.each<[string, Partial<PushTelemetryRequestDraft>, number]>([
    ["another subscription", { subscriptionId: 1 }, ErrorCode.UNKNOWN_SUBSCRIPTION_ID],
    ["an unknown compression", { compressionType: 7 }, ErrorCode.UNSUPPORTED_COMPRESSION_TYPE],
    ["a report that is too large", { metrics: new Uint8Array(100_001) }, ErrorCode.TELEMETRY_TOO_LARGE],
    ["a report that is not compressed", { metrics: new Uint8Array(50) }, ErrorCode.INVALID_RECORD],
    ["a report that is none", { compressionType: 0, metrics: new Uint8Array([9, 9]) }, ErrorCode.INVALID_RECORD],
    ["an empty report", { metrics: new Uint8Array(0) }, ErrorCode.NONE],
  ])("is answered %s", async (_, wrong, errorCode) => {
    const client = await connect();
    const told = await client.send(getTelemetrySubscriptions, 0, { clientInstanceId: ZERO_UUID });
    const { clientInstanceId, subscriptionId } = told;
    const report = { clientInstanceId, subscriptionId, terminating: false, compressionType: 4, metrics };
    expect((await client.send(pushTelemetry, 0, { ...report, ...wrong })).errorCode).toBe(errorCode);
    client.close();
  }, timeoutMs);
});
