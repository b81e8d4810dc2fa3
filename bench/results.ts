/** The record of what was measured: a line of JSON for each figure, in bench/results.jsonl. */

import { execFileSync } from "node:child_process";
import { appendFileSync, readFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { root } from "../tests/support/broker.ts";

export const resultsPath = join(root, "bench/results.jsonl");

export interface Figure {
  /** What was measured: "exe", "bun", "deno", or "kafka 4.4.0". */
  readonly runtime: string;
  /** What it was measured beside, in the same run. */
  readonly rival: string | null;
  readonly row: string;
  /** The median, where it was measured more than once. */
  readonly value: number;
  readonly unit: string;
}

/** Where and when: the same for all that one command measured. */
export interface Origin {
  readonly date: string;
  readonly machine: string;
  readonly commit: string;
}

/** What `npm run bench` says of a figure beyond that. */
export interface RunFigure extends Figure {
  /** "rate" is better when it is more, all else when it is less; "given" is what both were given. */
  readonly kind: string;
  readonly min: number;
  readonly max: number;
  readonly rounds: number;
  /** Of the full load. */
  readonly scale: number;
  readonly warmUp: string;
  /** "os" or "synced". */
  readonly pass: string;
  /** The setting that makes the pass. */
  readonly policy: string;
  /** Who made the load, where it was a generator. */
  readonly generator: string;
  /** Kept busy meanwhile by what was neither measured nor measuring. Over 0.3 or so, measure again. */
  readonly othersCores: number;
  /** The name of the run that it belongs to: runs may be made in pieces. */
  readonly run: string;
}

export type RunLine = Origin & RunFigure;

/** Appends the figures and prints them. */
export function record(figures: readonly Figure[]): void {
  for (const { runtime, row, value, unit } of figures) {
    console.log(`${runtime.padEnd(12)} ${row.padEnd(40)} ${String(rounded(value)).padStart(10)} ${unit}`);
  }
  append(origin(), figures);
}

/** Appends them. With BENCH_DRY set, nothing is written. */
export function append(from: Origin, figures: readonly (Figure | RunFigure)[]): void {
  if (process.env.BENCH_DRY !== undefined) return;
  const lines = figures.map((figure) => {
    const spread = "min" in figure ? { min: rounded(figure.min), max: rounded(figure.max) } : {};
    return `${JSON.stringify({ ...from, ...figure, value: rounded(figure.value), ...spread })}\n`;
  });
  appendFileSync(resultsPath, lines.join(""));
}

export function origin(): Origin {
  return { date: new Date().toISOString().slice(0, 19) + "Z", machine: machine(), commit: commit() };
}

/** The lines of the run with that name, or of several: names with commas between them. */
export function readRun(run: string): RunLine[] {
  const names = new Set(run.split(","));
  return allLines().filter((line) => names.has(line.run));
}

/** All that `npm run bench` has recorded. */
export function allLines(): RunLine[] {
  return readFileSync(resultsPath, "utf8").split("\n").filter((line) => line.includes('"run":'))
    .map((line) => JSON.parse(line) as RunLine);
}

/** The value below which `share` of them lie; NaN where there are none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? sorted[middle] as number
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

export function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

function machine(): string {
  const all = cpus();
  return `${all[0]?.model.trim() ?? "unknown"}, ${all.length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`;
}

function commit(): string {
  const git = (...args: string[]) => execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim();
  return git("rev-parse", "--short", "HEAD") + (git("status", "--porcelain", "--untracked-files=no") === "" ? "" : "+");
}
