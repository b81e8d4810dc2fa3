/** Consumer groups: one of many members, many that do nothing, and how many offsets a second are committed. */

import { describeGroups } from "../../protocol/api/15_describe_groups.ts";
import { listGroups } from "../../protocol/api/16_list_groups.ts";
import { consumerGroupDescribe } from "../../protocol/api/69_consumer_group_describe.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { pause, until } from "../../tests/support/broker.ts";
import { TestClient } from "../../tests/support/test_client.ts";
import { findTheCoordinator } from "../partitions/group.ts";
import { quantile } from "../results.ts";
import { commitFor } from "../run/commit_load.ts";
import { BrokerSubject, type Contender, type Subject } from "../run/contender.ts";
import { ClassicMember, ConsumerMember, type GroupMember, memberIdOf } from "../run/group_members.ts";
import {
  type Context,
  countAt,
  cpuDuring,
  type Measured,
  mebibyte,
  type OwnRow,
  percentiles,
  type SharedRow,
} from "./row.ts";

const committingGroups = 128;
const commitSeconds = 8;
const warmUpSeconds = 3;
const memberCountOfOne = 1_000;
const idleGroupCount = 10_000;
const idleConnections = 100;
const idleSeconds = 20;
const requestsAtOnce = 100;
const patient = { timeoutMs: 300_000 };
const topic = "shared";

export const groupRows: readonly (OwnRow | SharedRow)[] = [
  {
    kind: "shared",
    name: `offset commits, ${committingGroups} groups of a member each, one at a time`,
    passes: ["os", "synced"],
    writtenBytes: 0,
    measure: async (subject, { scale, freshName }) => {
      const name = freshName("committed");
      await subject.makeTopic(name);
      const groupCount = countAt(scale, committingGroups);
      const members = await joinGroups(subject, { groupCount, groupStem: name, connectionCount: groupCount, name });
      await commitFor(members, { topic: name, seconds: warmUpSeconds * scale });
      const { value, cpuSeconds } = await cpuDuring(
        subject,
        () => commitFor(members, { topic: name, seconds: commitSeconds * scale }),
      );
      for (const { client } of members) client.close();
      await subject.deleteTopic(name);
      const { count, seconds, latenciesMs } = value;
      return [
        { figure: "rate", kind: "rate", value: count / seconds, unit: "commits/s" },
        ...percentiles("answered", latenciesMs).slice(0, 2),
        { figure: "broker CPU", kind: "cpu", value: cpuSeconds / count * 1e6, unit: "µs/commit" },
      ];
    },
  },
  membersRow("consumer", ConsumerMember, isStableConsumerGroup),
  membersRow("classic", ClassicMember, isStableClassicGroup),
  {
    kind: "own",
    name: `${idleGroupCount.toLocaleString("en")} idle groups of a member each`,
    passes: ["os"],
    measure: measureIdle,
  },
];

// ---------------------------------------------------------------------------------------------- one group

type IsStable = (client: TestClient, groupId: string, memberCount: number) => Promise<boolean>;

