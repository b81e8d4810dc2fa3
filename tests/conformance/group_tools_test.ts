/**
 * Kafka's tools say of groups what they say of the same groups on Kafka, and read the records that we write about them; a
 * kill -9 takes nothing of a group away.
 *
 * The same members join the same groups on both brokers. Ports, ids and times that come up by chance are replaced; rows of a
 * table come in no particular order.
 */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { offsetCommit } from "../../protocol/api/08_offset_commit.ts";
import type { ConsumerGroupHeartbeatRequestDraft } from "../../protocol/api/68_consumer_group_heartbeat.ts";
import {
  consumerGroupDescribe,
  type ConsumerGroupDescribeResponse,
} from "../../protocol/api/69_consumer_group_describe.ts";
import { encodeAssignment, encodeSubscription } from "../../protocol/embedded/consumer_protocol.ts";
import { initCrc32c } from "../../protocol/crc32c.ts";
import { syncGroup } from "../../protocol/api/14_sync_group.ts";
import { pairConfig, pairTimeoutMs, sharedKafka, whyNotBesideKafka } from "../support/beside_kafka.ts";
import { BrokerProcess } from "../support/broker.ts";
import type { Dialogue } from "../support/dialogue.ts";
import { produceValues } from "../support/requests.ts";
import { Consumer } from "./answers/consumer.ts";
import { Member } from "./answers/member.ts";
import { Shell } from "./tools/shell.ts";

const reason = whyNotBesideKafka();
if (reason !== null) console.warn(`skipped: groups beside Kafka's, for ${reason}`);
const timeoutMs = pairTimeoutMs;
/** Ends the names of this file's topics and groups. */
const suffix = ".groups";

interface Side {
  readonly shell: Shell;
  /** By group and member. */
  readonly consumers: Readonly<Record<string, Consumer>>;
  /** The id of the classic member among them. */
  readonly given: string;
}

let ours: Side;
let theirs: Side;

