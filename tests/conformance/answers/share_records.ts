/** Records of share groups: which a member is given, what it may say of them, and what becomes of them then. */

import { shareFetch, type ShareFetchRequestDraft } from "../../../protocol/api/78_share_fetch.ts";
import { shareAcknowledge } from "../../../protocol/api/79_share_acknowledge.ts";
import { ZERO_UUID } from "../../../protocol/schema.ts";
import type { Dialogue } from "../../support/dialogue.ts";
import { produceBytes } from "../../support/requests.ts";
import { batch } from "./batches.ts";
import { configureGroup, ShareMember } from "./share_member.ts";
import type { Topic } from "./transactor.ts";

const accept = 1;
const release = 2;
const reject = 3;
const renew = 4;
/** Nothing to wait for. */
const atOnce = { maxWaitMs: 100 };
const unknownId = "AAAAAAAAQACAAAAAAAAAAQ";

export async function shareRecordsAnswers(dialogue: Dialogue): Promise<void> {
  await refusing(dialogue);
  await sessions(dialogue);
  await answering(dialogue);
  await wrongAnswers(dialogue);
  await withAFetch(dialogue);
  await limits(dialogue);
  await deliveredOften(dialogue);
  await locked(dialogue);
  await beginning(dialogue);
}

/** A topic with batches of so many records, and members of one group that read it from its start. */
async function ready(
  dialogue: Dialogue,
  name: string,
  counts: readonly number[],
  { configs = {}, members = ["first"], partitionCount = 1 }: {
    readonly configs?: Readonly<Record<string, string>>;
    readonly members?: readonly string[];
    readonly partitionCount?: number;
  } = {},
): Promise<[Topic, ...ShareMember[]]> {
  const topic = await dialogue.topic(name, { partitionCount });
  const groupId = await dialogue.group(`q-${name}`);
  await configureGroup(dialogue, groupId, { "share.auto.offset.reset": "earliest", ...configs });
  await fill(dialogue, topic, counts);
  const joined: ShareMember[] = [];
  for (const memberId of members) {
    const member = await ShareMember.connect(dialogue, groupId, memberId);
    await member.heartbeat({ subscribedTopicNames: [topic.name] });
    joined.push(member);
    if (joined.length === 1) await member.getsPartitions(partitionCount);
  }
  return [topic, ...joined];
}

async function fill(dialogue: Dialogue, { name }: Topic, counts: readonly number[], partition = 0): Promise<void> {
  for (const count of counts) await produceBytes(await dialogue.main(), { topic: name, partition }, batch(count));
}

/** What is no request of a member. */
async function refusing(dialogue: Dialogue): Promise<void> {
  const [{ name, topicId }, first] = await ready(dialogue, "refused", [1]);
  const { groupId } = first!;
  const partitions = [{ partitionIndex: 0, acknowledgementBatches: [] }];
  const said = [{ firstOffset: 0, lastOffset: 0, acknowledgeTypes: [accept] }];
  const limits = { maxWaitMs: 0, minBytes: 1, maxBytes: 1_000, maxRecords: 10, batchSize: 10 };
  const asking = {
    groupId,
    memberId: "x",
    shareSessionEpoch: 0,
    ...limits,
    topics: [{ topicId, partitions }],
    forgottenTopicsData: [],
  };
  const wrong: Record<string, Partial<ShareFetchRequestDraft>> = {
    "no group": { groupId: null },
    "an empty group": { groupId: "" },
    "no member": { memberId: null },
    "an empty member": { memberId: "" },
    "a member of 37 characters": { memberId: "m".repeat(37) },
    "epoch 1 of no session": { shareSessionEpoch: 1 },
    "epoch -1 of no session": { shareSessionEpoch: -1, topics: [] },
    "epoch -2": { shareSessionEpoch: -2 },
    "a session that begins with an acknowledgement": {
      topics: [{ topicId, partitions: [{ partitionIndex: 0, acknowledgementBatches: said }] }],
    },
    "a renewal that asks for records": { isRenewAck: true },
  };
  for (const [label, draft] of Object.entries(wrong)) {
    await dialogue.ask(`refused: ${label}`, shareFetch, 2, { ...asking, ...draft });
  }
  const saying = { groupId, memberId: "y", shareSessionEpoch: 1, topics: [] };
  for (
    const [label, draft] of Object.entries({
      "no group": { groupId: null },
      "no member": { memberId: null },
      "epoch 0": { shareSessionEpoch: 0 },
      "epoch 1 of no session": {},
      "epoch -1 of no session": { shareSessionEpoch: -1 },
    })
  ) await dialogue.ask(`refused: acknowledged with ${label}`, shareAcknowledge, 2, { ...saying, ...draft });

  await first!.askFetch("refused: a topic there is not", unknownId, { 0: {} }, atOnce);
  await first!.askFetch("refused: a partition there is not", topicId, { 5: {} }, atOnce);
  await first!.askFetch("refused: both are asked again", topicId, {}, { ...atOnce, maxRecords: 0 });
  await first!.askFetch("refused: no topic", ZERO_UUID, { 0: {} }, { ...atOnce, maxRecords: 0 });

  const stranger = await ShareMember.connect(dialogue, await dialogue.group("q-nobody"), "stranger");
  await stranger.askFetch("a group that nobody joined fetches", topicId, { 0: {} }, atOnce);
  await stranger.askAcknowledge("a group that nobody joined acknowledges", topicId, { 0: { "0-0": [accept] } });
  const guest = await ShareMember.connect(dialogue, groupId, "guest");
  await guest.askFetch("who did not join the group fetches", topicId, { 0: {} }, { maxRecords: 1 });
  await guest.askOffsets("the group that it did not join", name);
}

