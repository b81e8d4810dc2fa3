/**
 * The logs of the three coordinators with damaged records in them, in a whole broker in memory that starts on them: what cannot be
 * read is passed over and the rest is served. Damage behind a checksum that holds is what another program, or an older bug, wrote.
 *
 *     SEED=123 ROUNDS=1 bun test tests/fuzz/coordinator_logs_fuzz_test.ts   the run that failed, again
 */
import { expect, test } from "bun:test";
import process from "node:process";
import { describeGroups } from "../../protocol/api/15_describe_groups.ts";
import { listGroups } from "../../protocol/api/16_list_groups.ts";
import { findCoordinator } from "../../protocol/api/10_find_coordinator.ts";
import { createTopics } from "../../protocol/api/19_create_topics.ts";
import { initProducerId } from "../../protocol/api/22_init_producer_id.ts";
import { listTransactions } from "../../protocol/api/66_list_transactions.ts";
import { consumerGroupDescribe } from "../../protocol/api/69_consumer_group_describe.ts";
import { consumerGroupHeartbeat } from "../../protocol/api/68_consumer_group_heartbeat.ts";
import { shareGroupHeartbeat } from "../../protocol/api/76_share_group_heartbeat.ts";
import { readShareGroupState } from "../../protocol/api/84_read_share_group_state.ts";
import { streamsGroupDescribe } from "../../protocol/api/89_streams_group_describe.ts";
import { batches, BatchView } from "../../protocol/batch.ts";
import { consumerGroupRecords } from "../../protocol/embedded/consumer_group_log.ts";
import { CoordinatorLogCodec, type RecordKinds } from "../../protocol/embedded/coordinator_log.ts";
import { encodeGroupMetadataKey, encodeOffsetCommitKey } from "../../protocol/embedded/offsets_log.ts";
import { shareGroupRecords } from "../../protocol/embedded/share_group_log.ts";
import { shareStateRecords } from "../../protocol/embedded/share_state_log.ts";
import { streamsGroupRecords } from "../../protocol/embedded/streams_group_log.ts";
import { encodeTransactionLogKey } from "../../protocol/embedded/transactions_log.ts";
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import { encodeBatch, encodeControlBatch } from "../../protocol/record.ts";
import { createMemoryRuntime } from "../../runtime/memory.ts";
import { loadPartition } from "../../server/groups/loader.ts";
import { OffsetStore } from "../../server/groups/offset_store.ts";
import { TransactionalOffsets } from "../../server/groups/transactional_offsets.ts";
import { type LogFacts, silentLogger } from "../../server/log.ts";
import { readRecord } from "../../server/share/coordinator/share_records.ts";
import { type KnownState, read, replayed } from "../../server/share/coordinator/share_state.ts";
import { loadTransactions } from "../../server/transactions/loader.ts";
import embedded from "../golden/java_embedded/vectors.json" with { type: "json" };
import { bytesFromHex } from "../golden/vectors.ts";
import { MemoryBroker, type MemoryClient } from "../support/memory_broker.ts";
import { seedOf } from "../support/prng.ts";
import { Chance } from "./damage.ts";
import { options } from "./rounds.ts";

const seed = seedOf(process.env.SEED);
const rounds = Number(process.env.ROUNDS ?? 40);
console.info(`coordinator logs fuzz: SEED=${seed} ROUNDS=${rounds}`);

const overrides = {
  "offsets.topic.num.partitions": "1",
  "transaction.state.log.num.partitions": "1",
  "share.coordinator.state.topic.num.partitions": "1",
};
const topics = ["__consumer_offsets", "__transaction_state", "__share_group_state"] as const;
const corpus = embedded.messages.map(({ name, hex }) => ({ name, bytes: bytesFromHex(hex) }));
const topicId = "AQIDBAUGBwgJCgsMDQ4PEA";
const groupId = "g";

