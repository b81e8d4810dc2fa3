/**
 * One data folder, used by Apache Kafka, by Weir and by Kafka again: each serves what the other wrote, byte for byte, and goes
 * on from there. `tests/support/KafkaFolder.java` says what is in it.
 */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endTxn } from "../../protocol/api/26_end_txn.ts";
import { initProducerId } from "../../protocol/api/22_init_producer_id.ts";
import { produce } from "../../protocol/api/00_produce.ts";
import { BatchView } from "../../protocol/batch.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { decodeRecords, encodeBatch } from "../../protocol/record.ts";
import { BrokerProcess, runWeir, target, until } from "../support/broker.ts";
import {
  committedOffset,
  fillFolder,
  limitClient,
  limitsOfClients,
  type LogPicture,
  takePicture,
} from "../support/kafka_folder.ts";
import { KafkaTools, whyNoKafkaTools } from "../support/kafka_tools.ts";
import {
  AnsweredError,
  createTopic,
  fetchBatches,
  type Place,
  produceBytes,
  produceValues,
  toRecord,
} from "../support/requests.ts";
import { TestClient } from "../support/test_client.ts";

const reason = whyNoKafkaTools();
if (reason !== null) console.warn(`skipped: a folder of Kafka in Weir and back, for ${reason}`);

const fewInternal = { "offsets.topic.num.partitions": 3, "transaction.state.log.num.partitions": 3 };
// What a cleaner does when is no part of this; the folder has seen Kafka's.
const quiet = { ...fewInternal, "log.cleaner.enable": false };

interface Producer {
  readonly producerId: number;
  readonly producerEpoch: number;
}

let scratch: string;
/** What Kafka says of the folder, and the folder after a kill and after a stop in order. */
let before: Record<string, LogPicture>;
let killed: string;
let stopped: string;
const running: BrokerProcess[] = [];

async function start(
  which: "kafka" | "weir",
  dataDirectory: string,
  config: Record<string, string | number | boolean>,
) {
  const broker = await BrokerProcess.start({
    ...(which === "kafka" ? { target: "kafka" } : {}),
    dataDirectory: which === "kafka" ? dataDirectory : join(dataDirectory, "log"),
    config,
    readyTimeoutMs: 90_000,
  });
  running.push(broker);
  return broker;
}

function copyOf(folder: string, name: string): string {
  const copy = join(scratch, name);
  cpSync(folder, copy, { recursive: true });
  return copy;
}

/**
 * What Kafka says when it is stopped while it still writes, or loads groups as the new leader of their partition; and when its
 * broker, at a start, tells its controller of the directories before it has heard of its own new epoch: it tries again.
 */
const OF_ITS_OWN = new RegExp(
  "append operation|the partition is not online or is no longer the leader|" +
    "ASSIGN_REPLICAS_TO_DIRS|AssignmentsManager.* STALE_BROKER_EPOCH",
);

