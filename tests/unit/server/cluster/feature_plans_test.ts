import { describe, expect, test } from "bun:test";
import { ErrorCode, ProtocolError } from "../../../../protocol/errors.ts";
import { initialFeatures, planFeatureUpdates } from "../../../../server/cluster/feature_plans.ts";

const levels = new Map([["metadata.version", 33], ["group.version", 1], ["transaction.version", 1], [
  "kraft.version",
  1,
]]);
const prefix = "The update failed for all features since the following feature had an error: ";

function plan(name: string, level: number, upgradeType: number) {
  return planFeatureUpdates(levels, [{ name, level, upgradeType }], 7);
}

function refusal(name: string, level: number, upgradeType: number): string {
  try {
    plan(name, level, upgradeType);
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError);
    expect((error as ProtocolError).code).toBe(ErrorCode.INVALID_UPDATE_VERSION);
    return (error as ProtocolError).message.replace(prefix, "");
  }
  return "";
}

describe("a change of features", () => {
  test("goes up by an upgrade, down by a downgrade of either kind, and writes down what was there", () => {
    const record = (featureLevel: number) => [{ kind: "featureLevel", name: "transaction.version", featureLevel }];
    expect(plan("transaction.version", 2, 1) as unknown[]).toEqual(record(2));
    expect(plan("transaction.version", 0, 2) as unknown[]).toEqual(record(0));
    expect(plan("transaction.version", 0, 3) as unknown[]).toEqual(record(0));
    expect(plan("transaction.version", 1, 1) as unknown[]).toEqual(record(1));
    expect(plan("transaction.version", 1, 2) as unknown[]).toEqual(record(1));
    expect(plan("share.version", 1, 1).length).toBe(1);
    expect(plan("metadata.version", 33, 1).length).toBe(1);
    expect(plan("kraft.version", 1, 1)).toEqual([]);
  });

  test.each<[string, number, number, string]>([
    [
      "group.version",
      0,
      1,
      "Invalid update version 0 for feature group.version. Can't downgrade the version of this feature without setting the " +
      "upgrade type to either safe or unsafe downgrade.",
    ],
    [
      "transaction.version",
      2,
      2,
      "Invalid update version 2 for feature transaction.version. Can't downgrade to a newer version.",
    ],
    [
      "transaction.version",
      3,
      1,
      "Invalid update version 3 for feature transaction.version. Local controller 7 only supports versions 0-2",
    ],
    [
      "metadata.version",
      6,
      3,
      "Invalid update version 6 for feature metadata.version. Local controller 7 only supports versions 7-33",
    ],
    [
      "no.such",
      1,
      1,
      "Invalid update version 1 for feature no.such. Local controller 7 does not support this feature.",
    ],
    ["no.such", 0, 2, "Invalid update version 0 for feature no.such. Feature no.such not found."],
    [
      "group.version",
      -1,
      2,
      "Invalid update version -1 for feature group.version. A feature version cannot be less than 0.",
    ],
    [
      "group.version",
      1,
      0,
      "Invalid update version 1 for feature group.version. The controller does not support the given upgrade type.",
    ],
    [
      "group.version",
      1,
      4,
      "Invalid update version 1 for feature group.version. The controller does not support the given upgrade type.",
    ],
    [
      "metadata.version",
      32,
      2,
      "Unsupported metadata.version downgrade from 33 to 32. Refusing to perform the requested downgrade because it might " +
      "delete metadata information.",
    ],
    [
      "metadata.version",
      32,
      3,
      "Unsupported metadata.version downgrade from 33 to 32. Unsafe metadata downgrade is not supported in this version.",
    ],
    [
      "kraft.version",
      0,
      2,
      "Invalid update version 0 for feature kraft.version. Can't downgrade the version of this feature.",
    ],
  ])("%s to %i by type %i is refused", (name, level, upgradeType, message) => {
    expect(refusal(name, level, upgradeType)).toBe(message);
  });

  test("a metadata version goes down as far as records are what they were", () => {
    const down = (from: number, to: number) =>
      planFeatureUpdates(
        new Map([["metadata.version", from]]),
        [{ name: "metadata.version", level: to, upgradeType: 2 }],
        1,
      );
    expect(down(31, 30).length).toBe(1);
    expect(down(29, 23).length).toBe(1);
    expect(() => down(30, 29)).toThrow("from 30 to 29");
    expect(() => down(29, 22)).toThrow("from 29 to 22");
  });

  test("is of all features or of none", () => {
    const updates = [
      { name: "group.version", level: 0, upgradeType: 2 },
      { name: "no.such", level: 1, upgradeType: 1 },
    ];
    expect(() => planFeatureUpdates(levels, updates, 1)).toThrow(prefix);
  });
});

test("a new history begins with the version of the metadata", () => {
  const records = initialFeatures();
  expect(records[0]).toEqual({ kind: "featureLevel", name: "metadata.version", featureLevel: 33 });
  expect(records.map((record) => record.kind === "featureLevel" && record.name)).not.toContain("kraft.version");
});
