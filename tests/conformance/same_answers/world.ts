/** What both brokers have before the first question, alike: topics with records, groups, transactions. Nothing changes it. */

import { deleteRecords } from "../../../protocol/api/21_delete_records.ts";
import { findCoordinator } from "../../../protocol/api/10_find_coordinator.ts";
import { incrementalAlterConfigs } from "../../../protocol/api/44_incremental_alter_configs.ts";
import { metadata } from "../../../protocol/api/03_metadata.ts";
import { offsetCommit } from "../../../protocol/api/08_offset_commit.ts";
import { produce } from "../../../protocol/api/00_produce.ts";
import { shareGroupHeartbeat } from "../../../protocol/api/76_share_group_heartbeat.ts";
import { ErrorCode, errorName } from "../../../protocol/errors.ts";
import { until } from "../../support/broker.ts";
import { Dialogue } from "../../support/dialogue.ts";
import { batch } from "../answers/batches.ts";
import { Consumer } from "../answers/consumer.ts";
import { Member, twoProtocols } from "../answers/member.ts";
import { type Topic, Transactor } from "../answers/transactor.ts";

export interface World {
  /** Three partitions: 15 records in two batches, 4 of an idempotent producer, none. */
  readonly plain: Topic;
  /** One partition with offsets 4 to 9: those before were deleted. */
  readonly cut: Topic;
  readonly empty: Topic;
  readonly compacted: Topic;
  /** Partition 0: an aborted transaction, a committed one, and one under way. Partition 1: nothing. */
  readonly transacted: Topic;
  /** Two partitions for what questions write in transactions; what is there nobody asks. */
  readonly scratch: Topic;
  /** Has committed positions and never had members. */
  readonly committed: string;
  /** A classic group with one member, and a consumer group with one. */
  readonly stable: Member;
  readonly modern: Consumer;
  readonly openId: string;
  readonly idleId: string;
  /** Topics, groups and transactional ids of all this. */
  readonly names: ReadonlySet<string>;
  /** By what comes up by chance: what it is. */
  readonly labels: readonly (readonly [value: string, label: string])[];
}

/** Sessions outlast the run, so that nobody has to keep them alive. */
export const worldConfig = {
  "auto.create.topics.enable": false,
  "offsets.topic.num.partitions": 1,
  "transaction.state.log.num.partitions": 1,
  "share.coordinator.state.topic.num.partitions": 1,
  "group.share.assignment.interval.ms": 0,
  "group.share.assignor.offload.enable": false,
  "group.consumer.max.session.timeout.ms": 3_600_000,
  "group.consumer.session.timeout.ms": 3_600_000,
  "group.share.max.session.timeout.ms": 3_600_000,
  "group.share.session.timeout.ms": 3_600_000,
  "group.streams.max.session.timeout.ms": 3_600_000,
  "group.streams.session.timeout.ms": 3_600_000,
};

/** The dialogue stays open: its connections are the members'. */
export async function makeWorld(port: number): Promise<{ readonly world: World; readonly dialogue: Dialogue }> {
  const dialogue = new Dialogue(port, "world");
  const plain = await dialogue.topic("plain", { partitionCount: 3 });
  const cut = await dialogue.topic("cut");
  const empty = await dialogue.topic("empty", { partitionCount: 2 });
  const compacted = await dialogue.topic("compacted", { configs: { "cleanup.policy": "compact" } });
  const transacted = await dialogue.topic("transacted", { partitionCount: 2 });
  const scratch = await dialogue.topic("scratch", { partitionCount: 2 });
  const client = await dialogue.main();
  const { clusterId } = await client.send(metadata, 2, { topics: [] });

  await append(dialogue, plain, 0, batch(10));
  await append(dialogue, plain, 0, batch(5));
  const producerId = await dialogue.producerId();
  await append(dialogue, plain, 1, batch(4, { producerId, producerEpoch: 0, baseSequence: 0 }));
  await append(dialogue, cut, 0, batch(10));
  await client.send(deleteRecords, 2, {
    topics: [{ name: cut.name, partitions: [{ partitionIndex: 0, offset: 4 }] }],
    timeoutMs: 10_000,
  });

  const committed = await dialogue.group("committed");
  await client.send(offsetCommit, 9, {
    groupId: committed,
    memberId: "",
    topics: [
      { name: plain.name, partitions: [position(0, 5, null), position(1, 1, "a note")] },
      { name: cut.name, partitions: [position(0, 6, "")] },
    ],
  });
  const stable = await lastingMember(dialogue, await dialogue.group("stable"));
  const modern = await Consumer.connect(dialogue, await dialogue.group("modern"), "m", {
    subscribedTopicNames: [plain.name],
  });
  await modern.comesTo("any", 3);
  const { openId, idleId } = await transactions(dialogue, transacted);
  await shareCoordinator(dialogue, plain);
  await wantedMetrics(dialogue);

  const topics = { plain, cut, empty, compacted, transacted, scratch };
  const names = [...Object.values(topics).map(({ name }) => name), committed, stable.groupId, modern.groupId];
  const labels = Object.entries(topics).map(([name, { topicId }]) => [topicId, `<id of ${name}>`] as const);
  return {
    dialogue,
    world: {
      ...topics,
      committed,
      stable,
      modern,
      openId,
      idleId,
      names: new Set([...names, openId, idleId]),
      labels: [
        ...labels,
        [clusterId ?? "", "<cluster>"],
        [`${producerId}`, "<producer of plain>"],
        [stable.memberId, "<member of stable>"],
      ],
    },
  };
}

