/**
 * The same partition folder, compacted by Weir and by Kafka, comes to the same: batch by batch, record by record. Then the
 * result of Weir, with more written behind it, is compacted by both once more; and Kafka's dump tool reads it.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BatchView } from "../../protocol/batch.ts";
import { Compression, type CompressionId } from "../../protocol/compression.ts";
import { initCrc32c } from "../../protocol/crc32c.ts";
import { decodeRecords, encodeBatch, encodeControlBatch, type RecordDraft } from "../../protocol/record.ts";
import { detectRuntime } from "../../runtime/detect.ts";
import { type Log } from "../../storage/log.ts";
import { LogDir } from "../../storage/log_dir.ts";
import { BrokerProcess, target, until } from "../support/broker.ts";
import { KafkaTools, whyNoKafkaTools } from "../support/kafka_tools.ts";
import { createPrng, seedOf } from "../support/prng.ts";
import { createTopic, fetchValues, produceBytes } from "../support/requests.ts";
import { TestClient } from "../support/test_client.ts";
import { configOf, TOPIC_ID } from "../unit/storage/support.ts";

const reason = whyNoKafkaTools();
if (reason !== null) console.warn(`skipped: compaction beside Kafka's, for ${reason}`);

const deleteRetentionMs = 500;
const config = configOf({
  cleanupPolicy: { delete: false, compact: true },
  minCleanableDirtyRatio: 0,
  deleteRetentionMs,
  fileDeleteDelayMs: 0,
});
const checkpointName = "cleaner-offset-checkpoint";

let scratch = "";
/** Topics of Kafka, each with the folder it starts from and that to which Weir came. */
const rounds = ["first", "second"] as const;

describe.skipIf(reason !== null || target !== "bun")("compaction beside Kafka's", () => {
  beforeAll(async () => {
    await initCrc32c();
    const seed = seedOf(process.env.SEED);
    console.info(`SEED=${seed}`);
    scratch = mkdtempSync(join(tmpdir(), "weir-compaction-"));
    await compactByWeir(seed);
    await compactByKafka();
  }, 300_000);

  afterAll(() => {
    if (scratch !== "") rmSync(scratch, { recursive: true, force: true });
  });

  for (const round of rounds) {
    test(`the ${round} time leaves the same batches and records`, () => {
      const before = contentsOf(folder(round, "before"));
      const ours = contentsOf(folder(round, "weir"));
      expect(ours.length).toBeLessThan(before.length);
      expect(ours).toEqual(contentsOf(folder(round, "kafka")));
    });
  }

  test("leaves files that Kafka's dump tool finds in order", async () => {
    const tools = KafkaTools.get();
    const directory = folder("second", "weir");
    const names = readdirSync(directory);
    const filesOf = (suffix: string) =>
      names.filter((name) => name.endsWith(suffix)).map((name) => `${directory}/${name}`).join(",");
    const logs = await tools.run("dump-log", ["--files", filesOf(".log"), "--deep-iteration"]);
    expect(logs.status).toBe(0);
    expect(logs.output).not.toContain("isvalid: false");
    expect(logs.output).not.toMatch(/exception|corrupt/i);
    for (const suffix of [".index", ".timeindex"]) {
      const index = await tools.run("dump-log", ["--files", filesOf(suffix), "--verify-index-only"]);
      expect(index.output).not.toMatch(/mismatch|corrupt|not found|out of order|exception/i);
    }
  }, 120_000);
});

// The broker itself, and clients of Kafka on what it has compacted.
describe.skipIf(reason !== null || target === "kafka")("a broker that compacts", () => {
  test("serves Kafka's consumer what is left, in order and to its end", async () => {
    await initCrc32c();
    const broker = await BrokerProcess.start({ config: { "log.cleaner.backoff.ms": 50, "log.flush.policy": "os" } });
    const tools = KafkaTools.get();
    try {
      const client = await TestClient.connect(broker.port);
      const configs = { "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0", "segment.ms": "1000" };
      await createTopic(client, { name: "keyed", configs });
      const place = { topic: "keyed", partition: 0 };
      const last = new Map<string, string>();
      const startMs = Date.now() - 1_000_000;
      let offset = 0;
      for (let index = 0; index < 40; index++) {
        const records = Array.from({ length: 10 }, (_, at) => {
          const key = `key${(index * 7 + at * 3) % 25}`;
          last.delete(key);
          last.set(key, `value${offset++}`);
          return { timestamp: startMs + index * 10_000, key: utf8(key), value: utf8(last.get(key)!) };
        });
        const compression = compressions[index % compressions.length]!;
        const producer = { producerId: 7, producerEpoch: 0, baseSequence: index * 10 };
        const { errorCode } = await produceBytes(client, place, encodeBatch({ records, compression, ...producer }));
        expect(errorCode).toBe(0);
      }
      // The last batch is the active segment; each other one is a segment of its own.
      await until(() => cleanedOffset(broker.dataDirectory, "keyed") === 390, { timeoutMs: 30_000 });
      const kept = await fetchValues(client, place);
      client.close();
      expect(kept.length).toBeLessThan(45);
      expect(kept.slice(-10)).toEqual(Array.from({ length: 10 }, (_, at) => `value${390 + at}`));
      for (const value of last.values()) expect(kept).toContain(value);
      const args =
        `--bootstrap-server ${broker.address} --topic keyed --partition 0 --offset earliest --max-messages ${kept.length}`;
      const { lines } = await tools.run("console-consumer", args.split(" "));
      expect(lines.filter((line) => line.startsWith("value"))).toEqual(kept);
    } finally {
      await broker.dispose();
    }
  }, 120_000);
});

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function folder(round: string, by: "before" | "weir" | "kafka"): string {
  return join(scratch, `${round}-${by}`);
}

