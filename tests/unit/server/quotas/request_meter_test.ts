import { beforeEach, describe, expect, test } from "bun:test";
import { produce } from "../../../../protocol/api/00_produce.ts";
import { writeTxnMarkers } from "../../../../protocol/api/27_write_txn_markers.ts";
import { offsetCommit } from "../../../../protocol/api/08_offset_commit.ts";
import type { AnyApi } from "../../../../protocol/schema.ts";
import { ClientQuotas } from "../../../../server/cluster/client_quotas.ts";
import { BrokerConfig } from "../../../../server/config.ts";
import { Quotas } from "../../../../server/quotas/quotas.ts";
import { RequestMeter } from "../../../../server/quotas/request_meter.ts";

let nowMs: number;
let rests: number[];
let quotas: Quotas;
let set: ClientQuotas;

const clock = { nowMs: () => 0, monotonicMs: () => nowMs };

beforeEach(() => {
  nowMs = 1_000.5;
  rests = [];
  set = new ClientQuotas();
  quotas = new Quotas({ config: BrokerConfig.parse([]), clock });
});

function limit(
  key: string,
  value: number | null,
  entity = new Map<string, string | null>([["client-id", "app"]]),
): void {
  set.apply({ kind: "clientQuota", entity, key, value });
  quotas.reload(set);
}

function meter(clientId = "app", sizeBytes = 100): RequestMeter {
  return new RequestMeter(quotas, { rest: (ms) => rests.push(ms) }, { user: "ANONYMOUS", clientId, sizeBytes });
}

/** The answer that is encoded. */
function answer(one: RequestMeter, api: unknown = produce, version = 9): Record<string, unknown> {
  let encoded: Record<string, unknown> = {};
  one.answered({ throttleTimeMs: 0 }, { api: api as AnyApi, version }, (response) => {
    encoded = response;
    return [];
  });
  return encoded;
}

/** A request that keeps the event loop for so long. */
function busy(tookMs: number, api: unknown = produce): Record<string, unknown> {
  const one = meter();
  nowMs += tookMs;
  one.handled();
  nowMs += 5_000; // it waits for something
  return answer(one, api);
}