/** @throws {Error} unless the records were taken */
export async function append(
  dialogue: Dialogue,
  topic: Topic,
  partition: number,
  records: Uint8Array,
): Promise<void> {
  const { responses } = await (await dialogue.main()).send(produce, 12, {
    transactionalId: null,
    acks: -1,
    timeoutMs: 10_000,
    topicData: [{ ...topic, partitionData: [{ index: partition, records }] }],
  });
  const errorCode = responses[0]?.partitionResponses[0]?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
  if (errorCode !== ErrorCode.NONE) throw new Error(`Cannot append to "${topic.name}": ${errorName(errorCode)}`);
}

/** The one member of a classic group, in it for as long as a session may last. */
export async function lastingMember(dialogue: Dialogue, groupId: string): Promise<Member> {
  const member = await Member.connect(dialogue, groupId, { clientId: "lasting", protocols: twoProtocols });
  await member.joinFor(1_800_000);
  const errorCode = await member.sync([[member, "all"]]);
  if (errorCode !== ErrorCode.NONE) throw new Error(`"${groupId}" is not stable: ${errorName(errorCode)}`);
  return member;
}

function position(partitionIndex: number, committedOffset: number, committedMetadata: string | null) {
  return { partitionIndex, committedOffset, committedMetadata };
}

async function transactions(dialogue: Dialogue, topic: Topic): Promise<{ openId: string; idleId: string }> {
  const idle = await Transactor.of(dialogue, "idle", topic, 900_000);
  await idle.send("to be aborted", 3);
  await idle.end("abort", false);
  await idle.settled();
  await idle.send("to be committed", 2);
  await idle.end("commit", true);
  await idle.settled();
  const open = await Transactor.of(dialogue, "open", topic, 900_000);
  await open.send("under way", 1);
  return { openId: open.transactionalId, idleId: idle.transactionalId };
}

/** A subscription to metrics of some clients that report. */
async function wantedMetrics(dialogue: Dialogue): Promise<void> {
  const set = (name: string, value: string) => ({ name, configOperation: 0, value });
  const configs = [set("metrics", "org.apache.kafka.producer."), set("interval.ms", "60000")];
  await (await dialogue.main()).send(incrementalAlterConfigs, 1, {
    resources: [{ resourceType: 16, resourceName: dialogue.named("wanted"), configs }],
    validateOnly: false,
  });
}

/** The first member of any share group makes the topic of their states. */
async function shareCoordinator(dialogue: Dialogue, { name }: Topic): Promise<void> {
  const client = await dialogue.main();
  const groupId = dialogue.named("first-share");
  await until(async () => {
    const draft = { groupId, memberId: "first", memberEpoch: 0, subscribedTopicNames: [name] };
    const { errorCode } = await client.send(shareGroupHeartbeat, 1, draft);
    return errorCode === ErrorCode.NONE;
  }, { what: "A share group", timeoutMs: 30_000 });
  const key = `${groupId}:AAAAAAAAAAAAAAAAAAABcQ:0`;
  await until(async () => {
    const { coordinators } = await client.send(findCoordinator, 6, { keyType: 2, coordinatorKeys: [key] });
    return coordinators[0]?.errorCode === ErrorCode.NONE;
  }, { what: "The coordinator of share groups", timeoutMs: 30_000 });
}
