/** Offsets of groups: OffsetCommit, OffsetFetch, OffsetDelete, by members and by those who are none. */

import { joined } from "../../../protocol/bytes.ts";
import { deleteTopics } from "../../../protocol/api/20_delete_topics.ts";
import { metadata } from "../../../protocol/api/03_metadata.ts";
import { offsetCommit, type OffsetCommitRequestDraft } from "../../../protocol/api/08_offset_commit.ts";
import { offsetDelete } from "../../../protocol/api/47_offset_delete.ts";
import { offsetFetch, type OffsetFetchRequestDraft } from "../../../protocol/api/09_offset_fetch.ts";
import { ErrorCode } from "../../../protocol/errors.ts";
import { ZERO_UUID } from "../../../protocol/schema.ts";
import { until } from "../../support/broker.ts";
import type { Dialogue } from "../../support/dialogue.ts";
import { utf8 } from "./batches.ts";
import { Member, stableGroup } from "./member.ts";

interface Topic {
  readonly name: string;
  readonly topicId: string;
}

const unknownId = "AAAAAAAAAAAAAAAAAAABcQ";

export async function commitsAnswers(dialogue: Dialogue): Promise<void> {
  const topic = await dialogue.topic("committed", { partitionCount: 3 });
  await everyVersion(dialogue, topic);
  await oddCommits(dialogue, topic);
  await byMembers(dialogue, topic);
  await fetches(dialogue, topic);
  await deletions(dialogue, topic);
  await topicsThatGo(dialogue);
}

/** A commit from outside of any generation, of one partition. */
function commit(
  groupId: string,
  topic: Topic,
  committedOffset: number,
  { partitionIndex = 0, ...more }: Partial<OffsetCommitRequestDraft> & { partitionIndex?: number } = {},
): OffsetCommitRequestDraft {
  const partitions = [{ partitionIndex, committedOffset, committedMetadata: "note" }];
  return { groupId, memberId: "", topics: [{ ...topic, partitions }], ...more };
}

/** What one group has for partitions of a topic, or for all it has, in the form of a version. */
function question(
  version: number,
  groupId: string,
  topic: Topic | null,
  partitionIndexes: readonly number[] = [0],
  more: Partial<OffsetFetchRequestDraft> = {},
): OffsetFetchRequestDraft {
  const topics = topic === null ? null : [{ ...topic, partitionIndexes }];
  return version < 8 ? { groupId, topics, ...more } : { groups: [{ groupId, topics }], ...more };
}

async function everyVersion(dialogue: Dialogue, topic: Topic): Promise<void> {
  const missing = { name: dialogue.named("missing"), topicId: unknownId };
  for (let version = 2; version <= 10; version++) {
    const groupId = await dialogue.group(`simple-${version}`);
    await dialogue.ask(`commit, v${version}`, offsetCommit, version, commit(groupId, topic, 100 + version));
    await dialogue.askEach(
      `what commit v${version} left`,
      offsetFetch,
      [version - 1, version - 1],
      (at) => question(at, groupId, topic, [0, 1]),
    );
  }
  const groupId = await dialogue.group("simple-unknown");
  const unknown: Record<string, OffsetCommitRequestDraft> = {
    "an unknown topic": commit(groupId, missing, 1),
    "an unknown partition": commit(groupId, topic, 1, { partitionIndex: 9 }),
    "a negative partition": commit(groupId, topic, 1, { partitionIndex: -1 }),
    "no topics": { groupId, memberId: "", topics: [] },
    "no partitions": { groupId, memberId: "", topics: [{ ...topic, partitions: [] }] },
    "a generation of a group that is none": commit(groupId, topic, 1, { generationIdOrMemberEpoch: 3, memberId: "m" }),
    "generation 0": commit(groupId, topic, 1, { generationIdOrMemberEpoch: 0, memberId: "" }),
  };
  for (const [label, draft] of Object.entries(unknown)) {
    await dialogue.askEach(`commit: ${label}`, offsetCommit, [2, 10], () => draft);
  }
}

