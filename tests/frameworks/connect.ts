/**
 * A standalone worker of Kafka Connect with the connectors for files: what is written to one file arrives, through a
 * topic, in another. The worker is stopped and started again, and goes on where it was.
 *
 * Killed, such a worker remembers what it remembered last: lines come again then, and none is left out. A distributed
 * worker can do better, with transactions (KIP-618): killed in the middle of one, it brings every line once.
 */

import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { committedOffsets } from "../../client/group_member.ts";
import { freePort } from "../support/broker.ts";
import { Output } from "./output.ts";
import { Program } from "./program.ts";
import type { Outcome, Scenario, Stage } from "./scenario.ts";

const commandPackage = "org.apache.kafka.connect.cli";
const filePackage = "org.apache.kafka.connect.file";
const converters = {
  "key.converter": "org.apache.kafka.connect.storage.StringConverter",
  "value.converter": "org.apache.kafka.connect.storage.StringConverter",
};
const decoder = new TextDecoder();

export const connect: readonly Scenario[] = [
  { name: "connect", isInGate: true, run: (stage: Stage) => copyFile(stage, "connect", false) },
  { name: "connect-killed", isInGate: false, run: (stage: Stage) => copyFile(stage, "connect-killed", true) },
  { name: "connect-exactly-once", isInGate: false, run: publishFile },
].map((scenario) => ({ ...scenario, framework: "connect" }));

async function copyFile(
  { address, client, files, isShort, log }: Stage,
  topic: string,
  isKilled: boolean,
): Promise<Outcome> {
  await client.admin().createTopic({ name: topic, partitionCount: 1 });
  const source = new SourceFile(join(files, "source.txt"));
  const sink = join(files, "sink.txt");
  const properties = writeProperties(files, {
    worker: {
      "bootstrap.servers": address,
      "listeners": "http://127.0.0.1:0",
      ...converters,
      "offset.storage.file.filename": join(files, "offsets"),
      "offset.flush.interval.ms": 500,
      "plugin.discovery": "service_load",
    },
    source: {
      "name": `${topic}-source`,
      "connector.class": `${filePackage}.FileStreamSourceConnector`,
      "tasks.max": 1,
      "file": source.path,
      topic,
    },
    sink: {
      "name": `${topic}-sink`,
      "connector.class": `${filePackage}.FileStreamSinkConnector`,
      "tasks.max": 1,
      "file": sink,
      "topics": topic,
      "consumer.override.auto.offset.reset": "earliest",
      // The consumer of a worker that was killed is soon taken for dead.
      "consumer.override.session.timeout.ms": 6_000,
      "consumer.override.heartbeat.interval.ms": 1_000,
    },
  });
  const arrived = () => existsSync(sink) ? readFileSync(sink, "utf8").match(/line \d+(?!\d)/g) ?? [] : [];
  const start = () => Program.start("connect", `${commandPackage}.ConnectStandalone`, ...properties);
  const isThere = () => arrived().at(-1) === source.lines.at(-1);
  const count = isShort ? 500 : 5_000;

  source.append(count);
  let worker = start();
  await worker.until("all lines have arrived", isThere);
  source.append(count);
  await worker.until("more lines have arrived", isThere);
  log("lines arrive");
  for (let round = 1; round <= (isShort ? 1 : 3); round++) {
    source.append(count);
    if (isKilled) {
      await worker.until("some of the lines are in the topic", () => arrived().length > 2 * count * round);
      await worker.kill9();
    } else {
      await worker.stop();
    }
    source.append(count);
    worker = start();
    await worker.until("all lines have arrived after a start", isThere);
    log(isKilled ? "it was killed, and went on" : "it was stopped, and went on");
  }
  const output = new Output(client, topic, 1);
  await worker.until("the topic is read", () => output.isAtEnd());
  const inTopic = output.records.map(({ value }) => decoder.decode(value));
  await output.close();
  await worker.stop();
  const committed = await committedOffsets(client, `connect-${topic}-sink`, [{ topic, partition: 0 }]);
  checkLines(inTopic, source.lines, isKilled);
  checkLines(arrived(), source.lines, isKilled);
  if (!isKilled && readFileSync(sink, "utf8") !== readFileSync(source.path, "utf8")) {
    throw new Error("The files differ");
  }
  if (committed[0]?.offset !== inTopic.length) {
    throw new Error(`Of ${inTopic.length} lines ${committed[0]?.offset} are committed`);
  }
  return { lines: source.lines.length };
}