describe.skipIf(reason !== null || target === "kafka")("a folder of Kafka", () => {
  beforeAll(async () => {
    scratch = mkdtempSync(join(tmpdir(), "weir-folder-"));
    const folder = join(scratch, "kafka");
    const kafka = await start("kafka", folder, { ...fewInternal, "log.cleaner.backoff.ms": 300 });
    await fillFolder(kafka.address);
    await limitClient(kafka.port, "of-kafka", 1_000);
    await until(async () => {
      before = await takePicture(kafka.port);
      return before["compacted-0"]!.batches.length <= 6;
    }, { timeoutMs: 60_000, what: "What Kafka's cleaner leaves of a compacted topic" });
    await kafka.kill9();
    killed = copyOf(folder, "killed");
    await kafka.restart();
    await kafka.stop();
    stopped = folder;
  }, 240_000);

  afterAll(async () => {
    for (const broker of running) await broker.dispose();
    rmSync(scratch, { recursive: true, force: true });
  }, 60_000);

  test("holds what this is about", () => {
    expect(Object.keys(before)).toEqual([
      "append-time-0",
      "codecs-0",
      "compacted-0",
      "deleted-0",
      "grown-0",
      "grown-1",
      "transactions-0",
    ]);
    expect(before["deleted-0"]!.earliest).toBe(30);
    expect(before["transactions-0"]!.lastStable).toBeLessThan(before["transactions-0"]!.latest);
    expect(before["transactions-0"]!.aborted.length).toBe(7);
    expect(readdirSync(join(stopped, "log/codecs-0")).filter((name) => name.endsWith(".log")).length).toBe(4);
    expect(existsSync(join(stopped, "log/.kafka_cleanshutdown"))).toBe(true);
  });

  test("killed: Weir recovers it, and serves what Kafka did", async () => {
    const weir = await start("weir", killed, quiet);
    expect(await takePicture(weir.port)).toEqual(before);
    expect(await committedOffset(weir.port, "classic", "codecs")).toBe(17);
    expect(await committedOffset(weir.port, "modern", "codecs")).toBe(17);
    expect(await limitsOfClients(weir.port)).toEqual(["of-kafka producer_byte_rate=1000"]);
    await weir.kill9();
    await weir.restart();
    expect(await takePicture(weir.port)).toEqual(before);
    expect((await weir.stop()).code).toBe(0);
  }, 120_000);

  test("one partition folder of it can be put into a folder of Weir", async () => {
    const home = join(scratch, "one");
    const weir = await start("weir", home, quiet);
    const client = await TestClient.connect(weir.port);
    await createTopic(client, { name: "codecs", configs: { "retention.ms": "-1" } });
    client.close();
    await weir.stop();
    cpSync(join(stopped, "log/codecs-0"), join(home, "log/codecs-0"), { recursive: true });
    rmSync(join(home, "log/codecs-0/partition.metadata"));
    rmSync(join(home, "log/.kafka_cleanshutdown"));
    await weir.restart();
    expect(await takePicture(weir.port)).toEqual({ "codecs-0": before["codecs-0"]! });
    await weir.stop();
  }, 60_000);

  test("stopped: Weir serves it and goes on with it, and Kafka goes on with what Weir made of it", async () => {
    // The metadata log is cut at a snapshot of Weir, which Kafka then has to begin with.
    const weir = await start("weir", stopped, { ...quiet, "metadata.log.max.record.bytes.between.snapshots": 100 });
    expect(weir.lines.some((line) => line.includes("log-recovered") && !line.includes("__cluster_metadata"))).toBe(
      false,
    );
    expect(await takePicture(weir.port)).toEqual(before);
    for (const group of ["classic", "modern"]) expect(await committedOffset(weir.port, group, "codecs")).toBe(17);
    const { code, output } = await runWeir(["inspect", "--verify", join(stopped, "log")]);
    expect([code, output.split("\n").filter((line) => line.startsWith("!"))]).toEqual([0, []]);

    const client = await TestClient.connect(weir.port);
    await checkProducers(client, "codecs");
    await createTopic(client, { name: "of-weir", partitionCount: 2 });
    for (const topic of ["of-weir", "append-time", "deleted", "compacted"]) {
      const values = ["one", "two", "three"].map((value) => ({
        key: new Uint8Array(1),
        value: new TextEncoder().encode(value),
      }));
      const records = encodeBatch({ records: values.map((record) => ({ ...record, timestamp: Date.now() })) });
      expect((await produceBytes(client, { topic, partition: 0 }, records)).errorCode).toBe(ErrorCode.NONE);
    }
    await produceValues(client, { topic: "of-weir", partition: 1 }, ["four"]);
    // The transaction that Kafka left open is ended by its next producer, and another one begun.
    const writer = await begin(client, "first", { topic: "transactions", partition: 0 });
    client.close();
    expect(await limitsOfClients(weir.port)).toEqual(["of-kafka producer_byte_rate=1000"]);
    await limitClient(weir.port, "of-weir", 2_000.0);
    await limitClient(weir.port, "of-kafka", null);

    await weir.kill9();
    await weir.restart();
    const made = await takePicture(weir.port);
    expect((await weir.stop()).code).toBe(0);
    expect(made["of-weir-0"]!.latest).toBe(3);
    expect(made["transactions-0"]!.aborted.length).toBe(8);
    expect(made["transactions-0"]!.lastStable).toBeLessThan(made["transactions-0"]!.latest);
    const snapshots = readdirSync(join(stopped, "log/__cluster_metadata-0")).filter((name) =>
      name.endsWith(".checkpoint")
    );
    expect(snapshots.some((name) => !name.startsWith("0".repeat(20)))).toBe(true);

    const kafka = await start("kafka", stopped, quiet);
    expect(await takePicture(kafka.port)).toEqual(made);
    expect(await limitsOfClients(kafka.port)).toEqual(["of-weir producer_byte_rate=2000"]);
    for (const group of ["classic", "modern"]) expect(await committedOffset(kafka.port, group, "codecs")).toBe(17);
    const kafkaClient = await TestClient.connect(kafka.port);
    await checkProducers(kafkaClient, "codecs");
    expect(await commit(kafkaClient, "first", writer)).toBe(ErrorCode.NONE);
    kafkaClient.close();
    await until(async () => {
      const { lastStable, latest } = (await takePicture(kafka.port))["transactions-0"]!;
      return lastStable === latest;
    }, { what: "Kafka's end of a transaction that was begun in Weir" });
    await kafka.stop();
    expect(kafka.lines.filter((line) => / ERROR |corrupt/i.test(line) && !OF_ITS_OWN.test(line))).toEqual(
      [],
    );
  }, 240_000);
});

