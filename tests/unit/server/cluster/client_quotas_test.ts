import { describe, expect, test } from "bun:test";
import { errorName } from "../../../../protocol/errors.ts";
import { canonicalAddress } from "../../../../server/cluster/client_address.ts";
import { MatchType, selectQuotas } from "../../../../server/cluster/client_quota_filter.ts";
import { planQuotas } from "../../../../server/cluster/client_quota_plans.ts";
import type { ClientQuotas, QuotaEntity } from "../../../../server/cluster/client_quotas.ts";
import { MetadataImage } from "../../../../server/cluster/image.ts";
import type { MetadataRecord } from "../../../../server/cluster/records.ts";

function entity(names: Readonly<Record<string, string | null>>): QuotaEntity {
  return new Map(Object.entries(names));
}

function quota(names: Readonly<Record<string, string | null>>, key: string, value: number | null): MetadataRecord {
  return { kind: "clientQuota", entity: entity(names), key, value };
}

function imageOf(...records: MetadataRecord[]): MetadataImage {
  const image = new MetadataImage();
  image.apply(records);
  return image;
}

/** Entity and values, in a line each. */
function shown(quotas: ClientQuotas): string[] {
  return Array.from(quotas.entities(), ({ entity, values }) => `${[...entity].join(" ")}: ${[...values].join(" ")}`);
}

/** What a plan for one entity comes to: records, or the error. */
function plan(names: Readonly<Record<string, string | null>>, values: Readonly<Record<string, number | null>>) {
  const operations = Object.entries(values).map(([key, value]) => ({ key, value }));
  const { records, outcomes } = planQuotas(set.clientQuotas, [{ entity: entity(names), operations }]);
  const [outcome] = outcomes;
  return outcome!.error === null ? records.map(({ key, value }) => `${key} ${value}`) : outcome!.error.message;
}

const set = imageOf(
  quota({ "client-id": "a" }, "producer_byte_rate", 10),
  quota({ user: "u", "client-id": "a" }, "producer_byte_rate", 20),
  quota({ user: null }, "consumer_byte_rate", 30),
  quota({ ip: "10.0.0.1" }, "connection_creation_rate", 40),
);

describe("client quotas of the image", () => {
  test("are of one entity, whatever the order of its types", () => {
    const image = imageOf(
      quota({ user: "u", "client-id": "c" }, "producer_byte_rate", 1),
      quota({ "client-id": "c", user: "u" }, "consumer_byte_rate", 2),
      quota({ user: "c", "client-id": "u" }, "consumer_byte_rate", 3),
    );
    expect(shown(image.clientQuotas)).toEqual([
      "client-id,c user,u: producer_byte_rate,1 consumer_byte_rate,2",
      "user,c client-id,u: consumer_byte_rate,3",
    ]);
  });

  test("tell a default from a user of any name", () => {
    const image = imageOf(
      quota({ user: null }, "producer_byte_rate", 1),
      quota({ user: "null" }, "producer_byte_rate", 2),
    );
    expect(image.clientQuotas.valuesOf(entity({ user: null })).get("producer_byte_rate")).toBe(1);
    expect(image.clientQuotas.valuesOf(entity({ user: "null" })).get("producer_byte_rate")).toBe(2);
  });

  test("forget an entity with its last quota, and do not mind one that is gone", () => {
    const image = imageOf(quota({ user: "u" }, "producer_byte_rate", 1));
    expect(image.apply([quota({ user: "u" }, "producer_byte_rate", null)])).toEqual([{ kind: "clientQuotasChanged" }]);
    image.apply([quota({ user: "u" }, "producer_byte_rate", null)]);
    expect(shown(image.clientQuotas)).toEqual([]);
  });

  test("that were given out do not change", () => {
    const image = imageOf(quota({ user: "u" }, "producer_byte_rate", 1));
    const [before] = image.clientQuotas.entities();
    image.apply([quota({ user: "u" }, "producer_byte_rate", 2)]);
    expect([...before!.values]).toEqual([["producer_byte_rate", 1]]);
  });

  test("come back from a snapshot's records", () => {
    const again = imageOf(...set.records());
    expect(shown(again.clientQuotas)).toEqual(shown(set.clientQuotas));
  });
});

