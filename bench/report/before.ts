/** What a run beside an earlier executable found: which rows have become better or worse, and by how much. */

import type { RunLine } from "../results.ts";
import { beforeName } from "../run/contender.ts";
import { numberText, ratioText } from "./comparison.ts";

/** Worse by more than this part is worse. */
const toleratedPart = 0.1;
/** With fewer of each, figures lie apart by chance too often. */
const roundsMin = 3;

export interface Moved {
  readonly row: string;
  readonly pass: string;
  readonly now: RunLine;
  readonly before: RunLine;
  /** How many times as good as before: above 1 is better, whatever the figure. */
  readonly gain: number;
  /**
   * Worse beyond what is tolerated: "clearly" where three rounds or more of each do not overlap; otherwise it may be chance.
   */
  readonly worse: "clearly" | "maybe" | null;
}

/** Figures of `lines` that were measured on both; "given" ones aside. */
export function besideBefore(lines: readonly RunLine[]): Moved[] {
  const keyOf = ({ pass, row, date }: RunLine) => `${date} ${pass} ${row}`;
  const befores = new Map(lines.filter(({ runtime }) => runtime === beforeName).map((line) => [keyOf(line), line]));
  return lines.flatMap((now) => {
    const before = befores.get(keyOf(now));
    if (before === undefined || before === now || now.kind === "given") return [];
    const isRate = now.kind === "rate";
    const gain = isRate ? now.value / before.value : before.value / now.value;
    const isApart = now.rounds >= roundsMin && (isRate ? now.max < before.min : now.min > before.max);
    const worse = gain >= 1 / (1 + toleratedPart) ? null : isApart ? "clearly" : "maybe";
    return [{ row: now.row, pass: now.pass, now, before, gain, worse }];
  });
}

export function printBefore(lines: readonly RunLine[]): void {
  const all = besideBefore(lines);
  const width = Math.max(20, ...all.map(({ row }) => row.length)) + 8;
  console.log(`${"".padEnd(width)} ${["now", "before", "gain"].map((title) => title.padStart(10)).join(" ")}`);
  for (const { row, pass, now, before, gain, worse } of all) {
    const values = [numberText(now.value), numberText(before.value), ratioText(gain)].map((text) => text.padStart(10));
    const verdict = worse === null ? "" : ` (${worse} worse)`;
    console.log(`${`${pass} ${row}`.padEnd(width)} ${values.join(" ")} ${now.unit}${verdict}`);
  }
  const clearly = all.filter(({ worse }) => worse === "clearly").length;
  const maybe = all.filter(({ worse }) => worse === "maybe").length;
  console.log(`${clearly} of ${all.length} clearly worse by more than ${toleratedPart * 100} %, ${maybe} maybe`);
}
