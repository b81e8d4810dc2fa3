/**
 * Kafka's tools say of share groups what they say of the same groups on Kafka, and read the records that we write about
 * them; a kill -9 takes nothing away of what members have said.
 *
 * The same members do the same on both brokers. Ports, ids and times that come up by chance are replaced; rows of a table
 * come in no particular order.
 */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { initCrc32c } from "../../protocol/crc32c.ts";
import { BrokerProcess, target, until } from "../support/broker.ts";
import { Dialogue } from "../support/dialogue.ts";
import { KafkaTools, type ToolName, whyNoKafkaTools } from "../support/kafka_tools.ts";
import { produceValues } from "../support/requests.ts";
import { configureGroup, ShareMember } from "./answers/share_member.ts";

const reason = target === "kafka" ? "it is the rival" : whyNoKafkaTools();
if (reason !== null) console.warn(`skipped: share groups beside Kafka's, for ${reason}`);
const timeoutMs = 120_000;
const config = {
  "node.id": 1,
  "offsets.topic.num.partitions": 5,
  "share.coordinator.state.topic.num.partitions": 3,
  "share.coordinator.state.topic.replication.factor": 1,
  "share.coordinator.state.topic.min.isr": 1,
  "share.coordinator.snapshot.update.records.per.snapshot": 2,
  "group.share.assignment.interval.ms": 0,
  "group.share.assignor.offload.enable": false,
};

const logs = [
  ["__share_group_state", "--share-group-state-decoder"],
  ["__consumer_offsets", "--offsets-decoder"],
] as const;

interface Side {
  readonly broker: BrokerProcess;
  readonly dialogue: Dialogue;
  readonly topicId: string;
  readonly first: ShareMember;
}

let tools: KafkaTools;
let ours: Side;
let theirs: Side;

describe.skipIf(reason !== null)("share groups beside Kafka's:", () => {
  beforeAll(async () => {
    await initCrc32c();
    tools = KafkaTools.start();
    const brokers = await Promise.all([
      BrokerProcess.start({ config }),
      BrokerProcess.start({ target: "kafka", config, readyTimeoutMs: timeoutMs }),
    ]);
    [ours, theirs] = await Promise.all([populated(brokers[0]), populated(brokers[1])]);
  }, timeoutMs);

  afterAll(async () => {
    for (const side of [ours, theirs]) side?.dialogue.close();
    await Promise.all([tools?.stop(), ours?.broker.dispose(), theirs?.broker.dispose()]);
  }, timeoutMs);

  test("share-groups lists them", async () => {
    for (const filter of ["", "--state", "--state empty"]) await areSame("share-groups", `--list ${filter}`);
    for (const filter of ["", "--share", "--protocol share", "--group-type share"]) {
      await areSame("groups", `--list ${filter}`);
    }
  }, timeoutMs);

  test.each(["queue.t", "left.t", "missing.t"])("share-groups describes %s", async (group) => {
    for (const what of ["", "--verbose", "--members", "--members --verbose", "--state", "--state --verbose"]) {
      await areSame("share-groups", `--describe --group ${group} ${what}`);
    }
  }, timeoutMs);

  test("share-groups refuses for the same reasons", async () => {
    for (
      const args of [
        "--delete --group queue.t",
        "--delete --group missing.t",
        "--delete-offsets --group queue.t --topic orders.t",
        "--delete-offsets --group missing.t --topic orders.t",
        "--delete-offsets --group left.t --topic missing.t",
        "--reset-offsets --group queue.t --topic orders.t --to-earliest --execute",
      ]
    ) await areSame("share-groups", args);
    await areSame("consumer-groups", "--describe --group queue.t");
    await areSame("consumer-groups", "--delete --group queue.t");
  }, timeoutMs);

  test("configs describes and alters those of a group", async () => {
    const entity = "--entity-type groups --entity-name queue.t";
    await areSame("configs", `--alter ${entity} --add-config share.record.lock.duration.ms=20000`);
    await areSame("configs", `--describe ${entity}`);
    await areSame("configs", `--alter ${entity} --add-config share.record.lock.duration.ms=1001`);
    await areSame("configs", `--alter ${entity} --delete-config share.record.lock.duration.ms`);
  }, timeoutMs);

  test("share-groups resets, and forgets, what nobody reads", async () => {
    await areSame("share-groups", "--reset-offsets --group left.t --topic orders.t --to-latest --dry-run");
    await areSame("share-groups", "--reset-offsets --group left.t --topic orders.t --to-earliest --execute");
    await areSame("share-groups", "--describe --group left.t --verbose");
    await areSame("share-groups", "--describe --group left.t --state --verbose");
    await areSame("share-groups", "--reset-offsets --group fresh.t --topic orders.t --to-earliest --execute");
    await areSame("share-groups", "--describe --group fresh.t --state --verbose");
    await areSame("share-groups", "--delete --group fresh.t");
    await areSame("share-groups", "--delete-offsets --group left.t --topic orders.t");
    await areSame("share-groups", "--delete-offsets --group left.t --topic orders.t");
    await areSame("share-groups", "--describe --group left.t");
    await areSame("share-groups", "--reset-offsets --group left.t --topic orders.t --to-earliest --execute");
  }, timeoutMs);

  test("console-share-consumer consumes", async () => {
    const shown = "--formatter-property print.offset=true --formatter-property print.delivery=true";
    await areSame(
      "console-share-consumer",
      `--topic orders.t --group left.t --max-messages 5 --timeout-ms 30000 ${shown}`,
    );
  }, timeoutMs);

  test("a kill -9 takes nothing away, and what was not acknowledged comes again", async () => {
    await ours.broker.kill9();
    await ours.broker.restart();
    const dialogue = new Dialogue(ours.broker.port, "t");
    const groupId = await dialogue.group("queue");
    const again = await ShareMember.connect(dialogue, groupId, "first");
    again.epoch = ours.first.epoch;
    await until(async () => (await again.heartbeat()).errorCode === 0, { what: "The member is known" });
    let acquired: string[] = [];
    await until(async () => (acquired = await again.fetch(ours.topicId, 0)).length > 0, { what: "Records come again" });
    expect(acquired).toEqual(["2-2x2", "3-4x1"]);
    dialogue.close();
  }, timeoutMs);

  test("the logs say the same of them", async () => {
    await Promise.all([ours.broker.stop(), theirs.broker.stop()]);
    for (const [topic, decoder] of logs) {
      const [here, there] = [await words(ours, "", topic, decoder), await words(theirs, "log", topic, decoder)];
      expect(here.length).toBeGreaterThan(5);
      expect(here).toEqual(there);
    }
  }, timeoutMs);
});