describe("a plan for client quotas", () => {
  test("sets what is new, and writes nothing for what is so already", () => {
    expect(plan({ "client-id": "a" }, { producer_byte_rate: 10, consumer_byte_rate: 5.0 })).toEqual([
      "consumer_byte_rate 5",
    ]);
    expect(plan({ "client-id": "a" }, { producer_byte_rate: null, consumer_byte_rate: null, nonsense: null })).toEqual([
      "producer_byte_rate null",
    ]);
  });

  test("is all or nothing for an entity, and each on its own merits", () => {
    const operation = (key: string, value: number) => ({ key, value });
    const { records, outcomes } = planQuotas(set.clientQuotas, [
      { entity: entity({ user: "good" }), operations: [operation("producer_byte_rate", 1)] },
      {
        entity: entity({ user: "bad" }),
        operations: [operation("producer_byte_rate", 1), operation("consumer_byte_rate", -1)],
      },
    ]);
    expect(records.map(({ entity }) => entity.get("user"))).toEqual(["good"]);
    expect(outcomes.map(({ error }) => error && errorName(error.code))).toEqual([null, "INVALID_REQUEST"]);
  });

  test("of an entity named twice makes the first change, and says that it was named twice", () => {
    const operations = [{ key: "producer_byte_rate", value: 1 }];
    const twice = entity({ user: "u", "client-id": "x" });
    const { records, outcomes } = planQuotas(set.clientQuotas, [
      { entity: twice, operations },
      { entity: twice, operations: [{ key: "consumer_byte_rate", value: 1 }] },
    ]);
    expect(records.map(({ key }) => key)).toEqual(["producer_byte_rate"]);
    expect(outcomes.map(({ error }) => error?.message)).toEqual([
      "Ignoring duplicate entity ClientQuotaEntity(entries={user=u, client-id=x})",
    ]);
  });

  test.each([
    [{}, { producer_byte_rate: 1 }, "Invalid empty client quota entity"],
    [{ topic: "t" }, { producer_byte_rate: 1 }, "Unhandled client quota entity type: topic"],
    [{ user: "" }, { producer_byte_rate: 1 }, "Empty user not supported"],
    [{ ip: "nowhere" }, {}, "nowhere is not a valid IP or resolvable host."],
    [{ ip: "10.0.0.1" }, { producer_byte_rate: 1 }, "Invalid configuration key producer_byte_rate"],
    [{ user: "u" }, { connection_creation_rate: 1 }, "Invalid configuration key connection_creation_rate"],
    [{ user: "u" }, { producer_byte_rate: 0 }, "Quota producer_byte_rate must be greater than 0"],
    [{ user: "u" }, { request_percentage: Infinity }, "Quota request_percentage must be a finite number"],
    [{ user: "u" }, { producer_byte_rate: 1.5 }, "producer_byte_rate cannot be a fractional value."],
    [{ user: "u" }, { producer_byte_rate: 1e19 }, "Proposed value for producer_byte_rate is too large for a LONG."],
    [
      { ip: null },
      { connection_creation_rate: 2 ** 31 },
      "Proposed value for connection_creation_rate is too large for an INT.",
    ],
  ])("refuses %p with %p", (names, values, message) => {
    expect(plan(names, values as Readonly<Record<string, number>>)).toBe(message);
  });

  test("takes whole numbers up to a long, and fractions of a percentage", () => {
    expect(plan({ user: "u" }, { producer_byte_rate: 2 ** 63, request_percentage: 0.25 })).toHaveLength(2);
  });

  test("that is too large is refused as a whole", () => {
    const alterations = Array.from({ length: 10_001 }, (_, index) => ({
      entity: entity({ user: `u${index}` }),
      operations: [{ key: "producer_byte_rate", value: 1 }],
    }));
    expect(() => planQuotas(set.clientQuotas, alterations)).toThrow("excessively large");
    const empty = { entity: new Map(), operations: [] };
    const refused = (count: number) =>
      planQuotas(set.clientQuotas, Array.from({ length: count }, () => empty)).outcomes;
    expect(refused(10_000)).toHaveLength(1);
    expect(() => refused(10_001)).toThrow("excessively large");
  });
});

describe("a filter of client quotas", () => {
  function selected(strict: boolean, ...components: [type: string, matchType: number, match?: string][]): string[] {
    const asked = components.map(([entityType, matchType, match = null]) => ({ entityType, matchType, match }));
    return selectQuotas(set.clientQuotas, asked, strict).map(({ entity }) => [...entity].join(" "));
  }

  test("takes names, defaults and any of a type", () => {
    expect(selected(false)).toHaveLength(4);
    expect(selected(true)).toEqual([]);
    expect(selected(false, ["client-id", MatchType.EXACT, "a"])).toEqual(["client-id,a", "user,u client-id,a"]);
    expect(selected(true, ["client-id", MatchType.EXACT, "a"])).toEqual(["client-id,a"]);
    expect(selected(false, ["user", MatchType.SPECIFIED])).toEqual(["user,u client-id,a", "user,"]);
    expect(selected(false, ["user", MatchType.DEFAULT])).toEqual(["user,"]);
    expect(selected(true, ["user", MatchType.SPECIFIED], ["client-id", MatchType.SPECIFIED])).toEqual([
      "user,u client-id,a",
    ]);
  });

  test("of a type that does not exist is of another version; others that make no sense are invalid", () => {
    expect(() => selected(true, ["topic", MatchType.SPECIFIED])).toThrow("Unsupported entity type topic");
    expect(() => selected(true, ["user", MatchType.EXACT])).toThrow("set match string to null");
    expect(() => selected(true, ["user", MatchType.DEFAULT, "a"])).toThrow("MATCH_TYPE_DEFAULT");
    expect(() => selected(true, ["user", 7])).toThrow("Unknown match type 7");
    expect(() => selected(true, ["user", 2], ["user", 1])).toThrow("more than once");
    expect(() => selected(true, ["user", 2], ["ip", 2])).toThrow("should not be used with");
  });
});

describe("an address", () => {
  test.each([
    ["10.0.0.1", "10.0.0.1"],
    ["localhost", "127.0.0.1"],
    ["::1", "::1"],
    ["0:0:0:0:0:0:0:1", "::1"],
    ["2001:DB8:0:0::1", "2001:db8::1"],
    ["::ffff:10.1.2.3", "10.1.2.3"],
    ["256.0.0.1", null],
    ["10.0.0", null],
    ["10.0.0.1.", null],
    ["", null],
    [":", null],
    ["a.b", null],
    ["1::2::3", null],
    ["fe80::1%eth0", null],
  ])("%s is compared as %s", (text, canonical) => {
    expect(canonicalAddress(text)).toBe(canonical);
  });
});
