import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { runCommandLine } from "../../../cli/commands.ts";
import { batches, type BatchView } from "../../../protocol/batch.ts";
import {
  encodeGroupMetadataKey,
  encodeOffsetCommitKey,
  encodeOffsetCommitValue,
} from "../../../protocol/embedded/offsets_log.ts";
import { encodeMetadataRecord } from "../../../protocol/embedded/cluster_metadata.ts";
import { encodeBatch, type RecordDraft } from "../../../protocol/record.ts";
import { shareStateLog } from "../../../protocol/embedded/share_state_log.ts";
import { encodeTransactionLogKey, encodeTransactionLogValue } from "../../../protocol/embedded/transactions_log.ts";
import { createMemoryRuntime, type MemoryRuntime } from "../../../runtime/memory.ts";
import { LogDir } from "../../../storage/log_dir.ts";
import { createPrng, seedOf } from "../../support/prng.ts";
import { batchOf, configOf, TOPIC_ID } from "../storage/support.ts";

const IMAGE = new URL("../../golden/kafka_log/image", import.meta.url).pathname;
const SEGMENT = "/data/golden-0/00000000000000000000.log";

type Finding = Record<string, unknown>;

/** The folder that Kafka wrote, in memory. */
function imageRuntime(): MemoryRuntime {
  const runtime = createMemoryRuntime();
  for (const entry of readdirSync(IMAGE, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    write(
      runtime,
      `/data${entry.parentPath.slice(IMAGE.length)}/${entry.name}`,
      readFileSync(`${entry.parentPath}/${entry.name}`),
    );
  }
  return runtime;
}

function write(runtime: MemoryRuntime, path: string, bytes: Uint8Array): void {
  runtime.files.makeDirectory(path.slice(0, path.lastIndexOf("/")));
  const file = runtime.files.open(path, { create: true, truncate: true });
  file.write([bytes], 0);
  file.close();
}

async function inspect(runtime: MemoryRuntime, ...args: readonly string[]) {
  runtime.process.output = "";
  runtime.process.errorOutput = "";
  const code = await runCommandLine(runtime, ["inspect", ...args]);
  return { code, output: runtime.process.output, errors: runtime.process.errorOutput };
}

/** What is found, as JSON. */
async function findings(
  runtime: MemoryRuntime,
  ...args: readonly string[]
): Promise<{ code: number; found: Finding[] }> {
  const { code, output } = await inspect(runtime, ...args, "--json");
  return { code, found: output.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as Finding) };
}

function ofType(found: readonly Finding[], type: string): Finding[] {
  return found.filter((finding) => finding.type === type);
}

/** Where eight bytes of a secret stand in a text, as digits or within anything in base64. */
function secretsIn(said: string, secret: Uint8Array): string[] {
  const hex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const wanted = hex(secret.subarray(8, 16));
  const bytesOf = (word: string) => {
    try {
      return Uint8Array.from(atob(word), (character) => character.charCodeAt(0));
    } catch {
      return new Uint8Array(); // No base64.
    }
  };
  const words = said.match(/[A-Za-z0-9+/]{8,}={0,2}/g) ?? [];
  return words.filter((word) => word.includes(wanted) || hex(bytesOf(word)).includes(wanted));
}

function segmentOf(...drafts: readonly (readonly RecordDraft[])[]): Uint8Array {
  let baseOffset = 0;
  const chunks = drafts.map((records) => {
    const bytes = encodeBatch({ records, baseOffset });
    baseOffset += records.length;
    return bytes;
  });
  return new Uint8Array(chunks.flatMap((chunk) => [...chunk]));
}

