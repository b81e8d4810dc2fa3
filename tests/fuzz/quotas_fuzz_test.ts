/**
 * Limits of clients under random use: nobody is told to wait for a time that is none, and who waits as told has no more in the
 * long run than the limit lets them; what was set adds up, whatever the requests were; any text is an address or none.
 *
 *     SEED=123 bun test tests/fuzz/quotas_fuzz_test.ts       the run that failed, again
 *     ROUNDS=100000 bun test tests/fuzz/quotas_fuzz_test.ts   a long one
 */
import { describe, expect } from "bun:test";
import { canonicalAddress } from "../../server/cluster/client_address.ts";
import { planQuotas, type QuotaAlteration } from "../../server/cluster/client_quota_plans.ts";
import { ClientQuotas, entityKey } from "../../server/cluster/client_quotas.ts";
import { TokenBucket } from "../../server/quotas/token_bucket.ts";
import { WindowedRate } from "../../server/quotas/windowed_rate.ts";
import type { Chance } from "./damage.ts";
import { roundsOf } from "./rounds.ts";

const eachRound = roundsOf("quotas", 200);

function windowsOf(chance: Chance) {
  return { count: 1 + chance.below(12), lengthMs: 1_000 * (1 + chance.below(3)) };
}

describe("who waits as told", () => {
  eachRound("has not much more bytes in the long run than the limit", (chance) => {
    const windows = windowsOf(chance);
    const limit = 1 + chance.below(10_000);
    const sizeMax = 1 + chance.below(limit * 20);
    const rate = new WindowedRate(windows);
    let nowMs = chance.below(100_000);
    const startMs = nowMs;
    let total = 0;
    for (let step = 0; step < 300; step++) {
      const size = chance.below(sizeMax);
      rate.record(size, nowMs);
      total += size;
      const throttleMs = rate.throttleMs(limit, nowMs);
      expect(Number.isInteger(throttleMs) && throttleMs >= 0).toBe(true);
      nowMs += throttleMs;
      // Samples are forgotten whole, and a first window counts as if all had passed: Kafka's limits are not exact.
      const allMs = nowMs - startMs + windows.count * windows.lengthMs;
      expect(total).toBeLessThanOrEqual(1.5 * limit * (allMs / 1_000) + limit + sizeMax);
      nowMs += chance.pick([0, 0, 1, 10, 500, windows.lengthMs, 30_000]);
    }
  });

  eachRound("has no more partitions than the limit and what it may have at once", (chance) => {
    const windows = windowsOf(chance);
    const limit = (1 + chance.below(100)) / 10;
    const bucket = new TokenBucket(windows);
    let nowMs = chance.below(100_000);
    const startMs = nowMs;
    let total = 0;
    for (let step = 0; step < 300; step++) {
      const tokens = chance.below(50);
      bucket.spend(tokens, limit, nowMs);
      total += tokens;
      const throttleMs = bucket.throttleMs(limit, nowMs);
      expect(Number.isInteger(throttleMs) && throttleMs >= 0).toBe(true);
      nowMs += throttleMs;
      const burst = limit * windows.count * windows.lengthMs / 1_000;
      expect(total).toBeLessThanOrEqual(burst + limit * ((nowMs - startMs) / 1_000) + 1);
      nowMs += chance.pick([0, 0, 1, 500, 30_000]);
    }
  });
});

describe("quotas that are set", () => {
  const types = ["user", "client-id", "ip", "topic"];
  const names = [null, "", "a", "b", "10.0.0.1", "::1"];
  const keys = ["producer_byte_rate", "request_percentage", "connection_creation_rate", "nonsense"];
  const values = [null, null, 0, -1, 1, 1.5, 1e19, Infinity, NaN];

  function alteration(chance: Chance): QuotaAlteration {
    const entity = new Map<string, string | null>();
    for (let index = chance.below(3); index > 0; index--) entity.set(chance.pick(types), chance.pick(names));
    const operations = Array.from({ length: chance.below(3) }, () => ({
      key: chance.pick(keys),
      value: chance.pick(values),
    }));
    return { entity, operations };
  }

  eachRound("are what was asked for and not refused, and the same after a restart", (chance) => {
    const quotas = new ClientQuotas();
    for (let step = 0; step < 20; step++) {
      const alterations = Array.from({ length: chance.below(4) }, () => alteration(chance));
      const { records, outcomes } = planQuotas(quotas, alterations);
      expect(outcomes.length).toBe(new Set(alterations.map(({ entity }) => entityKey(entity))).size);
      for (const record of records) quotas.apply(record);
      for (const { entity, error } of outcomes) {
        if (error !== null) continue;
        const { operations } = alterations.find((one) => entityKey(one.entity) === entityKey(entity))!;
        for (const { key, value } of operations) expect(quotas.valuesOf(entity).get(key) ?? null).toBe(value);
      }
      for (const { values } of quotas.entities()) expect(values.size).toBeGreaterThan(0);
    }
    const again = new ClientQuotas();
    for (const record of quotas.records()) again.apply(record);
    expect([...again.entities()]).toEqual([...quotas.entities()]);
  });
});

describe("an address", () => {
  const pieces = [
    "1",
    "0",
    "255",
    "256",
    ".",
    ":",
    "::",
    "ffff",
    "a",
    "G",
    "%",
    "[",
    "]",
    "/",
    "@",
    " ",
    "x",
    "\u0000",
    "é",
  ];

  eachRound("of any text is none, or one that stays itself", (chance) => {
    const canonical = canonicalAddress(chance.text(pieces, 12));
    if (canonical === null) return;
    expect(canonical).toMatch(/^[0-9a-f.:]+$/);
    expect(canonicalAddress(canonical)).toBe(canonical);
  });
});
