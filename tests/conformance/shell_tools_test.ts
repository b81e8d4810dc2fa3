/**
 * Kafka's shell tools print with Weir what they print with Apache Kafka, names and times aside: the scripts in tools/ are put to
 * both, and the first line that differs is shown. What only Weir can be asked comes after.
 */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeLogDirs } from "../../protocol/api/35_describe_log_dirs.ts";
import { initCrc32c } from "../../protocol/crc32c.ts";
import { pairConfig, pairTimeoutMs, sharedKafka, whyNotBesideKafka } from "../support/beside_kafka.ts";
import { BrokerProcess, followWeir, until } from "../support/broker.ts";
import { KafkaTools, type ToolName, type ToolResult } from "../support/kafka_tools.ts";
import { TestClient } from "../support/test_client.ts";
import { compare, Shell } from "./tools/shell.ts";
import { scripts } from "./tools/table.ts";

const reason = whyNotBesideKafka();
if (reason !== null) console.warn(`skipped: shell tools beside Kafka's, for ${reason}`);
const testTimeoutMs = 120_000;

let weir: BrokerProcess;
let kafka: BrokerProcess;
let scratch: string;

describe.skipIf(reason !== null)("shell tools print what they print with Kafka:", () => {
  beforeAll(async () => {
    await initCrc32c();
    scratch = mkdtempSync(join(tmpdir(), "weir-tools-"));
    [weir, kafka] = await Promise.all([BrokerProcess.start({ config: pairConfig }), sharedKafka()]);
    // What Kafka has from the start: see docs/differences.md.
    await lines("configs", "--alter --entity-type brokers --entity-default --add-config min.insync.replicas=1");
  }, pairTimeoutMs);

  afterAll(async () => {
    await weir?.dispose();
    rmSync(scratch, { recursive: true, force: true });
  }, testTimeoutMs);

  test.each(Object.keys(scripts))("%s", async (name) => {
    const [ours, theirs] = [join(scratch, "weir"), join(scratch, "kafka")];
    await compare(scripts[name]!, new Shell(weir, "shell", ours), new Shell(kafka, "shell", theirs));
  }, testTimeoutMs);
});

/** Runs a tool against Weir. */
function tool(name: ToolName, args: string, input = ""): Promise<ToolResult> {
  return KafkaTools.get().run(name, ["--bootstrap-server", weir.address, ...wordsOf(args)], input);
}

/** The same for one that must end well; returns the lines it printed. */
async function lines(name: ToolName, args = ""): Promise<readonly string[]> {
  const { status, output, lines } = await tool(name, args);
  if (status !== 0) throw new Error(`"${name} ${args}" ended with status ${status}\n${output}`);
  return lines;
}

/** The columns of a table's rows; the headings are the first row. */
function columns(table: readonly string[]): string[][] {
  return table.map((line) => line.trim().split(/\s+/));
}

