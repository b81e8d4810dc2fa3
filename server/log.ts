/**
 * The broker's own log: one line per event, facts as `key=value`, on standard error.
 *
 *     time=2026-11-22T17:54:03.120Z level=info event="broker started" address=127.0.0.1:9092 partitions=12
 *
 * A complaint (warn, error) that repeats is counted, not repeated: of one `event` the first few in a window are
 * written, the rest are summed up in one line with `repeated=N` when the window ends. So the event is the key, and
 * what varies (addresses, names, numbers) belongs in the facts. A fact may be a text that a client gave: it is cut where it
 * is longer than a line should be. So no client can fill a disk by being refused.
 */

import type { Runtime } from "../runtime/runtime.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";

/** What a fact may be. null and undefined are left out; an Error is its message. */
export type LogFact = string | number | boolean | bigint | null | undefined | Error;
export type LogFacts = Readonly<Record<string, LogFact>>;

export interface Logger {
  /** The lowest level that is written; may be changed at any time. */
  level: LogLevel;
  debug(event: string, facts?: LogFacts): void;
  info(event: string, facts?: LogFacts): void;
  warn(event: string, facts?: LogFacts): void;
  error(event: string, facts?: LogFacts): void;
}

export interface LoggerOptions {
  /** The lowest level that is written; "info" when left out. */
  readonly level?: LogLevel;
  /** Where lines go; the runtime's standard error when left out. */
  readonly write?: (line: string) => void;
  /** Complaints of one event that are written in a window before the rest is only counted. */
  readonly repeatCountMax?: number;
  readonly repeatWindowMs?: number;
}

export function createLogger(
  runtime: Pick<Runtime, "clock" | "timers" | "process">,
  options: LoggerOptions = {},
): Logger {
  return new LineLogger(
    runtime,
    options.level ?? "info",
    options.write ?? ((line) => runtime.process.printError(line)),
    options.repeatCountMax ?? 5,
    options.repeatWindowMs ?? 10_000,
  );
}

/** Says nothing: for tests and tools. */
export const silentLogger: Logger = { level: "error", debug() {}, info() {}, warn() {}, error() {} };

/** `key=value` facts, quoted only where a reader would otherwise be misled. */
export function formatFacts(facts: LogFacts): string {
  let line = "";
  for (const key in facts) {
    const fact = facts[key];
    if (fact === null || fact === undefined) continue;
    line += ` ${key}=${formatFact(fact)}`;
  }
  return line;
}

// ---------------------------------------------------------------------------------------------- below: how

const severity: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

/** Of characters; a stack trace is not much shorter. */
const FACT_LENGTH_MAX = 2_000;

/** Events in code are few and constant; the bound is for the day someone puts a name into one. */
const eventCountMax = 1_000;

interface Window {
  readonly openedMs: number;
  writtenCount: number;
  suppressedCount: number;
}

class LineLogger implements Logger {
  readonly #windows = new Map<string, Window>();

  constructor(
    readonly runtime: Pick<Runtime, "clock" | "timers" | "process">,
    public level: LogLevel,
    readonly write: (line: string) => void,
    readonly repeatCountMax: number,
    readonly repeatWindowMs: number,
  ) {}

  debug(event: string, facts?: LogFacts): void {
    if (severity[this.level] <= severity.debug) this.#line("debug", event, facts);
  }

  info(event: string, facts?: LogFacts): void {
    if (severity[this.level] <= severity.info) this.#line("info", event, facts);
  }

  warn(event: string, facts?: LogFacts): void {
    if (severity[this.level] <= severity.warn) this.#complain("warn", event, facts);
  }

  error(event: string, facts?: LogFacts): void {
    this.#complain("error", event, facts);
  }

  #complain(level: "warn" | "error", event: string, facts: LogFacts | undefined): void {
    const nowMs = this.runtime.clock.monotonicMs();
    let window = this.#windows.get(event);
    if (window === undefined || nowMs - window.openedMs >= this.repeatWindowMs) {
      window = { openedMs: nowMs, writtenCount: 0, suppressedCount: 0 };
      if (this.#windows.size >= eventCountMax) this.#windows.clear();
      this.#windows.set(event, window);
    }
    if (window.writtenCount < this.repeatCountMax) {
      window.writtenCount++;
      return this.#line(level, event, facts);
    }
    if (++window.suppressedCount === 1) this.#sumUpLater(level, event, window, nowMs);
  }

  #sumUpLater(level: "warn" | "error", event: string, window: Window, nowMs: number): void {
    this.runtime.timers.after(Math.max(0, window.openedMs + this.repeatWindowMs - nowMs), () => {
      if (this.#windows.get(event) === window) this.#windows.delete(event);
      this.#line(level, event, { repeated: window.suppressedCount, windowMs: this.repeatWindowMs });
    });
  }

  #line(level: LogLevel, event: string, facts: LogFacts | undefined): void {
    const time = new Date(this.runtime.clock.nowMs()).toISOString();
    this.write(`time=${time} level=${level} event=${formatFact(event)}${facts ? formatFacts(facts) : ""}\n`);
  }
}

function formatFact(fact: Exclude<LogFact, null | undefined>): string {
  const whole = fact instanceof Error ? fact.message : String(fact);
  const text = whole.length <= FACT_LENGTH_MAX
    ? whole
    : `${whole.slice(0, FACT_LENGTH_MAX)}… (${whole.length} characters)`;
  // Quotes, spaces, "=", control characters: JSON's quoting keeps it on one line and readable back.
  return /^[^\s"=\\\p{Cc}]+$/u.test(text) ? text : JSON.stringify(text);
}