async function oddCommits(dialogue: Dialogue, topic: Topic): Promise<void> {
  const groupId = await dialogue.group("odd");
  const ask = (label: string, draft: OffsetCommitRequestDraft, version = 9) =>
    dialogue.ask(`commit: ${label}`, offsetCommit, version, draft);
  const noted = (committedMetadata: string | null, committedOffset = 1, partitionIndex = 0) => ({
    groupId,
    memberId: "",
    topics: [{ ...topic, partitions: [{ partitionIndex, committedOffset, committedMetadata }] }],
  });
  await ask("an offset of -1", noted("", -1));
  await ask("an offset of -5", noted("", -5));
  await ask("null metadata", noted(null, 5, 1));
  await ask("metadata of 4096", noted("x".repeat(4_096), 6, 2));
  await ask("metadata of 4097", noted("x".repeat(4_097), 7, 2));
  await ask("metadata of 4096 two-byte letters", noted("ä".repeat(4_096), 8, 2));
  await ask("an empty group", { ...noted("", 1), groupId: "" });
  await ask("an empty group, v2", { ...noted("", 1), groupId: "" }, 2);
  await ask("a member id without a generation", { ...noted("", 2), memberId: "somebody" });
  await ask("an instance without a generation", { ...noted("", 3), memberId: "somebody", groupInstanceId: "i" });
  await ask("generation -2", { ...noted("", 4), generationIdOrMemberEpoch: -2 });
  await ask("a zero topic id", {
    ...noted("", 4),
    topics: [{ topicId: ZERO_UUID, partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: null }] }],
  }, 10);
  await ask("good and bad", {
    groupId,
    memberId: "",
    topics: [
      {
        name: dialogue.named("missing"),
        partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: null }],
      },
      {
        ...topic,
        partitions: [
          { partitionIndex: 7, committedOffset: 1, committedMetadata: null },
          { partitionIndex: 0, committedOffset: 42, committedLeaderEpoch: 0, committedMetadata: "good" },
          { partitionIndex: 1, committedOffset: 43, committedMetadata: "x".repeat(5_000) },
        ],
      },
    ],
  });
  await ask("a partition twice", {
    groupId,
    memberId: "",
    topics: [{
      ...topic,
      partitions: [
        { partitionIndex: 1, committedOffset: 50, committedMetadata: null },
        { partitionIndex: 1, committedOffset: 51, committedMetadata: null },
      ],
    }],
  });
  await dialogue.ask("what odd commits left", offsetFetch, 9, question(9, groupId, topic, [0, 1]));
  await ask("retention of its own, v2", { ...noted("brief", 60), retentionTimeMs: 60_000 }, 2);
  await dialogue.ask("what it left", offsetFetch, 5, question(5, groupId, topic));
}

async function byMembers(dialogue: Dialogue, topic: Topic): Promise<void> {
  const member = await stableGroup(dialogue, "member-commits");
  const { groupId, memberId, generationId } = member;
  const self = { memberId, generationIdOrMemberEpoch: generationId };
  const cases: Record<string, Partial<OffsetCommitRequestDraft>> = {
    "the member": self,
    "an older generation": { ...self, generationIdOrMemberEpoch: 0 },
    "a newer generation": { ...self, generationIdOrMemberEpoch: 2 },
    "generation -1": { ...self, generationIdOrMemberEpoch: -1 },
    "an unknown member": { ...self, memberId: "nobody" },
    "an unknown member, an older generation": { memberId: "nobody", generationIdOrMemberEpoch: 0 },
    "no member, its generation": { ...self, memberId: "" },
    "neither": { memberId: "", generationIdOrMemberEpoch: -1 },
    "an unknown member, generation -1": { memberId: "nobody", generationIdOrMemberEpoch: -1 },
  };
  for (const [label, more] of Object.entries(cases)) {
    await dialogue.askEach(`commit by: ${label}`, offsetCommit, [2, 9], () => commit(groupId, topic, 7, more));
  }
  await dialogue.askEach(
    "commit by: an unknown instance",
    offsetCommit,
    [7, 9],
    () => commit(groupId, topic, 7, { ...self, groupInstanceId: "i" }),
  );
  // While the group waits for its members, and while it waits for the leader.
  const other = await Member.connect(dialogue, groupId, { clientId: "other" });
  const second = await other.join();
  await member.seesRebalance();
  await dialogue.ask("commit while preparing", offsetCommit, 9, commit(groupId, topic, 8, self));
  await dialogue.ask(
    "commit while preparing, by the newcomer",
    offsetCommit,
    9,
    commit(groupId, topic, 8, {
      memberId: other.memberId,
      generationIdOrMemberEpoch: generationId,
    }),
  );
  const first = await member.join();
  await Promise.all([first.answer, second.answer]);
  const now = { memberId, generationIdOrMemberEpoch: member.generationId };
  await dialogue.ask("commit while completing", offsetCommit, 9, commit(groupId, topic, 9, now));
  await dialogue.ask("commit while completing, of before", offsetCommit, 9, commit(groupId, topic, 9, self));
  await dialogue.ask("what members' commits left", offsetFetch, 9, question(9, groupId, topic));
  const fixed = await stableGroup(dialogue, "static-commits", { groupInstanceId: "i1" });
  const asFixed = { memberId: fixed.memberId, generationIdOrMemberEpoch: 1 };
  for (const groupInstanceId of [null, "i1", "i2"]) {
    await dialogue.ask(
      `commit by instance ${groupInstanceId}`,
      offsetCommit,
      9,
      commit(fixed.groupId, topic, 5, {
        ...asFixed,
        groupInstanceId,
      }),
    );
  }
  await dialogue.ask(
    "commit by an instance of another member",
    offsetCommit,
    9,
    commit(fixed.groupId, topic, 5, {
      ...asFixed,
      memberId: "another",
      groupInstanceId: "i1",
    }),
  );
}

