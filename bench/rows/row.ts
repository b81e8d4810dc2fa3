/** What a row of the bench is. */

import type { Contender, Subject } from "../run/contender.ts";
import type { LimitName } from "../run/limit_server.ts";
import type { Pass } from "../run/options.ts";
import type { LoadGenerator } from "../load_generator.ts";
import { quantile } from "../results.ts";

/** Of a rate more is better, of all others less; "given" is no result but what both were given. */
export type Kind = "rate" | "cpu" | "latency" | "time" | "memory" | "size" | "given";

export interface Measured {
  /** Of the row: results call it "ROW: FIGURE". */
  readonly figure: string;
  readonly kind: Kind;
  readonly value: number;
  readonly unit: string;
}

export interface Context {
  readonly pass: Pass;
  /** Of the full load. */
  readonly scale: number;
  readonly generator: LoadGenerator;
  /** A name that no topic has had. */
  readonly freshName: (stem: string) => string;
  /** What rows found out earlier in this pass and later ones need. */
  readonly notes: Map<string, number>;
}

interface Common {
  readonly name: string;
  /** The passes in which it says something. */
  readonly passes: readonly Pass[];
  /** Measured only when all combinations are asked for. */
  readonly isExtra?: boolean;
  /** It says something beside Kafka only. */
  readonly needsKafka?: boolean;
  /** Among the few that CI measures. */
  readonly isShort?: boolean;
  /** Into new files, about, at full load; a GiB when left out, nothing where a row starts its own broker. */
  readonly writtenBytes?: number;
}

/** Measured on a broker that runs already and is warm. */
export interface SharedRow extends Common {
  readonly kind: "shared";
  /** Also on a broker that answers at once and does nothing: the least that the client itself can measure. */
  readonly hasFloor?: boolean;
  /**
   * Also on the bare server of bench/limit, in these of its ways, where that can be built: the most that the machine can do. One
   * is enough where how it sends does not count, or where each takes long.
   */
  readonly limits?: readonly LimitName[];
  readonly measure: (subject: Subject, context: Context) => Promise<Measured[]>;
}

/** Starts, and ends, what it measures itself; nothing else runs meanwhile. */
export interface OwnRow extends Common {
  readonly kind: "own";
  /** None when left out. */
  readonly warmUp?: string;
  readonly measure: (contender: Contender, context: Context) => Promise<Measured[]>;
}

export type Row = SharedRow | OwnRow;

export const mebibyte = 2 ** 20;
export const gibibyte = 2 ** 30;

/** Of partitions and the like, after which rows are called: whole, but in a trial that measures nothing. */
export function countAt(scale: number, full: number): number {
  return scale >= 0.1 ? full : Math.max(1, Math.round(full * scale));
}

/** CPU seconds of the broker while `work` runs. */
export async function cpuDuring<Value>(
  subject: Subject,
  work: () => Promise<Value>,
): Promise<{ readonly value: Value; readonly cpuSeconds: number }> {
  const before = subject.cpuSeconds();
  const value = await work();
  return { value, cpuSeconds: subject.cpuSeconds() - before };
}

export function brokerCpu(cpuSeconds: number, bytes: number, figure = "broker CPU"): Measured {
  return { figure, kind: "cpu", value: cpuSeconds / (bytes / gibibyte), unit: "s/GiB" };
}

export interface Transfer {
  readonly bytes: number;
  readonly seconds: number;
}

export function rateOf({ bytes, seconds }: Transfer, figure = "rate"): Measured {
  return { figure, kind: "rate", value: bytes / mebibyte / seconds, unit: "MiB/s" };
}

/** p50, p99 and p99.9 of times in milliseconds. */
export function percentiles(what: string, valuesMs: readonly number[]): Measured[] {
  return ([["p50", 0.5], ["p99", 0.99], ["p99.9", 0.999]] as const).map(([label, share]) => ({
    figure: `${what} ${label}`,
    kind: "latency",
    value: quantile(valuesMs, share),
    unit: "ms",
  }));
}
