/** Reads a partition of `__transaction_state` back into what it says: the last word on every transactional id. */
import type { BatchView } from "../../protocol/batch.ts";
import { decodeTransactionsLogKey } from "../../protocol/embedded/transactions_log.ts";
import { decodeRecords } from "../../protocol/record.ts";
import { MalformedFrame } from "../../protocol/wire.ts";
import { transactionOfRecord } from "./records.ts";
import type { PersistedTransaction } from "./state.ts";

export interface LoadedTransactions {
  readonly transactions: ReadonlyMap<string, PersistedTransaction>;
  readonly recordCount: number;
  /** Records of kinds or versions that this code does not know. */
  readonly skippedCount: number;
}

export async function loadTransactions(batches: AsyncIterable<BatchView>): Promise<LoadedTransactions> {
  /** An id is written often and decoded once: until the end only its last value is kept. */
  const values = new Map<string, Uint8Array>();
  let recordCount = 0;
  let skippedCount = 0;
  const skipMalformed = (read: () => void): void => {
    try {
      read();
    } catch (error) {
      if (!(error instanceof MalformedFrame)) throw error;
      skippedCount++;
    }
  };
  for await (const batch of batches) {
    if (batch.isControl) continue;
    for (const { key, value } of decodeRecords(batch)) {
      recordCount++;
      skipMalformed(() => {
        const about = key === null ? null : decodeTransactionsLogKey(key);
        if (about?.kind !== "transaction") skippedCount++;
        else if (value === null) values.delete(about.transactionalId);
        else values.set(about.transactionalId, value.slice());
      });
    }
  }
  const transactions = new Map<string, PersistedTransaction>();
  for (const [transactionalId, value] of values) {
    skipMalformed(() => transactions.set(transactionalId, transactionOfRecord(value)));
  }
  return { transactions, recordCount, skippedCount };
}
