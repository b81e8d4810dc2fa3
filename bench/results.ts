/** The record of what was measured: a line of JSON for each figure, in bench/results.jsonl. */

import { execFileSync } from "node:child_process";
import { appendFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { root } from "../tests/support/broker.ts";

export interface Figure {
  /** What was measured: "exe", "bun", "deno", or "kafka 4.4.0". */
  readonly runtime: string;
  /** What it was measured beside, in the same run. */
  readonly rival: string | null;
  readonly row: string;
  readonly value: number;
  readonly unit: string;
}

/** Appends the figures and prints them. */
export function record(figures: readonly Figure[]): void {
  const where = { date: new Date().toISOString().slice(0, 19) + "Z", machine: machine(), commit: commit() };
  for (const { runtime, rival, row, value, unit } of figures) {
    const rounded = Number(value.toPrecision(4));
    console.log(`${runtime.padEnd(12)} ${row.padEnd(40)} ${String(rounded).padStart(10)} ${unit}`);
    const line = { ...where, runtime, rival, row, value: rounded, unit };
    if (process.env.BENCH_DRY === undefined) {
      appendFileSync(join(root, "bench/results.jsonl"), `${JSON.stringify(line)}\n`);
    }
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? sorted[middle] as number
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

function machine(): string {
  const all = cpus();
  return `${all[0]?.model.trim() ?? "unknown"}, ${all.length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`;
}

function commit(): string {
  const git = (...args: string[]) => execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim();
  return git("rev-parse", "--short", "HEAD") + (git("status", "--porcelain", "--untracked-files=no") === "" ? "" : "+");
}
