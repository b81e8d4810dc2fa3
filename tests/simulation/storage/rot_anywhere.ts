/**
 * A bit that the disk flips for good, in any file of a data folder, and the start and use after it: what is found is said with the
 * file's name, what was synced is neither cut off nor changed, and who reads gets what was written or a wrong checksum.
 */

import { BATCH_HEADER_BYTES } from "../../../protocol/batch.ts";
import { ColdRead } from "../../../storage/cold_reads.ts";
import { StorageError } from "../../../storage/errors.ts";
import type { Log } from "../../../storage/log.ts";
import { createPrng } from "../../support/prng.ts";
import { configOf, DATA } from "../../unit/storage/support.ts";
import { Found } from "./crash.ts";
import { Broken, FOLDER, Machine, TOPIC } from "./machine.ts";
import { Session } from "./session.ts";
import type { Written } from "./account.ts";

/** What no checksum is of and nothing else contradicts: base offset and leader epoch of a batch. */
const UNCHECKED = [[0, 8], [12, 16]] as const;

export async function playRotAnywhere(seed: number): Promise<void> {
  const next = createPrng(seed);
  const int = (limit: number) => Math.floor(next() * limit);
  const machine = new Machine({
    seed,
    config: configOf({ segmentBytes: 600 + int(1500), indexIntervalBytes: int(400) }),
  });
  const session = new Session(machine);
  try {
    await session.start("clean");
    for (let count = 5 + int(25); count > 0; count--) {
      await session.perform({ do: "append", producer: [-1, 1, 10][int(3)]!, records: 1 + int(3), bytes: int(80) });
      if (int(6) === 0) await session.perform({ do: "mark", producer: 10, kind: "abort" });
      if (int(8) === 0) await session.perform({ do: "roll" });
    }
    await session.perform({ do: "sync" });
    await session.perform({ do: "checkpoint" });
    if (int(2) === 0) {
      machine.die("lost");
    } else {
      await machine.run(async () => void await machine.dir.close({ clean: true }));
      machine.leave();
    }
    const path = pathsOf(machine, DATA).sort()[int(pathsOf(machine, DATA).length)]!;
    const before = logsOf(machine);
    machine.runtime.files.rot(path);
    const after = logsOf(machine);
    machine.note(`a bit of ${path} rots`);
    const log = await startOn(machine, path);
    if (log !== null) await use(machine, log, { path, before, after, written: session.account.written });
    for (const [name, bytes] of logsOf(machine)) {
      if (!isSame(bytes, after.get(name)!)) throw new Broken(`${name} was changed`);
    }
  } catch (cause) {
    throw new Found(`SEED=${seed}`, machine.trace, cause);
  }
}

/** The log; null when it, or the folder, is refused because of the file. */
async function startOn(machine: Machine, path: string): Promise<Log | null> {
  const name = path.slice(path.lastIndexOf("/") + 1);
  try {
    await machine.start();
  } catch (error) {
    if (error instanceof StorageError && error.message.includes(name)) return null;
    throw error;
  }
  const log = machine.dir.log(TOPIC, 0);
  if (log === undefined) throw new Broken("the log is gone");
  if (!log.isOffline) return log;
  if (!log.offlineCause!.message.includes(name)) {
    throw new Broken(`${log.offlineCause!.message} does not name the file`);
  }
  return null;
}

async function use(
  machine: Machine,
  log: Log,
  { path, before, after, written }: {
    readonly path: string;
    readonly before: ReadonlyMap<string, Uint8Array>;
    readonly after: ReadonlyMap<string, Uint8Array>;
    readonly written: readonly Written[];
  },
): Promise<void> {
  const rotten = rottenBatch(written, before, after, path);
  const isMoved = rotten?.isChecked === false && rotten.batch === written.at(-1); // The log may end where that says.
  const isWhole = log.logEndOffset === written.at(-1)!.nextOffset;
  if (!isWhole && !isMoved) throw new Broken(`the log ends at ${log.logEndOffset}`);
  await machine.run(() => machine.dir.scrub.pass(() => Infinity));
  const isClosed = rotten !== null && !path.endsWith(`${log.segmentBases().at(-1)}.log`);
  const isSaid = machine.damage?.includes(path) ?? false;
  if (isClosed && rotten.isChecked && !isSaid) throw new Broken("the scrub does not find it");
  if (rotten === null && isSaid) throw new Broken(`nothing is damaged, and it says ${machine.damage}`);
  for (let offset = log.logStartOffset; offset < written.at(-1)!.nextOffset;) {
    let chunk: Uint8Array;
    try {
      const read = log.tryRead(offset, { maxBytes: 1, upToOffset: Infinity, atLeastOneBatch: true });
      if (read instanceof ColdRead) throw new Broken("nothing is cold here");
      chunk = read.chunks[0]!.slice();
      read.release();
    } catch (error) {
      if (!(error instanceof StorageError) || !error.message.includes(path)) throw error;
      return;
    }
    const batch = written.find((one) => one.nextOffset > offset)!;
    if (!isSame(chunk, batch.bytes) && batch !== rotten?.batch) throw new Broken(`offset ${offset} reads as another`);
    if (!isSame(chunk, batch.bytes)) return; // And past it, who walks over it comes to anywhere.
    offset = batch.nextOffset;
  }
}

/** The batch with the flipped bit; `isChecked`: where it can be found. */
function rottenBatch(
  written: readonly Written[],
  before: ReadonlyMap<string, Uint8Array>,
  after: ReadonlyMap<string, Uint8Array>,
  path: string,
): { readonly batch: Written; readonly isChecked: boolean } | null {
  const sound = before.get(path);
  if (sound === undefined) return null;
  const at = sound.findIndex((byte, index) => byte !== after.get(path)![index]);
  let start = 0;
  for (const batch of written.filter((one) => one.baseOffset >= Number(path.slice(-24, -4)))) {
    const inside = at - start;
    start += batch.bytes.length;
    if (inside >= batch.bytes.length) continue;
    const isUnchecked = inside < BATCH_HEADER_BYTES && UNCHECKED.some(([from, to]) => inside >= from && inside < to);
    return { batch, isChecked: !isUnchecked };
  }
  return null;
}

function logsOf(machine: Machine): Map<string, Uint8Array> {
  const paths = pathsOf(machine, FOLDER).filter((path) => path.endsWith(".log"));
  return new Map(paths.map((path) => [path, machine.runtime.files.readFile(path)]));
}

/** Files with something in them. */
function pathsOf(machine: Machine, folder: string): string[] {
  const { files } = machine.runtime;
  return files.list(folder).flatMap((name) => {
    const path = `${folder}/${name}`;
    const stat = files.stat(path)!;
    return stat.kind === "directory" ? pathsOf(machine, path) : stat.sizeBytes > 0 ? [path] : [];
  });
}

function isSame(bytes: Uint8Array, expected: Uint8Array): boolean {
  return bytes.length === expected.length && bytes.every((byte, index) => byte === expected[index]);
}
