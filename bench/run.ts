/**
 * Weir beside Apache Kafka on this machine: bun bench/run.ts [--rounds 3] [--scale 1] [--only REGEXP] [--weir exe,bun,deno]
 * [--before EXECUTABLE] [--pass os|synced|both] [--full] [--short] [--list] [--name RUN] [--warm-up MEBIBYTES]
 *
 * In each pass all brokers are started, each in a new folder, and warmed up; then each row is measured on one after the other,
 * in alternating order, several times, and what was found is appended to bench/results.jsonl. Rows that start brokers
 * themselves come last, with nothing else running. Kafka is installed through Maven where it is missing, the executable is
 * compiled. With --before an executable of an earlier state takes Kafka's place, and what has become worse is told. docs/decisions/0022 says why it is done this way, docs/performance.md what came out.
 */

import { spawnSync } from "node:child_process";
import { root } from "../tests/support/broker.ts";
import { installKafka } from "./kafka/kafka.ts";
import { canBuildLimit, limitExecutable, limitGenerator } from "./limit/limit.ts";
import { type LoadGenerator, ownGenerator } from "./load_generator.ts";
import { printBefore } from "./report/before.ts";
import { printTable } from "./report/table.ts";
import { printMoved } from "./report/moved.ts";
import { writePages } from "./report/pages.ts";
import { append, median, origin, rounded, type RunLine } from "./results.ts";
import { type Context, gibibyte, type Measured, type OwnRow, type Row, type SharedRow } from "./rows/row.ts";
import { rows } from "./rows/table.ts";
import {
  BrokerSubject,
  type Contender,
  contendersOf,
  policyText,
  type Subject,
  warmUp,
  warmUpText,
} from "./run/contender.ts";
import { type Pass, readRunOptions } from "./run/options.ts";
import { meterOthers } from "./run/process.ts";
import { type LimitName, LimitSubject } from "./run/limit_server.ts";
import { StubSubject } from "./run/stub.ts";
import { touchMemory } from "./run/touched_memory.ts";

const options = readRunOptions(process.argv.slice(2));
const chosen = rows.filter(({ name, isExtra, isShort, needsKafka }) =>
  options.only.test(name) && (options.isShort ? isShort : options.isFull || !isExtra) &&
  !(needsKafka && options.before !== null)
);
if (options.isList) {
  for (const { name, passes } of chosen) console.log(`${name} (${passes.join(", ")})`);
  process.exit(0);
}
/** For what else needs memory meanwhile: sockets, clients. */
const spareBytes = gibibyte / 4;
const contenders = contendersOf(options.weir, options.before);
const [rival] = contenders;
const from = origin();
const found: RunLine[] = [];
let topicCount = 0;
prepare();
// Before anything is timed: it is built where it is not.
const hasLimit = options.generator === "limit" && canBuildLimit() && limitExecutable() !== "";
const isBesideKafka = options.before === null;
const generator: LoadGenerator = hasLimit ? limitGenerator : ownGenerator;

for (const pass of options.passes) {
  const ofPass = chosen.filter(({ passes }) => passes.includes(pass));
  const context: Context = {
    pass,
    scale: options.scale,
    generator,
    freshName: (stem) => `${stem}-${++topicCount}`,
    notes: new Map(),
  };
  await measureShared(ofPass.filter((row) => row.kind === "shared"), context);
  for (const row of ofPass.filter((row) => row.kind === "own")) await measureOwn(row, context);
}

if (!isBesideKafka) {
  printBefore(found);
  process.exit(0);
}
printTable(found);
if (options.isShort) printMoved(found);
else if (process.env.BENCH_DRY === undefined && options.only.source === "." && options.passes.length > 1) {
  writePages(options.name);
}
process.exit(0);