function membersRow(
  protocol: string,
  Member: new (options: ConstructorParameters<typeof ConsumerMember>[0]) => GroupMember,
  isStable: IsStable,
): OwnRow {
  return {
    kind: "own",
    name: `${memberCountOfOne.toLocaleString("en")} members of one group, ${protocol} protocol`,
    passes: ["os"],
    measure: (contender, context) =>
      withBroker(contender, context, async (subject) => {
        const memberCount = countAt(context.scale, memberCountOfOne);
        await subject.makeTopic(topic, memberCount);
        const clients = await connectAll(subject, memberCount);
        await findTheCoordinator(clients[0]!, topic);
        const members = clients.map((client, index) =>
          new Member({ client, groupId: topic, topic, memberId: memberIdOf(index) })
        );
        const beginning = { ms: performance.now(), cpuSeconds: subject.cpuSeconds() };
        let isOver = false;
        const parts = Promise.all(members.map((member) => member.takePart(() => isOver)));
        const stable = until(
          async () => doAllHaveOne(members) && await isStable(clients[0]!, topic, memberCount),
          { ...patient, what: "A stable assignment" },
        );
        await Promise.race([stable, parts]);
        const stableMs = performance.now() - beginning.ms;
        const stableCpuSeconds = subject.cpuSeconds() - beginning.cpuSeconds;
        isOver = true;
        await parts;
        const beatCount = Math.ceil(20 * context.scale) * memberCount;
        const beats = await inTurns(members, beatCount, (member) => member.beat());
        for (const client of clients) client.close();
        return [
          { figure: "stable after", kind: "time", value: stableMs, unit: "ms" },
          { figure: "broker CPU until then", kind: "cpu", value: stableCpuSeconds, unit: "s" },
          { figure: "heartbeats, rate", kind: "rate", value: beatCount / beats.seconds, unit: "requests/s" },
          { figure: "heartbeats, p99", kind: "latency", value: quantile(beats.latenciesMs, 0.99), unit: "ms" },
        ];
      }),
  };
}

/** As far as members know. */
function doAllHaveOne(members: readonly GroupMember[]): boolean {
  const epoch = members[0]?.epoch ?? 0;
  return epoch > 0 && members.every((member) => member.epoch === epoch && member.ownedCount === 1);
}

async function isStableConsumerGroup(client: TestClient, groupId: string, memberCount: number): Promise<boolean> {
  const answer = await client.send(consumerGroupDescribe, 1, {
    groupIds: [groupId],
    includeAuthorizedOperations: false,
  });
  const group = answer.groups[0]!;
  return group.groupState === "Stable" && group.members.length === memberCount;
}

async function isStableClassicGroup(client: TestClient, groupId: string, memberCount: number): Promise<boolean> {
  const answer = await client.send(describeGroups, 5, { groups: [groupId], includeAuthorizedOperations: false });
  const group = answer.groups[0]!;
  return group.groupState === "Stable" && group.members.length === memberCount;
}

// ---------------------------------------------------------------------------------------------- many groups

function measureIdle(contender: Contender, context: Context): Promise<Measured[]> {
  return withBroker(contender, context, async (subject) => {
    const groupCount = countAt(context.scale, idleGroupCount);
    await subject.makeTopic(topic);
    const [first] = await connectAll(subject, 1) as [TestClient];
    await findTheCoordinator(first, topic);
    const beforeBytes = subject.memory().ownBytes;
    const connectionCount = Math.min(idleConnections, groupCount);
    const startMs = performance.now();
    const members = await joinGroups(subject, { groupCount, groupStem: "idle", connectionCount, name: topic });
    await commitFor(members, { topic, seconds: 0 });
    const joinedMs = performance.now() - startMs;
    const ownBytes = subject.memory().ownBytes - beforeBytes;
    const idle = await cpuDuring(
      subject,
      () => beatEvery(members, { periodMs: 5_000, seconds: idleSeconds * context.scale }),
    );
    const listMs = performance.now();
    await listAll(first, groupCount);
    const listedMs = performance.now() - listMs;
    for (const client of [first, ...members.map((member) => member.client)]) client.close();

    await subject.stop();
    const readyMs = await subject.startAgain();
    const readyAtMs = performance.now();
    const [again] = await connectAll(subject, 1) as [TestClient];
    await listAll(again, groupCount);
    const startedMs = readyMs + performance.now() - readyAtMs;
    again.close();
    return [
      { figure: "all joined, an offset of each", kind: "time", value: joinedMs, unit: "ms" },
      { figure: "own memory for them", kind: "memory", value: ownBytes / mebibyte, unit: "MiB" },
      { figure: "broker CPU", kind: "cpu", value: idle.cpuSeconds / idle.value * 100, unit: "% of a core" },
      { figure: "listed", kind: "time", value: listedMs, unit: "ms" },
      { figure: "started again, all listed", kind: "time", value: startedMs, unit: "ms" },
    ];
  });
}

