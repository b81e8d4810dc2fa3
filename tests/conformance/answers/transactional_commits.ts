/** Offsets of groups inside transactions: who may commit them, when they count, and who is told that they do not yet. */

import { deleteGroups } from "../../../protocol/api/42_delete_groups.ts";
import { offsetCommit } from "../../../protocol/api/08_offset_commit.ts";
import { offsetDelete } from "../../../protocol/api/47_offset_delete.ts";
import { offsetFetch } from "../../../protocol/api/09_offset_fetch.ts";
import { txnOffsetCommit, type TxnOffsetCommitRequestDraft } from "../../../protocol/api/28_txn_offset_commit.ts";
import { ErrorCode } from "../../../protocol/errors.ts";
import type { Dialogue } from "../../support/dialogue.ts";
import { Consumer } from "./consumer.ts";
import { stableGroup } from "./member.ts";
import { StreamsMember, subtopology } from "./streams_member.ts";
import { coordinated, type Topic, Transactor } from "./transactor.ts";

const unknownId = "AAAAAAAAAAAAAAAAAAABcQ";

export async function transactionalCommitsAnswers(dialogue: Dialogue): Promise<void> {
  const topic = await dialogue.topic("positions", { partitionCount: 3 });
  await everyVersion(dialogue, topic);
  await refusals(dialogue, topic);
  await claims(dialogue, topic);
  await epochs(dialogue, topic);
  await stability(dialogue, topic);
  await inTurns(dialogue, topic);
  await deletions(dialogue, topic);
}

interface CommitOptions extends Partial<TxnOffsetCommitRequestDraft> {
  readonly version?: number;
  readonly partitionIndex?: number;
}

/** Commits one position of a group in the transaction of a producer. */
async function commit(
  dialogue: Dialogue,
  label: string,
  { transactionalId, producerId, producerEpoch, topic }: Transactor,
  groupId: string,
  committedOffset: number,
  { version = 3, partitionIndex = 0, ...more }: CommitOptions = {},
): Promise<void> {
  const partitions = [{ partitionIndex, committedOffset, committedMetadata: "note" }];
  await dialogue.ask(label, txnOffsetCommit, version, {
    transactionalId,
    groupId,
    producerId,
    producerEpoch,
    topics: [{ ...topic, partitions }],
    ...more,
  }, {
    isPassing: ({ topics }) =>
      topics.some((answered) =>
        answered.partitions.some(({ errorCode }) => errorCode === ErrorCode.CONCURRENT_TRANSACTIONS)
      ),
  });
}

/** What a group has for partition 0 to 2, for readers who insist on stable offsets and for others; and for all it has. */
async function read(dialogue: Dialogue, label: string, groupId: string, topic: Topic): Promise<void> {
  const topics = [{ name: topic.name, partitionIndexes: [0, 1, 2] }];
  await dialogue.ask(`${label}`, offsetFetch, 7, { groupId, topics, requireStable: false });
  await dialogue.ask(`${label}, stable`, offsetFetch, 7, { groupId, topics, requireStable: true });
  await dialogue.ask(`${label}, all and stable`, offsetFetch, 8, {
    groups: [{ groupId, topics: null }],
    requireStable: true,
  });
}

async function everyVersion(dialogue: Dialogue, topic: Topic): Promise<void> {
  for (let version = 0; version <= 6; version++) {
    const label = (what: string) => `v${version}: ${what}`;
    const groupId = await dialogue.group(`transactional-${version}`);
    const writer = await Transactor.of(dialogue, `committing-${version}`, topic);
    if (version < 5) {
      await commit(dialogue, label("the group was not added"), writer, groupId, 5, { version });
      await writer.addOffsets(label("added"), groupId);
    }
    await commit(dialogue, label("commit"), writer, groupId, 10 + version, { version });
    await commit(dialogue, label("another partition"), writer, groupId, 20, { version, partitionIndex: 1 });
    await commit(dialogue, label("an unknown partition"), writer, groupId, 20, { version, partitionIndex: 7 });
    await read(dialogue, label("before the end"), groupId, topic);
    await writer.end(label("it ends"), true, { version: version < 5 ? 3 : 5 });
    await writer.settled();
    await read(dialogue, label("after the end"), groupId, topic);
    if (version < 5) await writer.addOffsets(label("added to the next"), groupId);
    await commit(dialogue, label("in the next"), writer, groupId, 30, { version });
    await writer.end(label("the next is aborted"), false, { version: version < 5 ? 3 : 5 });
    await writer.settled();
    await read(dialogue, label("after an abort"), groupId, topic);
    await commit(dialogue, label("late"), writer, groupId, 40, { version, producerEpoch: 0 });
  }
}

