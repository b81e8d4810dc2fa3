/** Lines of a run brought together: each figure of Weir beside what was measured with it. */

import type { RunLine } from "../results.ts";
import { kafkaName } from "../run/contender.ts";
import { limitNames } from "../run/limit_server.ts";
import { stubName } from "../run/stub.ts";
import { isMet, limitShareOf, type Target, targetOf } from "../targets.ts";

export interface Compared {
  /** "ROW: FIGURE" */
  readonly figure: string;
  readonly pass: string;
  readonly runtime: string;
  readonly weir: RunLine;
  readonly kafka: RunLine;
  /** What the bare server took: the best of its ways to read; null where it was not measured. */
  readonly limit: RunLine | null;
  /** What the same client measured on a broker that answers at once; null where that says nothing. */
  readonly floor: RunLine | null;
  /** Weir / Kafka. */
  readonly ratio: number;
  readonly target: Target | null;
  readonly isMet: boolean | null;
}

/** In the order of the lines; of a figure that was measured again, the last. */
export function compare(lines: readonly RunLine[]): Compared[] {
  const keyOf = ({ date, pass, row }: RunLine) => `${date} ${pass} ${row}`;
  const kafkas = new Map<string, RunLine>();
  const floors = new Map<string, RunLine>();
  const limits = new Map<string, RunLine>();
  for (const line of lines) {
    if (line.runtime === kafkaName) kafkas.set(keyOf(line), line);
    if (line.runtime === stubName) floors.set(keyOf(line), line);
    if (isLimit(line)) limits.set(keyOf(line), better(line, limits.get(keyOf(line))));
  }
  const latest = new Map<string, Compared>();
  for (const weir of lines) {
    const kafka = kafkas.get(keyOf(weir));
    if (kafka === undefined || kafka === weir || weir.kind === "given") continue;
    if (weir.runtime === stubName || isLimit(weir)) continue;
    const { row: figure, pass, runtime } = weir;
    const ratio = weir.value / kafka.value;
    const target = targetOf(figure, runtime);
    latest.set(`${runtime} ${pass} ${figure}`, {
      figure,
      pass,
      runtime,
      weir,
      kafka,
      floor: floors.get(keyOf(weir)) ?? null,
      limit: limits.get(keyOf(weir)) ?? null,
      ratio,
      target,
      isMet: target === null ? null : isMet(target, ratio, weir.value),
    });
  }
  return [...latest.values()];
}

function isLimit({ runtime }: RunLine): boolean {
  return (Object.values(limitNames) as string[]).includes(runtime);
}

function better(line: RunLine, other: RunLine | undefined): RunLine {
  if (other === undefined) return line;
  return (line.value > other.value) === (line.kind === "rate") ? line : other;
}

export interface LimitShare {
  readonly share: number;
  /** At the least; null where none is asked. */
  readonly wanted: number | null;
  readonly isMet: boolean | null;
}

/** How much of what the machine can do is reached, and whether that is enough; null where the limit was not measured. */
export function shareOfLimit(
  { figure, runtime, weir, limit }: Pick<Compared, "figure" | "runtime" | "weir" | "limit">,
): LimitShare | null {
  if (limit === null) return null;
  const share = weir.kind === "rate" ? weir.value / limit.value : limit.value / weir.value;
  const wanted = limitShareOf(figure, runtime);
  return { share, wanted, isMet: wanted === null ? null : share >= wanted };
}

/** Of targets beside Kafka and of shares of the limit, both. */
export function countMet(compared: readonly Compared[]): { readonly metCount: number; readonly count: number } {
  const judged = compared.flatMap((one) => [one.isMet, shareOfLimit(one)?.isMet ?? null]).filter((isMet) =>
    isMet !== null
  );
  return { metCount: judged.filter((isMet) => isMet).length, count: judged.length };
}

/** 0.123, 1.23, 12.3, 123, 1,234 */
export function numberText(value: number): string {
  if (value === 0) return "0";
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return Number(value.toPrecision(3)).toLocaleString("en", { maximumFractionDigits: Math.min(digits, 4) });
}

export function ratioText(ratio: number): string {
  return ratio >= 10 ? ratio.toFixed(0) : ratio >= 0.095 ? ratio.toFixed(2) : ratio.toFixed(3);
}