describe.skipIf(reason !== null)("groups beside Kafka's:", () => {
  beforeAll(async () => {
    await initCrc32c();
    const brokers = await Promise.all([BrokerProcess.start({ config: pairConfig }), sharedKafka()]);
    [ours, theirs] = await Promise.all([populated(brokers[0]), populated(brokers[1])]);
  }, timeoutMs);

  afterAll(async () => {
    for (const side of [ours, theirs]) side?.shell.dialogue.close();
    await ours?.shell.broker.dispose();
  }, timeoutMs);

  const groups = [
    "shared.groups",
    "regex.groups",
    "reconciling.groups",
    "static.groups",
    "mixed.groups",
    "left.groups",
    "classic.groups",
    "missing.groups",
  ];

  test("consumer-groups lists them", async () => {
    for (const filter of ["", "--state", "--type", "--type consumer", "--type classic", "--state stable,empty"]) {
      await areSame(`consumer-groups --list ${filter}`);
    }
    for (const filter of ["", "--consumer", "--protocol consumer", "--group-type classic"]) {
      await areSame(`groups --list ${filter}`);
    }
  }, timeoutMs);

  test.each(groups)("consumer-groups describes %s", async (group) => {
    for (
      const what of ["", "--offsets --verbose", "--members", "--members --verbose", "--state", "--state --verbose"]
    ) {
      await areSame(`consumer-groups --describe --group ${group} ${what}`);
    }
  }, timeoutMs);

  test("consumer-groups describes all", async () => {
    await areSame("consumer-groups --describe --all-groups --state");
    await areSame("consumer-groups --describe --all-groups");
  }, timeoutMs);

  test("consumer-groups refuses for the same reasons", async () => {
    for (
      const args of [
        "--delete --group shared.groups",
        "--delete --group missing.groups",
        "--delete-offsets --group shared.groups --topic orders.groups",
        "--delete-offsets --group missing.groups --topic orders.groups",
        "--reset-offsets --group shared.groups --topic orders.groups --to-earliest --execute",
        "--reset-offsets --group missing.groups --topic orders.groups --to-earliest --dry-run",
      ]
    ) await areSame(`consumer-groups ${args}`);
  }, timeoutMs);

  test("configs describes and alters those of a group", async () => {
    const entity = "--entity-type groups --entity-name shared.groups";
    await areSame(`configs --describe ${entity}`);
    await areSame(`configs --alter ${entity} --add-config consumer.session.timeout.ms=50000`);
    await areSame(`configs --describe ${entity}`);
    await areSame(`configs --alter ${entity} --add-config consumer.heartbeat.interval.ms=1`);
    await areSame(`configs --alter ${entity} --add-config unheard.of=1`);
    await areSame(`configs --alter ${entity} --delete-config consumer.session.timeout.ms`);
  }, timeoutMs);

  test("a kill -9 takes nothing away, and members go on", async () => {
    const { broker } = ours.shell;
    const before = await describedGroups(ours);
    expect(before).toEqual(await describedGroups(theirs));
    await broker.kill9();
    await broker.restart();
    const shell = new Shell(broker, suffix.slice(1));
    const { dialogue } = shell;
    for (const group of groups) await dialogue.group(group.replace(suffix, ""));
    expect(await describedGroups({ ...ours, shell })).toEqual(before);
    const { groupId, memberId, epoch } = ours.consumers["shared first"]!;
    const again = await Consumer.connect(dialogue, groupId, memberId);
    again.epoch = epoch;
    await again.ask("goes on");
    expect(dialogue.notes["goes on"]).toMatchObject({ errorCode: "NONE", memberEpoch: epoch, assignment: null });
    dialogue.close();
  }, timeoutMs);

  test("consumer-groups deletes, and resets, what nobody is in", async () => {
    await areSame("consumer-groups --reset-offsets --group left.groups --topic orders.groups --to-earliest --execute");
    await areSame("consumer-groups --describe --group left.groups");
    await areSame("consumer-groups --delete-offsets --group left.groups --topic orders.groups");
    await areSame("consumer-groups --delete --group left.groups");
    await areSame("consumer-groups --describe --group left.groups");
  }, timeoutMs);

  test("the log says the same of them", async () => {
    await ours.shell.broker.stop();
    const [here, there] = [await lastWords(ours), await lastWords(theirs)];
    expect(Object.keys(here).length).toBeGreaterThan(20);
    expect(here).toEqual(there);
  }, timeoutMs);
});

// ---------------------------------------------------------------------------------------------- the groups

async function populated(broker: BrokerProcess): Promise<Side> {
  const shell = new Shell(broker, suffix.slice(1));
  const { dialogue } = shell;
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
  const finder = await join("regex", "finder", { subscribedTopicNames: null, subscribedTopicRegex: "ord.*[.]groups" });
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
  return { shell, consumers, given: old.memberId };
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

async function describedGroups({ shell: { dialogue }, given }: Side): Promise<unknown> {
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

/** The tool says the same of both brokers; of lists, in the rows about the groups of this file. */
async function areSame(command: string): Promise<void> {
  const rows = /--list|--all-groups/.test(command) ? /\.groups\b/ : /^/;
  const said = ({ shell, given }: Side) =>
    shell.says(command, { rows, isSorted: true, mask: [[RegExp(given, "g"), "<given>"]] });
  const [here, there] = await Promise.all([said(ours), said(theirs)]);
  expect(here).toEqual(there);
}

/** The last record of every key, as Kafka's tool prints it. */
async function lastWords({ shell, given }: Side): Promise<Record<string, string>> {
  const words: Record<string, string> = {};
  for (const [key, value] of await shell.dump("__consumer_offsets", "--offsets-decoder")) {
    if (key.includes(suffix)) words[withoutChance(key, given)] = withoutChance(value, given);
  }
  return words;
}

function withoutChance(text: string, given: string): string {
  return text.replaceAll(given, "<given>")
    .replaceAll(/"version":\d+,"timestamp"/g, '"version":<chance>,"timestamp"')
    .replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "<uuid>")
    .replaceAll(/"(\w*[tT]opicId|metadataHash|\w*[tT]imestamp)":("?)[^",}]+\2/g, '"$1":<chance>');
}