/** Keys of the log of each topic, and the names of the values that belong to them. */
const kinds: Readonly<Record<typeof topics[number], readonly (readonly [key: Uint8Array, value: string])[]>> = {
  __consumer_offsets: [
    [encodeOffsetCommitKey({ group: groupId, topic: "t", partition: 0 }), "OffsetCommitValue"],
    [encodeOffsetCommitKey({ group: groupId, topic: "t", partition: 1 }), "OffsetCommitValue"],
    [encodeGroupMetadataKey({ group: groupId }), "GroupMetadataValue"],
    ...partsOf(consumerGroupRecords),
    ...partsOf(streamsGroupRecords),
    ...partsOf(shareGroupRecords),
  ],
  __transaction_state: [[encodeTransactionLogKey({ transactionalId: groupId }), "TransactionLogValue"]],
  __share_group_state: partsOf(shareStateRecords),
};

function partsOf(records: RecordKinds): (readonly [Uint8Array, string])[] {
  const log = new CoordinatorLogCodec(records);
  const key = { groupId, memberId: "m", regularExpression: "a.*", topicId, partition: 0 };
  return Object.entries(records).map(([kind, { value }]) => [log.encodeKey(kind, key as never), value.name]);
}

/** A batch as a coordinator writes it, but for what it says. */
function anyBatch(chance: Chance, topic: typeof topics[number]): Uint8Array {
  const producer = { producerId: chance.below(3), producerEpoch: 0 };
  if (topic === "__consumer_offsets" && chance.below(6) === 0) {
    const kind = chance.pick(["commit", "abort"] as const);
    return encodeControlBatch({ kind, ...producer, coordinatorEpoch: 0, timestamp: 0 });
  }
  const isTransactional = topic === "__consumer_offsets" && chance.below(4) === 0;
  const records = Array.from({ length: 1 + chance.below(4) }, () => {
    const [key, name] = chance.pick(kinds[topic]);
    const own = corpus.filter((message) => message.name === name);
    const value = chance.pick(chance.below(10) === 0 ? corpus : own).bytes;
    return {
      key: chance.below(10) === 0 ? chance.damage(key, chance.pick(corpus).bytes) : key,
      value: chance.below(8) === 0
        ? null
        : chance.below(2) === 0
        ? value
        : chance.damage(value, chance.pick(own).bytes),
    };
  });
  return encodeBatch({ records, isTransactional, ...(isTransactional ? { ...producer, baseSequence: 0 } : {}) });
}

test(`damaged logs of coordinators are loaded, and what they say is served (SEED=${seed})`, async () => {
  let groupCount = 0;
  for (let round = 0; round < rounds; round++) {
    const faults: string[] = [];
    const chance = new Chance(seed + round);
    try {
      groupCount += await playRound(chance, faults);
      expect(faults).toEqual([]);
    } catch (error) {
      throw new Error(`SEED=${seed + round} ROUNDS=1: ${error} ${faults.join("\n")}`, { cause: error });
    }
  }
  // If hardly a group is read, the damage is too coarse to reach the inside.
  if (rounds > 20) expect(groupCount).toBeGreaterThan(rounds / 4);
}, options);

/** @returns how many groups the log had that can be read */
async function playRound(chance: Chance, faults: string[]): Promise<number> {
  const runtime = createMemoryRuntime();
  const error = (event: string, { cause, reason, stack }: LogFacts = {}) => {
    // Of a group that is not what it should be: it is left out, and said so.
    if (event !== "group not readable") faults.push(`${event}: ${reason} ${stack} ${(cause as Error)?.stack}`);
  };
  const logger = { ...silentLogger, error };
  const server = await MemoryBroker.start({ runtime, overrides, logger });
  await makeTopics(server, await server.connect());
  for (const topic of topics) {
    const partition = server.broker.partitions.get(topic, 0)!;
    for (let count = 1 + chance.below(12); count > 0; count--) {
      partition.append(anyBatch(chance, topic), { acks: 1, origin: "coordinator" });
    }
  }
  await server.stop();

  const again = await MemoryBroker.start({ runtime, overrides, logger });
  const groupCount = await use(again, await again.connect());
  await runtime.advance(120_000); // sessions, transactions and locks run out
  await use(again, await again.connect());
  await again.stop();
  return groupCount;
}

