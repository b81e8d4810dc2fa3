/**
 * The brokers that are measured. Each row talks to a `Subject`; those of a pass run for the whole of it, warmed up once, and
 * the ones that are not being measured have nothing to do.
 */

import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deleteTopics } from "../../protocol/api/20_delete_topics.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { encodeBatch } from "../../protocol/record.ts";
import { ZERO_UUID } from "../../protocol/schema.ts";
import { BrokerProcess, type Target, until } from "../../tests/support/broker.ts";
import { createTopic, produceBytes, toRecord } from "../../tests/support/requests.ts";
import { TestClient } from "../../tests/support/test_client.ts";
import { ownGenerator } from "../load_generator.ts";
import type { Pass } from "./options.ts";
import type { ProcessMemory } from "./process.ts";
import { ProcessSubject } from "./process_subject.ts";
import { runConsumer, runProducer } from "./tool.ts";

export const kafkaName = "kafka 4.4.0";
/** An executable of an earlier state, where that is what Weir is measured beside. */
export const beforeName = "exe before";

/** A way to run a broker, by the name that results have. */
export interface Contender {
  readonly name: string;
  readonly target: Target;
  /** Of the target "exe", when it is not the one that is there now. */
  readonly executable?: string;
}

/** The one that the others are held against comes first: Kafka, or an earlier executable of ours. */
export function contendersOf(weir: readonly Target[], before: string | null = null): [Contender, ...Contender[]] {
  const rival: Contender = before === null
    ? { name: kafkaName, target: "kafka" }
    : { name: beforeName, target: "exe", executable: before };
  return [rival, ...weir.map((target) => ({ name: target, target }))];
}

type Settings = Readonly<Record<string, string | number>>;

/** Where partitions are in a data folder: Weir's, and Kafka's as `BrokerProcess` sets it up. */
const logFolders = ["", "log"];

/** Settings of a pass. What is deleted is gone soon on both, so that a row's data is not written back during the next. */
const common: Settings = { "log.segment.delete.delay.ms": 1000 };
const settings: Readonly<Record<Pass, { readonly weir: Settings; readonly kafka: Settings }>> = {
  os: { weir: { "log.flush.policy": "os" }, kafka: {} },
  synced: { weir: { "log.flush.policy": "group" }, kafka: { "log.flush.interval.messages": 1 } },
};

/** As it stands in results. */
export function policyText(contender: Contender, pass: Pass): string {
  const own = Object.entries(settings[pass][contender.target === "kafka" ? "kafka" : "weir"]);
  return own.length === 0 ? "default" : own.map(([name, value]) => `${name}=${value}`).join(" ");
}

/** What rows ask of the broker that they measure. */
export interface Subject {
  readonly contender: { readonly name: string; readonly target: Target | "stub" | "limit" };
  readonly port: number;
  readonly address: string;
  readonly pid: number;
  cpuSeconds(): number;
  memory(): ProcessMemory;
  connect(): Promise<TestClient>;
  makeTopic(name: string, partitionCount?: number): Promise<void>;
  deleteTopic(name: string): Promise<void>;
}

export class BrokerSubject extends ProcessSubject implements Subject {
  readonly #broker: BrokerProcess;
  readonly #directory: string;

  private constructor(readonly contender: Contender, broker: BrokerProcess, directory: string) {
    super();
    this.#broker = broker;
    this.#directory = directory;
  }

  /** In a new folder, which is removed at the end. */
  static async start(contender: Contender, pass: Pass, more: Settings = {}): Promise<BrokerSubject> {
    const directory = mkdtempSync(join(tmpdir(), "weir-bench-"));
    const isKafka = contender.target === "kafka";
    const config = { ...common, ...settings[pass][isKafka ? "kafka" : "weir"], ...more };
    const readyTimeoutMs = 120_000;
    try {
      const { target, executable } = contender;
      const broker = await BrokerProcess.start({
        target,
        executable,
        dataDirectory: directory,
        config,
        readyTimeoutMs,
      });
      return new BrokerSubject(contender, broker, directory);
    } catch (error) {
      rmSync(directory, { recursive: true, force: true });
      throw error;
    }
  }

  get port(): number {
    return this.#broker.port;
  }

  get pid(): number {
    return this.#broker.pid;
  }

  /** Milliseconds from before the process was last started until it answered. */
  get readyMs(): number {
    return this.#broker.readyMs;
  }

  get dataDirectory(): string {
    return this.#directory;
  }

  /** A topic that takes records: right after its creation a broker may not lead all of it yet. */
  async makeTopic(name: string, partitionCount = 1): Promise<void> {
    const client = await this.connect();
    await createTopic(client, { name, partitionCount });
    for (let partition = 0; partition < partitionCount; partition++) await firstRecord(client, name, partition);
    client.close();
  }

  /** Until its files are gone: to free a GiB of page cache takes a fifth of a second, which no other measurement is to pay for. */
  async deleteTopic(name: string): Promise<void> {
    const client = await this.connect();
    await client.send(deleteTopics, 6, { topics: [{ name, topicId: ZERO_UUID }], timeoutMs: 60_000 });
    client.close();
    const isGone = () => {
      return logFolders.every((folder) =>
        !entriesOf(join(this.#directory, folder)).some((entry) => entry.startsWith(`${name}-`))
      );
    };
    await until(isGone, { timeoutMs: 60_000, what: `That the files of "${name}" are gone` });
  }

  stop(): Promise<unknown> {
    return this.#broker.stop();
  }

  /** With the same folder and port; resolves to `readyMs`. */
  async startAgain(): Promise<number> {
    await this.#broker.restart();
    return this.#broker.readyMs;
  }

  async dispose(): Promise<void> {
    await this.#broker.dispose();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** Waits until a partition acknowledges a record. */
export async function firstRecord(client: TestClient, topic: string, partition: number): Promise<void> {
  const batch = encodeBatch({ records: [toRecord("first")] });
  await until(
    async () => (await produceBytes(client, { topic, partition }, batch.slice())).errorCode === ErrorCode.NONE,
    { timeoutMs: 60_000, what: `An acknowledgement by ${topic}-${partition}` },
  );
}

/** Of the warm-up by our generator, what Kafka's producer adds, which takes more of the machine. */
const toolShare = 0.25;

/**
 * Lets a broker compile its hot code before anything is timed: small batches and fetches, so that there are many; then what
 * Kafka's tools ask, in their versions.
 */
export async function warmUp(subject: Subject, mebibytes: number): Promise<void> {
  const topic = "warm-up";
  const partitionCount = 6;
  await subject.makeTopic(topic, partitionCount);
  const load = { port: subject.port, topic, partitionCount, totalBytes: mebibytes * 2 ** 20 };
  const recordBytes = 1024;
  const { bytes, records } = await ownGenerator.produce({ ...load, recordBytes, batchBytes: [16_384, 16_384, 65_536] });
  await ownGenerator.consume({ ...load, totalBytes: bytes, fetchBytes: 16_384 });
  const { address } = subject;
  const recordCount = Math.ceil(load.totalBytes / recordBytes * toolShare);
  await runProducer({ address, topic, recordBytes, recordCount, properties: ["batch.size=16384"] });
  await runConsumer({ address, topic, recordCount: records + recordCount });
  await subject.deleteTopic(topic);
}

export function warmUpText(mebibytes: number): string {
  return `${mebibytes} MiB of 16 and 64 KiB batches produced and consumed, a quarter as much produced by Kafka's tool, all ` +
    "consumed by it, and the rounds before";
}

function entriesOf(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}