async function refusals(dialogue: Dialogue, topic: Topic): Promise<void> {
  const unknown = await coordinated(dialogue, "refusals-unknown");
  for (let version = 0; version <= 6; version++) {
    const groupId = await dialogue.group(`refusals-${version}`);
    const writer = await Transactor.of(dialogue, `refusals-${version}`, topic);
    if (version < 5) await writer.addOffsets(`refused v${version}: added`, groupId);
    const ask = (what: string, more: Partial<TxnOffsetCommitRequestDraft>) =>
      commit(dialogue, `refused v${version}: ${what}`, writer, groupId, 1, { version, ...more });
    const { producerId } = writer;
    const partition = { partitionIndex: 0, committedOffset: 1, committedMetadata: null };
    await ask("an unknown transactional id", { transactionalId: unknown });
    await ask("an empty transactional id", { transactionalId: "" });
    await ask("another's id", { producerId: producerId + 1_000_000 });
    await ask("an epoch that is to come", { producerEpoch: 1 });
    await ask("an empty group", { groupId: "" });
    await ask("no topics", { topics: [] });
    await ask("no partitions", { topics: [{ ...topic, partitions: [] }] });
    await ask("an unknown topic", {
      topics: [{ name: dialogue.named("missing"), topicId: unknownId, partitions: [partition] }],
    });
    await ask("an unknown topic and a known one", {
      topics: [{ name: dialogue.named("missing"), topicId: unknownId, partitions: [partition] }, {
        ...topic,
        partitions: [partition],
      }],
    });
    await ask("metadata too long, and some", {
      topics: [{
        ...topic,
        partitions: [
          { ...partition, committedMetadata: "x".repeat(4_097) },
          { ...partition, partitionIndex: 1 },
        ],
      }],
    });
    await ask("an offset of -5", { topics: [{ ...topic, partitions: [{ ...partition, committedOffset: -5 }] }] });
    await ask("no metadata", { topics: [{ ...topic, partitions: [partition] }] });
  }
}

/** KIP-447: by member and generation a zombie of the group is told. */
async function claims(dialogue: Dialogue, topic: Topic): Promise<void> {
  const leader = await stableGroup(dialogue, "claims");
  const { groupId, memberId, generationId } = leader;
  for (const version of [2, 3, 5, 6]) {
    const writer = await Transactor.of(dialogue, `claims-${version}`, topic);
    if (version < 5) await writer.addOffsets(`claims v${version}: added`, groupId);
    const ask = (what: string, more: Partial<TxnOffsetCommitRequestDraft>, group = groupId) =>
      commit(dialogue, `claims v${version}: ${what}`, writer, group, 1, { version, ...more });
    await ask("no claim", {});
    if (version < 3) continue;
    await ask("a member", { memberId, generationIdOrMemberEpoch: generationId });
    await ask("an earlier generation", { memberId, generationIdOrMemberEpoch: generationId - 1 });
    await ask("a generation to come", { memberId, generationIdOrMemberEpoch: generationId + 1 });
    await ask("an unknown member", { memberId: "nobody", generationIdOrMemberEpoch: generationId });
    await ask("a generation without a member", { generationIdOrMemberEpoch: generationId });
    await ask("a member without a generation", { memberId });
    await ask("an unknown member without a generation", { memberId: "nobody" });
    await ask("an unknown instance", { memberId, generationIdOrMemberEpoch: generationId, groupInstanceId: "nobody" });
    await ask("an unknown instance only", { groupInstanceId: "nobody" });
    const nobodys = await dialogue.group(`claims-nobodys-${version}`);
    if (version < 5) await writer.addOffsets(`claims v${version}: another group added`, nobodys);
    await ask("a generation of a group that is none", { memberId: "m", generationIdOrMemberEpoch: 3 }, nobodys);
    await ask("generation 0 of a group that is none", { generationIdOrMemberEpoch: 0 }, nobodys);
    await ask("a member of a group that is none", { memberId: "m" }, nobodys);
    await ask("an instance of a group that is none", { groupInstanceId: "i" }, nobodys);
    await writer.end(`claims v${version}: it ends`, false, { version: version < 5 ? 3 : 5 });
  }
}

/** The same of members of the newer protocols, whose epochs only the last version knows. */
async function epochs(dialogue: Dialogue, topic: Topic): Promise<void> {
  const said = { subscribedTopicNames: [topic.name] };
  const consumer = await Consumer.connect(dialogue, await dialogue.group("epochs-consumer"), "only", said);
  await consumer.ask("epochs: of a consumer");
  await consumer.ask("epochs: which has everything");
  const topology = { epoch: 0, subtopologies: [subtopology("0", { sourceTopics: [topic.name] })] };
  const streams = await StreamsMember.connect(dialogue, await dialogue.group("epochs-streams"), "only", topology);
  await streams.getsTasks(3);
  for (const { groupId, memberId, epoch } of [consumer, streams]) {
    for (const version of [3, 5, 6]) {
      const kind = groupId === consumer.groupId ? "consumer" : "streams";
      const of = `epochs v${version}, ${kind}`;
      const writer = await Transactor.of(dialogue, `epochs-${kind}-${version}`, topic);
      if (version < 5) await writer.addOffsets(`${of}: added`, groupId);
      const ask = (what: string, generationIdOrMemberEpoch: number, more: CommitOptions = {}) =>
        commit(dialogue, `${of}: ${what}`, writer, groupId, 1, {
          version,
          memberId,
          generationIdOrMemberEpoch,
          ...more,
        });
      await ask("its own", epoch);
      await ask("one to come", epoch + 1);
      await ask("one before it had the partition", epoch - 1);
      await ask("none", -1);
      await ask("an unknown member's", epoch, { memberId: "nobody" });
      await ask("nobody's", -1, { memberId: "" });
      await writer.end(`${of}: it ends`, false, { version: version < 5 ? 3 : 5 });
    }
  }
}

