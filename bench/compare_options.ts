/** What may be said on the command line of bench/compare.ts, checked before anything is started. */

import { parseArgs } from "node:util";

export interface CompareOptions {
  /** How often each of the two is measured. */
  readonly rounds: number;
  /** Of the full load: 0.01 is a hundredth. */
  readonly scale: number;
  /** Names of the rows to measure. */
  readonly only: RegExp;
  /** How Weir runs. */
  readonly weir: "exe" | "bun" | "deno";
}

/** @throws {TypeError | RangeError | SyntaxError} for an option or a value that there is not */
export function readCompareOptions(args: readonly string[]): CompareOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string", default: "3" },
      scale: { type: "string", default: "1" },
      only: { type: "string", default: "." },
      weir: { type: "string", default: "exe" },
    },
  });
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw invalid("rounds", values.rounds, "a whole number from 1");
  const scale = Number(values.scale);
  if (!(scale > 0 && scale < Infinity)) throw invalid("scale", values.scale, "a number above 0");
  const { weir } = values;
  if (weir !== "exe" && weir !== "bun" && weir !== "deno") throw invalid("weir", weir, "exe, bun or deno");
  return { rounds, scale, only: new RegExp(values.only), weir };
}

function invalid(name: string, value: string, allowed: string): RangeError {
  return new RangeError(`Invalid value "${value}" for --${name}: must be ${allowed}`);
}
