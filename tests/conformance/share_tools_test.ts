/**
 * Kafka's tools say of share groups what they say of the same groups on Kafka, and read the records that we write about
 * them; a kill -9 takes nothing away of what members have said.
 *
 * The same members do the same on both brokers. Ports, ids and times that come up by chance are replaced; rows of a table
 * come in no particular order.
 */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { initCrc32c } from "../../protocol/crc32c.ts";
import { pairConfig, pairTimeoutMs, sharedKafka, whyNotBesideKafka } from "../support/beside_kafka.ts";
import { BrokerProcess, until } from "../support/broker.ts";
import { Dialogue } from "../support/dialogue.ts";
import { produceValues } from "../support/requests.ts";
import { configureGroup, ShareMember } from "./answers/share_member.ts";
import { Shell } from "./tools/shell.ts";

const reason = whyNotBesideKafka();
if (reason !== null) console.warn(`skipped: share groups beside Kafka's, for ${reason}`);
const timeoutMs = pairTimeoutMs;
/** Ends the names of this file's topics and groups. */
const suffix = ".shares";

const logs = [
  ["__share_group_state", "--share-group-state-decoder"],
  ["__consumer_offsets", "--offsets-decoder"],
] as const;

interface Side {
  readonly shell: Shell;
  readonly topicId: string;
  readonly first: ShareMember;
}

let ours: Side;
let theirs: Side;

describe.skipIf(reason !== null)("share groups beside Kafka's:", () => {
  beforeAll(async () => {
    await initCrc32c();
    const brokers = await Promise.all([BrokerProcess.start({ config: pairConfig }), sharedKafka()]);
    [ours, theirs] = await Promise.all([populated(brokers[0]), populated(brokers[1])]);
  }, timeoutMs);

  afterAll(async () => {
    for (const side of [ours, theirs]) side?.shell.dialogue.close();
    await ours?.shell.broker.dispose();
  }, timeoutMs);

  test("share-groups lists them", async () => {
    for (const filter of ["", "--state", "--state empty"]) await areSame(`share-groups --list ${filter}`);
    for (const filter of ["", "--share", "--protocol share", "--group-type share"]) {
      await areSame(`groups --list ${filter}`);
    }
  }, timeoutMs);

  test.each(["queue.shares", "left.shares", "missing.shares"])("share-groups describes %s", async (group) => {
    for (const what of ["", "--verbose", "--members", "--members --verbose", "--state", "--state --verbose"]) {
      await areSame(`share-groups --describe --group ${group} ${what}`);
    }
  }, timeoutMs);

  test("share-groups refuses for the same reasons", async () => {
    for (
      const args of [
        "--delete --group queue.shares",
        "--delete --group missing.shares",
        "--delete-offsets --group queue.shares --topic orders.shares",
        "--delete-offsets --group missing.shares --topic orders.shares",
        "--delete-offsets --group left.shares --topic missing.shares",
        "--reset-offsets --group queue.shares --topic orders.shares --to-earliest --execute",
      ]
    ) await areSame(`share-groups ${args}`);
    await areSame("consumer-groups --describe --group queue.shares");
    await areSame("consumer-groups --delete --group queue.shares");
  }, timeoutMs);

  test("configs describes and alters those of a group", async () => {
    const entity = "--entity-type groups --entity-name queue.shares";
    await areSame(`configs --alter ${entity} --add-config share.record.lock.duration.ms=20000`);
    await areSame(`configs --describe ${entity}`);
    await areSame(`configs --alter ${entity} --add-config share.record.lock.duration.ms=1001`);
    await areSame(`configs --alter ${entity} --delete-config share.record.lock.duration.ms`);
  }, timeoutMs);

  test("share-groups resets, and forgets, what nobody reads", async () => {
    await areSame("share-groups --reset-offsets --group left.shares --topic orders.shares --to-latest --dry-run");
    await areSame("share-groups --reset-offsets --group left.shares --topic orders.shares --to-earliest --execute");
    await areSame("share-groups --describe --group left.shares --verbose");
    await areSame("share-groups --describe --group left.shares --state --verbose");
    await areSame("share-groups --reset-offsets --group fresh.shares --topic orders.shares --to-earliest --execute");
    await areSame("share-groups --describe --group fresh.shares --state --verbose");
    await areSame("share-groups --delete --group fresh.shares");
    await areSame("share-groups --delete-offsets --group left.shares --topic orders.shares");
    await areSame("share-groups --delete-offsets --group left.shares --topic orders.shares");
    await areSame("share-groups --describe --group left.shares");
    await areSame("share-groups --reset-offsets --group left.shares --topic orders.shares --to-earliest --execute");
  }, timeoutMs);

  test("console-share-consumer consumes", async () => {
    const shown = "--formatter-property print.offset=true --formatter-property print.delivery=true";
    const args = "--topic orders.shares --group left.shares --max-messages 5 --timeout-ms 30000";
    await areSame(`console-share-consumer ${args} ${shown}`);
  }, timeoutMs);

  test("a kill -9 takes nothing away, and what was not acknowledged comes again", async () => {
    const { broker } = ours.shell;
    await broker.kill9();
    await broker.restart();
    const dialogue = new Dialogue(broker.port, suffix.slice(1));
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
    await ours.shell.broker.stop();
    for (const [topic, decoder] of logs) {
      const [here, there] = [await words(ours, topic, decoder), await words(theirs, topic, decoder)];
      expect(here.length).toBeGreaterThan(5);
      expect(here).toEqual(there);
    }
  }, timeoutMs);
});

// ---------------------------------------------------------------------------------------------- the groups

async function populated(broker: BrokerProcess): Promise<Side> {
  const shell = new Shell(broker, suffix.slice(1));
  const { dialogue } = shell;
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
  return { shell, topicId, first };
}

async function acquires(member: ShareMember, topicId: string, expected: readonly string[]): Promise<void> {
  let acquired: string[] = [];
  await until(async () => (acquired = await member.fetch(topicId, 0)).length > 0, { what: "Records are acquired" });
  expect(acquired).toEqual([...expected]);
}

// ---------------------------------------------------------------------------------------------- what is said of them

/** The tool says the same of both brokers; of lists, in the rows about the groups of this file. */
async function areSame(command: string): Promise<void> {
  const rows = /--list|--all-groups/.test(command) ? /GROUP|\.shares\b/ : /^/;
  const said = ({ shell }: Side) => shell.says(command, { rows, isSorted: true });
  const [here, there] = await Promise.all([said(ours), said(theirs)]);
  expect(here).toEqual(there);
}

/** The records of a topic about the group that is left alone after the kill, as Kafka's tool prints them. */
async function words({ shell }: Side, topic: string, decoder: string): Promise<string[]> {
  const records = await shell.dump(topic, decoder);
  return records.filter(([key]) => key.includes("left.shares")).map((words) => words.map(withoutChance).join(" "))
    .sort();
}

function withoutChance(text: string): string {
  return text.replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "<uuid>")
    .replaceAll(/"memberId":"[\w-]{22}"/g, '"memberId":"<made up>"')
    .replaceAll(/"(\w*[tT]opicId|metadataHash|\w*[tT]imestamp)":("?)[^",}]+\2/g, '"$1":<chance>');
}
