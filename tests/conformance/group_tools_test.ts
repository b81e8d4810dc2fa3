/**
 * Kafka's tools say of groups what they say of the same groups on Kafka, and read the records that we write about them; a
 * kill -9 takes nothing of a group away.
 *
 * The same members join the same groups on both brokers. Ports, ids and times that come up by chance are replaced; rows of a
 * table come in no particular order.
 */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { offsetCommit } from "../../protocol/api/08_offset_commit.ts";
import type { ConsumerGroupHeartbeatRequestDraft } from "../../protocol/api/68_consumer_group_heartbeat.ts";
import {
  consumerGroupDescribe,
  type ConsumerGroupDescribeResponse,
} from "../../protocol/api/69_consumer_group_describe.ts";
import { encodeAssignment, encodeSubscription } from "../../protocol/embedded/consumer_protocol.ts";
import { initCrc32c } from "../../protocol/crc32c.ts";
import { syncGroup } from "../../protocol/api/14_sync_group.ts";
import { BrokerProcess, target } from "../support/broker.ts";
import { Dialogue } from "../support/dialogue.ts";
import { KafkaTools, type ToolName, whyNoKafkaTools } from "../support/kafka_tools.ts";
import { produceValues } from "../support/requests.ts";
import { Consumer } from "./answers/consumer.ts";
import { Member } from "./answers/member.ts";

const reason = target === "kafka" ? "it is the rival" : whyNoKafkaTools();
if (reason !== null) console.warn(`skipped: groups beside Kafka's, for ${reason}`);
const timeoutMs = 120_000;
const config = {
  "node.id": 1,
  "group.initial.rebalance.delay.ms": 0,
  "offsets.topic.num.partitions": 5,
  "group.consumer.assignment.interval.ms": 0,
  "group.consumer.assignor.offload.enable": false,
};

interface Side {
  readonly broker: BrokerProcess;
  readonly dialogue: Dialogue;
  /** By group and member. */
  readonly consumers: Readonly<Record<string, Consumer>>;
  /** The id of the classic member among them. */
  readonly given: string;
}

let tools: KafkaTools;
let ours: Side;
let theirs: Side;