async function fetches(dialogue: Dialogue, topic: Topic): Promise<void> {
  const groupId = await dialogue.group("fetched-offsets");
  const nobody = await dialogue.group("nobody");
  const missing = { name: dialogue.named("missing"), topicId: unknownId };
  await (await dialogue.main()).send(offsetCommit, 9, commit(groupId, topic, 11, { partitionIndex: 2 }));
  const ask = (
    label: string,
    versions: readonly [number, number],
    draft: (version: number) => OffsetFetchRequestDraft,
  ) => dialogue.askEach(`fetch: ${label}`, offsetFetch, versions, draft);
  await ask("an unknown group", [1, 10], (version) => question(version, nobody, topic));
  await ask("all of an unknown group", [2, 10], (version) => question(version, nobody, null));
  await ask("the empty group", [1, 10], (version) => question(version, "", topic));
  await ask("all there is", [2, 10], (version) => question(version, groupId, null));
  await ask("some", [1, 10], (version) => question(version, groupId, topic, [2, 0, 9]));
  await ask("an unknown topic", [1, 10], (version) => question(version, groupId, missing));
  await ask(
    "no topics",
    [1, 10],
    (version) => version < 8 ? { groupId, topics: [] } : { groups: [{ groupId, topics: [] }] },
  );
  await ask("no partitions", [1, 10], (version) => question(version, groupId, topic, []));
  await ask("a partition twice", [9, 9], (version) => question(version, groupId, topic, [2, 2]));
  await ask("a negative partition", [9, 9], (version) => question(version, groupId, topic, [-1]));
  await ask("stable offsets", [7, 10], (version) => question(version, groupId, topic, [2], { requireStable: true }));
  await ask(
    "stable, all there is",
    [7, 10],
    (version) => question(version, groupId, null, [], { requireStable: true }),
  );
  await ask("several groups", [8, 9], () => ({
    groups: [
      { groupId, topics: [{ name: topic.name, partitionIndexes: [2] }] },
      { groupId: nobody, topics: null },
      { groupId: "", topics: null },
    ],
  }));
  await ask("no groups", [8, 10], () => ({ groups: [] }));
  await ask("a member that is none", [9, 10], (version) => ({
    groups: [{ ...question(version, groupId, topic, [2]).groups![0]!, memberId: "nobody", memberEpoch: 4 }],
  }));
  await ask("a zero topic id", [10, 10], () => ({
    groups: [{ groupId, topics: [{ topicId: ZERO_UUID, partitionIndexes: [0] }] }],
  }));
}

