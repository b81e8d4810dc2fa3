/**
 * Streams groups as their users meet them: a Kafka Streams application counts words while its instances come and go, by both
 * protocols; Kafka's tools say of groups what they say of the same groups on Kafka, and read the records that we write
 * about them; a kill -9 takes nothing of a group away.
 *
 * `WEIR_TARGET=kafka` shows that the application makes of Kafka what is expected of us here.
 */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { initCrc32c } from "../../protocol/crc32c.ts";
import { streamsGroupDescribe } from "../../protocol/api/89_streams_group_describe.ts";
import { offsetCommit } from "../../protocol/api/08_offset_commit.ts";
import { pairConfig, pairTimeoutMs, sharedKafka, whyNotBesideKafka } from "../support/beside_kafka.ts";
import { BrokerProcess, target } from "../support/broker.ts";
import { Dialogue } from "../support/dialogue.ts";
import { runFramework, whyNoFramework } from "../support/frameworks.ts";
import { Shell } from "./tools/shell.ts";
import { StreamsMember, subtopology, topicInfo, type TopologyDraft } from "./answers/streams_member.ts";

const reason = whyNotBesideKafka();
if (reason !== null) console.warn(`skipped: streams groups beside Kafka's, for ${reason}`);
const noStreams = whyNoFramework("streams");
if (noStreams !== null) console.warn(`skipped: Kafka Streams, for ${noStreams}`);
const timeoutMs = pairTimeoutMs;
/** Ends the names of the topics and groups that Kafka is asked about, too. */
const suffix = ".streams";

// ---------------------------------------------------------------------------------------------- the application

const topics = [
  "   topic words-by-word-repartition: 4 partitions, cleanup.policy=delete, message.timestamp.type=CreateTime, retention.ms=-1, segment.bytes=52428800",
  "   topic words-counts-changelog: 4 partitions, cleanup.policy=compact, message.timestamp.type=CreateTime",
];
const group = [
  "   group words: Stable, topology epoch 0, assigned in its epoch true",
  "   subtopology 0: reads [words-input] and {}, writes [words-by-word-repartition], changelogs {}",
  "   subtopology 1: reads [] and {words-by-word-repartition=4}, writes [], changelogs {words-counts-changelog=4}",
];
const memberLine = (instance: string, taskCount: number) =>
  `   member of ${instance} in the group's epoch true: ${taskCount} active, 0 standby, 0 warm-up, as its target true`;

function expected(protocol: "classic" | "streams", guarantee: string): string[] {
  const onlyStreams = (...lines: readonly string[]) => protocol === "streams" ? [...group, ...lines] : [];
  return [
    "ok one instance counts alone",
    ...topics,
    "ok one instance has all tasks",
    ...onlyStreams(memberLine("first", 8)),
    "ok a second instance takes half of the tasks",
    "ok two instances count together",
    ...onlyStreams(memberLine("first", 4), memberLine("second", 4)),
    "ok the second instance has all tasks once the first is gone",
    "ok the second instance counts on",
    "ok an instance that is started again goes on from its files",
    "ok its state store has the same counts",
    ...guarantee === "exactly_once_v2" ? ["ok each word was counted once"] : [],
    "ok the group is empty in the end",
    "ok it has committed offsets of all its input",
    "ok it can be deleted",
  ];
}

describe.skipIf(noStreams !== null)("Kafka Streams counts words", () => {
  let broker: BrokerProcess;
  beforeAll(async () => {
    broker = await BrokerProcess.start({
      config: pairConfig,
      ...(target === "kafka" ? { readyTimeoutMs: timeoutMs } : {}),
    });
  }, timeoutMs);
  afterAll(() => broker?.dispose(), timeoutMs);

  for (const protocol of ["streams", "classic"] as const) {
    test(`by the ${protocol} protocol, at least once`, async () => {
      const lines = await runFramework("streams", "WordCount", broker.address, protocol, "at_least_once");
      expect(lines).toEqual(expected(protocol, "at_least_once"));
    }, timeoutMs);
  }
});

// ---------------------------------------------------------------------------------------------- beside Kafka

interface Side {
  readonly shell: Shell;
  readonly members: Readonly<Record<string, StreamsMember>>;
}