/** Until all are there: a broker that has just started reads them first. */
async function listAll(client: TestClient, groupCount: number): Promise<void> {
  await until(async () => {
    const { errorCode, groups } = await client.send(listGroups, 5, { statesFilter: [], typesFilter: [] }, patient);
    if (errorCode !== ErrorCode.NONE && errorCode !== ErrorCode.COORDINATOR_LOAD_IN_PROGRESS) {
      throw new Error(`Cannot list groups: error ${errorCode}`);
    }
    return groups.length >= groupCount;
  }, { ...patient, what: `A list of ${groupCount} groups` });
}

/** A heartbeat of each in every period. Resolves to the seconds it took. */
async function beatEvery(
  members: readonly Committer[],
  { periodMs, seconds }: { readonly periodMs: number; readonly seconds: number },
): Promise<number> {
  const startMs = performance.now();
  const total = Math.ceil(members.length * seconds * 1000 / periodMs);
  const underWay: Promise<void>[] = [];
  for (let count = 0; count < total;) {
    const dueCount = Math.min(total, Math.floor((performance.now() - startMs) / periodMs * members.length) + 1);
    for (; count < dueCount; count++) underWay.push(members[count % members.length]!.member.beat());
    await pause(5);
  }
  await Promise.all(underWay);
  return (performance.now() - startMs) / 1000;
}

// ---------------------------------------------------------------------------------------------- members

interface Committer {
  readonly client: TestClient;
  readonly groupId: string;
  readonly member: ConsumerMember;
}

/** Groups of one member each, that has the topic's only partition; members share connections. */
async function joinGroups(
  subject: Subject,
  { groupCount, groupStem, connectionCount, name }: {
    readonly groupCount: number;
    readonly groupStem: string;
    readonly connectionCount: number;
    readonly name: string;
  },
): Promise<Committer[]> {
  const clients = await connectAll(subject, connectionCount);
  const members = Array.from({ length: groupCount }, (_, index) => {
    const client = clients[index % connectionCount]!;
    const groupId = `${groupStem}-${index}`;
    return {
      client,
      groupId,
      member: new ConsumerMember({ client, groupId, topic: name, memberId: memberIdOf(index) }),
    };
  });
  await findTheCoordinator(clients[0]!, `${groupStem}-0`);
  await inTurns(members, groupCount, async ({ member, groupId }) => {
    await until(async () => {
      await member.beat();
      return member.ownedCount === 1;
    }, { ...patient, what: `An assignment in "${groupId}"` });
  });
  return members;
}

async function connectAll(subject: Subject, count: number): Promise<TestClient[]> {
  const clients: TestClient[] = [];
  while (clients.length < count) {
    const some = Math.min(requestsAtOnce, count - clients.length);
    clients.push(...await Promise.all(Array.from({ length: some }, () => subject.connect())));
  }
  return clients;
}

/** `work` so many times, for one after the other, a bounded number at once. */
async function inTurns<Item>(
  items: readonly Item[],
  count: number,
  work: (item: Item) => Promise<void>,
): Promise<{ readonly seconds: number; readonly latenciesMs: readonly number[] }> {
  const latenciesMs: number[] = [];
  const startMs = performance.now();
  let next = 0;
  await Promise.all(Array.from({ length: Math.min(requestsAtOnce, items.length) }, async () => {
    while (next < count) {
      const item = items[next++ % items.length]!;
      const sentMs = performance.now();
      await work(item);
      latenciesMs.push(performance.now() - sentMs);
    }
  }));
  return { seconds: (performance.now() - startMs) / 1000, latenciesMs };
}

async function withBroker(
  contender: Contender,
  { pass }: Context,
  work: (subject: BrokerSubject) => Promise<Measured[]>,
): Promise<Measured[]> {
  const subject = await BrokerSubject.start(contender, pass);
  try {
    return await work(subject);
  } finally {
    await subject.dispose();
  }
}
