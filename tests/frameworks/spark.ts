/**
 * A Structured Streaming query of Spark that reads from Kafka and writes to it: it ends, goes on from its checkpoint, is
 * killed in the middle of its batches, and goes on again.
 *
 * Spark's sink does not use transactions: a batch that is cut is written once more, the same. So until the kill nothing
 * may be there twice; after it, nothing but rows of one batch.
 */

import { until } from "../support/broker.ts";
import { checkCounts, countInText, Output, type OutputRecord } from "./output.ts";
import { patienceMs, Program } from "./program.ts";
import type { Outcome, Scenario, Stage } from "./scenario.ts";
import { Words } from "./words.ts";

const partitionCount = 4;

export const spark: readonly Scenario[] = [{ name: "spark", framework: "spark", isInGate: true, run: countWords }];

async function countWords({ address, client, files, isShort, seed, log }: Stage): Promise<Outcome> {
  const [input, output] = ["spark-input", "spark-output"];
  for (const name of [input, output]) await client.admin().createTopic({ name, partitionCount });
  const words = new Words(client, input, partitionCount, seed);
  const counted = new Output(client, output, partitionCount);
  const lineCount = isShort ? 100 : 1_000;
  const linesPerBatch = lineCount / (isShort ? 2 : 10);
  const start = (mode: "rest" | "ever") =>
    Program.start("spark", "Words", address, input, output, linesPerBatch, mode, files);
  const runToItsEnd = async () => {
    const query = start("rest");
    await query.end();
    await until(() => counted.isAtEnd(), { timeoutMs: patienceMs, what: "The end of the output" });
    const rows = query.lines.find((line) => line.startsWith("rows "));
    if (rows !== `rows ${counted.records.length}`) {
      throw new Error(`Of ${counted.records.length} rows Spark reads ${rows}`);
    }
  };

  for (let run = 1; run <= (isShort ? 0 : 2); run++) {
    await words.feed(lineCount);
    await runToItsEnd();
    checkCounts(counted.records, words.counts, { countOf: countInText, hasLeaps: true });
    log(run === 1 ? "it has counted all there was" : "it went on from its checkpoint");
  }
  const cleanCount = counted.records.length;

  await words.feed(lineCount);
  const killed = start("ever");
  await killed.until("a batch of the new lines is out", async () => await counted.read() > 0);
  await killed.kill9();
  await words.feed(lineCount);
  await runToItsEnd();
  log("it was killed between its batches, and went on from its checkpoint");

  await counted.close();
  const rows = distinct(counted.records);
  checkCounts(rows, words.counts, { countOf: countInText, hasLeaps: true });
  return {
    lines: words.lineCount,
    "rows before the kill": cleanCount,
    rows: rows.length,
    steps: rows.map(step).sort(),
  };
}

/** Without what a batch that was written twice repeats. */
function distinct(records: readonly OutputRecord[]): OutputRecord[] {
  return [...new Map(records.map((record) => [step(record), record])).values()];
}

function step({ key, value }: OutputRecord): string {
  return `${key} ${countInText(value)}`;
}
