/**
 * Kafka's own command line tools work against the broker and on its files. WEIR_TARGET=kafka shows that what is expected
 * here is what Kafka does.
 */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync, statfsSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeLogDirs } from "../../protocol/api/35_describe_log_dirs.ts";
import { BrokerProcess, followWeir, target, until } from "../support/broker.ts";
import { KafkaTools, type ToolName, type ToolResult, whyNoKafkaTools } from "../support/kafka_tools.ts";
import { TestClient } from "../support/test_client.ts";

const reason = whyNoKafkaTools();
if (reason !== null) console.warn(`skipped: Kafka's tools, for ${reason}`);

let broker: BrokerProcess;
let tools: KafkaTools;
let scratch: string;

/** Runs a tool against the broker. */
function tool(name: ToolName, args: string, input = ""): Promise<ToolResult> {
  const words = args.split(" ").filter((word) => word !== "");
  const at = name === "cluster" ? [words[0] ?? "", "--bootstrap-server", broker.address, ...words.slice(1)] : [
    "--bootstrap-server",
    broker.address,
    ...words,
  ];
  return tools.run(name, at, input);
}

/** The same for one that must end well; returns the lines it printed. */
async function lines(name: ToolName, args: string, input = ""): Promise<readonly string[]> {
  const { status, output, lines } = await tool(name, args, input);
  if (status !== 0) throw new Error(`"${name} ${args}" ended with status ${status}\n${output}`);
  return lines;
}

/** The columns of a table's rows; the headings are the first row. */
function columns(table: readonly string[]): string[][] {
  return table.map((line) => line.trim().split(/\s+/));
}

/** Sends records of these values, with keys where they are given as key:value. */
async function produce(topic: string, values: readonly string[], args = ""): Promise<void> {
  await lines("console-producer", `--topic ${topic} ${args}`, values.map((value) => `${value}\n`).join(""));
}

/** Where the broker keeps its logs. */
function logDirectory(): string {
  return target === "kafka" ? join(broker.dataDirectory, "log") : broker.dataDirectory;
}