async function makeTopics(server: MemoryBroker, client: MemoryClient): Promise<void> {
  await client.send(createTopics, 7, {
    topics: [{ name: "t", numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] }],
  });
  await client.send(findCoordinator, 4, { keyType: 0, coordinatorKeys: [groupId] });
  await client.send(findCoordinator, 4, { keyType: 1, coordinatorKeys: [groupId] });
  await client.send(findCoordinator, 6, { keyType: 2, coordinatorKeys: [`${groupId}:${topicId}:0`] });
  for (const topic of topics) expect(server.broker.partitions.get(topic, 0)).toBeDefined();
  client.close();
}

/** What clients ask of coordinators, by every kind of group: each is answered. */
async function use(server: MemoryBroker, client: MemoryClient): Promise<number> {
  await server.runtime.advance(1_000);
  const { groups } = await client.send(listGroups, 5, { statesFilter: [], typesFilter: [] });
  await client.send(describeGroups, 5, { groups: [groupId] });
  await client.send(consumerGroupDescribe, 1, { groupIds: [groupId], includeAuthorizedOperations: false });
  await client.send(streamsGroupDescribe, 0, { groupIds: [groupId], includeAuthorizedOperations: false });
  const member = { memberId: "m", memberEpoch: 0, subscribedTopicNames: ["t"] };
  await client.send(consumerGroupHeartbeat, 1, { groupId, ...member, rebalanceTimeoutMs: 1_000, topicPartitions: [] });
  await client.send(shareGroupHeartbeat, 1, { groupId, ...member });
  await client.send(listTransactions, 1, { stateFilters: [], producerIdFilters: [] });
  await client.send(initProducerId, 4, { transactionalId: groupId, transactionTimeoutMs: 60_000 });
  const fresh = { transactionalId: "fresh", transactionTimeoutMs: 60_000 };
  expect((await client.send(initProducerId, 4, fresh)).errorCode).toBe(ErrorCode.NONE);
  const partitions = [{ partition: 0, leaderEpoch: 0 }];
  await client.send(readShareGroupState, 0, { groupId, topics: [{ topicId, partitions }] });
  client.close();
  return groups.length;
}

test(`loaders say how much they read, and how much they could not (SEED=${seed})`, async () => {
  for (let round = 0; round < rounds * 10; round++) {
    const chance = new Chance(seed + round);
    try {
      const offsets = Array.from({ length: 1 + chance.below(6) }, () => anyBatch(chance, "__consumer_offsets"));
      const groups = await loadPartition(asBatches(offsets), new OffsetStore(), new TransactionalOffsets());
      expect(groups.skippedCount).toBeLessThanOrEqual(groups.recordCount);
      const states = Array.from({ length: 1 + chance.below(6) }, () => anyBatch(chance, "__transaction_state"));
      const { transactions, recordCount, skippedCount } = await loadTransactions(asBatches(states));
      expect(transactions.size + skippedCount).toBeLessThanOrEqual(recordCount);
    } catch (error) {
      throw new Error(`SEED=${seed + round} ROUNDS=1: ${error}`, { cause: error });
    }
  }
}, options);

test(`records of share partitions add up to a state that can be read, or are skipped (SEED=${seed})`, () => {
  for (let round = 0; round < rounds * 10; round++) {
    const chance = new Chance(seed + round);
    let known: KnownState | null = null;
    for (let count = 0; count < 8; count++) {
      const [key, name] = chance.pick(kinds.__share_group_state);
      const value = chance.pick(corpus.filter((message) => message.name === name)).bytes;
      try {
        const found = readRecord(key, chance.below(2) === 0 ? value : chance.damage(value, value));
        if (found !== null) known = replayed(known, found.record);
      } catch (error) {
        if ((error as Error).name !== "MalformedFrame") {
          throw new Error(`SEED=${seed + round} ROUNDS=1: ${error}`, { cause: error });
        }
      }
    }
    const context = { nowMs: 0, updatesPerSnapshot: 500 };
    try {
      const change = read(known, { groupId, topicId, partition: 0, leaderEpoch: chance.below(3) }, context);
      if (change !== null) expect(replayed(known, change)).not.toBeNull();
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
    }
  }
}, options);

async function* asBatches(chunks: readonly Uint8Array[]): AsyncGenerator<BatchView> {
  for (const chunk of chunks) yield* batches(chunk);
}
