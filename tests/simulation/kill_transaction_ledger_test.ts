/** The checker of transactions in the kill runs must see every way in which one can be less than whole. */

import { describe, expect, test } from "bun:test";
import { type KilledTransaction, TransactionLedger } from "../support/kill_transaction_ledger.ts";

/** Transactions in both partitions, with these fates in order. */
function ledgerOf(...fates: readonly ("committed" | "aborted" | "died" | "asked" | "open")[]) {
  const ledger = new TransactionLedger({ name: "writer", topic: "t", partitionCount: 2 });
  const transactions = fates.map((fate): KilledTransaction => {
    const transaction = ledger.begun([0, 1], fate === "aborted" ? "abort" : "commit");
    if (fate !== "open") ledger.endAsked(transaction);
    if (fate === "committed" || fate === "aborted") ledger.ended(transaction);
    if (fate === "died") ledger.abandoned(transaction);
    return transaction;
  });
  return { ledger, transactions };
}

describe("ledger of transactions", () => {
  test("takes what was committed, without what was aborted", () => {
    const { ledger } = ledgerOf("committed", "aborted", "committed");
    ledger.check([[0, 2], [0, 2]], 2);
  });

  test("misses one that was committed", () => {
    const { ledger } = ledgerOf("committed", "committed");
    expect(() => ledger.check([[0], [0]], 0)).toThrow("transaction 1 of writer was committed, and is not seen");
  });

  test("sees one that was aborted, and one that is open", () => {
    expect(() => ledgerOf("aborted").ledger.check([[0], [0]], 0)).toThrow("was aborted, and is seen");
    expect(() => ledgerOf("open").ledger.check([[0], [0]], 0)).toThrow("is open, and seen");
  });

  test("sees half of one, and one that is in a partition twice or in another order", () => {
    const { ledger } = ledgerOf("committed", "committed");
    expect(() => ledger.check([[0, 1], [0]], 1)).toThrow("1 of the 2 records of transaction 1 of writer are seen");
    expect(() => ledger.check([[0, 0, 1], [0, 1]], 1)).toThrow("t-0 has 0 behind 0");
    expect(() => ledger.check([[0, 1], [1, 0]], 1)).toThrow("t-1 has 0 behind 1");
  });

  test("sees a record where it was never written", () => {
    const ledger = new TransactionLedger({ name: "writer", topic: "t", partitionCount: 2 });
    ledger.ended(ledger.begun([0], "commit"));
    expect(() => ledger.check([[0], [0]], 0)).toThrow("2 of the 1 records");
    expect(() => ledger.check([[0], [7]], 0)).toThrow("t-1 has 7, which nobody wrote");
  });

  test("takes either fate of one whose producer died, and then that one only", () => {
    const seen = ledgerOf("died").ledger;
    seen.check([[0], [0]], 0);
    expect(() => seen.check([[], []], -1)).toThrow("was committed, and is not seen");
    const unseen = ledgerOf("died").ledger;
    unseen.check([[], []], -1);
    expect(() => unseen.check([[0], [0]], 0)).toThrow("was aborted, and is seen");
  });

  test("takes one whose end is asked for either way, until it is told", () => {
    const { ledger, transactions: [transaction] } = ledgerOf("asked");
    ledger.check([[], []], -1);
    ledger.check([[0], [0]], 0);
    ledger.ended(transaction!);
    expect(() => ledger.check([[], []], -1)).toThrow("was committed, and is not seen");
  });

  test("sees a group's offset that is not the last committed one's", () => {
    const { ledger } = ledgerOf("committed", "aborted");
    expect(() => ledger.check([[0], [0]], 1)).toThrow("writer is at 1, and committed 0 last");
    expect(() => ledger.check([[0], [0]], -1)).toThrow("writer is at -1, and committed 0 last");
  });
});
