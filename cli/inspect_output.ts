/**
 * Where `weir inspect` puts what it finds: tables for people, or a line of JSON per finding for programs.
 *
 * Rows go out as they are found, so that a segment of any size is shown in bounded memory. A column is as wide as its kind
 * of value usually is; one that is wider pushes the rest of its line to the right.
 */
import type { Process } from "../runtime/runtime.ts";

export type Value = string | number | boolean | null | readonly Value[] | { readonly [name: string]: Value };
export type Row = Readonly<Record<string, Value>>;

/** Columns by kind of row, with their width; negative for text, which stands left. What is not named is in JSON only. */
const columns = {
  partition: {
    partition: -28,
    segments: 8,
    sizeBytes: 13,
    startOffset: 12,
    endOffset: 12,
    recoveryPoint: 13,
    state: -8,
  },
  segment: { baseOffset: 12, endOffset: 12, sizeBytes: 12, batches: 9, records: 10, lastTime: -24, state: -8 },
  batch: {
    position: 11,
    baseOffset: 11,
    lastOffset: 11,
    records: 7,
    sizeBytes: 9,
    codec: -6,
    maxTime: -24,
    epoch: 5,
    producerId: 10,
    producerEpoch: 13,
    baseSequence: 12,
    crc: -5,
    flags: -8,
  },
  record: { offset: 19, time: -24, key: -24, value: -40, headers: -20 },
  offsetEntry: { offset: 14, position: 12 },
  timeEntry: { time: -24, offset: 14 },
  abortedTransaction: { producerId: 12, firstOffset: 12, lastOffset: 12, lastStableOffset: 16 },
  producer: {
    producerId: 12,
    producerEpoch: 13,
    lastSequence: 12,
    lastOffset: 12,
    lastTime: -24,
    coordinatorEpoch: 16,
    openTransaction: 15,
  },
  leaderEpoch: { epoch: 8, startOffset: 14 },
  checkpoint: { topic: -40, partition: 9, offset: 14 },
  closedSize: { topic: -40, partition: 9, baseOffset: 14, endOffset: 14, sizeBytes: 12 },
  property: { name: -22, value: -40 },
} as const satisfies Record<string, Readonly<Record<string, number>>>;

export type RowKind = keyof typeof columns;

/** Printed in one go. */
const PRINT_CHARS = 32 * 1024;

export class InspectOutput {
  problemCount = 0;
  readonly #printer: Pick<Process, "print">;
  readonly #isJson: boolean;
  #text = "";
  /** Kinds of rows whose columns were named. */
  readonly #named = new Set<RowKind>();

  constructor(printer: Pick<Process, "print">, { isJson }: { readonly isJson: boolean }) {
    this.#printer = printer;
    this.#isJson = isJson;
  }

  /** What comes next is of this file or folder. */
  begin(path: string, what: string, facts: Row = {}): void {
    this.#named.clear();
    if (this.#isJson) return this.#line(JSON.stringify({ type: "file", path, what, ...facts }));
    this.#line(`${path}: ${what}${factsText(facts)}`);
  }

  row(kind: RowKind, row: Row): void {
    if (this.#isJson) return this.#line(JSON.stringify({ type: kind, ...row }));
    const shown = Object.entries(columns[kind]);
    if (!this.#named.has(kind)) {
      this.#named.add(kind);
      this.#line(lineOf(shown.map(([name, width]) => [name, width])));
    }
    this.#line(lineOf(shown.map(([name, width]) => [textOf(row[name] ?? null), width])));
  }

  /** What the rows come to. */
  end(facts: Row): void {
    this.#named.clear();
    if (this.#isJson) return this.#line(JSON.stringify({ type: "summary", ...facts }));
    this.#line(`  ${factsText(facts).replace(/^, /, "")}`);
  }

  /** Something is not as it should be: exit code 1. */
  problem(path: string, problem: string, facts: Row = {}): void {
    this.problemCount++;
    if (this.#isJson) return this.#line(JSON.stringify({ type: "problem", path, problem, ...facts }));
    this.#line(`! ${path}${factsText(facts)}: ${problem}`);
  }

  flush(): void {
    const text = this.#text;
    this.#text = "";
    if (text !== "") this.#printer.print(text);
  }

  #line(text: string): void {
    this.#text += `${text}\n`;
    if (this.#text.length >= PRINT_CHARS) this.flush();
  }
}

export function timeOf(timestampMs: number): string | null {
  if (timestampMs < 0) return null;
  const date = new Date(timestampMs);
  return Number.isNaN(date.getTime()) ? `${timestampMs}` : date.toISOString();
}

function factsText(facts: Row): string {
  return Object.entries(facts).map(([name, value]) => `, ${wordsOf(name)} ${textOf(value)}`).join("");
}

/** "baseOffset" is "base offset" to people. */
function wordsOf(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function textOf(value: Value): string {
  if (value === null) return "-";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function lineOf(cells: readonly (readonly [string, number])[]): string {
  return `  ${
    cells.map(([text, width]) => width < 0 ? text.padEnd(-width) : text.padStart(width)).join(" ").trimEnd()
  }`;
}
