/**
 * Writes what a run found into docs/performance.md, README.md and docs/charts/: bun bench/report/pages.ts RUN[,RUN…]
 *
 * Between two marks in each page; the first names the run, and a test fails when the page is not what this prints for it.
 */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../tests/support/broker.ts";
import { median, readRun, type RunLine } from "../results.ts";
import { stretchText, targetText } from "../targets.ts";
import { chart } from "./chart.ts";
import { compare, type Compared, countMet, numberText, ratioText, shareOfLimit } from "./comparison.ts";
import { groups } from "./groups.ts";

export const pages = ["README.md", "docs/performance.md"] as const;
const marks = /<!-- bench: (.+?) -->\n[^]*?<!-- \/bench -->/;
const chartFolder = "docs/charts";

/** Of the README: a row of each kind. */
const highlights = [
  /^start, empty: to first acknowledged/,
  /^memory: (idle, resident|loaded, own)/,
  /^end to end, 1 KiB.*: consumed p(50|99)$/,
  /^end to end, 10 .*: consumed p99$/,
  /^produce 1 KiB, acks=all, 1 partition, none, .*: (rate|broker CPU)$/,
  /^consume 1 KiB, 1 partition, none: (rate|broker CPU)$/,
  /^made batches of (64 KiB|1 MiB): (produce|consume), (rate|broker CPU)$/,
  /^fan-out.*: (rate|broker CPU)$/,
  /^catch-up.*p99 while it is read$/,
  /^10,000 tiny topics: made$/,
  /^transactions of 100 .*: (rate|whole transaction p50)$/,
  /^offset commits.*: rate$/,
  /^1,000 members.*consumer.*: stable after$/,
];

if (import.meta.main) {
  const run = process.argv[2];
  if (run === undefined) throw new Error("Say which run: bun bench/report/pages.ts RUN[,RUN…]");
  writePages(run);
}

export function writePages(run: string): void {
  for (const page of pages) {
    const path = join(root, page);
    const text = readFileSync(path, "utf8");
    if (!marks.test(text)) throw new Error(`There are no marks in ${page}`);
    writeFileSync(path, text.replace(marks, () => section(page, run)));
  }
  mkdirSync(join(root, chartFolder), { recursive: true });
  for (const [path, text] of charts(run)) writeFileSync(join(root, path), text);
}

/** The run that a page is made of, and what stands between its marks, these included. */
export function sectionOf(page: string): { readonly run: string; readonly section: string } {
  const [section = "", run = ""] = marks.exec(readFileSync(join(root, page), "utf8")) ?? [];
  return { run, section };
}

export function section(page: (typeof pages)[number], run: string): string {
  const lines = readRun(run);
  if (lines.length === 0) throw new Error(`There is no run "${run}" in bench/results.jsonl`);
  const body = page === "README.md" ? readmeBody(lines) : pageBody(lines);
  return `<!-- bench: ${run} -->\n${body}<!-- /bench -->`;
}

/** Files by path. */
export function charts(run: string): Map<string, string> {
  const compared = compare(readRun(run)).filter(({ runtime, pass }) => runtime === "exe" && pass === "os");
  const files = new Map<string, string>();
  for (const { name, title, says, figure } of groups) {
    const figures = compared.filter((one) => figure.test(one.figure));
    if (figures.length > 0) files.set(`${chartFolder}/${name}.svg`, chart(title, says, figures));
  }
  return files;
}

function readmeBody(lines: readonly RunLine[]): string {
  const compared = compare(lines).filter(({ runtime, pass }) => runtime === "exe" && pass === "os");
  const chosen = highlights.flatMap((figure) => compared.filter((one) => figure.test(one.figure)));
  return `${setting(lines)}\n\n${table(chosen)}\n${verdict(compare(lines))}\n`;
}

function pageBody(lines: readonly RunLine[]): string {
  const compared = compare(lines);
  const parts = [setting(lines), "", verdict(compared)];
  for (const { name, title, figure } of groups) {
    const ofGroup = compared.filter((one) => figure.test(one.figure));
    if (ofGroup.length === 0) continue;
    parts.push(`### ${title}`, "");
    const ofExe = ofGroup.filter(({ runtime }) => runtime === "exe");
    if (ofExe.some(({ pass }) => pass === "os")) parts.push(`![${title}](charts/${name}.svg)`, "");
    if (ofExe.length > 0) parts.push(table(ofExe));
    for (const other of ["bun", "deno"]) {
      const ofOther = ofGroup.filter(({ runtime }) => runtime === other);
      if (ofOther.length > 0) parts.push(`On ${other === "bun" ? "Bun" : "Deno"}:`, "", table(ofOther));
    }
  }
  return `${parts.join("\n")}`;
}

function setting(lines: readonly RunLine[]): string {
  const distinct = (of: (line: RunLine) => unknown) => [...new Set(lines.map(of))].join(", ");
  const others = lines.map(({ othersCores }) => othersCores);
  return [
    `${distinct(({ machine }) => machine)}; ${distinct(({ date }) => date.slice(0, 10))};`,
    `rounds: ${distinct(({ rounds }) => rounds)}; scale: ${distinct(({ scale }) => scale)};`,
    `commit ${distinct(({ commit }) => commit)}. Warm-up: ${
      [...new Set(lines.map(({ warmUp }) => warmUp))].join("; or ")
    }.`,
    `Other processes took ${numberText(median(others))} cores (median over the rows, at most ${
      numberText(Math.max(...others))
    }).`,
    "Median (lowest–highest); the ratio is Weir's by Kafka's.",
  ].join("\n");
}

function verdict(compared: readonly Compared[]): string {
  const { metCount, count } = countMet(compared);
  return `Of all that was measured ${metCount} of ${count} targets are met, shares of the limit among them.\n`;
}

function table(compared: readonly Compared[]): string {
  const hasLimit = compared.some(({ limit }) => limit !== null);
  const titles = ["", "Weir", "Kafka", "ratio", "target", ...hasLimit ? ["of the limit"] : []];
  const rows = compared.map((one) => {
    const { figure, pass, weir, kafka, floor, ratio, target, isMet } = one;
    const goal = target === null
      ? ""
      : `${targetText(target)} ${isMet ? "met" : "**missed**"}${stretchText(target, ratio)}`;
    const floorText = floor === null ? "" : ` (floor ${numberText(floor.value)})`;
    const name = pass === "os" ? figure : `${pass}: ${figure}`;
    return [
      ...[name, `${spread(weir)} ${weir.unit}${floorText}`, spread(kafka), ratioText(ratio), goal],
      ...hasLimit ? [shareOf(one) ?? ""] : [],
    ];
  });
  return [titles, titles.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |\n`).join("");
}

function shareOf(compared: Compared): string | null {
  const reached = shareOfLimit(compared);
  if (reached === null) return null;
  const { share, wanted, isMet } = reached;
  return wanted === null ? ratioText(share) : `${ratioText(share)}, ≥ ${wanted} ${isMet ? "met" : "**missed**"}`;
}

function spread({ value, min, max, rounds }: RunLine): string {
  return rounds === 1 ? numberText(value) : `${numberText(value)} (${numberText(min)}–${numberText(max)})`;
}