/** A distributed worker with exactly-once support for sources, killed whenever a transaction is open. */
async function publishFile({ address, client, files, isShort, log }: Stage): Promise<Outcome> {
  const topic = "connect-exactly-once";
  await client.admin().createTopic({ name: topic, partitionCount: 1 });
  const source = new SourceFile(join(files, "source.txt"));
  const port = await freePort();
  const properties = writeProperties(files, {
    worker: {
      "bootstrap.servers": address,
      "listeners": `http://127.0.0.1:${port}`,
      ...converters,
      "group.id": `${topic}-workers`,
      "exactly.once.source.support": "enabled",
      "session.timeout.ms": 6_000,
      "heartbeat.interval.ms": 1_000,
      "scheduled.rebalance.max.delay.ms": 0,
      "offset.flush.interval.ms": 500,
      "plugin.discovery": "service_load",
      ...Object.fromEntries(["config", "offset", "status"].flatMap((what) => [
        [`${what}.storage.topic`, `${topic}-${what}`],
        [`${what}.storage.replication.factor`, 1],
      ])),
    },
  });
  const connector = {
    "connector.class": `${filePackage}.FileStreamSourceConnector`,
    "tasks.max": "1",
    "file": source.path,
    topic,
    "exactly.once.support": "required",
    "transaction.boundary": "interval",
    "transaction.boundary.interval.ms": "500",
  };
  const output = new Output(client, topic, 1);
  const start = () => Program.start("connect", `${commandPackage}.ConnectDistributed`, ...properties);
  const count = isShort ? 500 : 2_000;

  source.append(count);
  let worker = start();
  await worker.until("the connector is taken", async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/connectors/file/config`, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(connector),
    }).catch(() => null);
    return answer?.status === 201 || answer?.status === 200;
  });
  await worker.until("all lines are committed", () => output.isComplete(source.lines.length));
  for (let kill = 1; kill <= (isShort ? 1 : 3); kill++) {
    const last = source.lines.length + count;
    await worker.until("a transaction is open", async () => {
      if (source.lines.length < last) source.append(count / 20);
      return await output.hasOpen();
    });
    await worker.kill9();
    source.append(Math.max(last - source.lines.length, 0));
    worker = start();
    await worker.until("all lines are committed after a kill", () => output.isComplete(source.lines.length));
    log("it was killed in a transaction, and went on");
  }
  await worker.stop();
  await output.close();
  checkLines(output.records.map(({ value }) => decoder.decode(value)), source.lines, false);
  return { lines: source.lines.length };
}

/** A file of numbered lines that grows. */
class SourceFile {
  readonly lines: string[] = [];

  constructor(readonly path: string) {}

  append(count: number): void {
    const more = Array.from({ length: count }, (_, index) => `line ${this.lines.length + index}`);
    this.lines.push(...more);
    appendFileSync(this.path, more.map((line) => `${line}\n`).join(""));
  }
}

/** Writes a file for each; gives their paths. */
function writeProperties(
  folder: string,
  all: Readonly<Record<string, Readonly<Record<string, string | number>>>>,
): string[] {
  return Object.entries(all).map(([name, values]) => {
    const path = join(folder, `${name}.properties`);
    writeFileSync(path, Object.entries(values).map(([key, value]) => `${key}=${value}\n`).join(""));
    return path;
  });
}

/**
 * All lines, in order, and no other. Where `mayRepeat`, it may go back, and goes on from there.
 * @throws {Error} when it is not so
 */
function checkLines(found: readonly string[], wanted: readonly string[], mayRepeat: boolean): void {
  let next = 0;
  for (const line of found) {
    const index = Number(line.slice("line ".length));
    if (line !== wanted[index] || (mayRepeat ? index > next : index !== next)) {
      throw new Error(`"${line}" comes where "${wanted[next]}" must be, of ${wanted.length} lines`);
    }
    next = index + 1;
  }
  if (next !== wanted.length) throw new Error(`Of ${wanted.length} lines ${next} have come`);
}
