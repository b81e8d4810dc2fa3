/**
 * What "durable" means under each flush policy, seen from outside: when a produced batch is answered, when consumers see it,
 * and what is left of it after a kill and after a power cut. A whole broker, on a disk whose syncs take a while.
 */
import { beforeEach, describe, expect, test } from "bun:test";
import { fetch } from "../../../protocol/api/01_fetch.ts";
import { listOffsets } from "../../../protocol/api/02_list_offsets.ts";
import { offsetCommit } from "../../../protocol/api/08_offset_commit.ts";
import { produce } from "../../../protocol/api/00_produce.ts";
import { createTopics } from "../../../protocol/api/19_create_topics.ts";
import { findCoordinator } from "../../../protocol/api/10_find_coordinator.ts";
import { incrementalAlterConfigs } from "../../../protocol/api/44_incremental_alter_configs.ts";
import { wholeBatches } from "../../../protocol/batch.ts";
import { ErrorCode } from "../../../protocol/errors.ts";
import { encodeRequestFrame } from "../../../protocol/frame.ts";
import { decodeRecords, encodeBatch } from "../../../protocol/record.ts";
import { createMemoryRuntime, type MemoryRuntime } from "../../../runtime/memory.ts";
import type { CrashKind } from "../../../runtime/memory_files.ts";
import { MemoryBroker, type MemoryClient } from "../../support/memory_broker.ts";
import { GO, MortalRuntime } from "../../support/mortal_runtime.ts";

const policies = ["group", "interval", "os"] as const;
type Policy = (typeof policies)[number];
const SYNC_MS = 50;
/** The first sync of a log brings more to the disk than its records. */
const FIRST_SYNC_MS = 3 * SYNC_MS;

let world: MemoryRuntime;
let process: MortalRuntime;
let server: MemoryBroker;
let client: MemoryClient;
/** Another connection: on one, answers wait for those before them. */
let other: MemoryClient;
/** Syncs of the log of partition 0 that have ended. */
let syncCount: number;

beforeEach(() => {
  world = createMemoryRuntime();
  syncCount = 0;
});

/** Starts a broker on the disk as it is. */
async function start(overrides: Readonly<Record<string, string>>): Promise<void> {
  process = new MortalRuntime(world, () => GO, () => null);
  server = await MemoryBroker.start({ runtime: world, process, overrides });
  client = await server.connect();
  other = await server.connect();
}

/** A broker with a topic of two partitions, on a disk that is slow from here on. */
async function startNew(policy: Policy, overrides: Readonly<Record<string, string>> = {}): Promise<void> {
  await start({ "log.flush.policy": policy, ...overrides });
  const topic = { name: "events", numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] };
  expect((await client.send(createTopics, 7, { topics: [topic] })).topics[0]!.errorCode).toBe(ErrorCode.NONE);
  world.files.syncDelayMs = () => SYNC_MS;
  world.files.fault = (operation, path) => {
    if (operation === "syncData" && /events-0\/\d+\.log$/.test(path)) syncCount++;
    return null;
  };
}

/** The process dies, with the power or without, and a new one starts on what is left. */
async function restartAfter(crash: CrashKind | null): Promise<void> {
  process.die(crash);
  world.files.syncDelayMs = null;
  world.files.fault = null;
  await world.settle();
  await start({});
}

interface ProduceOptions {
  readonly acks?: number;
  readonly partition?: number;
  readonly timeoutMs?: number;
  /** Makes the batch one that a producer may send again. */
  readonly sequence?: number;
}

function draftOf(value: string, { acks = -1, partition = 0, timeoutMs = 30_000, sequence }: ProduceOptions) {
  const records = encodeBatch({
    records: [{ value: new TextEncoder().encode(value), timestamp: world.clock.nowMs() }],
    ...(sequence === undefined ? {} : { producerId: 7, producerEpoch: 0, baseSequence: sequence }),
  });
  return { acks, timeoutMs, topicData: [{ name: "events", partitionData: [{ index: partition, records }] }] };
}

async function answerTo(
  value: string,
  options: ProduceOptions = {},
): Promise<{ errorCode: number; baseOffset: number }> {
  const answer = await client.begin(produce, 9, draftOf(value, options));
  return answer.responses[0]!.partitionResponses[0]!;
}