async function compactByWeir(seed: number): Promise<void> {
  const runtime = await detectRuntime();
  const path = join(scratch, "data");
  const history = new History(seed);
  for (const round of rounds) {
    let dir = await LogDir.open(runtime, path, { nodeId: 1, configOf: () => config });
    const log = dir.log("orders", 0) ?? dir.createLog({ topic: "orders", partition: 0, topicId: TOPIC_ID, config });
    await history.write(log);
    await dir.close({ clean: true });
    cpSync(join(path, "orders-0"), folder(round, "before"), { recursive: true });
    if (round !== "first") copyFileSync(join(path, checkpointName), join(folder(round, "before"), checkpointName));
    // A horizon that was set before is over.
    await new Promise((resolve) => setTimeout(resolve, deleteRetentionMs * 2));
    dir = await LogDir.open(runtime, path, { nodeId: 1, configOf: () => config });
    while (await dir.cleaner.cleanOne(Date.now()));
    await dir.close({ clean: true });
    cpSync(join(path, "orders-0"), folder(round, "weir"), { recursive: true });
    copyFileSync(join(path, checkpointName), join(folder(round, "weir"), checkpointName));
  }
}

async function compactByKafka(): Promise<void> {
  const kafka = await BrokerProcess.start({
    target: "kafka",
    config: { "log.cleaner.backoff.ms": 50, "log.initial.task.delay.ms": 0 },
    readyTimeoutMs: 120_000,
  });
  const data = join(kafka.dataDirectory, "log");
  try {
    const client = await TestClient.connect(kafka.port);
    for (const name of rounds) {
      const configs = {
        "cleanup.policy": "compact",
        "min.cleanable.dirty.ratio": "0",
        "delete.retention.ms": `${deleteRetentionMs}`,
        "file.delete.delay.ms": "0",
      };
      await createTopic(client, { name, configs });
    }
    client.close();
    await kafka.stop();
    let checkpoint = "";
    let count = 0;
    for (const round of rounds) {
      const home = join(data, `${round}-0`);
      for (const name of readdirSync(home)) if (name !== "partition.metadata") rmSync(join(home, name));
      for (const name of readdirSync(folder(round, "before"))) {
        if (/\.(log|index|timeindex|txnindex|snapshot)$/.test(name) || name === "leader-epoch-checkpoint") {
          copyFileSync(join(folder(round, "before"), name), join(home, name));
        }
      }
      const offset = cleanedOffset(folder(round, "before"), "orders");
      if (offset === null) continue;
      checkpoint += `${round} 0 ${offset}\n`;
      count++;
    }
    writeFileSync(join(data, checkpointName), `0\n${count}\n${checkpoint}`);
    rmSync(join(data, ".kafka_cleanshutdown"), { force: true });
    await kafka.restart();
    for (const round of rounds) {
      const offset = cleanedOffset(folder(round, "weir"), "orders");
      await until(() => cleanedOffset(data, round) === offset, {
        timeoutMs: 60_000,
        what: `That Kafka has compacted "${round}" up to ${offset}`,
      });
    }
    await kafka.stop();
    for (const round of rounds) cpSync(join(data, `${round}-0`), folder(round, "kafka"), { recursive: true });
  } finally {
    await kafka.dispose();
  }
}

function cleanedOffset(directory: string, topic: string): number | null {
  try {
    const line = new RegExp(`^${topic} 0 (\\d+)$`, "m").exec(readFileSync(join(directory, checkpointName), "utf8"));
    return line === null ? null : Number(line[1]);
  } catch {
    return null;
  }
}