async function sessions(dialogue: Dialogue): Promise<void> {
  const [topic, first, other] = await ready(dialogue, "sessions", [2, 2], {
    members: ["first", "other"],
    partitionCount: 2,
  });
  const { topicId } = topic;
  await first!.askFetch("sessions: begins with partition 0", topicId, { 0: {} });
  await first!.askFetch("sessions: nothing is new", topicId, {}, atOnce);
  await first!.askFetch("sessions: partition 1 joins", topicId, { 1: {} }, atOnce);
  await first!.askFetch("sessions: nothing new of both", topicId, {}, atOnce);
  await first!.askFetch("sessions: an epoch too far", topicId, {}, { ...atOnce, shareSessionEpoch: 9 });
  await first!.askAcknowledge("sessions: an epoch too far, acknowledged", topicId, { 0: { "0-0": [accept] } }, {
    shareSessionEpoch: 9,
  });
  await first!.askFetch("sessions: partition 0 is forgotten", topicId, {}, {
    ...atOnce,
    forgottenTopicsData: [{ topicId, partitions: [0] }],
  });
  await fill(dialogue, topic, [1], 1);
  await first!.askFetch("sessions: only partition 1 is read", topicId, {});
  await first!.askAcknowledge("sessions: of the forgotten partition, too", topicId, { 0: { "0-0": [accept] } });
  await first!.askFetch("sessions: begins anew, and has what it had", topicId, { 0: {} }, {
    ...atOnce,
    shareSessionEpoch: 0,
  });
  await first!.askAcknowledge("sessions: what it had before", topicId, { 0: { "1-1": [accept] } });
  await first!.askAcknowledge("sessions: the last word", topicId, { 0: { "2-2": [accept] } }, {
    shareSessionEpoch: -1,
  });
  await first!.askAcknowledge("sessions: after the last word", topicId, { 0: { "3-3": [accept] } }, {
    shareSessionEpoch: 5,
  });
  await other!.askFetch("sessions: the other gets what is left", topicId, { 0: {} });
  await other!.askFetch("sessions: ends with a fetch", topicId, { 0: { "3-3": [accept] } }, {
    shareSessionEpoch: -1,
  });
  await first!.askOffsets("sessions: where it stands", topic.name, [0, 1]);
}

/** Each word there is. */
async function answering(dialogue: Dialogue): Promise<void> {
  const [{ name, topicId }, first, other] = await ready(dialogue, "answered", [10], { members: ["first", "other"] });
  await first!.askFetch("words: ten records", topicId, { 0: {} });
  await first!.askOffsets("words: nothing said", name);
  await first!.askAcknowledge("words: two accepted", topicId, { 0: { "0-1": [accept] } });
  await first!.askOffsets("words: two accepted, offsets", name);
  await first!.askAcknowledge("words: one rejected", topicId, { 0: { "2-2": [reject] } });
  await first!.askAcknowledge("words: one in the middle is no record", topicId, { 0: { "6-6": [0] } });
  await first!.askOffsets("words: a gap in the middle, offsets", name);
  await first!.askAcknowledge("words: one by one", topicId, { 0: { "3-5": [accept, release, reject] } });
  await first!.askOffsets("words: one given back, offsets", name);
  await first!.askAcknowledge("words: prolonged", topicId, { 0: { "7-7": [renew], "8-8": [accept] } }, {
    isRenewAck: true,
  });
  await other!.askFetch("words: the other gets what was given back", topicId, { 0: {} });
  await other!.askAcknowledge("words: the other gives it back, too", topicId, { 0: { "4-4": [release] } });
  await first!.askFetch("words: the first gets it again", topicId);
  await first!.askAcknowledge("words: all that is left", topicId, { 0: { "4-4": [accept], "7-7": [accept] } });
  await first!.askOffsets("words: one is left", name);
  await first!.askAcknowledge("words: the last", topicId, { 0: { "9-9": [reject] } });
  await first!.askOffsets("words: none is left", name);
}