/** Sends one record; `ended` tells whether the answer has come. No time passes. */
async function send(value: string, options: ProduceOptions = {}) {
  const state = { isAnswered: false, errorCode: NaN, baseOffset: NaN };
  if (options.acks === 0) {
    client.post(encodeRequestFrame(produce, 9, 0, "test", draftOf(value, options)));
  } else {
    answerTo(value, options).then(
      ({ errorCode, baseOffset }) => Object.assign(state, { isAnswered: true, errorCode, baseOffset }),
      () => {}, // the process may die before it answers
    );
  }
  await world.settle();
  return state;
}

/** The record that brings the log to the disk. */
async function sendFirst(): Promise<void> {
  const { errorCode } = await world.until(answerTo("first"));
  expect(errorCode).toBe(ErrorCode.NONE);
}

/** What a consumer sees now. No time passes. */
async function look(partition = 0): Promise<{ errorCode: number; highWatermark: number; values: string[] }> {
  const partitions = [{ partition, fetchOffset: 0, partitionMaxBytes: 1_000_000 }];
  const waiting = other.begin(fetch, 12, {
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 1_000_000,
    topics: [{ topic: "events", partitions }],
  });
  await world.settle();
  const { errorCode, highWatermark, records } = (await waiting).responses[0]!.partitions[0]!;
  const values: string[] = [];
  for (const batch of wholeBatches(records ?? new Uint8Array(0))) {
    for (const { value } of decodeRecords(batch)) values.push(new TextDecoder().decode(value!));
  }
  return { errorCode, highWatermark, values };
}

async function alter(resourceType: number, resourceName: string, name: string, value: string): Promise<void> {
  const resources = [{ resourceType, resourceName, configs: [{ name, configOperation: 0, value }] }];
  const { responses } = await other.send(incrementalAlterConfigs, 1, { resources, validateOnly: false });
  expect(responses[0]!.errorCode).toBe(ErrorCode.NONE);
}

const TOPIC = 2;
const BROKER = 4;

describe("flush policy group", () => {
  test("answers acks=all when the batch is synced, and shows it then", async () => {
    await startNew("group");
    await sendFirst();
    const sent = await send("a");
    await world.advance(SYNC_MS - 1);
    expect([sent.isAnswered, (await look()).highWatermark, syncCount]).toEqual([false, 1, 1]);
    await world.advance(1);
    expect([sent.isAnswered, sent.errorCode, sent.baseOffset]).toEqual([true, ErrorCode.NONE, 1]);
    expect(await look()).toEqual({ errorCode: ErrorCode.NONE, highWatermark: 2, values: ["first", "a"] });
    expect(syncCount).toBe(2);
  });

  test("answers acks=1 at once, and shows the batch when it is synced", async () => {
    await startNew("group");
    const sent = await send("a", { acks: 1 });
    expect([sent.isAnswered, sent.errorCode]).toEqual([true, ErrorCode.NONE]);
    expect((await look()).values).toEqual([]);
    await world.advance(FIRST_SYNC_MS);
    expect((await look()).values).toEqual(["a"]);
  });

  test("shows what was sent with acks=0 when it is synced", async () => {
    await startNew("group");
    await send("a", { acks: 0 });
    expect((await look()).values).toEqual([]);
    await world.advance(FIRST_SYNC_MS);
    expect((await look()).values).toEqual(["a"]);
  });

  test("shares a sync between all that was appended while the one before it ran", async () => {
    await startNew("group");
    await sendFirst();
    const sent = [await send("a"), await send("b"), await send("c"), await send("d")];
    await world.advance(SYNC_MS);
    expect(sent.map(({ isAnswered }) => isAnswered)).toEqual([true, false, false, false]);
    await world.advance(SYNC_MS);
    expect(sent.every(({ isAnswered }) => isAnswered)).toBe(true);
    expect(syncCount).toBe(3);
  });

  test("answers a batch that is sent again no earlier than the first time", async () => {
    await startNew("group");
    const first = await send("a", { sequence: 0 });
    const again = await send("a", { sequence: 0 });
    expect([first.isAnswered, again.isAnswered]).toEqual([false, false]);
    await world.advance(FIRST_SYNC_MS + SYNC_MS);
    expect([first.baseOffset, again.baseOffset]).toEqual([0, 0]);
    // Once it is synced there is nothing to wait for.
    expect((await send("a", { sequence: 0 })).isAnswered).toBe(true);
  });

  test("answers REQUEST_TIMED_OUT when the sync takes longer than the producer would wait", async () => {
    await startNew("group");
    world.files.syncDelayMs = () => 60_000;
    const sent = await send("a", { timeoutMs: 2_000 });
    await world.advance(1_999);
    expect(sent.isAnswered).toBe(false);
    await world.advance(1);
    expect(sent.errorCode).toBe(ErrorCode.REQUEST_TIMED_OUT);
  });

  test("answers offset commits when they are synced", async () => {
    await startNew("group");
    world.files.syncDelayMs = null;
    await client.send(findCoordinator, 0, { key: "readers" }); // makes the topic of offsets
    world.files.syncDelayMs = () => SYNC_MS;
    let isAnswered = false;
    const topics = [{
      name: "events",
      partitions: [{ partitionIndex: 0, committedOffset: 0, committedMetadata: null }],
    }];
    const committing = client.begin(offsetCommit, 8, {
      groupId: "readers",
      generationIdOrMemberEpoch: -1,
      memberId: "",
      topics,
    });
    committing.then(() => isAnswered = true);
    await world.settle();
    await world.advance(SYNC_MS - 1);
    expect(isAnswered).toBe(false);
    expect((await world.until(committing)).topics[0]!.partitions[0]!.errorCode).toBe(ErrorCode.NONE);
  });

  test("loses in a power cut nothing that was answered with acks=all, and nothing that was seen", async () => {
    await startNew("group");
    await send("a");
    await world.advance(FIRST_SYNC_MS);
    const late = [await send("b", { acks: 1 }), await send("c")];
    const seen = (await look()).values;
    expect([seen, late.map(({ isAnswered }) => isAnswered)]).toEqual([["a"], [true, false]]);
    await restartAfter("lost");
    expect((await look()).values).toEqual(["a"]);
    expect((await world.until(answerTo("d"))).baseOffset).toBe(1);
  });
});