describe.skipIf(reason !== null || target === "kafka")("a folder of Weir", () => {
  let folder: string;
  let weirs: Record<string, LogPicture>;
  let tools: KafkaTools;

  beforeAll(async () => {
    scratch = mkdtempSync(join(tmpdir(), "weir-folder-"));
    folder = join(scratch, "weir");
    const weir = await start("weir", folder, { ...quiet, "group.initial.rebalance.delay.ms": 0 });
    await fillFolder(weir.address);
    // Leader epochs over a kill, and a snapshot of the metadata.
    for (let round = 0; round < 3; round++) {
      await weir.kill9();
      await weir.restart();
      const client = await TestClient.connect(weir.port);
      await produceValues(client, { topic: "append-time", partition: 0 }, [`after kill ${round}`]);
      client.close();
    }
    weirs = await takePicture(weir.port);
    await weir.stop();
    tools = KafkaTools.get();
  }, 240_000);

  afterAll(async () => {
    for (const broker of running) await broker.dispose();
    rmSync(scratch, { recursive: true, force: true });
  }, 60_000);

  test("every file of it is read by Kafka's dump tool, and found right", async () => {
    const kinds: Record<string, readonly string[]> = {
      ".log": ["--deep-iteration", "--print-data-log"],
      ".index": ["--index-sanity-check"],
      ".timeindex": ["--index-sanity-check"],
      ".snapshot": [],
      ".txnindex": [],
    };
    const decoders: [RegExp, string][] = [
      [/^__consumer_offsets-/, "--offsets-decoder"],
      [/^__transaction_state-/, "--transaction-log-decoder"],
      [/^__cluster_metadata-/, "--cluster-metadata-decoder"],
    ];
    const counts: Record<string, number> = {};
    const root = join(folder, "log");
    for (const log of readdirSync(root).filter((name) => statSync(join(root, name)).isDirectory())) {
      const names = readdirSync(join(root, log));
      const rest = names.filter((name) => !Object.keys(kinds).some((suffix) => name.endsWith(suffix)));
      expect(rest.filter((name) => name !== "leader-epoch-checkpoint" && name !== "partition.metadata")).toEqual([]);
      for (const [suffix, args] of Object.entries(kinds)) {
        const files = names.filter((name) => name.endsWith(suffix)).map((name) => join(root, log, name));
        if (files.length === 0) continue;
        counts[suffix] = (counts[suffix] ?? 0) + files.length;
        const decoder = suffix === ".log" ? decoders.find(([pattern]) => pattern.test(log))?.[1] : undefined;
        const passes = suffix.endsWith("index") && suffix !== ".txnindex" ? [args, ["--verify-index-only"]] : [args];
        for (const pass of passes) {
          const all = [...decoder === undefined ? pass : [decoder], "--files", files.join(",")];
          const { status, output } = await tools.run("dump-log", all);
          const trouble = /.*(mismatch|corrupt|isvalid: false|out of order|exception|invalid bytes|could not).*/i.exec(
            output,
          )?.[0];
          expect([log, suffix, status, trouble]).toEqual([log, suffix, 0, undefined]);
          if (pass[0] === "--index-sanity-check") {
            expect(output.match(/passed sanity check|is empty\./g)?.length).toBe(files.length);
          }
        }
      }
    }
    expect(counts[".log"]).toBeGreaterThan(15);
    expect(counts[".snapshot"]).toBeGreaterThan(10);
    const epochs = readFileSync(join(root, "append-time-0/leader-epoch-checkpoint"), "utf8").trim().split("\n");
    expect(epochs.slice(0, 2)).toEqual(["0", "4"]);
  }, 120_000);

  test("weir inspect says of every file what Kafka's dump tool says", async () => {
    const root = join(folder, "log");
    const kinds: Record<
      string,
      { readonly args: readonly string[]; readonly line: RegExp; readonly rows: [string, string[]] }
    > = {
      ".log": {
        args: ["--deep-iteration"],
        line:
          /^baseOffset: (\d+) lastOffset: (\d+) count: (\d+) .* position: (\d+) \w+: (\d+) size: (\d+) .*: (\w+) crc:/,
        rows: ["batch", ["baseOffset", "lastOffset", "records", "position", "maxTimestamp", "sizeBytes", "codec"]],
      },
      ".index": { args: [], line: /^offset: (\d+) position: (\d+)$/, rows: ["offsetEntry", ["offset", "position"]] },
      ".timeindex": {
        args: [],
        line: /^timestamp: (\d+) offset: (\d+)$/,
        rows: ["timeEntry", ["timestamp", "offset"]],
      },
      ".snapshot": {
        args: [],
        line: /^producerId: (\d+) producerEpoch: (\d+) coordinatorEpoch: (-?\d+)/,
        rows: ["producer", ["producerId", "producerEpoch", "coordinatorEpoch"]],
      },
    };
    const count: Record<string, number> = {};
    for (const log of readdirSync(root).filter((name) => statSync(join(root, name)).isDirectory())) {
      for (const [suffix, { args, line, rows: [type, fields] }] of Object.entries(kinds)) {
        // The tool takes an index without entries for one that is to be filled up.
        const files = readdirSync(join(root, log)).filter((name) => name.endsWith(suffix)).sort()
          .map((name) => join(root, log, name)).filter((path) => statSync(path).size > 0);
        if (files.length === 0) continue;
        const dumped = (await tools.run("dump-log", [...args, "--files", files.join(",")])).lines.map((text) =>
          line.exec(text)
        );
        const inspected = await runWeir(["inspect", "--json", ...files]);
        expect([inspected.code, inspected.errors]).toEqual([0, ""]);
        const found = inspected.output.trim().split("\n").map((text) => JSON.parse(text) as Record<string, unknown>)
          .filter((finding) => finding.type === type).map((finding) => fields.map((field) => String(finding[field])));
        const expected = dumped.filter((match) => match !== null).map((match) => match.slice(1));
        // The tool opens files in an order of its own.
        expect([log, suffix, found.map(String).sort()]).toEqual([log, suffix, expected.map(String).sort()]);
        count[suffix] = (count[suffix] ?? 0) + found.length;
      }
    }
    expect(count[".log"]).toBeGreaterThan(250);
    expect(count[".index"]).toBeGreaterThan(20);
    expect(count[".timeindex"]).toBeGreaterThan(20);
    expect(count[".snapshot"]).toBeGreaterThan(20);
    const whole = await runWeir(["inspect", "--verify", root]);
    expect([whole.code, whole.output.split("\n").filter((text) => text.startsWith("!"))]).toEqual([0, []]);
  }, 120_000);

  test("Kafka serves its partition folders as its own", async () => {
    const home = join(scratch, "kafka");
    const kafka = await start("kafka", home, quiet);
    const client = await TestClient.connect(kafka.port);
    const logs = Object.keys(weirs);
    for (const name of new Set(logs.map((log) => log.slice(0, log.lastIndexOf("-"))))) {
      const partitionCount = logs.filter((log) => log.slice(0, log.lastIndexOf("-")) === name).length;
      const configs = name === "compacted" ? { "cleanup.policy": "compact" } : { "retention.ms": "-1" };
      await createTopic(client, { name, partitionCount, configs });
    }
    client.close();
    await kafka.stop();
    // As docs/storage_format.md says: the files of the log, but not whose topic it is, and the line that says where it starts.
    const lines: string[] = [];
    for (const log of logs) {
      const own = readFileSync(join(home, "log", log, "partition.metadata"));
      rmSync(join(home, "log", log), { recursive: true });
      cpSync(join(folder, "log", log), join(home, "log", log), { recursive: true });
      writeFileSync(join(home, "log", log, "partition.metadata"), own);
      lines.push(
        `${log.slice(0, log.lastIndexOf("-"))} ${log.slice(log.lastIndexOf("-") + 1)} ${weirs[log]!.earliest}\n`,
      );
    }
    writeFileSync(join(home, "log/log-start-offset-checkpoint"), `0\n${lines.length}\n${lines.join("")}`);
    rmSync(join(home, "log/.kafka_cleanshutdown"));
    await kafka.restart();
    expect(await takePicture(kafka.port)).toEqual(weirs);
    await kafka.stop();
  }, 180_000);
});

