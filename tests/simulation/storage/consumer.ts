/**
 * Reads a log as a consumer does, who compares checksums and asks again where one is wrong, while reads may be flipped: what it
 * takes is what was written, and nothing is left out.
 */

import { BATCH_HEADER_BYTES, batchProblem, BatchView, CRC_START } from "../../../protocol/batch.ts";
import { ColdRead } from "../../../storage/cold_reads.ts";
import type { Log } from "../../../storage/log.ts";
import type { Written } from "./account.ts";
import { Broken, type Machine } from "./machine.ts";

/** Of one place, with one flip now and then. */
const TRIES_MAX = 20;

export async function consume(machine: Machine, log: Log, written: readonly Written[]): Promise<void> {
  const expected = written.filter((batch) => batch.nextOffset > log.logStartOffset);
  let next = log.logStartOffset;
  let tries = 0;
  for (let at = 0; at < expected.length;) {
    if (++tries > TRIES_MAX) throw new Broken(`a consumer does not get past offset ${next}`);
    const read = log.tryRead(next, { maxBytes: 1000, upToOffset: log.logEndOffset, atLeastOneBatch: true });
    if (read instanceof ColdRead) {
      await read.loaded;
      if (!machine.isAlive) return;
      continue;
    }
    const count = take(machine, read.chunks, expected.slice(at));
    read.release();
    if (count === 0) continue;
    at += count;
    next = expected[at - 1]!.nextOffset;
    tries = 0;
  }
}

/** How many batches from the first on can be believed. */
function take(machine: Machine, chunks: readonly Uint8Array[], expected: readonly Written[]): number {
  let count = 0;
  for (const chunk of chunks) {
    for (let position = 0; position < chunk.length;) {
      if (chunk.length - position < BATCH_HEADER_BYTES || batchProblem(chunk, position) !== null) return count;
      const batch = new BatchView(chunk, position);
      if (!batch.isCrcValid()) return count;
      const wanted = expected[count]?.bytes;
      const bytes = chunk.subarray(position, position + batch.sizeBytes);
      if (wanted === undefined || !isSame(bytes.subarray(CRC_START), wanted.subarray(CRC_START))) {
        // A batch passed over for a flipped header looks like one that a cleaner has taken.
        if (machine.config.cleanupPolicy.compact && wanted !== undefined) return count;
        throw new Broken(`a consumer is given offset ${batch.baseOffset} for ${expected[count]?.baseOffset}`);
      }
      // No checksum is of the offset and the leader epoch: a consumer cannot know, and nor does this one.
      position += bytes.length;
      count++;
    }
  }
  return count;
}

function isSame(bytes: Uint8Array, wanted: Uint8Array): boolean {
  return bytes.length === wanted.length && bytes.every((byte, index) => byte === wanted[index]);
}
