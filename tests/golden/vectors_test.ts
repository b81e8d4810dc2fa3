/** Golden vectors: decoding gives the value, encoding gives the bytes, for every api and version that we have. */
import { describe, expect, test } from "bun:test";
import { apis } from "../../protocol/apis.ts";
import type { AnyShape } from "../../protocol/schema.ts";
import { Reader } from "../../protocol/wire.ts";
import {
  bytesFromHex,
  type FranzVector,
  halfOf,
  hexOf,
  type JavaVector,
  leavesOf,
  partOf,
  structFromJson,
  vectorsOf,
} from "./vectors.ts";

describe("vectors of Kafka's own classes", () => {
  const files = vectorsOf<JavaVector>("java");

  for (const { api, vectors } of files) {
    test(`${api.name}: decode to their value, encode to their bytes`, () => {
      for (const vector of vectors) {
        const { version, direction, hex } = vector;
        const label = `v${version} ${direction} ${vector.case}`;
        const half = halfOf(api, version, direction);
        const value = structFromJson(half.message.fields, vector.value);

        const reader = new Reader(bytesFromHex(hex));
        const decoded = half.decode(reader);
        expect({ label, left: reader.remaining, value: partOf(decoded, value) }).toEqual({ label, left: 0, value });
        expect({ label, hex: hexOf(half.encode(value)) }).toEqual({ label, hex });
        expect({ label, hex: hexOf(half.encode(decoded)) }).toEqual({ label, hex });
        expect(Object.keys(decoded as object)).toEqual(Object.keys(half.message.fields));
      }
    });
  }

  test("cover every api, version and direction", () => {
    const covered = files.flatMap(({ api, vectors }) =>
      vectors.map(({ version, direction }) => `${api.name} v${version} ${direction}`)
    );
    const wanted = apis.flatMap(({ name, versions: [first, last] }) =>
      Array.from({ length: last - first + 1 }, (_, index) => `${name} v${first + index}`)
    ).flatMap((version) => [`${version} request`, `${version} response`]);
    expect([...new Set(covered)].sort()).toEqual(wanted.sort());
  });
});

describe("vectors of franz-go", () => {
  for (const { api, vectors } of vectorsOf<FranzVector>("franz")) {
    test(`${api.name}: decode to their leaves, encode to their bytes`, () => {
      for (const { version, direction, case: kind, leaves, hex } of vectors) {
        if (version < api.versions[0] || version > api.versions[1]) continue;
        const label = `v${version} ${direction} ${kind}`;
        const half = halfOf(api, version, direction);
        const reader = new Reader(bytesFromHex(hex));
        const decoded = half.decode(reader);
        expect({ label, left: reader.remaining }).toEqual({ label, left: 0 });
        const again = half.encode(decoded);
        // kmsg writes a tagged field in any flexible version; we step over one that the version does not have.
        if (kind === "full" && hasNewerTag(half.message.fields, version)) {
          expect({ label, value: half.decode(new Reader(again)) }).toEqual({ label, value: decoded });
        } else {
          expect({ label, hex: hexOf(again) }).toEqual({ label, hex });
        }
        if (kind !== "full") continue;
        // Their struct holds fields that this version does not send; ours must all be among theirs, as often.
        const rest = leaves.map((leaf) => JSON.stringify(leaf));
        for (const leaf of leavesOf(half.message.fields, decoded, version)) {
          const at = rest.indexOf(JSON.stringify(leaf));
          expect({ label, leaf, isTheirs: at >= 0 }).toEqual({ label, leaf, isTheirs: true });
          rest.splice(at, 1);
        }
      }
    });
  }
});

function hasNewerTag(shape: AnyShape, version: number): boolean {
  return Object.values(shape).some(({ spec }) =>
    version < (spec.taggedSince ?? 0) ||
    hasNewerTag(spec.fields ?? spec.element?.spec.fields ?? {}, version)
  );
}
