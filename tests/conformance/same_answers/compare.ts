/** Two answers, field by field: where they differ, and how. */

import type { Note } from "./talk.ts";

export interface Difference {
  /** Of the field, with the note's label in front: "answer.topics[0].errorCode". */
  readonly path: string;
  readonly weir: string;
  readonly kafka: string;
}

/** By these, elements of an array are told apart: Kafka has many in the order of a hash map. */
const identities = [
  "apiKey",
  "name",
  "topic",
  "topicName",
  "topicId",
  "groupId",
  "transactionalId",
  "resourceType",
  "resourceName",
  "subtopologyId",
  "partitionIndex",
  "partition",
  "index",
  "groupInstanceId",
  "memberId",
  "key",
];
const shownLengthMax = 200;

export function compareNotes(weir: readonly Note[], kafka: readonly Note[]): Difference[] {
  const differences: Difference[] = [];
  for (let index = 0; index < Math.max(weir.length, kafka.length); index++) {
    const ours = weir[index], theirs = kafka[index];
    const label = theirs?.label ?? ours?.label ?? "";
    compare(label, ours?.answer ?? null, theirs?.answer ?? null, differences);
  }
  return differences;
}

function compare(path: string, weir: unknown, kafka: unknown, differences: Difference[]): void {
  if (Array.isArray(weir) && Array.isArray(kafka) && weir.length === kafka.length) {
    const ours = inOrder(weir), theirs = inOrder(kafka);
    ours.forEach((element, index) => compare(`${path}[${index}]`, element, theirs[index], differences));
  } else if (isStruct(weir) && isStruct(kafka)) {
    for (const name of new Set([...Object.keys(kafka), ...Object.keys(weir)])) {
      compare(`${path}.${name}`, weir[name], kafka[name], differences);
    }
  } else if (JSON.stringify(weir) !== JSON.stringify(kafka)) {
    differences.push({ path, weir: shown(weir), kafka: shown(kafka) });
  }
}

function isStruct(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

function inOrder(values: readonly unknown[]): unknown[] {
  const keyed = values.map((value) => ({ value, key: keyOf(value) }));
  return keyed.sort((a, b) => a.key < b.key ? -1 : a.key > b.key ? 1 : 0).map(({ value }) => value);
}

/** What identifies an element, and behind it all of it. */
function keyOf(value: unknown): string {
  if (!isStruct(value)) return JSON.stringify(value);
  return JSON.stringify([identities.map((name) => value[name] ?? null), value]);
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length <= shownLengthMax ? text : `${text.slice(0, shownLengthMax)}…`;
}
