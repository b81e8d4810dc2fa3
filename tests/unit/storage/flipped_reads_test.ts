/** One bit of one read is flipped on the way from the disk: nobody loses anything by it, and nothing is called damaged. */
import { describe, expect, test } from "bun:test";
import { encodeControlBatch } from "../../../protocol/record.ts";
import { createMemoryRuntime } from "../../../runtime/memory.ts";
import { FilePool } from "../../../storage/file_pool.ts";
import { OffsetIndex } from "../../../storage/offset_index.ts";
import { appendPairs, compact, COMPACTED, contents, rolled } from "./compaction_support.ts";
import { append, DATA, readAll, valuesOf, World } from "./support.ts";

const FOLDER = `${DATA}/orders-0`;
const LOG = `${FOLDER}/00000000000000000000.log`;
const DAMAGE = /damaged|truncated|dropped|gap|failed|offline|lost/;

/** Does `work` again and again, with its first read flipped, its second, and so on, each in a world of its own. */
async function eachReadFlipped(options: {
  readonly make: (seed: number) => Promise<World>;
  readonly work: (world: World) => Promise<void>;
  readonly check: (world: World) => void;
}): Promise<void> {
  for (let flipped = 0, readCount = Infinity; flipped < readCount; flipped++) {
    const world = await options.make(flipped);
    readCount = 0;
    world.runtime.files.flips = () => readCount++ === flipped;
    await options.work(world);
    world.runtime.files.flips = null;
    options.check(world);
    expect(world.eventNames().filter((event) => DAMAGE.test(event))).toEqual([]);
    expect(readCount).toBeGreaterThan(1);
  }
}

function filesOf(world: World, ending: string): Uint8Array[] {
  const names = world.files().filter((name) => name.endsWith(ending));
  return names.map((name) => world.runtime.files.readFile(`${FOLDER}/${name}`));
}

describe("one flipped read", () => {
  test("of a start after a kill cuts nothing, and writes nothing wrong", async () => {
    let before: Uint8Array[] = [];
    await eachReadFlipped({
      make: async (seed) => {
        const world = await World.open({ seed, config: { segmentBytes: 700, indexIntervalBytes: 100 } });
        const log = world.log();
        for (let index = 0; index < 6; index++) {
          const producer = { id: 1, epoch: 0, sequence: index };
          append(log, { values: [`value ${index}`.padEnd(100)], producer, leaderEpoch: index >> 1 });
          if (index === 3) await world.until(world.dir.checkpoint());
        }
        await world.until(log.sync());
        await world.until(world.dir.close({ clean: false }));
        before = filesOf(world, ".log");
        return world;
      },
      work: async (world) => {
        await world.open();
        for (const _ of world.log().producers());
      },
      check: (world) => {
        const log = world.log();
        expect([log.logEndOffset, log.leaderEpoch, log.isOffline]).toEqual([6, 2, false]);
        expect([...log.producers()].map(({ lastSequence }) => lastSequence)).toEqual([5]);
        expect(filesOf(world, ".log")).toEqual(before);
        expect(readAll(log).length).toBe(6);
        expect([1, 3, 5].map((offset) => log.epochOf(offset))).toEqual([0, 1, 2]);
      },
    });
  });

  test("of a start after a shutdown in order changes nothing", async () => {
    await eachReadFlipped({
      make: async (seed) => {
        const world = await World.open({ seed, config: { segmentBytes: 500 } });
        for (const value of ["a", "b", "c", "d"]) append(world.log(), { values: [value.repeat(150)], leaderEpoch: 4 });
        await world.until(world.log().deleteRecordsBefore(1));
        await world.until(world.dir.close({ clean: true }));
        return world;
      },
      work: (world) => world.open(),
      check: (world) => {
        const log = world.log();
        expect([log.topicId, log.logStartOffset, log.logEndOffset]).toEqual(["3Nr4HWPKQv-Oyg9jCTlOPg", 1, 4]);
        expect(valuesOf(log).map((value) => value[0])).toEqual(["b", "c", "d"]);
      },
    });
  });

  test("of a cleaning is not written down", async () => {
    await eachReadFlipped({
      make: async (seed) => {
        const world = await World.open({ seed, config: COMPACTED });
        for (const value of ["1", "2", "3"]) {
          appendPairs(world.log(), [["a", value], ["b", value], [`only ${value}`, value]]);
          await rolled(world, world.log());
        }
        return world;
      },
      work: async (world) => void await compact(world),
      check: (world) => {
        expect(contents(world.log())).toEqual(["2 only 1=1", "5 only 2=2", "6 a=3", "7 b=3", "8 only 3=3"]);
      },
    });
  });

  test("of the scrub is not damage", async () => {
    await eachReadFlipped({
      make: async (seed) => {
        const world = await World.open({ seed, config: { segmentBytes: 1_000 } });
        for (let index = 0; index < 8; index++) append(world.log(), { values: ["x".repeat(200)] });
        await world.until(world.log().sync());
        return world;
      },
      work: (world) => world.until(world.dir.scrub.pass(() => Infinity)),
      check: (world) => expect(world.eventNames()).toContain("scrubbed"),
    });
  });

  test("of a header is read again for a consumer", async () => {
    const world = await World.open({ limits: { mappedBytesMax: 0, tailBytesMax: 0 }, config: { segmentBytes: 300 } });
    const log = world.log();
    for (const value of ["a", "b"]) append(log, { values: [value.repeat(200)] });
    const { files } = world.runtime;
    const open = files.open.bind(files);
    let isFlipped = false;
    files.open = (path, options) => {
      const handle = open(path, options);
      const read = handle.read.bind(handle);
      handle.read = (target, position) => {
        const count = read(target, position);
        if (path === LOG && !isFlipped) target[16]! ^= 4; // Of the format.
        isFlipped ||= path === LOG;
        return count;
      };
      return handle;
    };
    await world.restart();
    isFlipped = false;
    expect(valuesOf(world.log()).map((value) => value[0])).toEqual(["a", "b"]);
    expect(isFlipped).toBe(true);
  });
});