for (const policy of ["interval", "os"] as const) {
  describe(`flush policy ${policy}`, () => {
    test("answers all acks when the batch is written, and shows it then", async () => {
      await startNew(policy);
      for (const acks of [0, 1, -1]) {
        const sent = await send(`acks ${acks}`, { acks });
        expect(sent.isAnswered).toBe(acks !== 0);
      }
      expect(await look()).toEqual({
        errorCode: ErrorCode.NONE,
        highWatermark: 3,
        values: ["acks 0", "acks 1", "acks -1"],
      });
      expect(syncCount).toBe(0);
    });
  });
}

describe("flush policy interval", () => {
  test("syncs every second what was appended, and a power cut takes no more than came after that", async () => {
    await startNew("interval");
    await send("a", { acks: 1 });
    await world.advance(1_000 + 200 + FIRST_SYNC_MS); // how late a look for logs to sync may be, and the sync
    expect(syncCount).toBe(1);
    await world.advance(10_000);
    expect(syncCount).toBe(1); // there was nothing more
    await send("b");
    expect((await look()).values).toEqual(["a", "b"]);
    await restartAfter("lost");
    expect((await look()).values).toEqual(["a"]);
  });

  test("syncs every second also while a stop waits for a client that does not read", async () => {
    await startNew("interval");
    const large = "x".repeat(90_000);
    for (let count = 0; count < 30; count++) await world.until(answerTo(large));
    other.pause();
    const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 3_000_000 }];
    const draft = { maxWaitMs: 0, minBytes: 0, maxBytes: 3_000_000, topics: [{ topic: "events", partitions }] };
    other.post(encodeRequestFrame(fetch, 12, 1, "test", draft));
    await world.until(answerTo("last"));
    const stopping = server.broker.stop();
    stopping.catch(() => {}); // The process dies before it ends.
    await world.advance(3_000);
    await restartAfter("lost");
    const ends = { topics: [{ name: "events", partitions: [{ partitionIndex: 0, timestamp: -1 }] }] };
    const { topics } = await client.send(listOffsets, 7, { replicaId: -1, isolationLevel: 0, ...ends });
    expect(topics[0]!.partitions[0]!.offset).toBe(31);
  });

  test("waits as long as log.flush.interval.ms where that is set", async () => {
    await startNew("interval", { "log.flush.interval.ms": "5000" });
    await send("a");
    await world.advance(4_900);
    expect(syncCount).toBe(0);
    await world.advance(100 + 200 + FIRST_SYNC_MS);
    expect(syncCount).toBe(1);
  });
});

