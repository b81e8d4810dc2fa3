/**
 * What must hold of the ratio Weir / Kafka, by the names of figures ("ROW: FIGURE"); the first that fits counts. They bind the
 * executable, and other runtimes only where one is named. A figure without a target is recorded and shown.
 */

export interface Target {
  readonly figure: RegExp;
  readonly runtime?: string;
  /** Of a rate. */
  readonly atLeast?: number;
  /** So much is enough of Weir's own figure, in its unit, whatever Kafka's is: what is asked is the lower of the two. */
  readonly enough?: number;
  /** Of all else. */
  readonly atMost?: number;
  /** Where it should be in the end, where it may be no more than so. */
  readonly stretch?: number;
}

export const targets: readonly Target[] = [
  { figure: /^produce .*1 MiB batches: broker CPU$/, atMost: 0.75, stretch: 0.5 },
  { figure: /^produce .*: broker CPU$/, atMost: 0.5, stretch: 0.4 },
  // Of the tail and of fan-out it has the producing in it.
  { figure: /^(consume|tail|fan-out|cold backlog|made batches).*: (consume, )?broker CPU$/, atMost: 0.4 },
  // The Java client is often what limits: then equal is the ceiling, and the row of the CPU tells brokers apart.
  { figure: /^(produce|consume) .*: rate$/, atLeast: 1 },
  { figure: /^made batches.*: produce, rate$/, atLeast: 2 },
  { figure: /^made batches.*: consume, rate$/, atLeast: 1.5 },
  // No tool of Kafka's takes part: the broker is what limits.
  { figure: /^(tail|fan-out|cold backlog|catch-up).*: rate$/, atLeast: 1.5 },
  { figure: /^end to end, .*one at a time.*: consumed p50$/, atMost: 0.7 },
  { figure: /^end to end, .*: consumed p99$/, atMost: 0.5 },
  { figure: /^offset commits.*: rate$/, atLeast: 2, enough: 20_000 },
  { figure: /^catch-up.*: producers' p99 while it is read$/, atMost: 0.5 },
  { figure: /^memory: loaded, own$/, atMost: 0.25 },
  { figure: /^memory: idle, resident$/, runtime: "deno", atMost: 0.2 },
  { figure: /^memory: idle, resident$/, atMost: 0.12 },
  { figure: /^start, .*: to first acknowledged record$/, atMost: 0.03 },
];

export function targetOf(figure: string, runtime: string): Target | null {
  const found = targets.find((target) => (target.runtime ?? runtime) === runtime && target.figure.test(figure));
  return found === undefined || (runtime !== "exe" && found.runtime !== runtime) ? null : found;
}

/** The least share of what the bare server does with the same requests, in CPU time, that must be reached. */
const limitShares: readonly { readonly figure: RegExp; readonly atLeast: number }[] = [
  { figure: /^made batches of (64 KiB|256 KiB|1 MiB): produce, broker CPU$/, atLeast: 0.6 },
  { figure: /^(consume .*|made batches.*: consume,) ?broker CPU$/, atLeast: 0.8 },
];

/** Of the executable alone; null where none is asked. */
export function limitShareOf(figure: string, runtime: string): number | null {
  if (runtime !== "exe") return null;
  return limitShares.find((share) => share.figure.test(figure))?.atLeast ?? null;
}

/** @param value Weir's own figure */
export function isMet(
  { atMost = Infinity, atLeast = 0, enough = Infinity }: Target,
  ratio: number,
  value: number,
): boolean {
  return ratio <= atMost && (ratio >= atLeast || value >= enough);
}

/** Whether it is there already; nothing where there is no more to be wanted. */
export function stretchText({ stretch }: Target, ratio: number): string {
  return stretch === undefined ? "" : ratio <= stretch ? `, ${stretch} too` : `, not yet ${stretch}`;
}

export function targetText({ atMost, atLeast, enough }: Target): string {
  if (atMost !== undefined) return `≤ ${atMost}`;
  return enough === undefined ? `≥ ${atLeast}` : `≥ ${atLeast}, or ≥ ${enough.toLocaleString("en")}`;
}
