import { describe, expect, test } from "bun:test";
import { runCommandLine } from "../../../cli/commands.ts";
import { PartitionLedger, type StoredRecord } from "../../../cli/selftest_ledger.ts";
import { createMemoryRuntime } from "../../../runtime/memory.ts";

/** A ledger of ten records in batches of two, all acknowledged, at a time each; and what a log has that lost nothing. */
function filled(): { ledger: PartitionLedger; stored: StoredRecord[] } {
  const ledger = new PartitionLedger("t-0");
  const stored: StoredRecord[] = [];
  for (let index = 0; index < 5; index++) {
    const batch = ledger.draw([3, 40 + index]);
    ledger.acknowledged(batch, stored.length, 1000 + index);
    for (const value of batch.values) stored.push({ offset: stored.length, value });
  }
  return { ledger, stored };
}

/** The faults that a log shows in which something was changed. */
function faultsOf(change: (stored: StoredRecord[]) => StoredRecord[]): readonly string[] {
  const { ledger, stored } = filled();
  return ledger.check(change(stored), 2000).faults;
}

describe("ledger of the selftest", () => {
  test("finds a log that has everything right", () => {
    const { ledger, stored } = filled();
    expect(ledger.acknowledgedCount).toBe(10);
    expect(ledger.check(stored, 2000)).toEqual({ lostCount: 0, oldestMs: null, seenCount: 0, faults: [] });
    expect(ledger.check(stored, 2000).faults).toEqual([]);
  });

  test("counts what is missing at the end, and how long before it the oldest was acknowledged", () => {
    const { ledger, stored } = filled();
    ledger.seenOffset = 9;
    expect(ledger.check(stored.slice(0, 7), 2000)).toEqual({ lostCount: 3, oldestMs: 997, seenCount: 2, faults: [] });
    expect(ledger.lostCount).toBe(3);
    expect(ledger.check(stored.slice(0, 7), 2000)).toEqual({ lostCount: 0, oldestMs: null, seenCount: 0, faults: [] });
  });

  test("takes records that were not answered as they come, once", () => {
    const { ledger, stored } = filled();
    const unanswered = ledger.draw([1, 2]);
    const more = unanswered.values.map((value, index) => ({ offset: 10 + index, value }));
    expect(ledger.check([...stored, ...more], 2000).faults).toEqual([]);
    expect(ledger.check(stored, 2000)).toMatchObject({
      lostCount: 0,
      faults: [expect.stringContaining("earlier restart"), expect.any(String)],
    });
    const later = filled();
    const given = later.ledger.draw([1]);
    expect(later.ledger.check(later.stored, 2000).faults).toEqual([]);
    const back = [...later.stored, { offset: 10, value: given.values[0]! }];
    expect(later.ledger.check(back, 2000).faults).toEqual(["t-0: record 10 was lost and is back, at offset 10"]);
  });

  test("holds a log to what it showed after a restart", () => {
    const { ledger, stored } = filled();
    ledger.check(stored, 2000);
    const { lostCount, faults } = ledger.check(stored.slice(0, 9), 3000);
    expect([lostCount, faults]).toEqual([1, ["t-0: record 9 at offset 9 was there after an earlier restart"]]);
  });

  test.each<[string, (stored: StoredRecord[]) => StoredRecord[], string]>([
    [
      "changed",
      (stored) => stored.with(4, { offset: 4, value: stored[4]!.value!.map((byte, at) => at === 7 ? byte ^ 1 : byte) }),
      "never sent, or is changed",
    ],
    [
      "cut",
      (stored) => stored.with(4, { offset: 4, value: stored[4]!.value!.slice(0, -1) }),
      "never sent, or is changed",
    ],
    ["without value", (stored) => stored.with(4, { offset: 4, value: null }), "never sent, or is changed"],
    [
      "of another log",
      (stored) => stored.with(4, { offset: 4, value: new TextEncoder().encode("t-1 4 eee") }),
      "never sent",
    ],
    ["doubled", (stored) => [...stored, { offset: 10, value: stored[9]!.value }], "is there twice"],
    ["missing in the middle", (stored) => stored.toSpliced(4, 1), "offset 5 follows offset 3"],
    [
      "replaced by the next",
      (stored) => stored.slice(1).map(({ value }, offset) => ({ offset, value })),
      "was at offset 1 and is at 0",
    ],
    ["in another order", (stored) => [stored[1]!, stored[0]!, ...stored.slice(2)], "is behind record 1"],
  ])("finds a record that is %s", (_, change, fault) => {
    expect(faultsOf(change).join("\n")).toContain(fault);
  });
});

describe("weir selftest", () => {
  test.each([
    [[], 'What to test must be "durability"'],
    [["speed"], 'What to test must be "durability"'],
    [["durability", "--policy", "never"], 'Invalid value "never" for --policy'],
    [["durability", "--rounds", "0"], 'Invalid value "0" for --rounds'],
  ])("refuses %p", async (args, message) => {
    const runtime = createMemoryRuntime();
    expect(await runCommandLine(runtime, ["selftest", ...args])).toBe(2);
    expect(runtime.process.errorOutput).toContain(message);
  });
});
