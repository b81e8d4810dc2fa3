import { describe, expect, test } from "bun:test";
import { besideBefore } from "../../../bench/report/before.ts";
import { chart } from "../../../bench/report/chart.ts";
import { compare, countMet, numberText, ratioText, shareOfLimit } from "../../../bench/report/comparison.ts";
import { groups } from "../../../bench/report/groups.ts";
import { movedSince } from "../../../bench/report/moved.ts";
import type { RunLine } from "../../../bench/results.ts";
import { rows } from "../../../bench/rows/table.ts";
import { beforeName, kafkaName } from "../../../bench/run/contender.ts";
import { readConsumed, readProduced } from "../../../bench/run/tool.ts";
import { isMet, targetOf, targets, targetText } from "../../../bench/targets.ts";

const cpu = "produce 1 KiB, acks=all, 1 partition, none, 64 KiB batches: broker CPU";

describe("a comparison", () => {
  test("is of what was measured together, the last time", () => {
    const lines = [
      line(kafkaName, 4, { date: "1" }),
      line("exe", 1, { date: "1" }),
      line(kafkaName, 8, { date: "2" }),
      line("exe", 6, { date: "2" }),
      line("bun", 9, { date: "1" }),
      line("deno", 9, { date: "3" }), // without a rival: no ratio
    ];
    const ratios = compare(lines).map(({ runtime, ratio, isMet }) => ({ runtime, ratio, isMet }));
    expect(ratios).toEqual([{ runtime: "exe", ratio: 0.75, isMet: false }, {
      runtime: "bun",
      ratio: 2.25,
      isMet: null,
    }]);
  });

  test("keeps the passes apart", () => {
    const lines = ["os", "synced"].flatMap((pass) => [line(kafkaName, 4, { pass }), line("exe", 1, { pass })]);
    expect(compare(lines).map(({ pass }) => pass)).toEqual(["os", "synced"]);
  });

  test("has the better of the two limits beside it, and how much of it is reached", () => {
    const lines = [line(kafkaName, 4), line("exe", 1), line("limit sendfile", 0.75), line("limit mmap", 0.5)];
    expect(compare(lines).map(shareOfLimit)).toEqual([{ share: 0.5, wanted: null, isMet: null }]);
    const rates = lines.map((one) => ({ ...one, kind: "rate" }));
    expect(compare(rates).map(({ limit }) => limit?.value)).toEqual([0.75]);
  });

  test("counts the share of the limit among what is met, where one is asked", () => {
    const row = "made batches of 64 KiB: produce, broker CPU";
    const lines = [line(kafkaName, 4), line("exe", 1), line("limit mmap", 0.5)].map((one) => ({ ...one, row }));
    expect(compare(lines).map(shareOfLimit)).toEqual([{ share: 0.5, wanted: 0.6, isMet: false }]);
    expect(countMet(compare(lines))).toEqual({ metCount: 0, count: 1 });
  });

  test("tells what moved, and which way", () => {
    const stored = [line(kafkaName, 4), line("exe", 1)];
    const now = (value: number) => [line(kafkaName, 4), line("exe", value)];
    expect(movedSince(now(1.05), stored)).toEqual([]);
    expect(movedSince(now(1.2), stored)?.[0]).toContain("0.25 of Kafka's at abc, now 0.30: worse");
    expect(movedSince(now(0.8), stored)?.[0]).toContain("now 0.20: better");
    expect(movedSince(now(0.8).map((one) => ({ ...one, machine: "another" })), stored)).toBe(null);
  });

  test("tells what moved since a run of the same scale, where there is one", () => {
    const stored = [line(kafkaName, 4), line("exe", 1)].map((one) => ({ ...one, scale: 0.2, run: "a short" }));
    const whole = [line(kafkaName, 4, { date: "2" }), line("exe", 2, { date: "2" })];
    const now = [line(kafkaName, 4), line("exe", 1)];
    expect(movedSince(now.map((one) => ({ ...one, scale: 0.2 })), [...stored, ...whole])).toEqual([]);
    expect(movedSince(now, [...stored, ...whole])?.[0]).toContain("0.50 of Kafka's");
  });

  test("is drawn, texts escaped", () => {
    const drawn = chart("a < b", "", compare([line(kafkaName, 4), line("exe", 1)]));
    expect(drawn).toContain("a &lt; b");
    expect(drawn).toContain(">0.25 ✓<");
  });

  test("is printed with three figures", () => {
    expect([0, 0.1234, 12.34, 1234, 123456].map(numberText)).toEqual(["0", "0.123", "12.3", "1,230", "123,000"]);
    expect([0.0123, 0.5, 12.3].map(ratioText)).toEqual(["0.012", "0.50", "12"]);
  });
});