describe.skipIf(reason !== null)("groups beside Kafka's:", () => {
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

  const groups = ["shared.t", "regex.t", "reconciling.t", "static.t", "mixed.t", "left.t", "classic.t", "missing.t"];

  test("consumer-groups lists them", async () => {
    for (const filter of ["", "--state", "--type", "--type consumer", "--type classic", "--state stable,empty"]) {
      await areSame("consumer-groups", `--list ${filter}`);
    }
    for (const filter of ["", "--consumer", "--protocol consumer", "--group-type classic"]) {
      await areSame("groups", `--list ${filter}`);
    }
  }, timeoutMs);

  test.each(groups)("consumer-groups describes %s", async (group) => {
    for (
      const what of ["", "--offsets --verbose", "--members", "--members --verbose", "--state", "--state --verbose"]
    ) {
      await areSame("consumer-groups", `--describe --group ${group} ${what}`);
    }
  }, timeoutMs);

  test("consumer-groups describes all", async () => {
    await areSame("consumer-groups", "--describe --all-groups --state");
    await areSame("consumer-groups", "--describe --all-groups");
  }, timeoutMs);

  test("consumer-groups refuses for the same reasons", async () => {
    for (
      const args of [
        "--delete --group shared.t",
        "--delete --group missing.t",
        "--delete-offsets --group shared.t --topic orders.t",
        "--delete-offsets --group missing.t --topic orders.t",
        "--reset-offsets --group shared.t --topic orders.t --to-earliest --execute",
        "--reset-offsets --group missing.t --topic orders.t --to-earliest --dry-run",
      ]
    ) await areSame("consumer-groups", args);
  }, timeoutMs);

  test("configs describes and alters those of a group", async () => {
    const entity = "--entity-type groups --entity-name shared.t";
    await areSame("configs", `--describe ${entity}`);
    await areSame("configs", `--alter ${entity} --add-config consumer.session.timeout.ms=50000`);
    await areSame("configs", `--describe ${entity}`);
    await areSame("configs", `--alter ${entity} --add-config consumer.heartbeat.interval.ms=1`);
    await areSame("configs", `--alter ${entity} --add-config unheard.of=1`);
    await areSame("configs", `--alter ${entity} --delete-config consumer.session.timeout.ms`);
  }, timeoutMs);

  test("a kill -9 takes nothing away, and members go on", async () => {
    const before = await describedGroups(ours);
    expect(before).toEqual(await describedGroups(theirs));
    await ours.broker.kill9();
    await ours.broker.restart();
    const dialogue = new Dialogue(ours.broker.port, "t");
    for (const group of groups) await dialogue.group(group.replace(/\.t$/, ""));
    expect(await describedGroups({ ...ours, dialogue })).toEqual(before);
    const { groupId, memberId, epoch } = ours.consumers["shared first"]!;
    const again = await Consumer.connect(dialogue, groupId, memberId);
    again.epoch = epoch;
    await again.ask("goes on");
    expect(dialogue.notes["goes on"]).toMatchObject({ errorCode: "NONE", memberEpoch: epoch, assignment: null });
    dialogue.close();
  }, timeoutMs);

  test("consumer-groups deletes, and resets, what nobody is in", async () => {
    await areSame("consumer-groups", "--reset-offsets --group left.t --topic orders.t --to-earliest --execute");
    await areSame("consumer-groups", "--describe --group left.t");
    await areSame("consumer-groups", "--delete-offsets --group left.t --topic orders.t");
    await areSame("consumer-groups", "--delete --group left.t");
    await areSame("consumer-groups", "--describe --group left.t");
  }, timeoutMs);

  test("the log says the same of them", async () => {
    const [here, there] = [await lastWords(ours, ""), await lastWords(theirs, "log")];
    expect(Object.keys(here).length).toBeGreaterThan(20);
    expect(here).toEqual(there);
  }, timeoutMs);
});

// ---------------------------------------------------------------------------------------------- the groups

async function populated(broker: BrokerProcess): Promise<Side> {
  const dialogue = new Dialogue(broker.port, "t");
  const { name } = await dialogue.topic("orders", { partitionCount: 4 });
  await produceValues(await dialogue.main(), { topic: name, partition: 0 }, ["a", "b", "c"]);
  const consumers: Record<string, Consumer> = {};
  const join = async (group: string, memberId: string, said: Partial<ConsumerGroupHeartbeatRequestDraft> = {}) => {
    const groupId = await dialogue.group(group);
    const all = { subscribedTopicNames: [name], serverAssignor: "range", ...said };
    return consumers[`${group} ${memberId}`] = await Consumer.connect(dialogue, groupId, memberId, all);
  };

  const [first, second] = [await join("shared", "first", { rackId: "r1" }), await join("shared", "second")];
  await first.comesTo(2, 4);
  await Promise.all([first.comesTo(3, 2), second.comesTo(3, 2)]);
  await commit(first, name);

  // Its topics are found apart from the heartbeat that names them.
  const finder = await join("regex", "finder", { subscribedTopicNames: null, subscribedTopicRegex: "ord.*" });
  await finder.comesTo(3, 4);

  const [holder, waiter] = [await join("reconciling", "holder"), await join("reconciling", "waiter")];
  await holder.comesTo(2, 4);
  await waiter.comesTo(3, 0);

  await (await join("static", "fixed", { instanceId: "i1" })).comesTo(2, 4);

  const modern = await join("mixed", "~modern"); // after any id that the other may be given
  await modern.comesTo(2, 4);
  const old = await classicMember(dialogue, "mixed", name);
  await modern.comesTo(3, 2);
  await (await old.join()).answer;
  await old.sync();

  const leaver = await join("left", "leaver");
  await leaver.comesTo(2, 4);
  await commit(leaver, name);
  await leaver.ask("leaves", { memberEpoch: -1, topicPartitions: null });

  const only = await classicMember(dialogue, "classic", name);
  const assignment = encodeAssignment({ assignedPartitions: [{ topic: name, partitions: [0, 1, 2, 3] }] });
  const { groupId, memberId, generationId, client } = only;
  await client.send(syncGroup, 3, { groupId, memberId, generationId, assignments: [{ memberId, assignment }] });
  return { broker, dialogue, consumers, given: old.memberId };
}

