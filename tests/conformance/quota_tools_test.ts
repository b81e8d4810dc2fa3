/** kafka-configs sets, shows and unsets the limits of users, clients and addresses. WEIR_TARGET=kafka shows that it says the same there. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { BrokerProcess, until } from "../support/broker.ts";
import { KafkaTools, type ToolResult, whyNoKafkaTools } from "../support/kafka_tools.ts";

const reason = whyNoKafkaTools();
if (reason !== null) console.warn(`skipped: kafka-configs, for ${reason}`);

let broker: BrokerProcess;
let tools: KafkaTools;

function configs(args: string): Promise<ToolResult> {
  return tools.run("configs", ["--bootstrap-server", broker.address, ...args.split(" ")]);
}

/** The lines of one that must end well. */
async function lines(args: string): Promise<readonly string[]> {
  const { status, output, lines } = await configs(args);
  if (status !== 0) throw new Error(`"configs ${args}" ended with status ${status}\n${output}`);
  return lines;
}

/** What a refusal says. */
async function refusal(args: string): Promise<string> {
  const { status, output } = await configs(args);
  expect(status).toBe(1);
  return output;
}

/** Kafka's brokers learn of a change after it is answered. */
async function shows(args: string, expected: readonly string[]): Promise<void> {
  let last: readonly string[] = [];
  await until(async () => {
    last = await lines(`--describe ${args}`);
    return JSON.stringify(last) === JSON.stringify(expected);
  }, { what: `"${args}" that shows ${JSON.stringify(expected)}`, timeoutMs: 10_000 }).catch(() => {});
  expect(last).toEqual([...expected]);
}

describe.skipIf(reason !== null)("kafka-configs:", () => {
  beforeAll(async () => {
    tools = KafkaTools.start();
    broker = await BrokerProcess.start();
  }, 120_000);

  afterAll(async () => {
    await Promise.all([tools?.stop(), broker?.dispose()]);
  }, 60_000);

  test("sets, shows and unsets the quotas of a client", async () => {
    const client = "--entity-type clients --entity-name app";
    expect(await lines(`--alter ${client} --add-config producer_byte_rate=1048576,request_percentage=12.5`)).toEqual([
      "Completed updating config for client app.",
    ]);
    await shows(client, [
      "Quota configs for client-id 'app' are request_percentage=12.5, producer_byte_rate=1048576.0",
    ]);
    await lines(`--alter ${client} --delete-config request_percentage`);
    await shows("--client app", ["Quota configs for client-id 'app' are producer_byte_rate=1048576.0"]);
    await lines(`--alter ${client} --delete-config producer_byte_rate`);
    await shows("--entity-type clients", []);
  }, 60_000);

  test("sets and shows the quotas of defaults, and of a user's clients", async () => {
    const both = "--entity-type users --entity-name alice --entity-type clients --entity-name app";
    const defaults = "--entity-type users --entity-default --entity-type clients --entity-default";
    await lines(`--alter ${both} --add-config consumer_byte_rate=2000`);
    expect(await lines(`--alter ${defaults} --add-config controller_mutation_rate=10.5`)).toEqual([
      "Completed updating default config for users in the cluster.",
    ]);
    expect(await lines("--alter --entity-type clients --entity-default --add-config consumer_byte_rate=500")).toEqual([
      "Completed updating default config for clients in the cluster.",
    ]);
    await shows(both, ["Quota configs for user-principal 'alice', client-id 'app' are consumer_byte_rate=2000.0"]);
    await shows(defaults, [
      "Quota configs for the default user-principal, the default client-id are controller_mutation_rate=10.5",
    ]);
    await shows("--entity-type clients --entity-default", [
      "Quota configs for the default client-id are consumer_byte_rate=500.0",
    ]);
    await shows("--client-defaults", ["Quota configs for the default client-id are consumer_byte_rate=500.0"]);
    await lines("--alter --client-defaults --delete-config consumer_byte_rate");
    await lines(`--alter ${both} --delete-config consumer_byte_rate`);
    await lines(`--alter ${defaults} --delete-config controller_mutation_rate`);
    await shows(both, []);
  }, 60_000);

  test("sets and shows the quotas of users", async () => {
    const user = "--entity-type users --entity-name bob";
    expect(await lines(`--alter ${user} --add-config producer_byte_rate=3000,consumer_byte_rate=4000`)).toEqual([
      "Completed updating config for user bob.",
    ]);
    await lines("--alter --user-defaults --add-config request_percentage=200");
    await shows(user, [
      "Quota configs for user-principal 'bob' are consumer_byte_rate=4000.0, producer_byte_rate=3000.0",
    ]);
    await shows("--user-defaults", ["Quota configs for the default user-principal are request_percentage=200.0"]);
    await lines(`--alter ${user} --delete-config producer_byte_rate,consumer_byte_rate`);
    await lines("--alter --user-defaults --delete-config request_percentage");
    await shows("--entity-type users", []);
  }, 60_000);

  test("sets and shows how fast an address may connect", async () => {
    const address = "--entity-type ips --entity-name 10.0.0.1";
    await lines(`--alter ${address} --add-config connection_creation_rate=100`);
    await lines("--alter --entity-type ips --entity-default --add-config connection_creation_rate=200");
    await shows(address, ["Quota configs for ip '10.0.0.1' are connection_creation_rate=100.0"]);
    await shows("--ip-defaults", ["Quota configs for the default ip are connection_creation_rate=200.0"]);
    await lines(`--alter ${address} --delete-config connection_creation_rate`);
    await lines("--alter --ip-defaults --delete-config connection_creation_rate");
    await shows("--entity-type ips", []);
  }, 60_000);

  test("says what is wrong", async () => {
    const client = "--entity-type clients --entity-name app";
    expect(await refusal(`--alter ${client} --add-config no_such_quota=1`)).toContain("no_such_quota");
    expect(await refusal(`--alter ${client} --add-config producer_byte_rate=0`)).toContain(
      "Quota producer_byte_rate must be greater than 0",
    );
    expect(await refusal(`--alter ${client} --add-config producer_byte_rate=1.5`)).toContain(
      "producer_byte_rate cannot be a fractional value.",
    );
    expect(await refusal(`--alter ${client} --delete-config producer_byte_rate`)).toContain("Invalid config");
  }, 60_000);
});
