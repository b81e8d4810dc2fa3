/** Against numbers that Kafka's own classes made: `tests/golden/java_quotas/`. */
import { describe, expect, test } from "bun:test";
import { EntityType, type QuotaEntity } from "../../../../server/cluster/client_quotas.ts";
import { Limits } from "../../../../server/quotas/limits.ts";
import { TokenBucket } from "../../../../server/quotas/token_bucket.ts";
import { WindowedRate } from "../../../../server/quotas/windowed_rate.ts";
import vectors from "../../../golden/java_quotas/vectors.json" with { type: "json" };

const { USER, CLIENT_ID } = EntityType;

/** A monotonic clock does not begin at the epoch. */
const startMs = 12_345;

describe("a rate is Kafka's:", () => {
  test.each(vectors.rates.map((vector) => [`${vector.count} windows of ${vector.lengthMs} ms`, vector] as const))(
    "%s",
    (_, { count, lengthMs, limit, steps }) => {
      const rate = new WindowedRate({ count, lengthMs });
      for (const [atMs = 0, value = 0, expected = 0, throttleMs = 0] of steps) {
        const nowMs = startMs + atMs;
        rate.record(value, nowMs);
        expect({ atMs, throttleMs: rate.throttleMs(limit, nowMs) }).toEqual({ atMs, throttleMs });
        expect(rate.rate(nowMs)).toBeCloseTo(expected, 6);
      }
    },
  );

  test("nothing was recorded, nothing to wait for", () => {
    const rate = new WindowedRate({ count: 11, lengthMs: 1_000 });
    expect([rate.rate(5), rate.throttleMs(1, 5)]).toEqual([0, 0]);
  });
});

describe("a token bucket is Kafka's:", () => {
  test.each(vectors.buckets.map((vector) => [`${vector.count} windows, ${vector.limit} a second`, vector] as const))(
    "%s",
    (_, { count, lengthMs, limit, steps }) => {
      const bucket = new TokenBucket({ count, lengthMs });
      for (const [atMs = 0, spent = 0, left = 0] of steps) {
        bucket.spend(spent, limit, startMs + atMs);
        const throttleMs = left < 0 ? Math.round(-left / limit * 1_000) : 0;
        expect({ atMs, throttleMs: bucket.throttleMs(limit, startMs + atMs) }).toEqual({ atMs, throttleMs });
      }
    },
  );
});

describe("the limit that applies is Kafka's:", () => {
  const name = "producer_byte_rate";
  const user = "ANONYMOUS";
  /** In the order of the bits. */
  const entities: QuotaEntity[] = [
    new Map([[USER, user], [CLIENT_ID, "app"]]),
    new Map([[USER, user], [CLIENT_ID, null]]),
    new Map([[USER, user]]),
    new Map([[USER, null], [CLIENT_ID, "app"]]),
    new Map([[USER, null], [CLIENT_ID, null]]),
    new Map([[USER, null]]),
    new Map([[CLIENT_ID, "app"]]),
    new Map([[CLIENT_ID, null]]),
  ];
  const clients = [user, "bob"].flatMap((user) => ["app", "other", ""].map((clientId) => ({ user, clientId })));

  function limitsOf(bits: number): Limits {
    const set = entities.map((entity, place) => ({ entity, values: new Map([[name, place + 1]]) }));
    return new Limits(set.filter((_, place) => (bits >> place & 1) === 1), name);
  }

  test.each(clients)("user $user, client id '$clientId', whatever is set", ({ user, clientId }) => {
    for (const vector of vectors.limits) {
      const [place] = vector[`${user}/${clientId}` as keyof typeof vector] as [number];
      const { value } = limitsOf(vector.bits).find(user, clientId);
      expect({ bits: vector.bits, place: value === Infinity ? -1 : value - 1 }).toEqual({ bits: vector.bits, place });
    }
  });

  test("and it is shared with those that Kafka shares it with", () => {
    for (const vector of vectors.limits.slice(1)) { // where none is set, nothing is measured
      const theirs = new Map<string, string>();
      for (const { user, clientId } of clients) {
        const { key } = limitsOf(vector.bits).find(user, clientId);
        const [, ...tags] = vector[`${user}/${clientId}` as keyof typeof vector] as [number, string, string];
        const known = theirs.get(key) ?? JSON.stringify(tags);
        expect({ bits: vector.bits, user, clientId, tags: JSON.stringify(tags) })
          .toEqual({ bits: vector.bits, user, clientId, tags: known });
        theirs.set(key, known);
      }
      expect(new Set(theirs.values()).size).toBe(theirs.size);
    }
  });
});
