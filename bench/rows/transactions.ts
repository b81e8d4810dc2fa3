/** Exactly-once: how fast transactions follow each other, and what readers of committed records get of a topic full of them. */

import { produceTransactions } from "../run/transactional_client.ts";
import { runConsumer } from "../run/tool.ts";
import { brokerCpu, cpuDuring, mebibyte, percentiles, rateOf, type SharedRow } from "./row.ts";

const recordBytes = 1024;

export const transactionRows: readonly SharedRow[] = [
  transactionalRow(100, 3_000),
  transactionalRow(10_000, 50),
  readCommittedRow(),
];

/** One producer, one transaction after the other: how long the end of each takes is what counts where they are small. */
function transactionalRow(recordsPerTransaction: number, fullCount: number): SharedRow {
  return {
    kind: "shared",
    name: `transactions of ${recordsPerTransaction.toLocaleString("en-US")} records of 1 KiB, one after the other`,
    passes: ["os", "synced"],
    writtenBytes: fullCount * recordsPerTransaction * recordBytes,
    measure: async (subject, { scale, freshName }) => {
      const topic = freshName("transactions");
      await subject.makeTopic(topic);
      const load = { port: subject.port, topic, transactionalId: topic, recordBytes, recordsPerTransaction };
      await produceTransactions({ ...load, transactionCount: countOf(fullCount / 10, scale) }); // to warm up
      const { value, cpuSeconds } = await cpuDuring(
        subject,
        () => produceTransactions({ ...load, transactionCount: countOf(fullCount, scale) }),
      );
      await subject.deleteTopic(topic);
      return [rateOf(value), ...percentiles("whole transaction", value.endedMs), brokerCpu(cpuSeconds, value.bytes)];
    },
  };
}

/** By Kafka's own tool, from the page cache; every tenth transaction was aborted. */
function readCommittedRow(): SharedRow {
  const recordsPerTransaction = 1_000;
  const fullCount = 500;
  return {
    kind: "shared",
    name: "consume 1 KiB, committed records only, one aborted in ten",
    passes: ["os"],
    writtenBytes: fullCount * recordsPerTransaction * recordBytes,
    measure: async (subject, { scale, freshName }) => {
      const topic = freshName("committed");
      await subject.makeTopic(topic);
      const { committedRecords } = await produceTransactions({
        port: subject.port,
        topic,
        transactionalId: topic,
        recordBytes,
        recordsPerTransaction,
        transactionCount: countOf(fullCount, scale),
        abortEvery: 10,
      });
      const properties = ["isolation.level=read_committed"];
      // One more: the first, by which one sees that the partition is led.
      const run = { address: subject.address, topic, recordCount: committedRecords + 1, properties };
      const { value, cpuSeconds } = await cpuDuring(subject, () => runConsumer(run));
      await subject.deleteTopic(topic);
      return [
        { figure: "rate", kind: "rate", value: value.recordsPerSecond, unit: "records/s" },
        brokerCpu(cpuSeconds, value.mebibytes * mebibyte),
      ];
    },
  };
}

function countOf(full: number, scale: number): number {
  return Math.max(2, Math.round(full * scale));
}