async function measureShared(shared: readonly SharedRow[], context: Context): Promise<void> {
  if (shared.length === 0) return;
  const subjects: Subject[] = [];
  const ends: (() => unknown)[] = [];
  try {
    for (const contender of contenders) {
      const subject = await BrokerSubject.start(contender, context.pass);
      ends.push(() => subject.dispose());
      await warmUp(subject, options.warmUpMebibytes);
      subjects.push(subject);
      note(`${contender.name} is warm`);
    }
    const stub = await StubSubject.start();
    ends.push(() => stub.dispose());
    for (const row of shared) {
      const limits = isBesideKafka ? await startLimits(context.pass, row.limits ?? []) : [];
      const parts = [...subjects, ...row.hasFloor && isBesideKafka ? [stub] : [], ...limits];
      try {
        await takeTurns(row, context.pass, parts, (subject) => row.measure(subject, context));
      } finally {
        for (const one of limits) await one.dispose();
      }
    }
  } finally {
    for (const end of ends) await end();
  }
}

/** It writes as the pass `os` does; a fresh one for each row, as it deletes nothing. */
async function startLimits(pass: Pass, names: readonly LimitName[]): Promise<LimitSubject[]> {
  if (!hasLimit || pass !== "os") return [];
  return await Promise.all(names.map((name) => LimitSubject.start(name)));
}

async function measureOwn(row: OwnRow, context: Context): Promise<void> {
  const subjects = contenders.map((contender) => ({ contender }));
  await takeTurns(row, context.pass, subjects, ({ contender }) => row.measure(contender, context));
}

/** Measures each so often, one after the other; who begins alternates. */
async function takeTurns<Part extends { readonly contender: { readonly name: string }; cpuSeconds?: () => number }>(
  row: Row,
  pass: Pass,
  parts: readonly Part[],
  measure: (part: Part) => Promise<Measured[]>,
): Promise<void> {
  const byName = new Map<string, Measured[][]>();
  const writtenBytes = row.writtenBytes ?? (row.kind === "shared" ? gibibyte : 0);
  const others = meterOthers(() => parts.reduce((sum, part) => sum + (part.cpuSeconds?.() ?? 0), 0));
  for (let round = 0; round < options.rounds; round++) {
    for (const part of round % 2 === 0 ? parts : parts.toReversed()) {
      const { name } = part.contender;
      if (writtenBytes > 0) touchMemory((writtenBytes + spareBytes) * options.scale);
      byName.set(name, [...byName.get(name) ?? [], await measure(part)]);
    }
  }
  const othersCores = rounded(others());
  const lines = [...byName].flatMap(([name, measured]) => linesOf(row, pass, name, measured, othersCores));
  append(from, lines);
  found.push(...lines);
  note(`${row.name} (${pass}), others ${othersCores.toFixed(2)} cores`);
}

function linesOf(row: Row, pass: Pass, runtime: string, rounds: readonly Measured[][], othersCores: number): RunLine[] {
  const contender = contenders.find(({ name }) => name === runtime) as Contender | undefined;
  return (rounds[0] ?? []).map(({ figure, kind, unit }, index) => {
    const values = rounds.map((measured) => measured[index]?.value ?? NaN);
    return {
      ...from,
      runtime,
      rival: runtime === rival.name ? options.weir.join(",") : rival.name,
      row: `${row.name}: ${figure}`,
      value: median(values),
      unit,
      min: Math.min(...values),
      max: Math.max(...values),
      kind,
      rounds: rounds.length,
      scale: options.scale,
      warmUp: row.kind === "shared" ? warmUpText(options.warmUpMebibytes) : row.warmUp ?? "none: a process of its own",
      pass,
      policy: contender === undefined ? "none" : policyText(contender, pass),
      generator: generator.name,
      othersCores,
      run: options.isShort ? `${options.name} short` : options.name,
    };
  });
}

/** What is measured is what is there now. */
function prepare(): void {
  installKafka();
  if (!options.weir.includes("exe") || process.env.WEIR_EXECUTABLE !== undefined) return;
  const { status, stderr } = spawnSync("npm", ["run", "--silent", "compile"], { cwd: root, encoding: "utf8" });
  if (status !== 0) throw new Error(`Cannot compile the executable: ${stderr}`);
}

function note(what: string): void {
  console.error(`${new Date().toISOString().slice(11, 19)} ${what}`);
}
