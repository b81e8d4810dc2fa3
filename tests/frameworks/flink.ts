/**
 * A Flink job from KafkaSource to an exactly-once KafkaSink: a task of it fails and the job restarts from its checkpoint;
 * its process is killed in the middle of a transaction and started again from the checkpoint that is on disk; it
 * is stopped with a savepoint, and goes on from there.
 */

import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { committedOffsets } from "../../client/group_member.ts";
import { checkCounts, countInText, feedUntilOpen, Output, sorted } from "./output.ts";
import { Program } from "./program.ts";
import type { Outcome, Scenario, Stage } from "./scenario.ts";
import { Words } from "./words.ts";

const partitionCount = 4;

/** How its transactions are named; what a killed job left open is found by trying names, or by asking the broker for a list. */
const namings = ["INCREMENTING", "POOLING"] as const;

export const flink: readonly Scenario[] = namings.map((naming): Scenario => ({
  name: `flink-${naming.toLowerCase()}`,
  framework: "flink",
  isInGate: naming === "POOLING",
  run: (stage) => countWords(stage, naming),
}));

async function countWords(
  { address, client, files, isShort, seed, log }: Stage,
  naming: typeof namings[number],
): Promise<Outcome> {
  const [input, output] = [`flink-${naming}-input`, `flink-${naming}-output`];
  for (const name of [input, output]) await client.admin().createTopic({ name, partitionCount });
  const words = new Words(client, input, partitionCount, seed);
  const counted = new Output(client, output, partitionCount);
  const start = () => Program.start("flink", "Words", address, input, output, naming, files);
  const tell = (what: "fail" | "stop") => writeFileSync(join(files, what), "");
  const lineCount = isShort ? 200 : 2_000;

  await words.feed(lineCount);
  let job = start();
  await job.until("all lines are counted", () => counted.isComplete(words.total));

  for (let round = 1; round <= (isShort ? 1 : 3); round++) {
    let leftCount = await feedUntilOpen({ words, output: counted, program: job, lineCount });
    tell("fail");
    await words.feed(leftCount);
    await job.until("a task has failed", () => !existsSync(join(files, "fail")));
    await job.until("all lines are counted after a failure", () => counted.isComplete(words.total));
    log("a task has failed in a transaction, and the job has restarted");

    leftCount = await feedUntilOpen({ words, output: counted, program: job, lineCount });
    await job.kill9();
    await words.feed(leftCount);
    job = start();
    await job.untilPrinted(/^goes on from checkpoints/);
    await job.until("all lines are counted after a kill", () => counted.isComplete(words.total));
    log("it was killed in a transaction, and went on from its checkpoint");
  }

  await words.feed(lineCount);
  tell("stop");
  await job.end();
  job = start();
  await job.untilPrinted(/^goes on from savepoints/);
  await words.feed(lineCount);
  await job.until("all lines are counted after a stop", () => counted.isComplete(words.total));
  const read = () => groupOffsets(client, `readers-of-${input}`, input);
  await job.until("all that is read is committed", async () => sum(await read()) === words.lineCount);
  const committed = await read();
  await job.stop();

  await counted.close();
  checkCounts(counted.records, words.counts, { countOf: countInText });
  return { lines: words.lineCount, records: counted.records.length, committed, counts: sorted(words.counts) };
}

async function groupOffsets(client: Stage["client"], groupId: string, topic: string): Promise<number[]> {
  const partitions = Array.from({ length: partitionCount }, (_, partition) => ({ topic, partition }));
  return (await committedOffsets(client, groupId, partitions)).map(({ offset }) => offset);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
