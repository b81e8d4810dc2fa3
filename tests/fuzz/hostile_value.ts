/** Values that nobody means well with, by the schema they are of: right in form, and otherwise as odd as a form can be filled in. */
import { encodeBatch } from "../../protocol/record.ts";
import { type AnyField, type AnyShape, type FieldSpec, ZERO_UUID } from "../../protocol/schema.ts";
import { Chance } from "./damage.ts";

/** What is there to be named, so that some of what is asked gets past the first check. */
export interface Known {
  /** By a word in the name of the field, in small letters; the first that fits. */
  readonly names: readonly (readonly [word: string, names: readonly string[]])[];
  readonly uuids: readonly string[];
  readonly bytes: readonly Uint8Array[];
}

const texts = ["", "a", "é", "\u0000", "..", "-1", "9223372036854775808", "a".repeat(300), "*", "(", "\ud800", "null"]
  .concat(["__consumer_offsets", "__transaction_state", "__share_group_state", "__cluster_metadata", "constructor"])
  .concat(["consumer", "range", "uniform", "cooperative-sticky", "retention.ms", "cleanup.policy", "compact", "1"]);
const bounds: Partial<Record<FieldSpec["kind"], readonly number[]>> = {
  int8: [0, 1, 2, 3, -1, 127, -128],
  int16: [0, 1, 2, 3, -1, -2, 32_767, -32_768],
  int32: [0, 1, 2, 3, 5, -1, -2, -3, 1_000, 100_000, 2_147_483_647, -2_147_483_648],
  int64: [0, 1, 2, 3, -1, -2, -3, -4, -5, 1_000, 1_735_689_600_000, Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER],
  uint16: [0, 1, 65_535],
  uint32: [0, 1, 4_294_967_295],
  float64: [0, -0, 1, -1, 0.5, 1e19, 1e308, NaN, Infinity, -Infinity],
};
const batch = (values: readonly number[]) =>
  encodeBatch({ records: values.map((value) => ({ value: Uint8Array.of(value), timestamp: 1_735_689_600_000 })) });
const batches = [new Uint8Array(0), batch([1]), batch([1, 2, 3])];

/** A struct of all fields that this version has. */
export function hostileStruct(chance: Chance, shape: AnyShape, version: number, known: Known): Record<string, unknown> {
  const value: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(shape)) {
    const { sinceVersion = 0, untilVersion = Infinity } = field.spec;
    if (version >= sinceVersion && version <= untilVersion) value[name] = hostile(chance, field, name, version, known);
  }
  return value;
}

function hostile(chance: Chance, { spec }: AnyField, name: string, version: number, known: Known): unknown {
  if (spec.nullableFrom !== undefined && spec.nullableFrom <= version && chance.below(5) === 0) return null;
  switch (spec.kind) {
    case "struct":
      return hostileStruct(chance, spec.fields!, version, known);
    case "array": {
      const elements = Array.from(
        { length: chance.pick([0, 1, 1, 1, 2, 3]) },
        () => hostile(chance, spec.element!, name, version, known),
      );
      // The same twice is a favourite.
      if (elements.length > 0 && chance.below(6) === 0) elements.push(elements[0]);
      return elements;
    }
    case "bool":
      return chance.below(2) === 0;
    case "long":
      return chance.pick([0n, 1n, -1n, 2n ** 63n - 1n, -(2n ** 63n)]);
    case "uuid":
      return chance.pick([ZERO_UUID, "AAAAAAAAAAAAAAAAAAAAAQ", ...known.uuids, ...known.uuids]);
    case "bytes":
      return chance.below(2) === 0 ? chance.bytes(chance.below(30)) : damaged(chance, known.bytes);
    case "records":
      return damaged(chance, batches);
    case "string": {
      const names = known.names.find(([word]) => name.toLowerCase().includes(word))?.[1];
      return names === undefined || chance.below(4) === 0 ? chance.pick(texts) : chance.pick(names);
    }
    default:
      return chance.pick(bounds[spec.kind]!);
  }
}

/** One of them, in one case of three with damage. */
function damaged(chance: Chance, from: readonly Uint8Array[]): Uint8Array {
  const bytes = chance.pick(from);
  return chance.below(3) === 0 ? chance.damage(bytes, chance.pick(from)) : bytes;
}