const groups = [
  "shared.streams",
  "reconciling.streams",
  "static.streams",
  "unready.streams",
  "left.streams",
  "missing.streams",
];

describe.skipIf(reason !== null)("streams groups beside Kafka's:", () => {
  let ours: Side;
  let theirs: Side;

  beforeAll(async () => {
    await initCrc32c();
    const brokers = await Promise.all([BrokerProcess.start({ config: pairConfig }), sharedKafka()]);
    [ours, theirs] = await Promise.all([populated(brokers[0]), populated(brokers[1])]);
  }, timeoutMs);

  afterAll(async () => {
    for (const side of [ours, theirs]) side?.shell.dialogue.close();
    await ours?.shell.broker.dispose();
  }, timeoutMs);

  test("streams-groups lists them", async () => {
    for (const filter of ["", "--state", "--state stable,empty"]) await areSame(`streams-groups --list ${filter}`);
    for (const filter of ["", "--group-type streams", "--protocol streams"]) {
      await areSame(`groups --list ${filter}`);
    }
  }, timeoutMs);

  test.each(groups)("streams-groups describes %s", async (name) => {
    for (
      const what of ["", "--offsets --verbose", "--members", "--members --verbose", "--state", "--state --verbose"]
    ) {
      await areSame(`streams-groups --describe --group ${name} ${what}`);
    }
  }, timeoutMs);

  test("streams-groups refuses for the same reasons", async () => {
    for (
      const args of [
        "--delete --group shared.streams",
        "--delete --group missing.streams",
        "--delete-offsets --group shared.streams --input-topic lines.streams",
        "--reset-offsets --group shared.streams --input-topic lines.streams --to-earliest --execute",
        "--reset-offsets --group missing.streams --input-topic lines.streams --to-earliest --dry-run",
      ]
    ) await areSame(`streams-groups ${args}`);
  }, timeoutMs);

  test("configs describes and alters those of a group", async () => {
    const entity = "--entity-type groups --entity-name static.streams";
    await areSame(`configs --alter ${entity} --add-config streams.num.standby.replicas=1`);
    await areSame(`configs --describe ${entity}`);
    await areSame(`configs --alter ${entity} --add-config streams.num.standby.replicas=3`);
    await areSame(`configs --alter ${entity} --add-config streams.heartbeat.interval.ms=1`);
    await areSame(`configs --alter ${entity} --delete-config streams.num.standby.replicas`);
  }, timeoutMs);

  test("a kill -9 takes nothing away, and members go on", async () => {
    const before = await describedGroups(ours.shell.dialogue);
    // Until a member has been heard from again, a topology is told as members said it: without the numbers found out.
    const withoutSizes = (groups: unknown) =>
      JSON.stringify(groups).replaceAll(/"name":"([^"]+)","partitions":\d+/g, "$1");
    expect(withoutSizes(before)).toEqual(withoutSizes(await describedGroups(theirs.shell.dialogue)));
    const { broker } = ours.shell;
    await broker.kill9();
    await broker.restart();
    const dialogue = new Dialogue(broker.port, suffix.slice(1));
    for (const name of groups) await dialogue.group(name.replace(suffix, ""));
    const { groupId, memberId, epoch, topology } = ours.members["shared first"]!;
    const again = await StreamsMember.connect(dialogue, groupId, memberId, topology);
    again.epoch = epoch;
    const answer = await again.ask("goes on");
    expect(answer).toMatchObject({ errorCode: 0, memberEpoch: epoch, activeTasks: null });
    const after = await describedGroups(dialogue);
    expect(withoutSizes(after)).toEqual(withoutSizes(before));
    dialogue.close();
  }, timeoutMs);

  test("streams-groups deletes, and resets, what nobody is in", async () => {
    await areSame(
      "streams-groups --reset-offsets --group left.streams --input-topic lines.streams --to-earliest --execute",
    );
    await areSame("streams-groups --delete-offsets --group left.streams --input-topic lines.streams");
    await areSame("streams-groups --delete --group left.streams");
    await areSame("streams-groups --list");
  }, timeoutMs);

  test("the log says the same of them", async () => {
    await ours.shell.broker.stop();
    const [here, there] = [await lastWords(ours), await lastWords(theirs)];
    expect(Object.keys(here).length).toBeGreaterThan(20);
    expect(here).toEqual(there);
  }, timeoutMs);

  /** The tool says the same of both brokers; of lists, in the rows about the groups of this file. */
  async function areSame(command: string): Promise<void> {
    const rows = /--list|--all-groups/.test(command) ? /GROUP|\.streams\b/ : /^/;
    const said = ({ shell }: Side) => shell.says(command, { rows, isSorted: true });
    const [here, there] = await Promise.all([said(ours), said(theirs)]);
    expect(here).toEqual(there);
  }

  /** The last record of every key about a streams group, as Kafka's tool prints it. */
  async function lastWords({ shell }: Side): Promise<Record<string, string>> {
    const words: Record<string, string> = {};
    for (const [key, value] of await shell.dump("__consumer_offsets", "--offsets-decoder")) {
      if (!key.includes(suffix)) continue;
      words[key] = value.replaceAll(/"(assignmentTimestamp|commitTimestamp)":\d{10,}/g, '"$1":"now"')
        .replaceAll(/"metadataHash":-?\d+/g, '"metadataHash":"of ids that are other"')
        .replaceAll(/"topicId":"[^"]+"/g, '"topicId":"other"');
    }
    return words;
  }
});