async function stability(dialogue: Dialogue, topic: Topic): Promise<void> {
  const groupId = await dialogue.group("stability");
  const topics = (partitionIndexes: number[]) => [{ name: topic.name, topicId: topic.topicId, partitionIndexes }];
  const writer = await Transactor.of(dialogue, "stability", topic);
  await commit(dialogue, "stability: commit", writer, groupId, 7, { version: 5 });
  for (const requireStable of [false, true]) {
    const how = requireStable ? "stable" : "any";
    for (const version of [1, 6, 7]) {
      const draft = { groupId, topics: topics([0, 1]), ...(version < 7 ? {} : { requireStable }) };
      await dialogue.ask(`stability: v${version}, ${how}`, offsetFetch, version, draft);
    }
    for (const version of [8, 9, 10]) {
      await dialogue.ask(`stability: v${version}, ${how}`, offsetFetch, version, {
        groups: [{ groupId, topics: topics([0, 1]) }],
        requireStable,
      });
      await dialogue.ask(`stability: v${version}, ${how}, all`, offsetFetch, version, {
        groups: [{ groupId, topics: null }],
        requireStable,
      });
    }
  }
  await writer.end("stability: it ends", true);
}

/** Commits outside, and of two transactions, of the same partition. */
async function inTurns(dialogue: Dialogue, topic: Topic): Promise<void> {
  const groupId = await dialogue.group("turns");
  const one = await Transactor.of(dialogue, "turns-one", topic);
  const other = await Transactor.of(dialogue, "turns-other", topic);
  const outside = (label: string, committedOffset: number) =>
    dialogue.ask(label, offsetCommit, 8, {
      groupId,
      memberId: "",
      topics: [{ name: topic.name, partitions: [{ partitionIndex: 0, committedOffset, committedMetadata: "" }] }],
    });
  await commit(dialogue, "turns: 10 by one", one, groupId, 10, { version: 5 });
  await outside("turns: 20 outside", 20);
  await read(dialogue, "turns: one open, 20 outside", groupId, topic);
  await one.end("turns: one ends", true);
  await one.settled();
  await read(dialogue, "turns: what was outside came later", groupId, topic);
  await commit(dialogue, "turns: 30 by one", one, groupId, 30, { version: 5 });
  await commit(dialogue, "turns: 40 by other", other, groupId, 40, { version: 5 });
  await commit(dialogue, "turns: 35 by one", one, groupId, 35, { version: 5 });
  await other.end("turns: other ends", true);
  await other.settled();
  await read(dialogue, "turns: one is open still", groupId, topic);
  await one.end("turns: one ends last", true);
  await one.settled();
  await read(dialogue, "turns: the last in the log counts", groupId, topic);
  await commit(dialogue, "turns: 50 by one", one, groupId, 50, { version: 5 });
  await commit(dialogue, "turns: 60 by other", other, groupId, 60, { version: 5 });
  await other.end("turns: other ends first", true);
  await one.end("turns: then one", true);
  await one.settled();
  await other.settled();
  await read(dialogue, "turns: the later one ended first", groupId, topic);
}

async function deletions(dialogue: Dialogue, topic: Topic): Promise<void> {
  const groupId = await dialogue.group("goes");
  const writer = await Transactor.of(dialogue, "goes", topic);
  await commit(dialogue, "goes: commit", writer, groupId, 5, { version: 5 });
  await dialogue.ask("goes: its offset is deleted", offsetDelete, 0, {
    groupId,
    topics: [{ name: topic.name, partitions: [{ partitionIndex: 0 }] }],
  });
  await read(dialogue, "goes: an offset was deleted", groupId, topic);
  await writer.end("goes: it ends", true);
  await writer.settled();
  await read(dialogue, "goes: an offset was deleted, and the transaction committed", groupId, topic);
  await commit(dialogue, "goes: commit again", writer, groupId, 6, { version: 5 });
  await dialogue.ask("goes: the group is deleted", deleteGroups, 2, { groupsNames: [groupId] });
  await read(dialogue, "goes: the group was deleted", groupId, topic);
  await writer.end("goes: it ends again", true);
  await writer.settled();
  await read(dialogue, "goes: the group was deleted, and the transaction committed", groupId, topic);
}
