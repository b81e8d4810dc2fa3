/** What may be said on the command line of bench/run.ts, checked before anything is started. */

import { parseArgs } from "node:util";

export const passes = ["os", "synced"] as const;
/** What an acknowledgement waits for, on both: `os` for nothing but the kernel's memory, `synced` for the disk. */
export type Pass = (typeof passes)[number];

export const weirTargets = ["exe", "bun", "deno"] as const;
/** How Weir runs. */
export type WeirTarget = (typeof weirTargets)[number];

const generators = ["limit", "own"] as const;
type Generator = (typeof generators)[number];

export interface RunOptions {
  /** How often each row is measured on each broker. */
  readonly rounds: number;
  /** Of the full load: 0.01 is a hundredth. */
  readonly scale: number;
  /** Names of the rows to measure. */
  readonly only: RegExp;
  readonly weir: readonly WeirTarget[];
  /** An executable of an earlier state to measure beside, in Kafka's place; null beside Kafka. */
  readonly before: string | null;
  readonly passes: readonly Pass[];
  /** Rows beyond the default ones too: every combination of what a producer can be set to. */
  readonly isFull: boolean;
  /** The few rows of CI, against the stored ratios. */
  readonly isShort: boolean;
  /** Prints the rows and measures nothing. */
  readonly isList: boolean;
  /** Lines of bench/results.jsonl of one name belong to one run, though it was measured in pieces. */
  readonly name: string;
  /** Who makes the load of batches made beforehand: the program of bench/limit where it can be built, or ours. */
  readonly generator: Generator;
  /** What both brokers take and give before anything is timed. */
  readonly warmUpMebibytes: number;
}

/** @throws {TypeError | RangeError | SyntaxError} for an option or a value that there is not */
export function readRunOptions(args: readonly string[], today = new Date()): RunOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      "rounds": { type: "string" },
      "scale": { type: "string" },
      "only": { type: "string", default: "." },
      "weir": { type: "string", default: "exe" },
      "before": { type: "string" },
      "pass": { type: "string", default: "both" },
      "name": { type: "string", default: today.toISOString().slice(0, 10) },
      "warm-up": { type: "string" },
      "generator": { type: "string", default: "limit" },
      "full": { type: "boolean", default: false },
      "short": { type: "boolean", default: false },
      "list": { type: "boolean", default: false },
    },
  });
  const rounds = Number(values.rounds ?? 3);
  if (!Number.isInteger(rounds) || rounds < 1) throw invalid("rounds", values.rounds, "a whole number from 1");
  const scale = Number(values.scale ?? (values.short ? 0.2 : 1));
  if (!(scale > 0 && scale < Infinity)) throw invalid("scale", values.scale, "a number above 0");
  const warmUpMebibytes = Number(values["warm-up"] ?? (values.short ? 256 : 512));
  if (!(warmUpMebibytes > 0 && warmUpMebibytes < Infinity)) {
    throw invalid("warm-up", values["warm-up"], "a number of MiB above 0");
  }
  const weir = values.weir.split(",").map((target) => {
    if (!isWeirTarget(target)) throw invalid("weir", values.weir, `of ${weirTargets.join(", ")}, with commas between`);
    return target;
  });
  const generator = generators.find((one) => one === values.generator);
  if (generator === undefined) throw invalid("generator", values.generator, generators.join(" or "));
  const pass = values.pass;
  if (pass !== "both" && !isPass(pass)) throw invalid("pass", pass, "os, synced or both");
  return {
    rounds,
    scale,
    only: new RegExp(values.only),
    weir,
    before: values.before ?? null,
    passes: pass !== "both" ? [pass] : values.short ? ["os"] : passes,
    isFull: values.full,
    isShort: values.short,
    isList: values.list,
    name: values.name,
    generator,
    warmUpMebibytes,
  };
}

export function isWeirTarget(text: string): text is WeirTarget {
  return (weirTargets as readonly string[]).includes(text);
}

function isPass(text: string): text is Pass {
  return (passes as readonly string[]).includes(text);
}

export function invalid(name: string, value: string | undefined, allowed: string): RangeError {
  return new RangeError(`Invalid value "${value}" for --${name}: must be ${allowed}`);
}