describe.skipIf(reason !== null)("shell tools tell of Weir", () => {
  beforeAll(async () => {
    weir = await BrokerProcess.start({ config: pairConfig });
  }, testTimeoutMs);
  afterAll(() => weir?.dispose(), testTimeoutMs);

  test("what versions it serves, and its features", async () => {
    const [head = "", ...apis] = await lines("broker-api-versions");
    expect(head.startsWith(`${weir.address} (id: 1 rack: null isFenced: false) -> (`)).toBe(true);
    for (const api of ["Produce(0): 0 to 13 [usable: 13]", "ApiVersions(18): 0 to "]) {
      expect(apis.some((line) => line.trim().startsWith(api))).toBe(true);
    }
    expect((await lines("features", "describe")).join("\n")).toContain("Feature: metadata.version");
  }, testTimeoutMs);

  test("the members that `weir consume` is, and resets and deletes no group that has some", async () => {
    await tool("console-producer", "--topic membered", "a\nb\n");
    const group = "--group joined";
    const consumer = followWeir(`consume membered ${group} --from-beginning -b ${weir.address}`.split(" "));
    try {
      await until(() => consumer.lines.length === 2, { what: "The consumer's two records" });
      const member = columns(await lines("consumer-groups", `--describe ${group} --members`)).at(-1);
      expect([member?.[0], member?.[2], member?.[4]]).toEqual(["joined", "/127.0.0.1", "1"]);
      const row = columns(await lines("consumer-groups", `--describe ${group}`)).at(-1);
      expect(row?.slice(0, 3)).toEqual(["joined", "membered", "0"]);
      expect(row?.[6]).toBe(member?.[1]);
      const reset = await tool("consumer-groups", `--reset-offsets ${group} --topic membered --to-earliest --execute`);
      expect(reset.output).toContain("current state is Stable");
      const removed = await tool("consumer-groups", `--delete ${group}`);
      expect(removed.output).toContain("GroupNotEmptyException");
    } finally {
      consumer.stop("SIGTERM");
      await consumer.exit;
    }
    expect(columns(await lines("consumer-groups", "--list --state"))).toContainEqual(["joined", "Empty"]);
  }, testTimeoutMs);

  test("what a volume has, and has left, as its file system says", async () => {
    const client = await TestClient.connect(weir.port);
    const { results } = await client.send(describeLogDirs, 4, { topics: [] });
    client.close();
    const { blocks, bsize, bavail } = statfsSync(weir.dataDirectory);
    const volumes = results.map(({ logDir, totalBytes }) => [logDir, totalBytes]);
    expect(volumes).toEqual([[weir.dataDirectory, blocks * bsize]]);
    // Others write to it too.
    expect(Math.abs(results[0]!.usableBytes - bavail * bsize)).toBeLessThan(1024 * 1024 * 1024);
  }, testTimeoutMs);

  test("what is in its segments, indexes, snapshots and internal topics", async () => {
    const config = "--config segment.bytes=1048576 --config index.interval.bytes=1024";
    await lines("topics", `--create --topic dumped ${config}`);
    const load = "--topic dumped --num-records 15000 --record-size 200 --throughput -1";
    await lines("producer-perf-test", `${load} --command-property batch.size=4000`);
    await lines("console-consumer", "--topic dumped --group dumpers --from-beginning --max-messages 10");
    expect((await weir.stop()).code).toBe(0);

    const dumped = join(weir.dataDirectory, "dumped-0");
    const logs = filesIn(dumped, ".log");
    expect(logs.length).toBeGreaterThan(2);
    const printed = await dump(logs, "--print-data-log");
    expect(printed.filter((line) => line.startsWith("| offset: "))).toHaveLength(15_000);
    const indexes = [...filesIn(dumped, ".index"), ...filesIn(dumped, ".timeindex")];
    expect(indexes).toHaveLength(2 * logs.length);
    const checked = await dump(indexes, "--index-sanity-check");
    expect(checked.filter((line) => line.endsWith(" passed sanity check."))).toHaveLength(indexes.length);
    const verified = await dump(indexes, "--verify-index-only");
    expect(verified).toEqual(indexes.map((path) => `Dumping ${path}`));
    const producers = await dump(filesIn(dumped, ".snapshot"), "");
    expect(producers.filter((line) => line.startsWith("producerId: ")).length).toBeGreaterThan(0);

    const offsetsLogs = readdirSync(weir.dataDirectory).filter((name) => name.startsWith("__consumer_offsets-"))
      .flatMap((name) => filesIn(join(weir.dataDirectory, name), ".log"));
    const offsets = (await dump(offsetsLogs, "--offsets-decoder")).join("\n");
    expect(offsets).toContain('key: {"type":"1","data":{"group":"dumpers","topic":"dumped","partition":0}}');
    expect(offsets).toContain('payload: {"version":"3","data":{"protocolType":"consumer"');
    const metadata = filesIn(join(weir.dataDirectory, "__cluster_metadata-0"), ".log");
    expect((await dump(metadata, "--cluster-metadata-decoder")).join("\n"))
      .toContain('{"type":"TOPIC_RECORD","version":0,"data":{"name":"dumped","topicId":"');
  }, testTimeoutMs);
});

function wordsOf(args: string): string[] {
  return args.split(" ").filter((word) => word !== "");
}

function filesIn(directory: string, suffix: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory).filter((name) => name.endsWith(suffix)).sort().map((name) => join(directory, name));
}

async function dump(files: readonly string[], args: string): Promise<readonly string[]> {
  const words = [...wordsOf(args), "--files", files.join(",")];
  const { status, output, lines } = await KafkaTools.get().run("dump-log", words);
  expect([status, /mismatch|corrupt|isvalid: false|out of order|Found /i.exec(output)?.[0]]).toEqual([0, undefined]);
  return lines;
}
