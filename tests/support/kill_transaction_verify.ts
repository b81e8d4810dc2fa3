/** Reads what is committed of a ledger's transactions, while nobody writes, and holds it against the ledger. */

import { describeTransactions } from "../../protocol/api/65_describe_transactions.ts";
import { fetch } from "../../protocol/api/01_fetch.ts";
import { findCoordinator } from "../../protocol/api/10_find_coordinator.ts";
import { offsetFetch } from "../../protocol/api/09_offset_fetch.ts";
import { wholeBatches } from "../../protocol/batch.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { decodeControlMarker, decodeRecords } from "../../protocol/record.ts";
import { until } from "./broker.ts";
import { isPassing } from "./kill_producer.ts";
import type { TransactionLedger } from "./kill_transaction_ledger.ts";
import { AnsweredError, type Place } from "./requests.ts";
import { TestClient } from "./test_client.ts";

const settleTimeoutMs = 60_000;
const fetchBytesMax = 4 * 1024 * 1024;
const READ_COMMITTED = 1;
const [GROUP, TRANSACTION] = [0, 1];

/** @throws {LedgerError} */
export async function verifyTransactions(port: number, ledger: TransactionLedger): Promise<void> {
  const client = await TestClient.connect(port, { clientId: "kill-verifier" });
  try {
    await settled(client, ledger.name);
    const seen: number[][] = [];
    for (let partition = 0; partition < ledger.partitionCount; partition++) {
      seen.push(await readCommitted(client, { topic: ledger.topic, partition }));
    }
    ledger.check(seen, await groupOffset(client, ledger));
  } finally {
    client.close();
  }
}

/** Resolves once what was prepared is in its partitions. */
async function settled(client: TestClient, transactionalId: string): Promise<void> {
  await until(async () => {
    const { transactionStates } = await client.send(describeTransactions, 0, { transactionalIds: [transactionalId] });
    const { errorCode, transactionState } = transactionStates[0]!;
    if (errorCode === ErrorCode.TRANSACTIONAL_ID_NOT_FOUND) return true;
    const isAnswered = await hasCoordinator(client, TRANSACTION, transactionalId, errorCode);
    return isAnswered && !transactionState.startsWith("Prepare");
  }, { timeoutMs: settleTimeoutMs, what: `The end of what ${transactionalId} has prepared` });
}

/** All committed records of a partition, in order. */
async function readCommitted(client: TestClient, { topic, partition }: Place): Promise<number[]> {
  const numbers: number[] = [];
  for (let fetchOffset = 0;;) {
    const { responses } = await client.send(fetch, 12, {
      maxWaitMs: 0,
      minBytes: 0,
      maxBytes: fetchBytesMax,
      isolationLevel: READ_COMMITTED,
      topics: [{ topic, partitions: [{ partition, fetchOffset, partitionMaxBytes: fetchBytesMax }] }],
      forgottenTopicsData: [],
    });
    const { errorCode, lastStableOffset, abortedTransactions, records } = responses[0]!.partitions[0]!;
    if (errorCode !== ErrorCode.NONE) throw new AnsweredError(errorCode, `Cannot fetch from ${topic}-${partition}`);
    const starts = [...abortedTransactions ?? []].sort((one, other) => one.firstOffset - other.firstOffset);
    const aborted = new Set<number>();
    const from = fetchOffset;
    for (const batch of wholeBatches(records ?? new Uint8Array(0))) {
      while (starts[0] !== undefined && starts[0].firstOffset <= batch.lastOffset) {
        aborted.add(starts.shift()!.producerId);
      }
      for (const record of decodeRecords(batch)) {
        if (batch.isControl) {
          if (decodeControlMarker(record).kind === "abort") aborted.delete(batch.producerId);
        } else if (!aborted.has(batch.producerId) && record.offset >= from) {
          numbers.push(Number(new TextDecoder().decode(record.value!)));
        }
      }
      fetchOffset = batch.nextOffset;
    }
    if (fetchOffset >= lastStableOffset) return numbers;
    if (fetchOffset === from) throw new Error(`${topic}-${partition} gives nothing at ${from} of ${lastStableOffset}`);
  }
}

/** As it counts now, whatever an open transaction may make of it; -1 when there is none. */
async function groupOffset(client: TestClient, { name, topic }: TransactionLedger): Promise<number> {
  let offset = -1;
  await until(async () => {
    const { groups } = await client.send(offsetFetch, 8, {
      groups: [{ groupId: name, topics: [{ name: topic, partitionIndexes: [0] }] }],
      requireStable: false,
    });
    const { errorCode, topics } = groups[0]!;
    offset = topics[0]?.partitions[0]?.committedOffset ?? -1;
    return await hasCoordinator(client, GROUP, name, errorCode);
  }, { timeoutMs: settleTimeoutMs, what: `An offset of ${name}` });
  return offset;
}

/** Whether it was the coordinator that answered. It may not be ready, or there may never have been one. */
async function hasCoordinator(client: TestClient, keyType: number, key: string, errorCode: number): Promise<boolean> {
  if (errorCode === ErrorCode.NONE) return true;
  const error = new AnsweredError(errorCode, `Cannot ask about ${key}`);
  if (!isPassing(error)) throw error;
  await client.send(findCoordinator, 3, { key, keyType });
  return false;
}
