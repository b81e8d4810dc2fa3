/**
 * Kafka's answers as they are kept, and where ours are meant to be others.
 *
 * `RECORD_ANSWERS=1 WEIR_TARGET=kafka bun test tests/conformance/answers_test.ts` asks Kafka again and writes them.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../support/broker.ts";
import type { Notes } from "../../support/dialogue.ts";

const folder = join(root, "tests/golden/answers");

/** By the heading of docs/differences.md that gives the reason, by script, by what was asked: our answer. */
export type Differences = Readonly<Record<string, Readonly<Record<string, Notes>>>>;

export function readAnswers(script: string): Notes {
  return JSON.parse(readFileSync(join(folder, `${script}.json`), "utf8")) as Notes;
}

/** A line for each, so that a change of one shows as a change of one. */
export function writeAnswers(script: string, notes: Notes): void {
  const lines = Object.entries(notes).map(([label, answer]) => `${JSON.stringify(label)}: ${JSON.stringify(answer)}`);
  writeFileSync(join(folder, `${script}.json`), `{\n${lines.join(",\n")}\n}\n`);
}

export function readDifferences(): Differences {
  return JSON.parse(readFileSync(join(folder, "differences.json"), "utf8")) as Differences;
}

/** Kafka's answers, with ours where they are meant to differ. */
export function expectedOfUs(script: string): Notes {
  const answers = readAnswers(script);
  for (const [heading, byScript] of Object.entries(readDifferences())) {
    for (const [label, answer] of Object.entries(byScript[script] ?? {})) {
      if (!(label in answers)) throw new Error(`"${heading}" tells of "${label}", which nobody asks in "${script}"`);
      if (JSON.stringify(answers[label]) === JSON.stringify(answer)) throw new Error(`"${label}" does not differ`);
      answers[label] = answer;
    }
  }
  return answers;
}

/** What is not as expected, by what was asked. */
export function compare(actual: Notes, expected: Notes): Record<string, { actual: unknown; expected: unknown }> {
  const found: Record<string, { actual: unknown; expected: unknown }> = {};
  for (const label of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
    if (JSON.stringify(actual[label]) === JSON.stringify(expected[label])) continue;
    found[label] = { actual: actual[label], expected: expected[label] };
  }
  return found;
}