describe("flush policy os", () => {
  test("leaves syncing to the kernel: a power cut may take everything", async () => {
    await startNew("os");
    const sent = await send("a");
    await world.advance(50_000); // before the recovery points are saved
    expect([sent.isAnswered, syncCount]).toEqual([true, 0]);
    await restartAfter("lost");
    expect((await look()).values).toEqual([]);
    expect((await world.until(answerTo("b"))).baseOffset).toBe(0);
  });

  test("syncs all the same after log.flush.interval.messages records", async () => {
    await startNew("os", { "log.flush.interval.messages": "3" });
    await send("a");
    await send("b");
    await world.advance(1_000);
    expect(syncCount).toBe(0);
    await send("c");
    await world.advance(FIRST_SYNC_MS);
    expect(syncCount).toBe(1);
    await send("d");
    await restartAfter("lost");
    expect((await look()).values).toEqual(["a", "b", "c"]);
  });

  test("syncs all the same once a record is log.flush.interval.ms old", async () => {
    await startNew("os", { "log.flush.interval.ms": "700" });
    await send("a");
    await world.advance(600);
    expect(syncCount).toBe(0);
    await world.advance(100 + 200 + FIRST_SYNC_MS);
    expect(syncCount).toBe(1);
    await send("b");
    await restartAfter("lost");
    expect((await look()).values).toEqual(["a"]);
  });
});

describe("every flush policy", () => {
  for (const policy of policies) {
    test(`keeps through a kill all that was answered: ${policy}`, async () => {
      await startNew(policy);
      const answered: string[] = [];
      for (const acks of [0, 1, -1, 0, 1, -1]) {
        const value = `${answered.length}`;
        await send(value, { acks });
        if (acks === -1) await world.advance(FIRST_SYNC_MS);
        answered.push(value);
      }
      await send("in flight", { acks: 1 });
      await restartAfter(null);
      expect((await look()).values).toEqual([...answered, "in flight"]);
    });

    test(`takes a partition offline whose sync fails, and it alone: ${policy}`, async () => {
      await startNew(policy, { "log.flush.interval.ms": "500" });
      await send("a");
      await world.advance(1_000);
      world.files.fault = (operation, path) => operation === "syncData" && path.includes("/events-0/") ? "EIO" : null;
      const failing = await send("b");
      await world.advance(1_000);
      expect(failing.errorCode).toBe(policy === "group" ? ErrorCode.KAFKA_STORAGE_ERROR : ErrorCode.NONE);
      // The next sync would call lost bytes written: nothing may be believed any more.
      world.files.fault = null;
      for (const acks of [1, -1]) expect((await send("c", { acks })).errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
      expect((await look(0)).errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);

      const unharmed = await send("x", { partition: 1 });
      await world.advance(FIRST_SYNC_MS);
      expect(unharmed.errorCode).toBe(ErrorCode.NONE);
      expect((await look(1)).values).toEqual(["x"]);

      await restartAfter("lost");
      expect((await look(0)).values).toEqual(["a"]);
    });
  }
});

describe("a change of", () => {
  test("flush.policy of a topic counts from the next batch, and shows what waited for a sync", async () => {
    await startNew("group");
    world.files.syncDelayMs = (): number => 60_000;
    await send("a", { acks: 1 });
    expect((await look()).values).toEqual([]);
    world.files.syncDelayMs = null; // for the metadata log; the sync above goes on
    await alter(TOPIC, "events", "flush.policy", "os");
    world.files.syncDelayMs = () => SYNC_MS;
    expect((await look()).values).toEqual(["a"]);
    expect((await send("b")).isAnswered).toBe(true);
    await world.advance(60_000);

    await alter(TOPIC, "events", "flush.policy", "group");
    await world.advance(1_000);
    const sent = await send("c");
    expect([sent.isAnswered, (await look()).values]).toEqual([false, ["a", "b"]]);
    await world.advance(SYNC_MS);
    expect([sent.isAnswered, (await look()).values]).toEqual([true, ["a", "b", "c"]]);
  });

  test("log.flush.policy of the broker counts for topics without one of their own", async () => {
    await startNew("group");
    expect((await send("a")).isAnswered).toBe(false);
    await world.advance(FIRST_SYNC_MS);
    await alter(BROKER, "1", "log.flush.policy", "interval");
    await world.advance(1_000);
    expect((await send("b")).isAnswered).toBe(true);
    await alter(TOPIC, "events", "flush.policy", "group");
    await world.advance(1_000);
    expect((await send("c")).isAnswered).toBe(false);
  });
});