async function wrongAnswers(dialogue: Dialogue): Promise<void> {
  const [{ name, topicId }, first, other] = await ready(dialogue, "wrong", [4, 4], { members: ["first", "other"] });
  await first!.askFetch("wrong: one batch", topicId, { 0: {} }, { maxRecords: 4 });
  await other!.askFetch("wrong: the other batch", topicId, { 0: {} });
  const wrong: Record<string, Readonly<Record<string, readonly number[]>>> = {
    "a word there is not": { "0-0": [5] },
    "a negative word": { "0-0": [-1] },
    "renewal without saying so": { "0-0": [renew] },
    "no word": { "0-0": [] },
    "two words for one": { "0-0": [accept, accept] },
    "two words for three": { "0-2": [accept, accept] },
    "the end before the start": { "2-1": [accept] },
    "batches out of order": { "2-2": [accept], "0-0": [accept] },
    "batches that overlap": { "0-2": [accept], "1-3": [accept] },
    "a batch twice": { "0-0": [accept], "0-0 again": [accept] },
    "another's record": { "4-4": [accept] },
    "its own and another's": { "3-4": [accept] },
    "records not given out": { "8-8": [accept] },
    "past what was given out": { "0-9": [accept] },
    "an offset below 0": { "-2--1": [accept] },
  };
  for (const [label, said] of Object.entries(wrong)) {
    await first!.askAcknowledge(`wrong: ${label}`, topicId, { 0: said });
    await first!.askOffsets(`wrong: after ${label}`, name);
  }
  await first!.askAcknowledge("wrong: a renewal in v1", topicId, { 0: { "0-0": [renew] } }, { version: 1 });
  await first!.askAcknowledge("wrong: a partition not read", topicId, { 3: { "0-0": [accept] } });
  await first!.askAcknowledge("wrong: a topic there is not", unknownId, { 0: { "0-0": [accept] } });
  await first!.askAcknowledge("wrong: nothing", topicId, { 0: {} });
  await first!.askAcknowledge("wrong: one good, one bad", topicId, { 0: { "1-1": [accept], "5-5": [accept] } });
  await first!.askAcknowledge("wrong: the good one, in v1", topicId, { 0: { "1-1": [accept] } }, { version: 1 });
  await first!.askAcknowledge("wrong: said before", topicId, { 0: { "1-1": [release] } });
  await first!.askAcknowledge("wrong: given back", topicId, { 0: { "2-2": [release] } });
  await first!.askAcknowledge("wrong: after it was given back", topicId, { 0: { "2-2": [accept] } });
  await first!.askAcknowledge("wrong: long done with", topicId, { 0: { "0-0": [accept] } });
  await first!.askOffsets("wrong: at last", name);
}

/** What is said along with a fetch. */
async function withAFetch(dialogue: Dialogue): Promise<void> {
  const [{ name, topicId }, first] = await ready(dialogue, "along", [2, 2, 2]);
  await first!.askFetch("along: the first batch", topicId, { 0: {} }, { maxRecords: 2 });
  await first!.askFetch("along: accepted, and the second", topicId, { 0: { "0-1": [accept] } }, { maxRecords: 2 });
  await first!.askFetch("along: given back, and got again", topicId, { 0: { "2-2": [release] } }, { maxRecords: 1 });
  await first!.askFetch("along: wrong, and the third", topicId, { 0: { "9-9": [accept] } }, { maxRecords: 2 });
  await first!.askFetch("along: a renewal", topicId, { 0: { "3-3": [renew] } }, {
    isRenewAck: true,
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 0,
    maxRecords: 0,
  });
  await first!.askFetch("along: accepted, and nothing asked for", topicId, { 0: { "2-5": [accept] } }, {
    ...atOnce,
    maxRecords: 0,
  });
  await first!.askOffsets("along: where it stands", name);
}

