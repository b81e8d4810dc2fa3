/**
 * Kafka Streams with `exactly_once_v2`: words are counted while instances come, are killed in the middle of a transaction,
 * come again with their files, and go. By the classic protocol and by that of streams groups.
 */

import { join } from "node:path";
import { checkCounts, feedUntilOpen, Output, sorted } from "./output.ts";
import { Program } from "./program.ts";
import type { Outcome, Scenario, Stage } from "./scenario.ts";
import { Words } from "./words.ts";

const partitionCount = 4;
/** Each partition has one that reads lines and one that counts. */
const taskCount = 2 * partitionCount;
const commitIntervalMs = 500;

export const streams: readonly Scenario[] = (["classic", "streams"] as const).map((protocol): Scenario => ({
  name: `streams-${protocol}`,
  framework: "streams",
  isInGate: protocol === "streams",
  run: (stage) => countWords(stage, protocol),
}));

async function countWords(
  { address, client, files, isShort, seed, log }: Stage,
  protocol: "classic" | "streams",
): Promise<Outcome> {
  const application = `words-${protocol}`;
  const [input, output] = [`${application}-input`, `${application}-output`];
  for (const name of [input, output]) await client.admin().createTopic({ name, partitionCount });
  const words = new Words(client, input, partitionCount, seed);
  const counted = new Output(client, output, partitionCount);
  const start = (name: string) => {
    const options = [protocol, "exactly_once_v2", join(files, name), commitIntervalMs];
    return Program.start("streams", "Instance", address, application, name, ...options);
  };
  const lineCount = isShort ? 200 : 2_000;

  await words.feed(lineCount);
  const first = start("first");
  await first.until("all lines are counted by one instance", () => counted.isComplete(words.total));
  await hasTasks(first, taskCount);
  let second = start("second");
  await hasTasks(first, taskCount / 2);
  await hasTasks(second, taskCount / 2);
  log("two instances have half of the tasks each");

  for (let kill = 1; kill <= (isShort ? 1 : 3); kill++) {
    const leftCount = await feedUntilOpen({ words, output: counted, program: second, lineCount });
    await second.kill9();
    second = start("second");
    await words.feed(leftCount);
    await second.until("all lines are counted after a kill", () => counted.isComplete(words.total));
    await hasTasks(second, taskCount / 2);
    await hasTasks(first, taskCount / 2);
    log("one was killed in a transaction, came again and has its tasks");
  }

  await words.feed(lineCount);
  await first.stop();
  await second.until("all lines are counted by the one that is left", () => counted.isComplete(words.total));
  await hasTasks(second, taskCount);
  await second.stop();
  const third = start("first");
  await words.feed(lineCount);
  await third.until("all lines are counted by one that is started again", () => counted.isComplete(words.total));
  await third.stop();

  await counted.close();
  checkCounts(counted.records, words.counts, {
    countOf: (value) => Number(new DataView(value.buffer).getBigInt64(0)),
  });
  return { lines: words.lineCount, records: counted.records.length, counts: sorted(words.counts) };
}

async function hasTasks(instance: Program, count: number): Promise<void> {
  await instance.untilSays(`RUNNING ${count}`);
}