// ---------------------------------------------------------------------------------------------- the groups

async function populated(broker: BrokerProcess): Promise<Side> {
  const dialogue = new Dialogue(broker.port, "t");
  const { name, topicId } = await dialogue.topic("orders", { partitionCount: 2 });
  await produceValues(await dialogue.main(), { topic: name, partition: 0 }, ["a", "b", "c", "d", "e"]);
  const join = async (group: string, memberId: string) => {
    const groupId = await dialogue.group(group);
    await configureGroup(dialogue, groupId, { "share.auto.offset.reset": "earliest" });
    const member = await ShareMember.connect(dialogue, groupId, memberId);
    await member.heartbeat({ subscribedTopicNames: [name] });
    return member;
  };

  const first = await join("queue", "first");
  await first.comesTo(3, 2);
  await acquires(first, topicId, ["0-4x1"]);
  expect(await first.acknowledge(topicId, 0, [0, 2], [1, 3, 2])).toBe(0);

  const leaver = await join("left", "leaver");
  await leaver.comesTo(3, 2);
  await acquires(leaver, topicId, ["0-4x1"]);
  for (let offset = 0; offset < 4; offset++) {
    expect(await leaver.acknowledge(topicId, 0, [offset, offset], [1])).toBe(0);
  }
  leaver.sessionEpoch = -1;
  expect(await leaver.acknowledge(topicId, 0, [4, 4], [2])).toBe(0);
  await leaver.heartbeat({ memberEpoch: -1 });
  // Until the connection ends, Kafka goes by what it knew of the group's partitions.
  leaver.client.close();
  return { broker, dialogue, topicId, first };
}

async function acquires(member: ShareMember, topicId: string, expected: readonly string[]): Promise<void> {
  let acquired: string[] = [];
  await until(async () => (acquired = await member.fetch(topicId, 0)).length > 0, { what: "Records are acquired" });
  expect(acquired).toEqual([...expected]);
}

// ---------------------------------------------------------------------------------------------- what is said of them

/** The tool says the same of both brokers. */
async function areSame(name: ToolName, args: string): Promise<void> {
  const [here, there] = [await said(ours, name, args), await said(theirs, name, args)];
  expect(here).toEqual(there);
}

async function said({ broker }: Side, name: ToolName, args: string) {
  const list = args.split(" ").filter((word) => word !== "");
  const { status, lines } = await tools.run(name, ["--bootstrap-server", broker.address, ...list]);
  const rows = lines.filter((line) => !/^\s+at |^SLF4J/.test(line)).map((line) =>
    withoutChance(line).replaceAll(`${broker.port}`, "<port>").replaceAll(/\s+/g, " ").trim()
  );
  return { args, status, lines: rows.sort() };
}

/** The records of a topic about the group that is left alone after the kill, as Kafka's tool prints them. */
async function words({ broker }: Side, folder: string, topic: string, decoder: string): Promise<string[]> {
  const directory = join(broker.dataDirectory, folder);
  const files = readdirSync(directory).filter((name) => name.startsWith(`${topic}-`))
    .map((name) => join(directory, name, `${"0".repeat(20)}.log`)).filter((path) => existsSync(path));
  const { status, lines } = await tools.run("dump-log", [decoder, "--files", files.join(",")]);
  expect(status).toBe(0);
  return lines.flatMap((line) => {
    const [, key, value] = / key: (\{.*\}) payload: (.*)$/.exec(line) ?? [];
    return key === undefined || value === undefined || !key.includes("left.t")
      ? []
      : [`${withoutChance(key)} ${withoutChance(value)}`];
  }).sort();
}

function withoutChance(text: string): string {
  return text.replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "<uuid>")
    .replaceAll(/"memberId":"[\w-]{22}"/g, '"memberId":"<made up>"')
    .replaceAll(/"(\w*[tT]opicId|metadataHash|\w*[tT]imestamp)":("?)[^",}]+\2/g, '"$1":<chance>');
}
