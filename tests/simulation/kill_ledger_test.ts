/** The checker of the kill runs must see what it is there for: every kind of loss, repetition and disorder, planted by hand. */

import { describe, expect, test } from "bun:test";
import { type KilledRecord, LedgerPass, PartitionLedger, type Rules } from "../support/kill_ledger.ts";

const kept: Rules = { hasRetention: false, isCompacted: false };
const retained: Rules = { hasRetention: true, isCompacted: false };
const compacted: Rules = { hasRetention: false, isCompacted: true };

/** Numbers by offset. */
type Log = readonly (readonly [offset: number, record: KilledRecord])[];

const plain = (number: number): KilledRecord => ({ number, key: null, isTombstone: false });
const keyed = (number: number, key: string, isTombstone = false): KilledRecord => ({ number, key, isTombstone });
const plainLog = (...numbers: number[]): Log => numbers.map((number, offset) => [offset, plain(number)] as const);

/** Reads `log` as one batch a record, up to `end`. */
function readAll(ledger: PartitionLedger, log: Log, { start = 0, end = log.length } = {}): LedgerPass {
  ledger.startTold(start);
  const pass = new LedgerPass(ledger, start);
  for (const [offset, record] of log) pass.read([[offset, record]], offset + 1);
  pass.end(end);
  return pass;
}

function ledgerOf(rules: Rules, records: readonly KilledRecord[]): PartitionLedger {
  const ledger = new PartitionLedger("orders-0", rules);
  ledger.acked(records, 0);
  return ledger;
}

describe("ledger of a kept partition", () => {
  const ledger = () => ledgerOf(kept, [plain(0), plain(1), plain(2)]);

  test("takes what it was promised, and what was under way behind it", () => {
    expect(readAll(ledger(), plainLog(0, 1, 2, 3)).missingCount).toBe(0);
  });

  test("misses an acknowledged record at the end", () => {
    expect(() => readAll(ledger(), plainLog(0, 1))).toThrow("ends at 2, and reached to 3 before");
  });

  test("misses a record that is there no more though the end is told", () => {
    expect(() => readAll(ledger(), plainLog(0, 1), { end: 3 })).toThrow("gives nothing at 2 of 3");
  });

  test("sees a gap", () => {
    expect(() => readAll(ledger(), [[0, plain(0)], [2, plain(2)]])).toThrow("offset 2 comes where 1 should");
  });

  test("sees a batch that ends before its last offset", () => {
    const pass = new LedgerPass(ledger(), 0);
    expect(() => pass.read([[0, plain(0)]], 2)).toThrow("ends before 2");
  });

  test("sees a record that came twice", () => {
    expect(() => readAll(ledger(), plainLog(0, 1, 2, 2))).toThrow("record 2 at 3 comes after 2");
    const doubled = new PartitionLedger("orders-0", kept);
    doubled.hasGaps = true;
    doubled.acked([plain(0)], 0);
    expect(() => doubled.acked([plain(0)], 1)).toThrow("record 0 at offset 1 and at 0");
  });

  test("sees records in another order", () => {
    const swapped = new PartitionLedger("orders-0", kept);
    swapped.hasGaps = true;
    expect(() => readAll(swapped, plainLog(1, 0))).toThrow("record 0 at 1 comes after 1");
  });

  test("sees an offset that another record has taken", () => {
    const reused = ledger();
    reused.hasGaps = true;
    expect(() => readAll(reused, plainLog(0, 1, 5))).toThrow("record 5 at offset 2, where 2 was before");
  });

  test("sees a record that was never there in its place", () => {
    const lost = new PartitionLedger("orders-0", kept);
    expect(() => readAll(lost, plainLog(0, 2))).toThrow("record 2 at offset 1");
  });

  test("lets nothing be deleted", () => {
    expect(() => readAll(ledger(), [], { start: 1 })).toThrow("nothing may be deleted");
  });
});

describe("ledger of a partition with retention", () => {
  test("takes a suffix, and a start that never goes back", () => {
    const ledger = ledgerOf(retained, [plain(0), plain(1), plain(2)]);
    readAll(ledger, [[1, plain(1)], [2, plain(2)]], { start: 1, end: 3 });
    expect(() => readAll(ledger, plainLog(0, 1, 2))).toThrow("starts at 0, and started at 1 before");
  });

  test("sees a gap behind the start", () => {
    const ledger = ledgerOf(retained, [plain(0), plain(1), plain(2)]);
    expect(() => readAll(ledger, [[2, plain(2)]], { start: 1, end: 3 })).toThrow("offset 2 comes where 1 should");
  });
});

describe("ledger of a compacted partition", () => {
  const ledger = () => ledgerOf(compacted, [keyed(0, "a"), keyed(1, "b"), keyed(2, "a"), keyed(3, "c", true)]);

  test("takes the last record of each key, and counts what is gone", () => {
    const pass = readAll(ledger(), [[1, keyed(1, "b")], [2, keyed(2, "a")], [3, keyed(3, "c", true)]], { end: 4 });
    expect(pass.missingCount).toBe(1);
  });

  test("takes a tombstone's key being gone", () => {
    const pass = new LedgerPass(ledger(), 0);
    pass.read([[1, keyed(1, "b")], [2, keyed(2, "a")]], 4);
    pass.end(4);
  });

  test("takes a key being gone for which a tombstone was sent", () => {
    const unsure = ledger();
    unsure.sent([keyed(4, "b", true)]);
    const pass = new LedgerPass(unsure, 0);
    pass.read([[2, keyed(2, "a")], [3, keyed(3, "c", true)]], 5);
    pass.end(5);
    unsure.acked([keyed(4, "b", true), keyed(5, "b")], 4);
    pass.read([], 6);
    expect(() => pass.end(6)).toThrow("has nothing for key b, which was last written by 5 at 5");
  });

  test("takes a record that nobody was told of in the place of an acknowledged one", () => {
    const log: Log = [[2, keyed(2, "a")], [3, keyed(3, "c", true)], [4, keyed(4, "b")]];
    expect(readAll(ledger(), log, { end: 5 }).missingCount).toBe(2);
  });

  test("misses the last record of a key", () => {
    expect(() => readAll(ledger(), [[1, keyed(1, "b")], [3, keyed(3, "c", true)]], { end: 4 })).toThrow(
      "has nothing for key a, which was last written by 2 at 2",
    );
  });

  test("sees an old record come to light again", () => {
    const log: Log = [[0, keyed(0, "a")], [1, keyed(1, "b")], [3, keyed(3, "c", true)]];
    expect(() => readAll(ledger(), log, { end: 4 })).toThrow("has record 0 for key a");
    const deleted = ledgerOf(compacted, [keyed(0, "c"), keyed(1, "c", true)]);
    expect(() => readAll(deleted, [[0, keyed(0, "c")]], { end: 2 })).toThrow();
  });

  test("sees an offset used again", () => {
    const log: Log = [[1, keyed(1, "b")], [2, keyed(9, "a")]];
    expect(() => readAll(ledger(), log, { end: 4 })).toThrow("record 9 at offset 2, where 2 was before");
  });
});