/** A line for every batch of a folder and one for every record; of a delete horizon only that there is one. */
function contentsOf(directory: string): string[] {
  const lines: string[] = [];
  const text = (bytes: Uint8Array | null) => bytes === null ? "null" : new TextDecoder().decode(bytes);
  for (const name of readdirSync(directory).filter((name) => name.endsWith(".log")).sort()) {
    const bytes = new Uint8Array(readFileSync(join(directory, name)));
    for (let at = 0; at < bytes.length;) {
      const batch = new BatchView(bytes, at);
      at += batch.sizeBytes;
      expect(batch.isCrcValid()).toBe(true);
      const { baseOffset, lastOffset, producerId, producerEpoch, baseSequence, recordCount, maxTimestamp } = batch;
      lines.push(
        [
          "batch",
          `${baseOffset}-${lastOffset}`,
          `attributes ${batch.attributes}`,
          `producer ${producerId} ${producerEpoch} ${baseSequence}`,
          `${recordCount} records`,
          `latest ${maxTimestamp}`,
          `epoch ${batch.partitionLeaderEpoch}`,
        ].join(" "),
      );
      for (const { offset, timestamp, key, value, headers } of decodeRecords(batch)) {
        const shown = batch.isControl ? "marker" : `${text(key)} = ${text(value)} ${headers.length}`;
        lines.push(`  ${offset} at ${timestamp}: ${shown}`);
      }
    }
  }
  return lines;
}

const keyCount = 60;
const compressions = Object.values(Compression);

/** What is written: few keys, tombstones, every codec, idempotent producers, transactions of both ends; by the seed. */
class History {
  readonly #next: () => number;
  // Kafka forgets producers whose records are a day old.
  #timestamp = Date.now() - 3_600_000;
  #transactionId = 100;
  readonly #sequences = new Map<number, number>();

  constructor(seed: number) {
    this.#next = createPrng(seed);
  }

  async write(log: Log): Promise<void> {
    const open: number[] = [];
    for (let index = 0; index < 300; index++) {
      const chance = this.#next();
      const hasOpen = open.length > 0;
      if (chance < 0.4) this.#append(log, {});
      else if (chance < 0.6) this.#append(log, { producerId: this.#pick(3) });
      else if (chance < 0.75 && open.length < 3) {
        const producerId = this.#next() < 0.5 ? this.#transactionId++ : 50 + this.#pick(2);
        if (open.includes(producerId)) continue;
        open.push(producerId);
        this.#append(log, { producerId, isTransactional: true });
      } else if (chance < 0.85 && hasOpen) this.#append(log, { producerId: open[0]!, isTransactional: true });
      else if (hasOpen) this.#end(log, open.splice(this.#pick(open.length), 1)[0]!);
      if (this.#next() < 0.1) log.roll();
    }
    for (const producerId of open) this.#end(log, producerId);
    log.roll();
    // One that stays open keeps what follows it from being compacted. It ends in the next round.
    this.#append(log, {});
    log.roll();
    await log.sync();
  }

  #append(log: Log, { producerId = -1, isTransactional = false }): void {
    const count = 1 + this.#pick(8);
    const records: RecordDraft[] = Array.from({ length: count }, () => this.#record());
    const sequence = this.#sequences.get(producerId) ?? 0;
    const producer = producerId < 0 ? {} : { producerId, producerEpoch: 0, baseSequence: sequence };
    if (producerId >= 0) this.#sequences.set(producerId, sequence + count);
    const compression: CompressionId = this.#next() < 0.5 ? 0 : compressions[this.#pick(compressions.length)]!;
    this.#must(log.append(encodeBatch({ records, compression, isTransactional, ...producer }), {
      leaderEpoch: 0,
      origin: "client",
    }));
  }

  #end(log: Log, producerId: number): void {
    const kind = this.#next() < 0.5 ? "commit" : "abort";
    const marker = { kind, producerId, producerEpoch: 0, coordinatorEpoch: 1, timestamp: this.#timestamp } as const;
    this.#must(log.append(encodeControlBatch(marker), { leaderEpoch: 0, origin: "coordinator" }));
  }

  #must({ kind }: { readonly kind: string }): void {
    if (kind !== "appended") throw new Error(`The append was ${kind}`);
  }

  #record(): RecordDraft {
    const encoder = new TextEncoder();
    this.#timestamp += this.#pick(100);
    const isTombstone = this.#next() < 0.15;
    return {
      timestamp: this.#timestamp,
      key: encoder.encode(`key ${this.#pick(keyCount)}`),
      value: isTombstone ? null : encoder.encode("v".repeat(this.#pick(30))),
      headers: this.#next() < 0.2 ? [{ key: "header", value: encoder.encode("x") }] : [],
    };
  }

  #pick(count: number): number {
    return Math.floor(this.#next() * count);
  }
}