describe("targets", () => {
  test("bind the executable, others where they are named", () => {
    expect(targetOf(cpu, "exe")).toMatchObject({ atMost: 0.5, stretch: 0.4 });
    expect(targetOf(cpu, "bun")).toBe(null);
    expect(targetOf("memory: idle, resident", "deno")).toMatchObject({ atMost: 0.2 });
    expect(targetOf("memory: idle, resident", "exe")).toMatchObject({ atMost: 0.12 });
    expect(targetOf("memory: idle, own", "exe")).toBe(null);
  });

  test("are met at their bound", () => {
    expect([0.5, 0.51].map((ratio) => isMet({ figure: /x/, atMost: 0.5 }, ratio, 1))).toEqual([true, false]);
    expect([1.99, 2].map((ratio) => isMet({ figure: /x/, atLeast: 2 }, ratio, 1))).toEqual([false, true]);
  });

  test("that name a figure which is enough are met by it, however fast Kafka is", () => {
    const target = { figure: /x/, atLeast: 2, enough: 20_000 };
    expect(isMet(target, 1.3, 20_000)).toBe(true);
    expect(isMet(target, 1.3, 19_999)).toBe(false);
    expect(isMet(target, 2, 10)).toBe(true);
    expect(targetText(target)).toBe("≥ 2, or ≥ 20,000");
    expect(targetOf("offset commits, 128 groups of a member each, one at a time: rate", "exe")).toMatchObject({
      enough: 20_000,
    });
  });

  test("are each for a row that there is", () => {
    const stem = ({ source }: RegExp) => source.replace(/^\^\(?/, "").split(/[^\w -]/)[0] ?? "";
    const without = targets.filter(({ figure }) => !rows.some(({ name }) => name.startsWith(stem(figure))));
    expect(without).toEqual([]);
  });
});

test("every row has a name of its own and a group on the page", () => {
  expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length);
  const figures = rows.map(({ name }) => `${name}: `);
  const shown = [": broker CPU", ": rate", ": p99", ""];
  expect(
    figures.filter((name) => !shown.some((end) => groups.some(({ figure }) => figure.test(name.slice(0, -2) + end)))),
  ).toEqual([]);
});

describe("what Kafka's tools print", () => {
  const sent = "5000 records sent, 1234.5 records/sec (1.20 MB/sec), 3.10 ms avg latency, 200.00 ms max latency, " +
    "2 ms 50th, 8 ms 95th, 12 ms 99th, 20 ms 99.9th.\n";

  test("is read from the last line", () => {
    expect(readProduced(`1 records sent, …\n${sent}`, 5000)).toEqual({
      recordsPerSecond: 1234.5,
      p50Ms: 2,
      p99Ms: 12,
      p999Ms: 20,
    });
    const consumed =
      "2026-11-23 01:00:00:000, 2026-11-23 01:00:02:000, 488.28, 244.1, 500000, 250000.0, 300, 1700, 287.2, 294117.6";
    expect(readConsumed(`${consumed}\n`, 500000)).toEqual({ recordsPerSecond: 294117.6, mebibytes: 488.28 });
  });

  test("is an error when it is not the whole", () => {
    expect(() => readProduced(sent, 5001)).toThrow();
    expect(() => readProduced(`org.apache.kafka.common.errors.TimeoutException: 1 expired\n${sent}`, 5000)).toThrow();
    expect(() => readConsumed("", 1)).toThrow();
  });
});

describe("a run beside an earlier executable", () => {
  test("tells what became worse by more than a tenth, and whether the rounds overlap", () => {
    const verdictOf = (kind: string, before: [number, number, number], now: [number, number, number]) => {
      const lineOf = (runtime: string, [min, value, max]: [number, number, number]) =>
        line(runtime, value, { kind, min, max, rounds: 3 });
      return besideBefore([lineOf(beforeName, before), lineOf("exe", now)]).map(({ gain, worse }) => ({ gain, worse }));
    };
    expect(verdictOf("cpu", [9, 10, 11], [10, 11, 12])).toEqual([{ gain: 10 / 11, worse: null }]);
    expect(verdictOf("cpu", [9, 10, 11], [10, 12, 12])).toEqual([{ gain: 10 / 12, worse: "maybe" }]);
    expect(verdictOf("cpu", [9, 10, 11], [11.5, 12, 13])).toEqual([{ gain: 10 / 12, worse: "clearly" }]);
    expect(verdictOf("rate", [9, 10, 11], [12, 20, 23])).toEqual([{ gain: 2, worse: null }]);
    expect(verdictOf("rate", [9, 10, 11], [7, 8, 8.5])).toEqual([{ gain: 0.8, worse: "clearly" }]);
    expect(verdictOf("rate", [7, 10, 11], [7, 8, 8.5])).toEqual([{ gain: 0.8, worse: "maybe" }]);
    expect(verdictOf("given", [9, 10, 11], [1, 1, 1])).toEqual([]);
  });
});

function line(runtime: string, value: number, more: Partial<RunLine> = {}): RunLine {
  return {
    ...{ date: "1", machine: "a machine", commit: "abc", runtime, rival: kafkaName, row: cpu, value, unit: "s/GiB" },
    ...{ kind: "cpu", min: value, max: value, rounds: 1, scale: 1, warmUp: "", pass: "os", policy: "", run: "first" },
    generator: "",
    othersCores: 0,
    ...more,
  };
}
