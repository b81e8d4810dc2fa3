/** Share groups that read what was committed, and nothing else; beside groups that read all. */

import type { ShareFetchRequestDraft } from "../../../protocol/api/78_share_fetch.ts";
import type { Dialogue } from "../../support/dialogue.ts";
import { produceBytes } from "../../support/requests.ts";
import { batch } from "./batches.ts";
import { configureGroup, ShareMember } from "./share_member.ts";
import { type Topic, Transactor } from "./transactor.ts";

const accept = 1;
const release = 2;
/** A marker is no record, and members say so. */
const gap = 0;
const atOnce = { maxWaitMs: 100 };

export async function shareCommittedAnswers(dialogue: Dialogue): Promise<void> {
  await committedAndAborted(dialogue);
  await interleaved(dialogue);
  await timedOut(dialogue);
  await limited(dialogue);
  await inPieces(dialogue);
  await changingItsMind(dialogue);
}

async function reader(
  dialogue: Dialogue,
  { name }: Topic,
  groupName: string,
  configs: Readonly<Record<string, string>> = { "share.isolation.level": "read_committed" },
): Promise<ShareMember> {
  const groupId = await dialogue.group(groupName);
  await configureGroup(dialogue, groupId, { "share.auto.offset.reset": "earliest", ...configs });
  const member = await ShareMember.connect(dialogue, groupId, "reader");
  await member.heartbeat({ subscribedTopicNames: [name] });
  await member.getsPartitions(1);
  return member;
}

async function fill(dialogue: Dialogue, { name }: Topic, count: number): Promise<void> {
  await produceBytes(await dialogue.main(), { topic: name, partition: 0 }, batch(count));
}

/** One transaction after another, and records outside. */
async function committedAndAborted(dialogue: Dialogue): Promise<void> {
  const topic = await dialogue.topic("q-isolated");
  const { name, topicId } = topic;
  const committed = await reader(dialogue, topic, "q-committed");
  const all = await reader(dialogue, topic, "q-all", {});
  const writer = await Transactor.of(dialogue, "q-writer", topic);

  await writer.send("0-1, open", 2);
  await fill(dialogue, topic, 1);
  await all.askFetch("open: who reads all", topicId, { 0: {} });
  await committed.askFetch("open: who reads what is committed", topicId, { 0: {} }, atOnce);
  await committed.askOffsets("open: where that stands", name);
  await writer.end("3, committed", true);
  await committed.askFetch("committed: who waited for it", topicId);
  await committed.askOffsets("committed: nothing said", name);
  await committed.askAcknowledge("committed: accepted", topicId, { 0: { "0-3": [accept, accept, accept, gap] } });
  await committed.askOffsets("committed: accepted, offsets", name);

  await writer.send("4-6, open", 3);
  await writer.end("7, aborted", false);
  await writer.settled();
  await fill(dialogue, topic, 1);
  await committed.askFetch("aborted: who reads what is committed", topicId);
  await all.askFetch("aborted: who reads all", topicId);
  await committed.askOffsets("aborted: nothing said", name);
  await committed.askAcknowledge("aborted: of what was aborted", topicId, { 0: { "5-5": [accept] } });
  await committed.askAcknowledge("aborted: of all at once", topicId, { 0: { "4-8": [accept] } });
  await committed.askAcknowledge("aborted: what was behind", topicId, { 0: { "8-8": [accept] } });
  await committed.askOffsets("aborted: a gap before it", name);
  await committed.askAcknowledge("aborted: the marker", topicId, { 0: { "7-7": [gap] } });
  await committed.askOffsets("aborted: at last", name);
  await all.askAcknowledge("aborted: accepted by who reads all", topicId, { 0: { "0-8": [accept] } });
  await all.askOffsets("aborted: who reads all is done", name);
}

/** Two producers in turns: what is open holds back what comes behind it. */
async function interleaved(dialogue: Dialogue): Promise<void> {
  const topic = await dialogue.topic("q-turns");
  const { name, topicId } = topic;
  const member = await reader(dialogue, topic, "q-turns");
  const one = await Transactor.of(dialogue, "q-one", topic);
  const other = await Transactor.of(dialogue, "q-other", topic);
  await one.send("turns: 0, one", 1);
  await other.send("turns: 1-2, other", 2);
  await one.send("turns: 3, one", 1);
  await other.end("turns: 4, other aborts", false);
  await other.settled();
  await member.askFetch("turns: one is open", topicId, { 0: {} }, atOnce);
  await one.end("turns: 5, one commits", true);
  await one.settled();
  await other.send("turns: 6, other", 1);
  await fill(dialogue, topic, 1);
  await member.askFetch("turns: up to what other has begun", topicId);
  await member.askAcknowledge("turns: one given back", topicId, { 0: { "0-0": [accept], "3-3": [release] } });
  await member.askOffsets("turns: where it stands", name);
  await member.askFetch("turns: what was given back", topicId);
  await other.end("turns: 8, other commits", true);
  await other.settled();
  await member.askFetch("turns: what other committed", topicId);
  const rest = { "3-3": [accept], "4-5": [gap], "6-7": [accept], "8-8": [gap] };
  await member.askFetch("turns: all is said along with a fetch", topicId, { 0: rest }, atOnce);
  await member.askOffsets("turns: at last", name);
}

