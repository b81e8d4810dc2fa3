/**
 * Recovery against damaged images: a folder of a few kilobytes, cut off and with a bit flipped at every byte of every file.
 * No chance in it: every run tries all. Random histories with power cuts: `storage_fuzz_test.ts`.
 */
import { describe, expect, test } from "bun:test";
import { encodeControlBatch } from "../../protocol/record.ts";
import { type Log } from "../../storage/log.ts";
import { append, batchesOf, DATA, readAll, START_MS, World } from "../unit/storage/support.ts";

const options = { timeout: 3_600_000 };

/** A folder as a killed process leaves it, in memory: path → bytes. */
type Image = ReadonlyMap<string, Uint8Array>;

interface DamagedLog {
  readonly image: Image;
  readonly values: [number, string][];
  /** By file: where what was not synced starts. */
  readonly unsyncedFrom: ReadonlyMap<string, number>;
}

async function makeImage(): Promise<DamagedLog> {
  const world = await World.open({ config: IMAGE_CONFIG });
  const log = world.log();
  let sequence = 0;
  for (let index = 0; index < 18; index++) {
    const producer = index % 3 === 0 ? { producer: { id: 5, epoch: 0, sequence: sequence++ } } : {};
    const values = index % 3 === 1 ? [`value ${index}`, `more ${index}`] : [`value ${index}`];
    append(log, { values, timestamp: START_MS + index, ...producer });
    if (index === 10) await world.until(log.sync());
    if (index === 10) await world.until(world.dir.checkpoint());
    if (index === 2) {
      append(log, { values: ["open"], producer: { id: 9, epoch: 0, sequence: 0 }, isTransactional: true });
    }
    if (index === 4) {
      const marker = {
        kind: "abort",
        producerId: 9,
        producerEpoch: 0,
        coordinatorEpoch: 0,
        timestamp: START_MS,
      } as const;
      log.append(encodeControlBatch(marker), { leaderEpoch: 0, origin: "coordinator" });
    }
  }
  const { recoveryPoint } = log;
  const values = readAll(log);
  await world.until(world.dir.close({ clean: false }));
  const image = copyOf(world);
  const unsyncedFrom = new Map<string, number>();
  for (const [path, bytes] of image) {
    if (!path.endsWith(".log")) continue;
    const first = batchesOf(bytes).find((batch) => batch.baseOffset >= recoveryPoint);
    unsyncedFrom.set(path, first?.at ?? bytes.length);
  }
  return { image, values, unsyncedFrom };
}

const IMAGE_CONFIG = { segmentBytes: 700, indexIntervalBytes: 100 };

function copyOf(world: World): Image {
  const image = new Map<string, Uint8Array>();
  const { files } = world.runtime;
  const walk = (path: string): void => {
    for (const name of files.list(path)) {
      const inside = `${path}/${name}`;
      if (files.stat(inside)!.kind === "directory") walk(inside);
      else image.set(inside, files.readFile(inside));
    }
  };
  walk(DATA);
  return image;
}

/** Opens an image, with one file changed or left out (null). */
async function openDamaged(image: Image, path: string, damaged: Uint8Array | null): Promise<World> {
  const world = new World({ config: IMAGE_CONFIG, limits: { tailBytesMax: 0 } });
  const { files } = world.runtime;
  for (const [name, bytes] of image) {
    files.makeDirectory(name.slice(0, name.lastIndexOf("/")));
    const content = name === path ? damaged : bytes;
    if (content === null) continue;
    const handle = files.open(name, { create: true });
    handle.write([content], 0);
    handle.close();
  }
  await world.open();
  return world;
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice();
  copy[at]! ^= 1 << (at % 8);
  return copy;
}

