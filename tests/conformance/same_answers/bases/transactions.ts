/** Transactions: who has a transactional id, what joins, what ends, what is told. */

import { addOffsetsToTxn } from "../../../../protocol/api/25_add_offsets_to_txn.ts";
import { addPartitionsToTxn } from "../../../../protocol/api/24_add_partitions_to_txn.ts";
import { describeTransactions } from "../../../../protocol/api/65_describe_transactions.ts";
import { endTxn } from "../../../../protocol/api/26_end_txn.ts";
import { initProducerId } from "../../../../protocol/api/22_init_producer_id.ts";
import { listTransactions } from "../../../../protocol/api/66_list_transactions.ts";
import { offsetFetch } from "../../../../protocol/api/09_offset_fetch.ts";
import { txnOffsetCommit } from "../../../../protocol/api/28_txn_offset_commit.ts";
import { writeTxnMarkers } from "../../../../protocol/api/27_write_txn_markers.ts";
import { Transactor } from "../../answers/transactor.ts";
import { type Base, base } from "../base.ts";
import type { Talk } from "../talk.ts";

/** From this version of EndTxn and TxnOffsetCommit on, a transaction is of KIP-890's second part. */
const newest = 5;

export const transactionBases: readonly Base[] = [
  base(initProducerId, "of no transactional id", {
    draft: () => ({ transactionalId: null, transactionTimeoutMs: 60_000 }),
  }),
  base(initProducerId, "of a new transactional id", {
    draft: (_, talk) => ({ transactionalId: talk.named("t"), transactionTimeoutMs: 60_000 }),
    probe: (talk) => told(talk, talk.named("t")),
  }),
  base(initProducerId, "of a producer that comes again", {
    versions: [3, 5],
    prepare: writer,
    draft: ({ transactionalId, producerId, producerEpoch }) => ({
      transactionalId,
      transactionTimeoutMs: 60_000,
      producerId,
      producerEpoch,
    }),
    probe: (talk) => told(talk, talk.named("writer")),
  }),
  base(addPartitionsToTxn, "two partitions", {
    prepare: writer,
    draft: ({ transactionalId, producerId, producerEpoch, topic: { name } }) => ({
      transactions: [{ transactionalId, producerId, producerEpoch, topics: [{ name, partitions: [0, 1] }] }],
      v3AndBelowTransactionalId: transactionalId,
      v3AndBelowProducerId: producerId,
      v3AndBelowProducerEpoch: producerEpoch,
      v3AndBelowTopics: [{ name, partitions: [0, 1] }],
    }),
    probe: (talk) => told(talk, talk.named("writer")),
  }),
  base(addPartitionsToTxn, "only asked whether they are in", {
    versions: [4, 5],
    prepare: async (talk) => {
      const transactor = await writer(talk);
      await transactor.add("a partition", [0]);
      return transactor;
    },
    draft: ({ transactionalId, producerId, producerEpoch, topic: { name } }) => ({
      transactions: [{
        transactionalId,
        producerId,
        producerEpoch,
        verifyOnly: true,
        topics: [{ name, partitions: [0, 1] }],
      }],
    }),
  }),
  base(addOffsetsToTxn, "a group", {
    prepare: writer,
    draft: ({ transactionalId, producerId, producerEpoch }, talk) => ({
      transactionalId,
      producerId,
      producerEpoch,
      groupId: talk.named("g"),
    }),
    probe: (talk) => told(talk, talk.named("writer")),
  }),
  base(endTxn, "of a transaction with a partition, as it used to be", {
    versions: [0, newest - 1],
    prepare: async (talk) => {
      const transactor = await writer(talk);
      await transactor.add("a partition", [0]);
      return transactor;
    },
    draft: ending,
    probe: (talk) => told(talk, talk.named("writer")),
  }),
  base(endTxn, "of a transaction with records", {
    versions: [newest, newest],
    prepare: async (talk) => {
      const transactor = await writer(talk);
      await transactor.send("records", 2);
      return transactor;
    },
    draft: ending,
    probe: (talk) => told(talk, talk.named("writer")),
  }),
  base(endTxn, "of nothing", {
    prepare: writer,
    draft: ending,
    probe: (talk) => told(talk, talk.named("writer")),
  }),
  base(txnOffsetCommit, "of a group that was added", {
    versions: [0, newest - 1],
    prepare: async (talk) => {
      const transactor = await writer(talk);
      await transactor.addOffsets("the group", talk.named("g"));
      return transactor;
    },
    draft: committing,
    probe: (talk) => positions(talk, talk.named("g")),
  }),
  base(txnOffsetCommit, "of a group", {
    versions: [newest, 6],
    prepare: writer,
    draft: committing,
    probe: (talk) => positions(talk, talk.named("g")),
  }),
  base(describeTransactions, "two", { draft: (_, { world }) => ({ transactionalIds: [world.idleId, world.openId] }) }),
  base(listTransactions, "all", { draft: () => ({ stateFilters: [], producerIdFilters: [] }) }),
  base(writeTxnMarkers, "an end that nobody asked for", {
    prepare: async ({ dialogue }) => ({
      topic: await dialogue.topic("marked", { partitionCount: 2 }),
      producerId: await dialogue.producerId(),
    }),
    draft: ({ topic: { name }, producerId }) => ({
      markers: [{
        producerId,
        producerEpoch: 0,
        transactionResult: true,
        topics: [{ name, partitionIndexes: [0] }],
        coordinatorEpoch: 0,
      }],
    }),
  }),
];

async function writer({ dialogue, world }: Talk): Promise<Transactor> {
  return await Transactor.of(dialogue, "writer", world.scratch);
}

function ending({ transactionalId, producerId, producerEpoch }: Transactor) {
  return { transactionalId, producerId, producerEpoch, committed: true };
}

function committing({ transactionalId, producerId, producerEpoch }: Transactor, { named, world }: Talk) {
  const partitions = [{ partitionIndex: 0, committedOffset: 3, committedMetadata: "note" }];
  return {
    transactionalId,
    groupId: named("g"),
    producerId,
    producerEpoch,
    topics: [{ ...world.plain, partitions }],
  };
}

/** Once nothing is on its way. */
async function told(talk: Talk, transactionalId: string): Promise<void> {
  const draft = { transactionalIds: [transactionalId] };
  await talk.ask(
    "the transaction",
    describeTransactions,
    0,
    draft,
    ({ transactionStates }) => transactionStates.every(({ transactionState }) => !transactionState.startsWith("Prep")),
  );
}

async function positions(talk: Talk, groupId: string): Promise<void> {
  for (const requireStable of [false, true]) {
    const draft = { topics: [], groupId: "", groups: [{ groupId, topics: null }], requireStable };
    await talk.ask(requireStable ? "its stable positions" : "its positions", offsetFetch, 9, draft);
  }
}