test.skipIf(reason !== null)("who fills a folder does not wait for ever, and says what for", async () => {
  const deaf = createServer(() => {}); // takes connections, and answers nothing
  await new Promise<void>((resolve) => deaf.listen(0, "127.0.0.1", resolve));
  const { port } = deaf.address() as AddressInfo;
  const filling = fillFolder(`127.0.0.1:${port}`, { timeoutMs: 10_000 });
  const said = await filling.then(() => "", (error: Error) => error.message);
  deaf.close();
  expect(said).toContain("KafkaFolder has not ended; it is at: topics (after 10000 ms)");
  expect(said).toContain("KafkaFolder.create(");
}, 60_000);

/** A new producer takes a transactional id over, and begins a transaction with a record. */
async function begin(client: TestClient, transactionalId: string, { topic, partition }: Place): Promise<Producer> {
  const draft = { transactionalId, transactionTimeoutMs: 900_000 };
  let writer: Producer | null = null;
  await until(async () => {
    const answer = await client.send(initProducerId, 5, draft);
    if (answer.errorCode === ErrorCode.NONE) writer = answer;
    else if (answer.errorCode !== ErrorCode.CONCURRENT_TRANSACTIONS) throw new AnsweredError(answer.errorCode, "No id");
    return writer !== null;
  }, { what: "The end of an open transaction" });
  const records = encodeBatch({ ...writer!, baseSequence: 0, isTransactional: true, records: [toRecord("begun")] });
  const { responses } = await client.send(produce, 12, {
    transactionalId,
    acks: -1,
    timeoutMs: 10_000,
    topicData: [{ name: topic, partitionData: [{ index: partition, records }] }],
  });
  expect(responses[0]!.partitionResponses[0]!.errorCode).toBe(ErrorCode.NONE);
  return writer!;
}