describe.skipIf(reason !== null)("Kafka's tools:", () => {
  beforeAll(async () => {
    scratch = mkdtempSync(join(tmpdir(), "weir-tools-"));
    tools = KafkaTools.start();
    broker = await BrokerProcess.start({
      config: { "group.initial.rebalance.delay.ms": 0, "offsets.topic.num.partitions": 5, "log.flush.policy": "os" },
    });
  }, 120_000);

  afterAll(async () => {
    await Promise.all([tools?.stop(), broker?.dispose()]);
    rmSync(scratch, { recursive: true, force: true });
  }, 60_000);

  test("topics creates, lists, describes, alters and deletes", async () => {
    const created = await lines("topics", "--create --topic orders --partitions 2 --config retention.ms=60000");
    expect(created).toEqual(["Created topic orders."]);
    expect(await lines("topics", "--list --exclude-internal")).toEqual(["orders"]);
    await lines("topics", "--alter --topic orders --partitions 3");
    const [head = "", ...partitions] = await lines("topics", "--describe --topic orders");
    expect(head).toMatch(
      /^Topic: orders\tTopicId: [\w-]{22}\tPartitionCount: 3\tReplicationFactor: 1\tConfigs: .*retention\.ms=60000/,
    );
    expect(partitions.map((line) => line.trim().split("\t").slice(0, 5).join(" "))).toEqual(
      [0, 1, 2].map((index) => `Topic: orders Partition: ${index} Leader: 1 Replicas: 1 Isr: 1`),
    );
    expect(await lines("topics", "--describe --unavailable-partitions")).toEqual([]);
    await lines("topics", "--delete --topic orders");
    expect(await lines("topics", "--list --exclude-internal")).toEqual([]);
  }, 60_000);

  test("topics says why a topic cannot be made or found", async () => {
    await lines("topics", "--create --topic once");
    const twice = await tool("topics", "--create --topic once");
    expect(twice.status).toBe(1);
    expect(twice.output).toContain("Topic 'once' already exists");
    expect(await lines("topics", "--create --topic once --if-not-exists")).toEqual([]);
    const wide = await tool("topics", "--create --topic wide --replication-factor 3");
    expect(wide.status).toBe(1);
    expect(wide.output).toContain("only 1 broker(s) are registered");
    const unknown = await tool("topics", "--describe --topic unknown");
    expect(unknown.status).toBe(1);
    expect(unknown.output).toContain("Topic 'unknown' does not exist as expected");
    const named = await tool("topics", "--create --topic bad!name");
    expect(named.status).toBe(1);
    expect(named.output).toContain("Topic name is invalid: 'bad!name' contains");
  }, 60_000);

  test("configs describes and alters topics and brokers", async () => {
    await lines("topics", "--create --topic configured");
    const topic = "--entity-type topics --entity-name configured";
    const altered = await lines("configs", `--alter ${topic} --add-config retention.ms=1000,cleanup.policy=compact`);
    expect(altered).toEqual(["Completed updating config for topic configured."]);
    await lines("configs", `--alter ${topic} --delete-config retention.ms`);
    expect(await lines("configs", `--describe ${topic}`)).toEqual([
      "Dynamic configs for topic configured are:",
      "  cleanup.policy=compact sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:cleanup.policy=compact, " +
      "DEFAULT_CONFIG:log.cleanup.policy=delete}",
    ]);
    const all = await lines("configs", `--describe ${topic} --all`);
    expect(all.find((line) => line.includes("max.message.bytes="))).toContain("max.message.bytes=1048588");
    await lines("configs", "--alter --entity-type brokers --entity-default --add-config message.max.bytes=2000000");
    expect((await lines("configs", "--describe --entity-type brokers --entity-default")).join("\n"))
      .toContain("DYNAMIC_DEFAULT_BROKER_CONFIG:message.max.bytes=2000000");
    const inherited = await lines("configs", `--describe ${topic} --all`);
    expect(inherited.find((line) => line.includes("max.message.bytes="))).toContain("max.message.bytes=2000000");
    await lines("configs", "--alter --entity-type brokers --entity-default --delete-config message.max.bytes");
    const broker = await lines("configs", "--describe --entity-type brokers --entity-name 1 --all");
    expect(broker.some((line) => line.startsWith("  num.partitions=1 "))).toBe(true);
    const refused = await tool("configs", `--alter ${topic} --add-config no.such.config=1`);
    expect(refused.status).toBe(1);
    expect(refused.output).toContain("no.such.config");
  }, 60_000);

  test("console-producer sends what console-consumer prints, in every compression", async () => {
    await lines("topics", "--create --topic console");
    const values: string[] = [];
    for (const codec of ["none", "gzip", "snappy", "lz4", "zstd"]) {
      await produce("console", [`${codec}:äöü`], `--compression-codec ${codec} ${keyed}`);
      values.push(`Partition:0\tOffset:${values.length}\t${codec}\täöü`);
    }
    const shown = ["partition", "offset", "key"].map((name) => `--formatter-property print.${name}=true`).join(" ");
    const printed = await lines("console-consumer", `--topic console --from-beginning --max-messages 5 ${shown}`);
    expect(printed.filter((line) => line.startsWith("Partition"))).toEqual(values);
    const last = await lines("console-consumer", "--topic console --partition 0 --offset 4 --max-messages 1");
    expect(last).toContain("äöü");
  }, 60_000);

  test("get-offsets tells the ends of a log, and delete-records moves its start", async () => {
    await lines("topics", "--create --topic ends --partitions 2");
    await produce("ends", ["a", "b", "c"]);
    const sum = (rows: readonly string[]) => rows.reduce((total, row) => total + Number(row.split(":")[2]), 0);
    expect(sum(await lines("get-offsets", "--topic ends"))).toBe(3);
    expect(await lines("get-offsets", "--topic ends --time earliest")).toEqual(["ends:0:0", "ends:1:0"]);
    expect(sum(await lines("get-offsets", "--topic-partitions ends:0-2 --time 0"))).toBe(0);
    expect((await lines("get-offsets", "--topic ends --time max-timestamp")).length).toBeGreaterThan(0);

    await lines("topics", "--create --topic cut");
    await produce("cut", ["a", "b", "c"]);
    const file = join(scratch, "records.json");
    writeFileSync(file, JSON.stringify({ version: 1, partitions: [{ topic: "cut", partition: 0, offset: 2 }] }));
    expect(await lines("delete-records", `--offset-json-file ${file}`)).toContain("partition: cut-0\tlow_watermark: 2");
    expect(await lines("get-offsets", "--topic cut --time earliest")).toEqual(["cut:0:2"]);
    expect(await lines("get-offsets", "--topic cut")).toEqual(["cut:0:3"]);
  }, 60_000);

  test("consumer-groups lists, describes, resets and deletes", async () => {
    await lines("topics", "--create --topic grouped --partitions 2");
    await produce("grouped", ["a:1", "b:2", "c:3", "d:4"], keyed);
    await lines("console-consumer", "--topic grouped --group readers --from-beginning --max-messages 4");
    expect(await lines("consumer-groups", "--list")).toContain("readers");
    const states = columns(await lines("consumer-groups", "--list --state"));
    expect(states).toContainEqual(["readers", "Empty"]);
    expect(columns(await lines("groups", "--list"))).toContainEqual(["readers", "Classic", "consumer"]);

    const describe = async () => columns(await lines("consumer-groups", "--describe --group readers")).slice(-2);
    const read = await describe();
    expect(read.map((row) => row.slice(0, 3))).toEqual([["readers", "grouped", "0"], ["readers", "grouped", "1"]]);
    expect(read.reduce((total, row) => total + Number(row[3]), 0)).toBe(4);
    expect(read.map((row) => row[5])).toEqual(["0", "0"]);
    const state = columns(await lines("consumer-groups", "--describe --group readers --state")).at(-1);
    expect([state?.[0], state?.[1], ...state?.slice(-2) ?? []]).toEqual(["readers", broker.address, "Empty", "0"]);

    const reset = "--reset-offsets --group readers --topic grouped";
    await lines("consumer-groups", `${reset} --to-offset 1 --dry-run`);
    expect((await describe()).map((row) => row[5])).toEqual(["0", "0"]);
    const earliest = columns(await lines("consumer-groups", `${reset} --to-earliest --execute`)).slice(-2);
    expect(earliest).toEqual([["readers", "grouped", "0", "0"], ["readers", "grouped", "1", "0"]]);
    expect((await describe()).reduce((total, row) => total + Number(row[5]), 0)).toBe(4);
    await lines("consumer-groups", `${reset} --to-datetime 2020-01-01T00:00:00.000 --execute`);
    expect((await describe()).map((row) => row[3])).toEqual(["0", "0"]);
    await lines("consumer-groups", "--reset-offsets --group readers --all-topics --to-latest --execute");
    expect((await describe()).map((row) => row[5])).toEqual(["0", "0"]);

    await lines("consumer-groups", "--delete-offsets --group readers --topic grouped");
    await lines("consumer-groups", "--delete --group readers");
    expect(await lines("consumer-groups", "--list")).not.toContain("readers");
    const gone = await tool("consumer-groups", "--delete --group readers");
    expect(gone.output).toContain("GroupIdNotFoundException");
  }, 60_000);

  test.skipIf(target === "kafka")(
    "consumer-groups shows members, and resets and deletes no group that has some",
    async () => {
      await produce("membered", ["a", "b"]);
      const group = "--group joined";
      const consumer = followWeir(`consume membered ${group} --from-beginning -b ${broker.address}`.split(" "));
      try {
        await until(() => consumer.lines.length === 2, { what: "The consumer's two records" });
        const member = columns(await lines("consumer-groups", `--describe ${group} --members`)).at(-1);
        expect([member?.[0], member?.[2], member?.[4]]).toEqual(["joined", "/127.0.0.1", "1"]);
        const row = columns(await lines("consumer-groups", `--describe ${group}`)).at(-1);
        expect(row?.slice(0, 3)).toEqual(["joined", "membered", "0"]);
        expect(row?.[6]).toBe(member?.[1]);
        const reset = await tool(
          "consumer-groups",
          `--reset-offsets ${group} --topic membered --to-earliest --execute`,
        );
        expect(reset.output).toContain("current state is Stable");
        const removed = await tool("consumer-groups", `--delete ${group}`);
        expect(removed.output).toContain("GroupNotEmptyException");
      } finally {
        consumer.stop("SIGTERM");
        await consumer.exit;
      }
      expect(columns(await lines("consumer-groups", "--list --state"))).toContainEqual(["joined", "Empty"]);
    },
    60_000,
  );

  test("the perf tests send and read", async () => {
    await lines("topics", "--create --topic perf --partitions 3");
    const sent = await lines(
      "producer-perf-test",
      "--topic perf --num-records 30000 --record-size 200 --throughput -1 --command-property acks=all",
    );
    expect(sent.at(-1)).toContain("30000 records sent");
    const read = await lines("consumer-perf-test", "--topic perf --num-records 30000 --timeout 20000");
    expect(read.at(-1)?.split(", ")[4]).toBe("30000");
  }, 60_000);

  test("broker-api-versions, cluster and features describe the broker", async () => {
    const [head = "", ...apis] = await lines("broker-api-versions", "");
    expect(head.startsWith(`${broker.address} (id: 1 rack: null isFenced: false) -> (`)).toBe(true);
    for (const api of ["Produce(0): 0 to 13 [usable: 13]", "ApiVersions(18): 0 to "]) {
      expect(apis.some((line) => line.trim().startsWith(api))).toBe(true);
    }
    expect(await lines("cluster", "cluster-id")).toEqual([expect.stringMatching(/^Cluster ID: [\w-]{22}$/)]);
    const [, endpoint] = columns(await lines("cluster", "list-endpoints"));
    expect(endpoint?.slice(0, 3)).toEqual(["1", ...broker.address.split(":")]);
    expect((await lines("features", "describe")).join("\n")).toContain("Feature: metadata.version");
  }, 60_000);

  test("log-dirs tells the size of every log", async () => {
    await produce("sized", ["a", "b", "c"]);
    const answer = (await lines("log-dirs", "--describe --topic-list sized")).at(-1) ?? "";
    const [directory] = JSON.parse(answer).brokers[0].logDirs;
    const sizeBytes = statSync(join(logDirectory(), "sized-0/00000000000000000000.log")).size;
    expect(directory.logDir).toBe(logDirectory());
    expect(directory.error).toBe(null);
    expect(directory.partitions).toEqual([
      { partition: "sized-0", size: sizeBytes, offsetLag: 0, isFuture: false },
    ]);
    await lines("topics", "--create --topic idle --partitions 2");
    const idle = (await lines("log-dirs", "--describe --topic-list idle,no-such")).at(-1) ?? "";
    expect(
      JSON.parse(idle).brokers[0].logDirs[0].partitions.map(({ partition, size }: Record<string, unknown>) => [
        partition,
        size,
      ]).sort(),
    ).toEqual([["idle-0", 0], ["idle-1", 0]]);
  }, 60_000);

  test("what a volume has, and has left, is what its file system says", async () => {
    const client = await TestClient.connect(broker.port);
    const { results } = await client.send(describeLogDirs, 4, { topics: [] });
    client.close();
    const { blocks, bsize, bavail } = statfsSync(logDirectory());
    expect(results.map(({ logDir, totalBytes }) => [logDir, totalBytes])).toEqual([[logDirectory(), blocks * bsize]]);
    // Others write to it too.
    expect(Math.abs(results[0]!.usableBytes - bavail * bsize)).toBeLessThan(1024 * 1024 * 1024);
  }, 60_000);

  test("dump-log reads segments, indexes, snapshots and internal topics", async () => {
    const config = "--config segment.bytes=1048576 --config index.interval.bytes=1024";
    await lines("topics", `--create --topic dumped ${config}`);
    const load = "--topic dumped --num-records 15000 --record-size 200 --throughput -1";
    await lines("producer-perf-test", `${load} --command-property batch.size=4000`);
    await lines("console-consumer", "--topic dumped --group dumpers --from-beginning --max-messages 10");
    expect((await broker.stop()).code).toBe(target === "kafka" ? 143 : 0);

    const dumped = join(logDirectory(), "dumped-0");
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

    const offsetsLogs = readdirSync(logDirectory()).filter((name) => name.startsWith("__consumer_offsets-"))
      .flatMap((name) => filesIn(join(logDirectory(), name), ".log"));
    const offsets = (await dump(offsetsLogs, "--offsets-decoder")).join("\n");
    expect(offsets).toContain('key: {"type":"1","data":{"group":"dumpers","topic":"dumped","partition":0}}');
    expect(offsets).toContain('payload: {"version":"3","data":{"protocolType":"consumer"');
    const metadata = filesIn(join(logDirectory(), "__cluster_metadata-0"), ".log");
    expect((await dump(metadata, "--cluster-metadata-decoder")).join("\n"))
      .toContain('{"type":"TOPIC_RECORD","version":0,"data":{"name":"dumped","topicId":"');
  }, 60_000);
});

/** For console-producer: lines are key:value. */
const keyed = "--reader-property parse.key=true --reader-property key.separator=:";

function filesIn(directory: string, suffix: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory).filter((name) => name.endsWith(suffix)).sort().map((name) => join(directory, name));
}

async function dump(files: readonly string[], args: string): Promise<readonly string[]> {
  const { status, output, lines } = await tools.run("dump-log", [
    ...args.split(" ").filter((word) => word !== ""),
    "--files",
    files.join(","),
  ]);
  expect([status, /mismatch|corrupt|isvalid: false|out of order|Found /i.exec(output)?.[0]]).toEqual([0, undefined]);
  return lines;
}