describe("recovery of a damaged folder", () => {
  test("gives a prefix of the batches, and the same again", async () => {
    const { image, values, unsyncedFrom } = await makeImage();
    expect([...unsyncedFrom.values()].filter((position) => position === 0).length).toBeGreaterThan(0);
    for (const [path, firstUnsynced] of unsyncedFrom) {
      const bytes = image.get(path)!;
      const batches = batchesOf(bytes);
      for (let at = 0; at < bytes.length; at++) {
        const batch = batches.findLast((candidate) => candidate.at <= at)!;
        // Base offset and leader epoch are not under the checksum.
        const isChecked = at - batch.at >= 16 || (at - batch.at >= 8 && at - batch.at < 12);
        for (const damaged of [bytes.slice(0, at), ...(isChecked ? [flipped(bytes, at)] : [])]) {
          const where = `${path} at ${at} of ${bytes.length}, ${damaged.length} bytes`;
          const world = await openDamaged(image, path, damaged);
          const log = world.dir.log("orders", 0)!;
          if (log.isOffline) {
            // Synced, so this is no torn tail: left as it is for somebody to look at.
            expect([where, at < firstUnsynced]).toEqual([where, true]);
            expect(world.dir.failures().get("orders-0")?.code).toBe("CORRUPT");
            expect(world.runtime.files.readFile(path)).toEqual(damaged);
            continue;
          }
          const found = readOrNull(log);
          if (at >= firstUnsynced) {
            expect([where, found]).toEqual([where, values.filter(([offset]) => offset < batch.baseOffset)]);
          } else if (found !== null && !world.eventNames().includes("log-gap")) {
            // What is below the recovery point is not read again: a reader comes upon the damage, or a report says it.
            expect([where, found]).toEqual([where, values.slice(0, found.length)]);
          }
          const endOffset = log.logEndOffset;
          await world.until(world.dir.close({ clean: false }));
          await world.open();
          expect([where, world.log().logEndOffset]).toEqual([where, endOffset]);
          expect([where, readOrNull(world.log())]).toEqual([where, found]);
        }
      }
    }
  }, options);

  test("loses nothing to damage beside the log, and leaves what may be of a later version", async () => {
    const { image, values } = await makeImage();
    const others = [...image.keys()].filter((path) => /index$|snapshot$|epoch-checkpoint$/.test(path));
    expect(others.filter((path) => path.endsWith(".txnindex")).length).toBe(1);
    for (const path of others) {
      const bytes = image.get(path)!;
      const variants: (Uint8Array | null)[] = [null, new Uint8Array(bytes.length), new Uint8Array(bytes.length + 999)];
      for (let at = 0; at < bytes.length; at++) variants.push(bytes.slice(0, at), flipped(bytes, at));
      for (const damaged of variants) {
        const world = await openDamaged(image, path, damaged);
        const where = `${path} as ${damaged}`;
        const log = world.dir.log("orders", 0)!;
        if (log.isOffline) {
          expect([where, isOfLaterVersion(path, damaged!)]).toEqual([where, true]);
          expect(log.offlineCause!.code).toBe("VERSION");
          expect(world.runtime.files.readFile(path)).toEqual(damaged!);
          continue;
        }
        expect([where, readAll(log)]).toEqual([where, values]);
        // From the end to the start: every read looks its offset up.
        for (const [offset, value] of values.toReversed()) expect(readAll(log, offset, 1)[0]).toEqual([offset, value]);
        expect([where, (await log.offsetForTimestamp(START_MS + 9))?.timestampMs]).toEqual([where, START_MS + 9]);
        expect([where, (await log.offsetOfMaxTimestamp())?.timestampMs]).toEqual([where, START_MS + 17]);
        expect([where, [...log.producers()].find((producer) => producer.producerId === 5)?.lastSequence]).toEqual([
          where,
          5,
        ]);
      }
    }
  }, options);
});

/** A flipped bit of the version cannot be told from a later one. */
function isOfLaterVersion(path: string, bytes: Uint8Array): boolean {
  if (path.endsWith("epoch-checkpoint")) return /^[1-9]\d*\n/.test(new TextDecoder().decode(bytes));
  return path.endsWith(".snapshot") && bytes.length > 1 && bytes[0]! < 0x80 && bytes[0]! * 256 + bytes[1]! > 1;
}

/** What can be read, null when a reader comes upon damage. */
function readOrNull(log: Log): [number, string][] | null {
  try {
    return readAll(log);
  } catch {
    return null;
  }
}