describe("a request's meter", () => {
  test("is needed only while a limit is set", () => {
    expect(quotas.isActive).toBe(false);
    limit("producer_byte_rate", 5);
    expect(quotas.isActive).toBe(true);
    limit("producer_byte_rate", null);
    expect(quotas.isActive).toBe(false);
    limit("connection_creation_rate", 5, new Map([["ip", null]]));
    expect(quotas.isActive).toBe(false);
  });

  test("rests as soon as too much was produced, and tells it in the answer", () => {
    limit("producer_byte_rate", 10);
    const first = meter("app", 100);
    first.produced();
    expect(rests).toEqual([]);
    expect(answer(first)).toEqual({ throttleTimeMs: 0 });
    const second = meter("app", 100);
    second.produced(); // 200 bytes in 10 s, twice the limit
    expect(rests).toEqual([10_000]);
    expect(answer(second)).toEqual({ throttleTimeMs: 10_000 });
    expect(rests).toEqual([10_000]);
  });

  test("tells nothing to a version that has no place for it, and rests all the same", () => {
    limit("producer_byte_rate", 10);
    const one = meter("app", 200);
    one.produced();
    expect(answer(one, offsetCommit, 2)).toEqual({ throttleTimeMs: 0 });
    expect(rests).toEqual([10_000]);
  });

  test("leaves alone whom no limit applies to", () => {
    limit("producer_byte_rate", 10);
    const one = meter("another", 1_000_000);
    one.produced();
    expect(answer(one)).toEqual({ throttleTimeMs: 0 });
    expect(one.fetchBytesMax()).toBe(Infinity);
  });

  test("does not count an answer that is not sent", () => {
    limit("consumer_byte_rate", 10);
    const first = meter();
    expect(first.fetchBytesMax()).toBe(100);
    expect(first.admitsFetch({ sizeBytes: 150 })).toBe(false);
    expect(answer(first)).toEqual({ throttleTimeMs: 5_000 });
    expect(meter().admitsFetch({ sizeBytes: 100 })).toBe(true);
    const third = meter();
    third.fetched({ sizeBytes: 100 }); // sent, whatever it takes
    expect(answer(third)).toEqual({ throttleTimeMs: 10_000 });
  });

  test("does not have an answer encoded that nobody counts", () => {
    limit("producer_byte_rate", 10);
    const one = meter();
    const encoded = one.encoded(() => {
      throw new Error("It is encoded");
    });
    expect(encoded).toBeNull();
    expect(one.admitsFetch(encoded)).toBe(true);
    one.fetched(encoded);
  });

  test("counts what encoding an answer took for the next request", () => {
    limit("request_percentage", 1);
    limit("consumer_byte_rate", 1_000);
    const one = meter();
    expect(one.admitsFetch(one.encoded(() => ({ sizeBytes: nowMs += 200 })))).toBe(true);
    expect(rests).toEqual([]);
    expect(answer(meter())).toEqual({ throttleTimeMs: 1_000 });
  });

  test("counts the time up to where the request waits, and nobody rests longer than a window", () => {
    limit("request_percentage", 1); // 10 ms a second, 100 ms in all windows
    expect(busy(90)).toEqual({ throttleTimeMs: 0 });
    expect(busy(15)).toEqual({ throttleTimeMs: 485 }); // 105 ms in 10.015 s
    expect(busy(500)).toEqual({ throttleTimeMs: 1_000 });
  });

  test("counts the time that an answer took for the next request", () => {
    limit("request_percentage", 1);
    const first = meter();
    first.answered({}, { api: produce as unknown as AnyApi, version: 9 }, () => {
      nowMs += 200;
      return [];
    });
    expect(rests).toEqual([]);
    expect(answer(meter())).toEqual({ throttleTimeMs: 1_000 });
  });

  test("counts no time of what brokers ask each other", () => {
    limit("request_percentage", 1);
    expect(busy(500, writeTxnMarkers)).toEqual({ throttleTimeMs: 0 });
  });

  test("rests for the longest of its limits", () => {
    limit("producer_byte_rate", 10);
    limit("request_percentage", 1);
    const one = meter("app", 101);
    one.produced();
    nowMs += 500;
    expect(answer(one)).toEqual({ throttleTimeMs: 1_000 });
    expect(rests).toEqual([100, 1_000]);
  });

  test("rests for no longer than a timer can wait", () => {
    limit("producer_byte_rate", 1);
    const one = meter("app", 4_000_000_000);
    one.produced();
    expect(rests).toEqual([2_147_483_647]);
  });

  test("a limit that is changed holds for what was done before", () => {
    limit("producer_byte_rate", 1_000);
    const one = meter("app", 1_000);
    one.produced();
    limit("producer_byte_rate", 50);
    const two = meter("app", 0);
    two.produced();
    expect(rests).toEqual([10_000]);
  });

  test("refuses new partitions strictly once there are too many, and only makes older clients rest", () => {
    limit("controller_mutation_rate", 1); // 11 at once
    const strict = meter().mutations({ isStrict: true });
    strict.admit("a", 21);
    expect(() => strict.admit("b", 1)).toThrow("The quota is used up");
    strict.admit("a", 21); // decided already
    expect(() => strict.admit("b", 1)).toThrow("The quota is used up");
    expect(strict.throttleMs()).toBe(10_000);
    nowMs += 4_000;
    expect(strict.throttleMs()).toBe(6_000);

    const one = meter();
    one.mutations({ isStrict: false }).admit("c", 1);
    expect(answer(one)).toEqual({ throttleTimeMs: 7_000 });
    expect(rests).toEqual([7_000]);
  });
});
