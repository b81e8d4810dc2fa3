/**
 * Keys and values of the records in `__transaction_state`: what a coordinator knows of a transactional id, byte for byte as
 * Kafka's writes it. A null value forgets the id.
 *
 * Version 1 is written once `transaction.version` is 1 or more: the same in flexible form, and more in tagged fields.
 */
import { wireCodec } from "../codec.ts";
import { array, type Draft, type Infer, int16, int32, int64, int8, message, string } from "../schema.ts";
import { Reader } from "../wire.ts";
import { decodeVersioned, withLead } from "./versioned.ts";

export const transactionLogKey = message("TransactionLogKey", { versions: [0, 0], flexible: null }, {
  transactionalId: string,
});
export type TransactionLogKey = Infer<typeof transactionLogKey>;

/** v1 flexible; the ids before and after this one, the version by which the client works (KIP-890) */
export const transactionLogValue = message("TransactionLogValue", { versions: [0, 1], flexible: 1 }, {
  producerId: int64,
  previousProducerId: int64.default(-1).tagged(0, 1),
  nextProducerId: int64.default(-1).tagged(1, 1),
  producerEpoch: int16,
  nextProducerEpoch: int16.default(-1).tagged(3, 1),
  transactionTimeoutMs: int32,
  transactionStatus: int8,
  transactionPartitions: array({ topic: string, partitionIds: array(int32) }).nullable(),
  transactionLastUpdateTimestampMs: int64,
  transactionStartTimestampMs: int64,
  clientTransactionVersion: int16.default(0).tagged(2, 1),
});
export type TransactionLogValue = Infer<typeof transactionLogValue>;
export type TransactionLogValueDraft = Draft<typeof transactionLogValue>;

/** "other" is a record of a kind that this code does not know: to be kept, and skipped. */
export type TransactionsLogKey =
  | { readonly kind: "transaction"; readonly transactionalId: string }
  | { readonly kind: "other"; readonly type: number };

const TRANSACTION = 0;
const VERSION_WRITTEN = 1;

export function decodeTransactionsLogKey(bytes: Uint8Array): TransactionsLogKey {
  const reader = new Reader(bytes);
  const type = reader.int16();
  if (type !== TRANSACTION) return { kind: "other", type };
  return { kind: "transaction", ...wireCodec(transactionLogKey, 0).read(reader) };
}

export function encodeTransactionLogKey(key: TransactionLogKey): Uint8Array {
  return withLead(TRANSACTION, transactionLogKey, 0, key);
}

export function decodeTransactionLogValue(bytes: Uint8Array): TransactionLogValue {
  return decodeVersioned(transactionLogValue, bytes);
}

export function encodeTransactionLogValue(value: TransactionLogValueDraft, version = VERSION_WRITTEN): Uint8Array {
  return withLead(version, transactionLogValue, version, value);
}
