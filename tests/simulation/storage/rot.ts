/** A bit that the disk flips in what was synced, and looked at again by a start: reported, and nothing is cut off. */

import { createPrng } from "../../support/prng.ts";
import { configOf } from "../../unit/storage/support.ts";
import { Found } from "./crash.ts";
import { Broken, FOLDER, Machine, TOPIC } from "./machine.ts";
import { Session } from "./session.ts";

/** Bytes of a batch before those that its checksum is of. */
const UNCHECKED_BYTES = 21;

export async function playRot(seed: number): Promise<void> {
  const next = createPrng(seed);
  const int = (limit: number) => Math.floor(next() * limit);
  const machine = new Machine({ seed, config: configOf({ segmentBytes: 2000, indexIntervalBytes: 300 }) });
  const session = new Session(machine);
  try {
    await session.start("clean");
    for (let count = 3 + int(25); count > 0; count--) {
      await session.perform({ do: "append", records: 1 + int(3), bytes: int(80) });
    }
    await session.perform({ do: "sync" });
    await session.perform({ do: "checkpoint" });
    const log = machine.log();
    const base = log.segmentBases().at(-1)!;
    const batches = session.account.written.filter((batch) => batch.baseOffset >= base);
    const at = int(batches.length);
    const start = batches.slice(0, at).reduce((sum, batch) => sum + batch.bytes.length, 0);
    machine.die("lost");
    const path = `${FOLDER}/${String(base).padStart(20, "0")}.log`;
    const { files } = machine.runtime;
    const bytes = files.readFile(path);
    bytes[start + UNCHECKED_BYTES + int(batches[at]!.bytes.length - UNCHECKED_BYTES)]! ^= 1 << int(8);
    files.open(path, {}).write([bytes], 0);
    await machine.start();
    const found = machine.dir.log(TOPIC, 0);
    const { endOffset } = session.account;
    if (found?.isOffline === true) {
      if (!found.offlineCause!.message.includes(path)) throw new Broken("the error does not name the file");
    } else if (found?.logEndOffset !== endOffset) {
      throw new Broken(`the log ends at ${found?.logEndOffset}, nothing is reported, and ${endOffset} was synced`);
    }
    if (files.readFile(path).length !== bytes.length) throw new Broken("the damaged file was cut");
  } catch (cause) {
    throw new Found(`SEED=${seed}`, machine.trace, cause);
  }
}
