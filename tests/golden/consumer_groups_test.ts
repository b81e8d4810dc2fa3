/** Against what Kafka's own group coordinator makes of the same groups: `tests/golden/java_groups/`. */
import { describe, expect, test } from "bun:test";
import { assignors } from "../../server/groups/consumer/assign.ts";
import { groupHash, topicHash } from "../../server/groups/consumer/metadata_hash.ts";
import { compilePattern } from "../../server/groups/consumer/patterns/pattern.ts";
import { PatternError } from "../../server/groups/consumer/patterns/syntax.ts";
import type { TopicPartitions } from "../../server/groups/consumer/state.ts";
import { topicIdOf } from "../unit/server/groups/consumer/topics.ts";
import vectors from "./java_groups/vectors.json" with { type: "json" };

type Parts = Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>;

function partitionsOf(topics: Readonly<Record<string, readonly number[]>> = {}): TopicPartitions {
  return new Map(Object.entries(topics).map(([topic, partitions]) => [topicIdOf(Number(topic)), partitions]));
}

/** By member and topic, without what is empty. */
function texts(members: readonly string[], partsOf: (memberId: string) => TopicPartitions): Record<string, string> {
  return Object.fromEntries(members.map((memberId) => {
    const parts = [...partsOf(memberId)].filter(([, partitions]) => partitions.length > 0);
    return [memberId, parts.map(([topicId, partitions]) => `${topicId}:${partitions.join(",")}`).sort().join(" ")];
  }));
}

describe("assignments are Kafka's", () => {
  for (const name of ["uniform", "range"]) {
    for (const isUniform of [true, false]) {
      test(`${name}, ${isUniform ? "all subscribe to the same" : "subscriptions differ"}`, () => {
        const own = vectors.assignments.filter((one) => one.assignor === name && one.isUniform === isUniform);
        expect(own.length).toBeGreaterThan(5);
        for (const vector of own) {
          const counts = new Map(vector.partitionCounts.map((count, index) => [topicIdOf(index + 1), count]));
          const [had, given] = [vector.had as unknown as Parts, vector.given as unknown as Parts];
          const members = vector.members.map(({ memberId, instanceId, topics }) => ({
            memberId,
            instanceId,
            topicIds: topics.map(topicIdOf),
            target: partitionsOf(had[memberId]),
          }));
          const partitionCount = (topicId: string) => counts.get(topicId)!;
          const assignment = assignors[name]!({ members, isUniform, partitionCount });
          const ids = members.map(({ memberId }) => memberId);
          expect(texts(ids, (memberId) => assignment.get(memberId) ?? new Map())).toEqual(
            texts(ids, (memberId) => partitionsOf(given[memberId])),
          );
        }
      });
    }
  }
});

test("hashes of topics are Kafka's", () => {
  const hashes = new Map<string, bigint>();
  for (const { name, id, racks, hash, groupHash: ofGroup } of vectors.hashes) {
    hashes.set(name, topicHash({ id, name, racks }));
    expect([name, `${hashes.get(name)}`]).toEqual([name, hash]);
    const names = [...hashes.keys()].sort();
    expect(`${groupHash(names.map((one) => hashes.get(one)!))}`).toBe(ofGroup);
  }
});

const names = [
  "a",
  "b",
  "ab",
  "aa",
  "aaa",
  "abc",
  "A",
  "Ab",
  "orders",
  "orders-1",
  "orders.2",
  "orders_3",
  "ORDERS",
  "12",
  "1.2",
  "-",
  "_",
  ".",
  "a-b",
  "a.b",
  "a_b",
  "aab",
  "aaab",
  "abab",
  "xyz",
  "s",
  "k",
  "S",
  "K",
];

/** Kafka's library gives no reason. */
const UNEXPECTED_PAREN = ["regexp/syntax: internal error", "unexpected )"] as const;
/** Ours: Kafka has none, and expressions that make it work for minutes. */
const limits = ["expression too large", "expression nests too deeply"];

describe("regular expressions", () => {
  const known = new Set(names);
  test("match what they match in Kafka, and are refused for the same reason", () => {
    const differences: unknown[] = [];
    let refusedForSize = 0;
    for (const vector of vectors.patterns as { regex: string; matches?: string[]; error?: string }[]) {
      const expected = vector.error ?? vector.matches?.filter((name) => known.has(name)).sort().join(" ");
      const found = outcomeOf(vector.regex);
      if (expected === UNEXPECTED_PAREN[0] && found === UNEXPECTED_PAREN[1]) continue;
      if (limits.includes(found)) refusedForSize++;
      else if (found !== expected) differences.push({ regex: vector.regex.slice(0, 80), found, expected });
    }
    expect(differences).toEqual([]);
    expect(refusedForSize).toBe(3);
  });
});

function outcomeOf(regex: string): string {
  try {
    const program = compilePattern(regex);
    return names.filter((name) => program.matches(name)).sort().join(" ");
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    return error.message;
  }
}
