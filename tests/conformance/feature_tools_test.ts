/**
 * `kafka-features`, `kafka-client-metrics` and `kafka-configs` print about the broker what they print about Apache Kafka, which
 * runs beside it and is told to do the same. It is other tests' too: they find its features as they were.
 */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { pairConfig, pairTimeoutMs, sharedKafka, whyNotBesideKafka } from "../support/beside_kafka.ts";
import { BrokerProcess } from "../support/broker.ts";
import { KafkaTools, type ToolName } from "../support/kafka_tools.ts";

const reason = whyNotBesideKafka();
if (reason !== null) console.warn(`skipped: tools beside Kafka, for ${reason}`);
const timeoutMs = 120_000;

let ours: BrokerProcess;
let theirs: BrokerProcess;
let tools: KafkaTools;

/** What Kafka's tool says of one broker, without what is there by chance. */
async function said(broker: BrokerProcess, name: ToolName, args: string) {
  const words = args.split(" ").filter((word) => word !== "");
  const { status, lines } = await tools.run(name, ["--bootstrap-server", broker.address, ...words]);
  const rows = lines.filter((line) => !/^\s+at |^SLF4J|^\d{4}-\d\d-\d\dT/.test(line)).map((line) =>
    line.replaceAll(`${broker.port}`, "<port>").replaceAll(/Epoch: \d+/g, "Epoch: <epoch>").replaceAll(/\s+/g, " ")
      .trim()
  );
  return { args, status, lines: rows.sort() };
}

async function areSame(name: ToolName, args: string): Promise<string[]> {
  const [here, there] = [await said(ours, name, args), await said(theirs, name, args)];
  expect(here).toEqual({ ...there, lines: there.lines.flatMap(asOurs) });
  return here.lines;
}

/** Two features are at other levels here: docs/differences.md. */
function asOurs(line: string): string[] {
  if (line.startsWith("Feature: eligible.leader.replicas.version ")) return [];
  return [line.startsWith("Feature: share.version ") ? line.replace("MaxVersion: 2", "MaxVersion: 1") : line];
}

describe.skipIf(reason !== null)("Kafka's tools say of Kafka and of us the same about", () => {
  beforeAll(async () => {
    tools = KafkaTools.start();
    [ours, theirs] = await Promise.all([BrokerProcess.start({ config: pairConfig }), sharedKafka()]);
    await said(theirs, "features", "downgrade --feature share.version=1");
  }, pairTimeoutMs);

  afterAll(async () => {
    const given = await said(theirs, "features", "upgrade --feature share.version=2");
    await ours?.dispose();
    expect(given.status).toBe(0);
  }, timeoutMs);

  test("features and their levels", async () => {
    const lines = await areSame("features", "describe");
    expect(lines.some((line) => line.startsWith("Feature: group.version "))).toBe(true);
  }, timeoutMs);

  test("features that go up and down", async () => {
    for (
      const args of [
        "upgrade --feature group.version=1",
        "upgrade --feature group.version=2",
        "upgrade --feature no.such.version=1",
        "upgrade --feature group.version=1 --feature no.such.version=1",
        "downgrade --feature transaction.version=1 --dry-run",
        "downgrade --feature transaction.version=1",
        "describe",
        "downgrade --feature transaction.version=2",
        "upgrade --feature transaction.version=0",
        "downgrade --unsafe --feature transaction.version=0",
        "upgrade --feature transaction.version=2 --feature share.version=1",
        "downgrade --feature share.version=0 --feature streams.version=0",
        "describe",
        "upgrade --feature share.version=1 --feature streams.version=1",
        "disable --feature group.version --dry-run",
        "disable --feature group.version",
        "describe",
        "disable --feature metadata.version",
        "disable --feature kraft.version",
        "upgrade --feature group.version=1",
        "upgrade --release-version 4.0",
        "downgrade --release-version 3.9",
        "upgrade --release-version 1.0",
        "downgrade --metadata 3.9-IV0",
        "downgrade --metadata 3.9-IV0 --unsafe",
        "upgrade --feature metadata.version=99",
        "describe",
      ]
    ) await areSame("features", args);
  }, timeoutMs);

  test("client metrics subscriptions", async () => {
    for (
      const args of [
        "--list",
        "--describe",
        "--alter --name one --metrics org.apache.kafka.producer.,org.apache.kafka.consumer. --interval 1000",
        "--alter --name two --metrics * --match client_software_name=apache-kafka-java,client_software_version=4.*",
        "--list",
        "--describe",
        "--describe --name one",
        "--alter --name one --interval 2000",
        "--describe --name one",
        "--alter --name three --interval 1",
        "--alter --name three --match client_id",
        "--alter --name three --match no_such=1",
        "--alter --name three",
        "--delete --name one",
        "--delete --name no-such",
        "--describe --name no-such",
        "--list",
        "--describe",
      ]
    ) await areSame("client-metrics", args);
  }, timeoutMs);

  test("client metrics as configs", async () => {
    for (
      const args of [
        "--describe --entity-type client-metrics",
        "--describe --entity-type client-metrics --entity-name two",
        "--describe --entity-type client-metrics --entity-name two --all",
        "--alter --entity-type client-metrics --entity-name four --add-config interval.ms=500",
        "--describe --entity-type client-metrics",
        "--alter --entity-type client-metrics --entity-name four --delete-config interval.ms",
        "--describe --entity-type client-metrics",
        "--alter --entity-type client-metrics --entity-name four --add-config no.such=1",
      ]
    ) await areSame("configs", args);
  }, timeoutMs);
});