async function populated(broker: BrokerProcess): Promise<Side> {
  const shell = new Shell(broker, suffix.slice(1));
  const { dialogue } = shell;
  const { name } = await dialogue.topic("lines", { partitionCount: 4 });
  await dialogue.topic("counts", { partitionCount: 4 });
  const topology: TopologyDraft = {
    epoch: 1,
    subtopologies: [
      subtopology("0", { sourceTopics: [name], stateChangelogTopics: [topicInfo(dialogue.named("counts"))] }),
    ],
  };
  const members: Record<string, StreamsMember> = {};
  const join = async (group: string, memberId: string, said = {}, its = topology) => {
    const groupId = await dialogue.group(group);
    return members[`${group} ${memberId}`] = await StreamsMember.connect(dialogue, groupId, memberId, its, said);
  };

  const endpoint = { userEndpoint: { host: "h", port: 1 }, clientTags: [{ key: "zone", value: "z" }], rackId: "r" };
  const [first, second] = [await join("shared", "first", endpoint), await join("shared", "second")];
  await first.comesTo(2, 4);
  await Promise.all([first.comesTo(3, 2), second.comesTo(3, 2)]);
  await commit(first, name);

  const [holder, waiter] = [await join("reconciling", "holder"), await join("reconciling", "waiter")];
  await holder.comesTo(2, 4);
  await waiter.comesTo(3, 0);

  const fixed = await join("static", "fixed", { instanceId: "i1" });
  await fixed.comesTo(2, 4);
  await fixed.ask("stays");

  const unready = await join("unready", "member", {}, {
    epoch: 0,
    subtopologies: [subtopology("0", { sourceTopics: [dialogue.named("unheard-of")] })],
  });
  await unready.comesTo(2, 0);

  const leaver = await join("left", "leaver");
  await leaver.comesTo(2, 4);
  await commit(leaver, name);
  await leaver.ask("leaves", { memberEpoch: -1, activeTasks: null, standbyTasks: null, warmupTasks: null });
  return { shell, members };
}

async function commit({ client, groupId, memberId, epoch }: StreamsMember, topic: string): Promise<void> {
  const { topics } = await client.send(offsetCommit, 9, {
    groupId,
    memberId,
    generationIdOrMemberEpoch: epoch,
    topics: [{ name: topic, partitions: [{ partitionIndex: 0, committedOffset: 0, committedMetadata: "note" }] }],
  });
  expect(topics[0]!.partitions[0]!.errorCode).toBe(0);
}

async function describedGroups(dialogue: Dialogue): Promise<unknown> {
  const client = await dialogue.connect();
  const groupIds = ["shared", "reconciling", "static", "unready", "left"].map((name) => dialogue.named(name));
  const answer = await client.send(streamsGroupDescribe, 1, { groupIds, includeAuthorizedOperations: false });
  // Kafka's members come in the order of a hash map.
  return answer.groups.map(({ members, ...group }) => ({
    ...group,
    members: members.toSorted((one, other) => one.memberId < other.memberId ? -1 : 1),
  })).sort((one, other) => one.groupId < other.groupId ? -1 : 1);
}