describe("an index that was read wrong", () => {
  test("does not lead past what is asked for", () => {
    const { files } = createMemoryRuntime();
    const index = new OffsetIndex(new FilePool(files), "/index", 0, true);
    index.append(13, 553);
    index.entries.flush();
    const { file } = index.entries;
    let readCount = 0;
    const read = file.read.bind(file);
    file.read = (target: Uint8Array, position: number) => {
      const count = read(target, position);
      if (readCount++ === 0) target[3]! ^= 8; // 13 → 5
      return count;
    };
    expect(index.floor(11)).toBeNull();
    expect(readCount).toBeGreaterThan(1);
    expect(index.floor(13)).toMatchObject({ offset: 13, position: 553 });
  });
});

describe("what is on the disk for good", () => {
  test("of aborted transactions is not written again by a replay", async () => {
    const world = await World.open();
    const log = world.log();
    append(log, { values: ["a"], producer: { id: 7, epoch: 0, sequence: 0 }, isTransactional: true });
    const marker = encodeControlBatch({
      kind: "abort",
      producerId: 7,
      producerEpoch: 0,
      coordinatorEpoch: 0,
      timestamp: 1,
    });
    log.append(marker, { leaderEpoch: 0, origin: "coordinator" });
    await world.until(log.sync());
    await world.until(world.dir.checkpoint());
    expect(log.recoveryPoint).toBe(2);
    append(log, { values: ["past the recovery point"] });
    await world.until(world.dir.close({ clean: false }));
    // Older than the recovery point: all of the log is replayed.
    for (const name of world.files()) {
      if (name.endsWith(".snapshot")) world.runtime.files.remove(`${FOLDER}/${name}`);
    }
    const changed: string[] = [];
    world.runtime.files.fault = (operation, path) => {
      if (/write|truncate/.test(operation) && path.endsWith(".txnindex")) changed.push(operation);
      return null;
    };
    await world.open();
    append(world.log(), { values: ["b"] });
    expect(world.log().wasRecovered).toBe(true);
    expect(world.log().abortedTransactions(0, 3)).toMatchObject([{ producerId: 7, firstOffset: 0, lastOffset: 1 }]);
    expect(changed).toEqual([]);
  });

  test("of producers is newer than what a cleaning takes", async () => {
    const world = await World.open({ config: COMPACTED });
    for (const value of ["1", "2"]) {
      appendPairs(world.log(), [["a", value]], { producer: { id: 7, epoch: 0, sequence: Number(value) - 1 } });
      await rolled(world, world.log());
    }
    const synced: string[] = [];
    let isReplaced = false;
    world.runtime.files.fault = (operation, path) => {
      isReplaced ||= operation === "rename" && path.endsWith(".log.cleaned");
      if (operation === "syncData" && !isReplaced) synced.push(path);
      return null;
    };
    expect(await compact(world)).toBe(1);
    expect(synced).toContain(`${FOLDER}/00000000000000000002.snapshot`);
  });
});
