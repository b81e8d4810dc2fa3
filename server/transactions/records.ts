/** Transactional ids as records of `__transaction_state`, and back. */
import {
  decodeTransactionLogValue,
  encodeTransactionLogKey,
  encodeTransactionLogValue,
} from "../../protocol/embedded/transactions_log.ts";
import { MalformedFrame } from "../../protocol/wire.ts";
import type { LogRecord } from "../groups/log_writer.ts";
import { partitionSet, type Place } from "./partition_set.ts";
import type { PersistedTransaction, Phase } from "./state.ts";

/** By Kafka's number. Dead (6) and one that only ever is in memory there (7) are not written. */
const phases: readonly Phase[] = [
  "Empty",
  "Ongoing",
  "PrepareCommit",
  "PrepareAbort",
  "CompleteCommit",
  "CompleteAbort",
];

/** 0: without what is in tagged fields. */
export type RecordVersion = 0 | 1;

/** null forgets the id. */
export function transactionRecord(
  transactionalId: string,
  transaction: PersistedTransaction | null,
  version: RecordVersion,
): LogRecord {
  const key = encodeTransactionLogKey({ transactionalId });
  if (transaction === null) return { key, value: null };
  const value = encodeTransactionLogValue({
    producerId: transaction.producerId,
    producerEpoch: transaction.producerEpoch,
    transactionTimeoutMs: transaction.timeoutMs,
    transactionStatus: phases.indexOf(transaction.phase),
    transactionPartitions: transaction.phase === "Empty" ? null : Array.from(
      transaction.partitions,
      ([topic, partitions]) => ({ topic, partitionIds: [...partitions] }),
    ),
    transactionLastUpdateTimestampMs: transaction.updatedMs,
    transactionStartTimestampMs: transaction.startMs,
    ...(version === 0 ? {} : {
      previousProducerId: transaction.previousProducerId,
      nextProducerId: transaction.nextProducerId,
      clientTransactionVersion: transaction.clientVersion,
    }),
  }, version);
  return { key, value };
}

/** @throws {MalformedFrame} */
export function transactionOfRecord(bytes: Uint8Array): PersistedTransaction {
  const value = decodeTransactionLogValue(bytes);
  const phase = phases[value.transactionStatus];
  if (phase === undefined) {
    throw new MalformedFrame(`Cannot read a transaction: its status is ${value.transactionStatus}`);
  }
  const places: Place[] = [];
  for (const { topic, partitionIds } of value.transactionPartitions ?? []) {
    for (const partition of partitionIds) places.push({ topic, partition });
  }
  return {
    phase,
    producerId: value.producerId,
    producerEpoch: value.producerEpoch,
    previousProducerId: value.previousProducerId,
    nextProducerId: value.nextProducerId,
    timeoutMs: value.transactionTimeoutMs,
    partitions: partitionSet(places),
    startMs: value.transactionStartTimestampMs,
    updatedMs: value.transactionLastUpdateTimestampMs,
    clientVersion: value.clientTransactionVersion >= 2 ? 2 : 0,
  };
}