/** Kafka may have to load what it coordinates first. */
async function commit(client: TestClient, transactionalId: string, { producerId, producerEpoch }: Producer) {
  const draft = { transactionalId, producerId, producerEpoch, committed: true };
  let errorCode: number = ErrorCode.NONE;
  await until(async () => {
    ({ errorCode } = await client.send(endTxn, 5, draft));
    return errorCode !== ErrorCode.COORDINATOR_LOAD_IN_PROGRESS && errorCode !== ErrorCode.NOT_COORDINATOR;
  }, { what: "The coordinator of a transaction" });
  return errorCode;
}

/**
 * The producers in a log are known: their last batch sent again is not written again, one that does not follow is refused,
 * the next one is written.
 */
async function checkProducers(client: TestClient, topic: string): Promise<void> {
  const place = { topic, partition: 0 };
  const last = new Map<number, BatchView>();
  for (let next = 0;;) {
    const { batches, highWatermark } = await fetchBatches(client, place, next, { maxBytes: 1_000_000 });
    for (const batch of batches) {
      if (batch.hasProducerId) last.set(batch.producerId, new BatchView(batch.wholeBytes.slice()));
      next = batch.nextOffset;
    }
    if (next >= highWatermark) break;
  }
  expect(last.size).toBe(20);
  for (const batch of [...last.values()].slice(0, 6)) {
    const records = [...decodeRecords(batch)].map(({ offset: _, ...record }) => record);
    const { producerId, producerEpoch, baseOffset } = batch;
    const send = (baseSequence: number) => {
      return produceBytes(client, place, encodeBatch({ records, producerId, producerEpoch, baseSequence }));
    };
    expect(await send(batch.baseSequence)).toEqual({ errorCode: ErrorCode.NONE, baseOffset });
    expect((await send(batch.lastSequence + 5)).errorCode).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
    expect((await send(batch.lastSequence + 1)).errorCode).toBe(ErrorCode.NONE);
  }
}
