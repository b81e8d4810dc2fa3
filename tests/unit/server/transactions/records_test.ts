import { expect, test } from "bun:test";
import { transactionOfRecord, transactionRecord } from "../../../../server/transactions/records.ts";
import type { PersistedTransaction } from "../../../../server/transactions/state.ts";
import { partitionSet } from "../../../../server/transactions/partition_set.ts";

const transaction: PersistedTransaction = {
  phase: "Ongoing",
  producerId: 7,
  producerEpoch: 3,
  previousProducerId: 6,
  nextProducerId: 8,
  timeoutMs: 60_000,
  partitions: partitionSet([{ topic: "orders", partition: 1 }]),
  updatedMs: 2_000,
  startMs: 1_000,
  clientVersion: 2,
};

test("a transactional id is written in the version of its record that transaction.version calls for", () => {
  const [older, newer] = ([0, 1] as const).map((version) => transactionRecord("id", transaction, version).value!);
  expect([older![1], newer![1]]).toEqual([0, 1]);
  expect(transactionOfRecord(newer!)).toEqual(transaction);
  // What is in tagged fields is not in the older one.
  expect(transactionOfRecord(older!)).toEqual({
    ...transaction,
    previousProducerId: -1,
    nextProducerId: -1,
    clientVersion: 0,
  });
});