async function classicMember(dialogue: Dialogue, group: string, topic: string): Promise<Member> {
  const metadata = encodeSubscription({ topics: [topic] });
  const options = { clientId: "old", protocols: [{ name: "range", metadata }] };
  const member = await Member.connect(dialogue, await dialogue.group(group), options);
  await (await member.join()).answer;
  return member;
}

async function commit({ client, groupId, memberId, epoch }: Consumer, topic: string): Promise<void> {
  const { topics } = await client.send(offsetCommit, 9, {
    groupId,
    memberId,
    generationIdOrMemberEpoch: epoch,
    topics: [{ name: topic, partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: "note" }] }],
  });
  expect(topics[0]!.partitions[0]!.errorCode).toBe(0);
}

async function describedGroups({ dialogue, given }: Side): Promise<unknown> {
  const client = await dialogue.connect();
  const groupIds = ["shared", "regex", "reconciling", "static", "mixed", "left"].map((name) => dialogue.named(name));
  const answer: ConsumerGroupDescribeResponse = await client.send(consumerGroupDescribe, 1, {
    groupIds,
    includeAuthorizedOperations: false,
  });
  // Kafka's come in the order of a hash map.
  const groups = answer.groups.map(({ members, ...group }) => ({
    ...group,
    members: members.toSorted((one, other) => one.clientId < other.clientId ? -1 : 1),
  })).sort((one, other) => one.groupId < other.groupId ? -1 : 1);
  return withoutChance(JSON.stringify(groups), given);
}

// ---------------------------------------------------------------------------------------------- what is said of them

/** The tool says the same of both brokers. */
async function areSame(name: ToolName, args: string): Promise<void> {
  const [here, there] = [await said(ours, name, args), await said(theirs, name, args)];
  expect(here).toEqual(there);
}

async function said({ broker, given }: Side, name: ToolName, args: string) {
  const words = args.split(" ").filter((word) => word !== "");
  const { status, lines } = await tools.run(name, ["--bootstrap-server", broker.address, ...words]);
  const rows = lines.filter((line) => !/^\s+at /.test(line)).map((line) =>
    withoutChance(line, given).replaceAll(`${broker.port}`, "<port>").replaceAll(/\s+/g, " ").trim()
  );
  return { args, status, lines: rows.sort() };
}

/** The last record of every key, as Kafka's tool prints it. */
async function lastWords({ broker, given }: Side, folder: string): Promise<Record<string, string>> {
  await broker.stop();
  const directory = join(broker.dataDirectory, folder);
  const files = readdirSync(directory).filter((name) => name.startsWith("__consumer_offsets-"))
    .map((name) => join(directory, name, `${"0".repeat(20)}.log`)).filter((path) => existsSync(path));
  const { status, lines } = await tools.run("dump-log", ["--offsets-decoder", "--files", files.join(",")]);
  expect(status).toBe(0);
  const words: Record<string, string> = {};
  for (const line of lines) {
    const [, key, value] = / key: (\{.*\}) payload: (.*)$/.exec(line) ?? [];
    if (key === undefined || value === undefined) continue;
    words[withoutChance(key, given)] = withoutChance(value, given);
  }
  return words;
}

function withoutChance(text: string, given: string): string {
  return text.replaceAll(given, "<given>")
    .replaceAll(/"version":\d+,"timestamp"/g, '"version":<chance>,"timestamp"')
    .replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "<uuid>")
    .replaceAll(/"(\w*[tT]opicId|metadataHash|\w*[tT]imestamp)":("?)[^",}]+\2/g, '"$1":<chance>');
}
