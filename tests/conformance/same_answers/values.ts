/** What a field may be told to be: the ends of its type, nothing, too much, and what nobody knows. */

import { defaultOf, isNullable } from "../../../protocol/field_rules.ts";
import { type FieldSpec, ZERO_UUID } from "../../../protocol/schema.ts";
import { longAgoMs } from "../../support/dialogue.ts";

/** Another value for a field, from the one that it has; `named` makes names that no other question uses. */
export interface Change {
  readonly label: string;
  of(value: unknown, named: Named): unknown;
}

export type Named = (name: string) => string;

/** Names that cannot be made one question's own. A group may have them: questions with these are asked one by one. */
const sharedNames: ReadonlySet<string> = new Set(["", " ", "."]);

export function isShared({ label }: Change): boolean {
  return [...sharedNames].some((name) => label === JSON.stringify(name));
}

const unknownId = "AAAAAAAAAAAAAAAAAAABcQ";
/** Of the topic of KRaft's metadata: Kafka reserves it. */
const metadataTopicId = "AAAAAAAAAAAAAAAAAAAAAQ";

const integerEnds = {
  int8: [-128, 127],
  int16: [-32_768, 32_767],
  int32: [-2_147_483_648, 2_147_483_647],
  int64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  uint16: [0, 65_535],
  uint32: [0, 4_294_967_295],
} as const;

/** Beside what its type gives: values that mean something to some field of this name. */
const telling: Readonly<Record<string, readonly unknown[]>> = {
  timestamp: [-3, -4, -5, -6, longAgoMs + 3],
  startTimestamp: [longAgoMs],
  keyType: [2, 3],
  key: ["a:b:c", "g:AAAAAAAAAAAAAAAAAAABcQ:0"],
  isolationLevel: [2],
  resourceType: [0, 2, 4, 8, 16, 32],
  resourceName: ["1", "77"],
  configOperation: [2, 3, 4],
  value: ["compact", "5", "-1"],
  configurationKeys: [["retention.ms"], ["unheard.of"], ["retention.ms", "retention.ms"]],
  statesFilter: [["Stable"], ["empty"], ["unheard of"], ["Stable", "Empty"]],
  typesFilter: [["classic"], ["Consumer"], ["unheard of"]],
  stateFilters: [["Ongoing"], ["ongoing"], ["unheard of"]],
  transactionalIdPattern: ["w.*", "("],
  subscribedTopicRegex: ["plain.*", "("],
  serverAssignor: ["range", "uniform"],
  memberEpoch: [-3, 2],
  shareSessionEpoch: [2],
  endpointType: [2, 3],
  configs: [[]],
  sessionTimeoutMs: [5_999, 6_000, 1_800_001],
  transactionTimeoutMs: [900_000, 900_001],
  numPartitions: [3],
  count: [3, 4],
  entityType: ["user", "client-id", "ip"],
  matchType: [2, 3],
  mechanism: [2, 3],
  iterations: [4_095, 16_384, 16_385],
  compressionType: [2, 3, 4, 5],
  patternTypeFilter: [4],
  acknowledgeTypes: [[0], [1], [2], [3], [4], [5], [1, 2]],
};

/** Fields whose greatest values would have us wait. */
const waiting = /^maxWaitMs$/;

export function changesOf(name: string, spec: FieldSpec, version: number): Change[] {
  const changes: Change[] = byKind(name, spec);
  for (const value of telling[name] ?? []) {
    if (fits(value, spec)) changes.push(to(JSON.stringify(value), value));
  }
  if (isNullable(spec, version)) changes.push(to("null", null));
  return changes;
}

function byKind(name: string, spec: FieldSpec): Change[] {
  switch (spec.kind) {
    case "bool":
      return [{ label: "the other", of: (value) => value !== true }];
    case "int8":
    case "int16":
    case "int32":
    case "int64":
    case "uint16":
    case "uint32":
      return integers(name, spec.kind);
    case "long":
      return [0n, -1n, 2n ** 63n - 1n].map((value) => to(`${value}`, value));
    case "float64":
      return [0, -1, 1.5, NaN, Number.MAX_VALUE].map((value) => to(`${value}`, value));
    case "string":
      return [
        ...[...sharedNames].map((name) => to(JSON.stringify(name), name)),
        ...["a b", "unheard-of", "ä"].map((name) => ({
          label: JSON.stringify(name),
          of: (_: unknown, named: Named) => named(name),
        })),
        { label: "250 letters", of: (_, named) => named("x".repeat(250)).slice(-250) },
      ];
    case "bytes":
    case "records":
      return [
        to("no bytes", new Uint8Array(0)),
        to("3 bytes", Uint8Array.of(0, 1, 2)),
        to("70 zeros", new Uint8Array(70)),
        { label: "twice", of: (value) => value instanceof Uint8Array ? twice(value) : new Uint8Array(1) },
        { label: "all but the last byte", of: (value) => value instanceof Uint8Array ? value.slice(0, -1) : value },
        { label: "its last byte another", of: (value) => value instanceof Uint8Array ? flipped(value) : value },
      ];
    case "uuid":
      return [to("zero", ZERO_UUID), to("unknown", unknownId), to("the metadata topic's", metadataTopicId)];
    case "array":
      return [
        to("none", []),
        { label: "its first twice", of: (value) => Array.isArray(value) ? [...value.slice(0, 1), ...value] : [] },
        {
          label: "and one of defaults",
          of: (value) => [...(Array.isArray(value) ? value : []), defaultOf(spec.element!.spec)()],
        },
      ];
    case "struct":
      return [];
  }
}

function integers(name: string, kind: keyof typeof integerEnds): Change[] {
  const [least, most] = integerEnds[kind];
  const values = [...new Set([-2, -1, 0, 1, least, waiting.test(name) ? 0 : most])].filter((value) => value >= least);
  return [
    ...values.map((value) => to(value === least ? "the least" : value === most ? "the greatest" : `${value}`, value)),
    { label: "one more", of: (value) => Math.min(Number(value) + 1, most) },
    { label: "one less", of: (value) => Math.max(Number(value) - 1, least) },
  ];
}

function fits(value: unknown, { kind }: FieldSpec): boolean {
  if (Array.isArray(value)) return kind === "array";
  if (typeof value === "string") return kind === "string";
  const ends: readonly number[] | undefined = integerEnds[kind as keyof typeof integerEnds];
  return ends !== undefined && Number(value) >= ends[0]! && Number(value) <= ends[1]!;
}

function to(label: string, value: unknown): Change {
  return { label, of: () => value };
}

function twice(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from([...bytes, ...bytes]);
}

function flipped(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  copy[copy.length - 1]! ^= 1;
  return copy;
}