async function deletions(dialogue: Dialogue, topic: Topic): Promise<void> {
  const groupId = await dialogue.group("deleted-offsets");
  const client = await dialogue.main();
  await client.send(offsetCommit, 9, commit(groupId, topic, 1));
  await client.send(offsetCommit, 9, commit(groupId, topic, 2, { partitionIndex: 1 }));
  const ask = (label: string, group: string, name: string, ...indexes: number[]) =>
    dialogue.ask(`delete: ${label}`, offsetDelete, 0, {
      groupId: group,
      topics: [{ name, partitions: indexes.map((partitionIndex) => ({ partitionIndex })) }],
    });
  await ask("of an unknown group", await dialogue.group("nobody-deleted"), topic.name, 0);
  await ask("of the empty group", "", topic.name, 0);
  await ask("an unknown topic", groupId, dialogue.named("missing"), 0);
  await ask("an unknown partition", groupId, topic.name, 9);
  await ask(
    "an unknown topic of an unknown group",
    await dialogue.group("nobody-deleted"),
    dialogue.named("missing"),
    0,
  );
  await ask("what was never committed", groupId, topic.name, 2);
  await ask("one", groupId, topic.name, 0);
  await ask("one again, and another", groupId, topic.name, 0, 1);
  await ask("no partitions", groupId, topic.name);
  await dialogue.ask("delete: no topics", offsetDelete, 0, { groupId, topics: [] });
  await dialogue.ask("what deletions left", offsetFetch, 9, question(9, groupId, null));
  // Of a group with members: what they subscribe to stays, where that can be told.
  const name = utf8(topic.name);
  const subscription = joined([
    Uint8Array.of(0, 0, 0, 0, 0, 1, 0, name.length),
    name,
    Uint8Array.of(255, 255, 255, 255),
  ]);
  const other = await dialogue.topic("not-subscribed");
  for (
    const [label, protocolType, metadata] of [
      ["a consumer", "consumer", subscription],
      ["no consumer", "connect", subscription],
      ["a consumer whose subscription is unreadable", "consumer", utf8("?")],
    ] as const
  ) {
    const member = await stableGroup(dialogue, `deleted-${label}`, {
      protocolType,
      protocols: [{ name: "range", metadata }],
    });
    const self = { memberId: member.memberId, generationIdOrMemberEpoch: 1 };
    await member.client.send(offsetCommit, 9, commit(member.groupId, topic, 1, self));
    await member.client.send(offsetCommit, 9, commit(member.groupId, other, 1, self));
    await dialogue.ask(`delete: of ${label}`, offsetDelete, 0, {
      groupId: member.groupId,
      topics: [topic, other].map(({ name }) => ({ name, partitions: [{ partitionIndex: 5 }, { partitionIndex: 0 }] })),
    });
    await dialogue.ask(`delete: what ${label} has left`, offsetFetch, 9, question(9, member.groupId, null), {
      view: ({ groups }) => groups[0]!.topics.map(({ name }) => name).sort(),
    });
  }
}

/** Offsets of a topic that is deleted, and of one of its name that comes after. */
async function topicsThatGo(dialogue: Dialogue): Promise<void> {
  const topic = await dialogue.topic("gone");
  const groupId = await dialogue.group("of-the-gone");
  const client = await dialogue.main();
  await client.send(offsetCommit, 9, commit(groupId, topic, 3));
  await client.send(deleteTopics, 5, { topicNames: [topic.name], timeoutMs: 5_000 });
  await until(async () => {
    const { topics } = await client.send(metadata, 12, { topics: [topic], allowAutoTopicCreation: false });
    const found = await client.send(offsetFetch, 9, question(9, groupId, topic));
    return topics[0]?.errorCode !== ErrorCode.NONE && found.groups[0]?.topics[0]?.partitions[0]?.committedOffset === -1;
  });
  await dialogue.askEach(
    "of a topic that is gone",
    offsetFetch,
    [1, 10],
    (version) => question(version, groupId, topic),
  );
  await dialogue.askEach(
    "all, with a topic that is gone",
    offsetFetch,
    [2, 10],
    (version) => question(version, groupId, null),
  );
  await dialogue.askEach("commit to a topic that is gone", offsetCommit, [2, 10], () => commit(groupId, topic, 3));
  const again = await dialogue.topic("gone");
  await dialogue.askEach(
    "of a topic that is back",
    offsetFetch,
    [1, 10],
    (version) => question(version, groupId, again),
  );
  await dialogue.ask("commit by the id of before", offsetCommit, 10, commit(groupId, topic, 4));
}