/** Where its CRC is over: from the attributes on, not over the base offset and the epoch (Kafka, RecordBatch). */
function differsUnderCrc(before: Uint8Array, after: Uint8Array, { at, sizeBytes }: BatchView): boolean {
  const ATTRIBUTES_AT = 21;
  return before.subarray(at + ATTRIBUTES_AT, at + sizeBytes).some((byte, index) =>
    byte !== after[at + ATTRIBUTES_AT + index]
  );
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

describe("weir inspect", () => {
  test("finds nothing wrong in a folder that Kafka wrote, and takes nothing from it", async () => {
    const runtime = imageRuntime();
    const before = runtime.files.list("/data");
    const { code, output } = await inspect(runtime, "/data", "--verify");
    expect(output).toContain("/data: a data folder, shut down in order");
    expect(output).toMatch(/golden-0 +3 +2213 +0 +39 +39 ok/);
    expect([code, runtime.files.list("/data")]).toEqual([0, before]);
  });

  test("works on a folder that is in use", async () => {
    const runtime = createMemoryRuntime();
    const dir = await LogDir.open(runtime, "/data", { nodeId: 1 });
    const log = dir.createLog({ topic: "t", partition: 0, topicId: TOPIC_ID, config: configOf({}) });
    log.append(batchOf({ values: ["one", "two"] }), { leaderEpoch: 0, origin: "client" });
    const { code, found } = await findings(runtime, "/data", "--verify");
    expect([code, ofType(found, "problem")]).toEqual([0, []]);
    expect(ofType(found, "partition")).toMatchObject([{ partition: "t-0", segments: 1, endOffset: 2, state: "ok" }]);
    await runtime.until(dir.close({ clean: true }));
  });

  test("shows the segments of a partition", async () => {
    const { code, found } = await findings(imageRuntime(), "/data/golden-0", "--verify");
    expect(code).toBe(0);
    expect(
      ofType(found, "segment").map((
        { baseOffset, endOffset, batches, records },
      ) => [baseOffset, endOffset, batches, records]),
    )
      .toEqual([[0, 20, 5, 20], [20, 24, 4, 4], [24, 39, 15, 15]]);
    const quick = ofType((await findings(imageRuntime(), "/data/golden-0")).found, "segment");
    expect(quick.map(({ endOffset, state }) => [endOffset, state])).toEqual([[20, "ok"], [24, "ok"], [39, "ok"]]);
  });

  test("shows the batches of a segment, and records with what is in them", async () => {
    const { found } = await findings(imageRuntime(), SEGMENT, "--records");
    const codecs = ["none", "gzip", "snappy", "lz4", "zstd"];
    expect(ofType(found, "batch").map(({ baseOffset, lastOffset, codec, crc }) => [baseOffset, lastOffset, codec, crc]))
      .toEqual(codecs.map((codec, index) => [index * 4, index * 4 + 3, codec, "ok"]));
    expect(ofType(found, "record").map(({ offset, key, value }) => [offset, key, value])).toEqual(
      codecs.flatMap((codec, batch) =>
        [0, 1, 2, 3].map((at) => [batch * 4 + at, `${codec}-key-${at}`, `${codec}-value-${at}`])
      ),
    );
    expect(ofType(found, "summary")).toMatchObject([{ batches: 5, records: 20, nextOffset: 20, problems: 0 }]);
  });

  test("shows markers, tombstones and headers", async () => {
    const { output } = await inspect(imageRuntime(), "/data/golden-0/00000000000000000024.log", "-r");
    expect(output).toMatch(/\b24 \S+ +abort +\{"coordinatorEpoch":\d+\}/);
    expect(output).toMatch(/\b26 \S+ +commit/);
    expect(output).toMatch(/\b38 2025-01-01T00:05:01.000Z gone +- +reason=test/);
  });

  test("shows indexes, a snapshot, leader epochs, checkpoints and whose a folder is", async () => {
    const runtime = imageRuntime();
    const of = async (name: string, type: string) => ofType((await findings(runtime, `/data/${name}`)).found, type);
    expect(
      (await of("golden-0/00000000000000000000.index", "offsetEntry")).map((
        { offset, position },
      ) => [offset, position]),
    )
      .toEqual([[11, 314], [19, 618]]);
    expect(await of("golden-0/00000000000000000000.timeindex", "timeEntry")).toMatchObject([
      { time: "2025-01-01T00:00:02.003Z", offset: 11 },
      { time: "2025-01-01T00:00:04.003Z", offset: 19 },
    ]);
    expect(await of("golden-0/00000000000000000024.txnindex", "abortedTransaction")).toMatchObject([
      { firstOffset: 20, lastOffset: 24, lastStableOffset: 21 },
    ]);
    expect((await of("golden-0/00000000000000000039.snapshot", "producer")).length).toBe(8);
    expect(await of("golden-0/leader-epoch-checkpoint", "leaderEpoch")).toMatchObject([{ epoch: 0, startOffset: 0 }]);
    expect(await of("golden-0/partition.metadata", "property")).toMatchObject([{ value: "XMfVmh78TQqymTQFirWdZQ" }]);
    expect(await of("recovery-point-offset-checkpoint", "checkpoint")).toMatchObject([
      { topic: "golden", partition: 0, offset: 39 },
    ]);
    expect((await of("meta.properties", "property")).map(({ name }) => name)).toContain("clusterId");
    expect(await of(".kafka_cleanshutdown", "property")).toMatchObject([{ name: "version", value: 0 }, {}]);
  });

  test("decodes what coordinators know of transactional ids and of share partitions", async () => {
    const runtime = createMemoryRuntime();
    const state = { producerId: 7, producerEpoch: 2, transactionTimeoutMs: 60_000, transactionStatus: 1 };
    const place = { groupId: "g", topicId: TOPIC_ID, partition: 3 };
    write(
      runtime,
      "/d/__transaction_state-4/00000000000000000000.log",
      segmentOf([
        {
          key: encodeTransactionLogKey({ transactionalId: "orders" }),
          value: encodeTransactionLogValue({
            ...state,
            transactionPartitions: [{ topic: "t", partitionIds: [1] }],
            transactionLastUpdateTimestampMs: 5,
            transactionStartTimestampMs: 4,
          }),
        },
        { key: encodeTransactionLogKey({ transactionalId: "gone" }), value: null },
        { key: Uint8Array.of(0, 9, 1), value: Uint8Array.of(255) },
      ]),
    );
    const transactions = await findings(runtime, "/d/__transaction_state-4/00000000000000000000.log", "-r");
    expect(ofType(transactions.found, "record").map(({ decoded }) => decoded)).toMatchObject([
      { key: { transactionalId: "orders" }, value: { ...state, transactionPartitions: [{ topic: "t" }] } },
      { key: { transactionalId: "gone" }, value: null },
      { key: { kind: "other", type: 9 } },
    ]);
    write(
      runtime,
      "/d/__share_group_state-0/00000000000000000000.log",
      segmentOf([{ key: shareStateLog.encodeKey("snapshot", place), value: null }]),
    );
    const shares = await findings(runtime, "/d/__share_group_state-0/00000000000000000000.log", "-r");
    expect(ofType(shares.found, "record").map(({ decoded }) => decoded)).toMatchObject([{ key: place, value: null }]);
  });

  test("decodes committed offsets, groups and metadata", async () => {
    const runtime = createMemoryRuntime();
    write(
      runtime,
      "/d/__consumer_offsets-7/00000000000000000000.log",
      segmentOf([
        {
          key: encodeOffsetCommitKey({ group: "g", topic: "t", partition: 3 }),
          value: encodeOffsetCommitValue({ offset: 41, metadata: "", commitTimestamp: 5 }),
        },
        { key: encodeGroupMetadataKey({ group: "gone" }), value: null },
        { key: Uint8Array.of(0, 9, 1), value: Uint8Array.of(255) },
      ]),
    );
    const offsets = await findings(runtime, "/d/__consumer_offsets-7/00000000000000000000.log", "-r");
    expect(ofType(offsets.found, "record").map(({ decoded }) => decoded)).toMatchObject([
      { key: { kind: "offset", group: "g", topic: "t", partition: 3 }, value: { offset: 41 } },
      { key: { kind: "group", group: "gone" }, value: null },
      { key: { kind: "other", type: 9 } },
    ]);
    write(
      runtime,
      "/d/__cluster_metadata-0/00000000000000000000.log",
      segmentOf([{ value: encodeMetadataRecord("TopicRecord", { name: "orders", topicId: TOPIC_ID }) }]),
    );
    const { output } = await inspect(runtime, "/d/__cluster_metadata-0/00000000000000000000.log", "-r");
    expect(output).toContain(`{"name":"orders","topicId":"${TOPIC_ID}"}`);
  });

  test("hides by what passwords could be guessed, in the bytes too, and where they cannot be decoded", async () => {
    const runtime = createMemoryRuntime();
    const path = "/d/__cluster_metadata-0/00000000000000000000.log";
    const secret = Uint8Array.from({ length: 32 }, (_, index) => 200 - index);
    const whole = encodeMetadataRecord("UserScramCredentialRecord", {
      name: "ann",
      mechanism: 1,
      salt: secret,
      storedKey: secret,
      serverKey: secret,
      iterations: 4096,
    });
    const ofNewerVersion = whole.slice();
    ofNewerVersion[2] = 9;
    write(runtime, path, segmentOf([{ value: whole }, { value: ofNewerVersion }]));
    const { found } = await findings(runtime, path, "-r");
    const records = ofType(found, "record");
    expect(records.map(({ value }) => value)).toEqual(["[hidden]", "[hidden]"]);
    expect(records[0]!.decoded).toMatchObject({ value: { name: "ann", iterations: 4096, salt: "[hidden]" } });
    const { output } = await inspect(runtime, path, "-r");
    expect(output).toContain("ann");
    for (const hidden of [JSON.stringify(found), output]) expect(secretsIn(hidden, secret)).toEqual([]);
  });

  test("shows no byte that a terminal would obey, and bytes that are no text as digits", async () => {
    const runtime = createMemoryRuntime();
    const path = "/t-0/00000000000000000000.log";
    write(
      runtime,
      path,
      segmentOf([{ key: text("a\u001b[2Jb\n\u202e"), value: Uint8Array.of(0xff, 0, 1) }, {
        value: text("x".repeat(500)),
      }]),
    );
    const { output } = await inspect(runtime, path, "-r");
    expect(output).toContain("a\\u001b[2Jb\\n\\u202e");
    expect(output).toContain("0xff0001");
    expect(output).toContain(`${"x".repeat(200)}… (500 characters)`);
    expect(output).not.toContain("\u001b");
    const { found } = await findings(runtime, path, "-r");
    expect(ofType(found, "record").map(({ value }) => value)).toEqual([{ base64: "/wAB" }, "x".repeat(500)]);
  });

  test("refuses what is not there or not a broker's", async () => {
    const runtime = imageRuntime();
    write(runtime, "/data/notes.txt", text("hello"));
    for (const path of ["/no/such", "/data/notes.txt"]) {
      const { code, errors } = await inspect(runtime, path);
      expect([code, errors.includes(`"${path}"`)]).toEqual([2, true]);
    }
    expect((await inspect(runtime)).code).toBe(2);
  });
});

describe("weir inspect of damage", () => {
  /** The segment with one change made to it. */
  async function damaged(change: (bytes: Uint8Array) => Uint8Array | void) {
    const runtime = imageRuntime();
    const bytes = runtime.files.readFile(SEGMENT);
    write(runtime, SEGMENT, change(bytes) ?? bytes);
    const { code, found } = await findings(runtime, SEGMENT, "--verify");
    const offsets = ofType(found, "batch").map(({ baseOffset }) => baseOffset);
    return { code, offsets, problems: ofType(found, "problem") };
  }

  test("says which batch has a flipped bit, and goes on", async () => {
    const { code, offsets, problems } = await damaged((bytes) => void (bytes[200]! ^= 1));
    expect([code, offsets]).toEqual([1, [0, 4, 8, 12, 16]]);
    expect(problems[0]).toMatchObject({ path: SEGMENT, problem: "its checksum is wrong", position: 177, offset: 4 });
  });

  test("finds the next batch where a length is wrong", async () => {
    const { code, offsets, problems } = await damaged((bytes) => void (bytes[177 + 11]! ^= 64));
    expect([code, offsets.filter((offset) => offset !== 4)]).toEqual([1, [0, 8, 12, 16]]);
    expect(problems.find(({ bytes }) => bytes !== undefined)).toMatchObject({ position: 177, bytes: 314 - 177 });
  });

  test("finds the next batch behind zeros", async () => {
    const { offsets, problems } = await damaged((bytes) => void bytes.fill(0, 177, 400));
    expect(offsets).toEqual([0, 12, 16]);
    expect(problems).toMatchObject([{
      problem: "there are zeros in the place of a batch",
      position: 177,
      bytes: 472 - 177,
    }]);
  });

  test("says where a torn end begins", async () => {
    const { code, offsets, problems } = await damaged((bytes) => bytes.slice(0, 700));
    expect([code, offsets]).toEqual([1, [0, 4, 8, 12]]);
    expect(problems).toMatchObject([{ position: 618, bytes: 82 }]);
  });

  test("finds every whole batch around random damage", async () => {
    const seed = seedOf(process.env.SEED);
    const random = createPrng(seed);
    const records = Array.from({ length: 60 }, (_, index) => [{ value: text(`value ${index} ${"y".repeat(index)}`) }]);
    const whole = segmentOf(...records);
    const all: BatchView[] = [...batches(whole)];
    for (let round = 0; round < 30; round++) {
      const bytes = whole.slice();
      const from = Math.floor(random() * bytes.length);
      const to = Math.min(bytes.length, from + 1 + Math.floor(random() * 300));
      for (let at = from; at < to; at++) bytes[at] = Math.floor(random() * 256);
      const untouched = all.filter(({ at, sizeBytes }) => at + sizeBytes <= from || at >= to).map(({ baseOffset }) =>
        baseOffset
      );
      const runtime = createMemoryRuntime();
      write(runtime, "/t-0/00000000000000000000.log", bytes);
      const { code, found } = await findings(runtime, "/t-0/00000000000000000000.log");
      const sound = ofType(found, "batch").filter(({ crc }) => crc === "ok").map(({ baseOffset }) =>
        baseOffset as number
      );
      expect({ seed, round, missing: untouched.filter((offset) => !sound.includes(offset)) }).toEqual({
        seed,
        round,
        missing: [],
      });
      const isChecked = all.some((batch) => differsUnderCrc(whole, bytes, batch));
      if (isChecked) expect({ seed, round, code }).toEqual({ seed, round, code: 1 });
    }
  });

  test("names an index that does not agree with its segment", async () => {
    const runtime = imageRuntime();
    for (const [name, at] of [["00000000000000000000.index", 7], ["00000000000000000000.timeindex", 7]] as const) {
      const path = `/data/golden-0/${name}`;
      const bytes = runtime.files.readFile(path);
      bytes[at]! ^= 1;
      write(runtime, path, bytes);
      const { code, found } = await findings(runtime, path);
      expect([code, ofType(found, "problem")[0]?.problem]).toEqual([
        1,
        expect.stringContaining("does not agree with the segment"),
      ]);
    }
    const { code, output } = await inspect(runtime, "/data", "--verify");
    expect([code, output.includes("DAMAGED")]).toEqual([1, true]);
  });

  test("takes zeros at the end of an index for no entries", async () => {
    const runtime = imageRuntime();
    for (const name of ["00000000000000000024.index", "00000000000000000024.timeindex"]) {
      const file = runtime.files.open(`/data/golden-0/${name}`, {});
      file.truncate(240);
      file.close();
      expect((await inspect(runtime, `/data/golden-0/${name}`)).code).toBe(0);
    }
    expect((await inspect(runtime, "/data/golden-0")).code).toBe(0);
  });

  test.each([
    ["golden-0/00000000000000000039.snapshot", "checksum"],
    ["golden-0/leader-epoch-checkpoint", "Cannot understand"],
    ["recovery-point-offset-checkpoint", "Cannot understand"],
    ["meta.properties", "Cannot use"],
  ])("says what is wrong with %s", async (name, problem) => {
    const runtime = imageRuntime();
    const bytes = runtime.files.readFile(`/data/${name}`);
    write(runtime, `/data/${name}`, bytes.fill(0x37, Math.floor(bytes.length / 3)));
    const alone = await inspect(runtime, `/data/${name}`);
    expect([alone.code, (alone.output + alone.errors).includes(problem)]).toEqual([1, true]);
    const { code, output } = await inspect(runtime, "/data");
    expect([code, output.includes(problem)]).toEqual([1, true]);
  });
});
