/**
 * A view that a reader holds, whatever it is of, stays what it was while the ground is taken from under it: until `release`, and
 * files that it needs are there as long. What is given back is written over in these tests, and an unmapped view throws.
 */
import { describe, expect, test } from "bun:test";
import { ColdRead } from "../../../storage/cold_reads.ts";
import type { StorageLimits } from "../../../storage/context.ts";
import type { Log } from "../../../storage/log.ts";
import type { LogRead } from "../../../storage/log_read.ts";
import { appendPairs, compact, COMPACTED } from "./compaction_support.ts";
import { DATA, World } from "./support.ts";

const EVERYTHING = { maxBytes: 100_000, upToOffset: Infinity, atLeastOneBatch: true };
const DELETE_DELAY_MS = 1000;

interface Holder {
  readonly of: string;
  readonly limits: StorageLimits;
  /** The view is of the file: it is not unlinked as long. */
  readonly keepsFile: boolean;
  readonly isCold?: boolean;
}

const HOLDERS: readonly Holder[] = [
  { of: "a map", limits: { tailBytesMax: 0 }, keepsFile: true },
  { of: "a pooled buffer", limits: { tailBytesMax: 0, mappedBytesMax: 0 }, keepsFile: true },
  { of: "a loaded range", limits: { tailBytesMax: 0 }, keepsFile: false, isCold: true },
  {
    of: "a loaded range that is dropped",
    limits: { tailBytesMax: 0, loadedBytesMax: 1 },
    keepsFile: false,
    isCold: true,
  },
  { of: "the tail", limits: {}, keepsFile: false },
];

interface Event {
  readonly what: string;
  /** Takes away the first segment, or all there is. */
  readonly happens: (world: World, log: Log) => Promise<unknown>;
  /** The segment's files get another name and go later. */
  readonly unlinks: boolean;
  readonly isLogOver?: boolean;
}

const EVENTS: readonly Event[] = [
  {
    what: "the cleaner swaps its segment",
    happens: async (world) => expect(await compact(world)).toBeGreaterThan(0),
    unlinks: true,
  },
  {
    what: "a truncation cuts its segment",
    happens: (world, log) => world.until(log.truncation.truncateTo(1)),
    unlinks: false,
  },
  {
    what: "a truncation drops its segment",
    happens: (world, log) => world.until(log.truncation.truncateFullyAndStartAt(9)),
    unlinks: true,
  },
  {
    what: "retention deletes its segment",
    happens: async (world, log) => {
      await world.until(log.deleteRecordsBefore(log.logEndOffset));
      expect(log.applyRetention(world.runtime.clock.nowMs())).toBeGreaterThan(0);
    },
    unlinks: true,
  },
  {
    what: "its log is deleted",
    happens: (world, log) => Promise.resolve(world.dir.deleteLogs([log])),
    unlinks: true,
    isLogOver: true,
  },
  {
    what: "the folder is closed",
    happens: (world) => world.until(world.dir.close({ clean: true })),
    unlinks: false,
    isLogOver: true,
  },
];

/** Three segments of two batches each, with keys that come again. */
async function opened({ limits, isCold }: Holder): Promise<{ readonly world: World; readonly log: Log }> {
  const world = await World.open({
    limits,
    config: {
      ...COMPACTED,
      segmentBytes: 350,
      fileDeleteDelayMs: DELETE_DELAY_MS,
      cleanupPolicy: { delete: true, compact: true },
    },
  });
  const log = world.log();
  log.read(0, EVERYTHING).release(); // Whoever reads at the end has a tail.
  for (const value of ["1", "2", "3"]) {
    for (const key of ["a", "b"]) appendPairs(log, [[key, value.repeat(80)]]);
    if (value !== "3") log.roll();
  }
  await world.until(log.sync());
  await world.until(world.dir.checkpoint());
  if (isCold === true) world.runtime.files.isCold = () => true;
  return { world, log };
}

async function viewOf(world: World, log: Log): Promise<LogRead> {
  for (let tries = 0; tries < 10; tries++) {
    const read = log.tryRead(0, EVERYTHING);
    if (!(read instanceof ColdRead)) return read;
    await world.until(read.loaded);
  }
  throw new Error("nothing is loaded");
}

/** What is about to be unlinked: segments, or the folder of a log. */
function waiting(world: World): string[] {
  const { files } = world.runtime;
  return files.list(DATA).flatMap((name) => {
    if (name.endsWith("-delete")) return [name];
    return files.stat(`${DATA}/${name}`)!.kind === "directory"
      ? files.list(`${DATA}/${name}`).filter((file) => file.endsWith(".log.deleted"))
      : [];
  });
}

function bytesOf(read: LogRead): Uint8Array[] {
  return read.chunks.map((chunk) => chunk.slice());
}

/** Uses and gives back what pools have. */
function churn(log: Log): void {
  for (let round = 0; round < 5; round++) {
    appendPairs(log, [["churn", "x".repeat(200)]]);
    for (let offset = log.logStartOffset; offset < log.logEndOffset;) {
      const read = log.read(offset, EVERYTHING);
      offset = read.nextOffset;
      read.release();
    }
  }
}

for (const holder of HOLDERS) {
  describe(`a view of ${holder.of}`, () => {
    test.each(EVENTS.map((event) => [event.what, event] as const))("stays what it was when %s", async (_, event) => {
      const { world, log } = await opened(holder);
      const read = await viewOf(world, log);
      const also = await viewOf(world, log);
      const before = bytesOf(read);
      expect(before[0]!.length).toBeGreaterThan(100);
      await event.happens(world, log);
      const isKept = holder.keepsFile && event.unlinks;
      for (const elapsedMs of [0, DELETE_DELAY_MS + 1, 100 * DELETE_DELAY_MS]) {
        await world.runtime.advance(elapsedMs);
        await world.until(world.dir.removeDeleted(world.runtime.clock.nowMs()));
        world.dir.releaseUnused();
        if (event.isLogOver !== true) churn(log);
        expect(bytesOf(read)).toEqual(before);
        if (isKept) expect(waiting(world)).not.toEqual([]);
      }
      also.release();
      await world.until(world.dir.removeDeleted(world.runtime.clock.nowMs()));
      expect(bytesOf(read)).toEqual(before);
      if (isKept) expect(waiting(world)).not.toEqual([]);
      read.release();
      read.release(); // Once too often does no harm.
      await world.until(world.dir.removeDeleted(world.runtime.clock.nowMs()));
      expect(waiting(world)).toEqual([]);
      if (event.isLogOver === true) expect(world.dir.usage().mappedBytes).toBe(0);
    });
  });
}