/** A transaction that nobody ends is aborted by the coordinator. */
async function timedOut(dialogue: Dialogue): Promise<void> {
  const topic = await dialogue.topic("q-late");
  const member = await reader(dialogue, topic, "q-late");
  const writer = await Transactor.of(dialogue, "q-late", topic, 500);
  await writer.send("late: 0-1, open", 2);
  await fill(dialogue, topic, 1);
  await member.askFetch("late: what is behind it", topic.topicId, { 0: {} });
  await member.askAcknowledge("late: accepted", topic.topicId, { 0: { "2-3": [accept, gap] } });
  await member.askOffsets("late: where it stands", topic.name);
}

/** Limits count what was aborted, as it was read. */
async function limited(dialogue: Dialogue): Promise<void> {
  for (const [shareAcquireMode, mode] of ["by batch", "strictly"].entries()) {
    const topic = await dialogue.topic(`q-few-${shareAcquireMode}`);
    const { name, topicId } = topic;
    const member = await reader(dialogue, topic, `q-few-${shareAcquireMode}`);
    const writer = await Transactor.of(dialogue, `q-few-${shareAcquireMode}`, topic);
    await writer.send(`few, ${mode}: 0-2`, 3);
    await writer.end(`few, ${mode}: 3, aborted`, false);
    await writer.settled();
    await writer.send(`few, ${mode}: 4-6`, 3);
    await writer.end(`few, ${mode}: 7, committed`, true);
    await writer.settled();
    const ask = (what: string, more: Partial<ShareFetchRequestDraft>) =>
      member.askFetch(`few, ${mode}: ${what}`, topicId, member.sessionEpoch === 0 ? { 0: {} } : {}, {
        shareAcquireMode,
        maxWaitMs: 500,
        ...more,
      });
    await ask("one record", { maxRecords: 1 });
    await ask("two records", { maxRecords: 2 });
    await ask("two more", { maxRecords: 2 });
    await ask("the rest", {});
    await member.askOffsets(`few, ${mode}: where it stands`, name);
  }
}

/** The batch that was aborted comes alone, or with its marker. */
async function inPieces(dialogue: Dialogue): Promise<void> {
  const topic = await dialogue.topic("q-pieces");
  const member = await reader(dialogue, topic, "q-pieces");
  const writer = await Transactor.of(dialogue, "q-pieces", topic);
  for (const place of ["0-4", "5-9"]) await writer.send(`pieces: ${place}`, 5);
  await writer.end("pieces: 10, aborted", false);
  await writer.settled();
  await writer.send("pieces: 11", 1);
  await writer.end("pieces: 12, committed", true);
  await writer.settled();
  for (let round = 1; round <= 5; round++) {
    const begins = round === 1 ? { 0: {} } : {};
    await member.askFetch(`pieces: ${round}`, topic.topicId, begins, { maxBytes: 1, maxWaitMs: 500 });
  }
  await member.askOffsets("pieces: where it stands", topic.name);
}

/** What was given back while all was read is not given out again when it was aborted. */
async function changingItsMind(dialogue: Dialogue): Promise<void> {
  const topic = await dialogue.topic("q-changed");
  const { name, topicId } = topic;
  const member = await reader(dialogue, topic, "q-changed", { "share.isolation.level": "read_uncommitted" });
  const writer = await Transactor.of(dialogue, "q-changed", topic);
  await writer.send("changed: 0-2", 3);
  await writer.end("changed: 3, aborted", false);
  await writer.settled();
  await fill(dialogue, topic, 2);
  await member.askFetch("changed: all is read", topicId, { 0: {} });
  await member.askAcknowledge("changed: all is given back", topicId, { 0: { "0-5": [release] } });
  await configureGroup(dialogue, member.groupId, { "share.isolation.level": "read_committed" });
  await member.askFetch("changed: what is committed", topicId);
  await member.askOffsets("changed: nothing said", name);
  await member.askAcknowledge("changed: accepted", topicId, { 0: { "3-5": [gap, accept, accept] } });
  await member.askOffsets("changed: at last", name);
}
