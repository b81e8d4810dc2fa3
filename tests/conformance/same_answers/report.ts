/** What a run has found, for people: what differs alike in many questions is one entry. */

import type { Finding, Outcome } from "./run.ts";

const examplesShown = 3;

export function report({ findings, questionCount, apiCount, met }: Outcome): string {
  const excused = [...met.values()].reduce((sum, count) => sum + count, 0);
  const head =
    `${questionCount} questions of ${apiCount} apis: ${findings.length} fields differ, ${excused} for known reasons`;
  return [head, ...grouped(findings).map(entry)].join("\n");
}

function grouped(findings: readonly Finding[]): Finding[][] {
  const groups = new Map<string, Finding[]>();
  for (const finding of findings) {
    const { question: { base: { api } }, path, weir, kafka } = finding;
    const key = [api.name, path.replaceAll(/\d+/g, "#"), weir, kafka].join("\n");
    groups.set(key, [...groups.get(key) ?? [], finding]);
  }
  return [...groups.values()].sort(([a], [b]) => a!.question.base.api.key - b!.question.base.api.key);
}

function entry(findings: readonly Finding[]): string {
  const { path, weir, kafka } = findings[0]!;
  const examples = findings.slice(0, examplesShown).map(({ question }) => `    ${question.label}`);
  const more = findings.length > examplesShown ? [`    and ${findings.length - examplesShown} more`] : [];
  return [`FAIL ${path}: Weir ${weir}, Kafka ${kafka}`, ...examples, ...more].join("\n");
}
