/** `weir selftest durability`, which must be able to fail. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runWeir, target } from "../support/broker.ts";

let scratch: string;

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "weir-selftest-test-"));
});

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

interface Outcome {
  readonly policy: string;
  readonly end: string;
  readonly acks: string;
  readonly acknowledged: number;
  readonly survived: number;
  readonly lost: number;
  readonly seenLost: number;
  readonly isKept: boolean;
}

async function selftest(...args: readonly string[]) {
  const all = ["selftest", "durability", "--json", "--data", scratch, "--seed", "7", ...args];
  const { code, output, errors } = await runWeir(all, {
    timeoutMs: 110_000,
    environment: { KAFKA_LOG_FLUSH_POLICY: "os" },
  });
  expect([output, errors]).toEqual([expect.stringMatching(/^\{.*\}\n$/), expect.any(String)]);
  expect(readdirSync(scratch)).toEqual([]); // it leaves nothing behind
  return { code, ...JSON.parse(output) as { isKept: boolean; outcomes: Outcome[]; faults: string[] } };
}

describe.skipIf(target === "kafka")("weir selftest durability", () => {
  test("finds the promises of the policy group kept", async () => {
    const { code, isKept, outcomes, faults } = await selftest("--policy", "group", "--rounds", "2");
    expect([code, isKept, faults]).toEqual([0, true, []]);
    expect(outcomes.map(({ end, acks, isKept }) => [end, acks, isKept])).toEqual([
      ["process kill", "all", true],
      ["process kill", "1", true],
      ["power loss", "all", true],
      ["power loss", "1", true],
    ]);
    for (const { acknowledged, survived, lost, acks, end, seenLost } of outcomes) {
      expect(acknowledged).toBeGreaterThan(20);
      expect(survived).toBe(acknowledged - lost);
      expect(seenLost).toBe(0);
      if (acks === "all" || end === "process kill") expect(lost).toBe(0);
    }
  }, 120_000);

  test("finds a broker out that answers before it has synced", async () => {
    const { code, isKept, outcomes } = await selftest(
      "--policy",
      "group",
      "--rounds",
      "1",
      "--override",
      "log.flush.policy=os",
    );
    expect([code, isKept]).toEqual([1, false]);
    const broken = outcomes.filter(({ isKept }) => !isKept);
    expect(broken.map(({ end }) => end)).toEqual(["power loss", "power loss"]);
    expect(broken[0]!.lost).toBeGreaterThan(0);
    expect(broken[0]!.seenLost).toBeGreaterThan(0);
  }, 120_000);

  test("says of the other policies what is lost", async () => {
    const { code, outcomes, faults } = await selftest("--policy", "interval,os", "--rounds", "1");
    expect([code, faults]).toEqual([0, []]);
    expect(outcomes.every(({ isKept }) => isKept)).toBe(true);
    const os = outcomes.find(({ policy, end, acks }) => policy === "os" && end === "power loss" && acks === "all");
    expect(os!.lost).toBeGreaterThan(0);
  }, 120_000);
});