async function limits(dialogue: Dialogue): Promise<void> {
  for (const [shareAcquireMode, mode] of ["by batch", "strictly"].entries()) {
    const [topic, first] = await ready(dialogue, `limits-${shareAcquireMode}`, [3, 3, 3, 3]);
    const ask = (what: string, more: Partial<ShareFetchRequestDraft> & { readonly version?: number }) => {
      const begins = first!.sessionEpoch === 0 ? { 0: {} } : {};
      return first!.askFetch(`limits, ${mode}: ${what}`, topic.topicId, begins, { shareAcquireMode, ...more });
    };
    await ask("one record", { maxRecords: 1 });
    await ask("four records", { maxRecords: 4 });
    await ask("pieces of two", { maxRecords: 9, batchSize: 2 });
    await fill(dialogue, topic, [5, 5]);
    await ask("100 bytes", { maxBytes: 100 });
    await ask("all, in v1", { version: 1, shareAcquireMode: 0 });
  }
  const [topic, first, other] = await ready(dialogue, "limits-in-flight", [60, 60, 10], {
    members: ["first", "other"],
    configs: { "share.partition.max.record.locks": "100" },
  });
  const { topicId } = topic;
  await first!.askFetch("limits: in flight, one batch", topicId, { 0: {} }, { maxRecords: 10 });
  await other!.askFetch("limits: in flight, the other gets the next", topicId, { 0: {} });
  await other!.askFetch("limits: in flight, no more", topicId, {}, atOnce);
  await first!.askAcknowledge("limits: in flight, some are done with", topicId, { 0: { "0-59": [accept] } });
  await first!.askFetch("limits: in flight, there is room", topicId);
}

/** Fewer at a time, then alone, then never again. */
async function deliveredOften(dialogue: Dialogue): Promise<void> {
  for (const [limit, counts] of [["2", [2]], ["3", [3]], ["5", [4]]] as const) {
    const [{ name, topicId }, first] = await ready(dialogue, `often-${limit}`, counts, {
      configs: { "share.delivery.count.limit": limit },
    });
    await first!.heartbeat();
    const rounds: string[] = [];
    for (let round = 0; round < 12; round++) {
      const acquired = await first!.fetch(topicId, 0);
      if (acquired.length === 0) break;
      rounds.push(acquired.join(" "));
      for (const text of acquired) {
        const [first_, last] = text.split("x")[0]!.split("-").map(Number);
        await first!.acknowledge(topicId, 0, [first_!, last!], [release]);
      }
    }
    dialogue.note(`often: at most ${limit} times`, rounds);
    await first!.askOffsets(`often: at most ${limit} times, offsets`, name);
  }
}

/** Times that run out. */
async function locked(dialogue: Dialogue): Promise<void> {
  const [topic, first, other] = await ready(dialogue, "locked", [3], {
    members: ["first", "other"],
    configs: { "share.record.lock.duration.ms": "2000", "share.delivery.count.limit": "2" },
  });
  const { name, topicId } = topic;
  await first!.askFetch("locked: the first has them", topicId, { 0: {} });
  await other!.askFetch("locked: the other gets them when the time is up", topicId, { 0: {} });
  await first!.askAcknowledge("locked: the first is too late", topicId, { 0: { "0-0": [accept] } });
  await first!.askAcknowledge("locked: too late to prolong", topicId, { 0: { "0-0": [renew] } }, { isRenewAck: true });
  await other!.askAcknowledge("locked: the other is not", topicId, { 0: { "1-1": [accept] } });
  await other!.askFetch("locked: never a third time", topicId, {}, { maxWaitMs: 3_000 });
  await first!.askOffsets("locked: given up", name);
  await other!.askAcknowledge("locked: of what was given up", topicId, { 0: { "2-2": [accept] } });
  await fill(dialogue, topic, [1]);
  await first!.askFetch("locked: the next record", topicId);
}

/** Where a group begins in a partition that is new to it. */
async function beginning(dialogue: Dialogue): Promise<void> {
  for (const reset of ["earliest", "latest", "by_duration:PT1H"]) {
    const [topic, first] = await ready(dialogue, `begins-${reset.slice(0, 6)}`, [2], {
      configs: { "share.auto.offset.reset": reset },
    });
    await first!.askOffsets(`begins: ${reset}, before it is read`, topic.name);
    await first!.askFetch(`begins: ${reset}`, topic.topicId, { 0: {} }, { maxWaitMs: 500 });
    await fill(dialogue, topic, [1]);
    await first!.askFetch(`begins: ${reset}, the next record`, topic.topicId);
    await first!.askAcknowledge(`begins: ${reset}, accepted`, topic.topicId, { 0: { "2-2": [accept] } });
    await first!.askOffsets(`begins: ${reset}, at last`, topic.name);
  }
}
