/** What the tests of compaction share: logs with keys, and what a reader finds in them. */
import { encodeBatch } from "../../../protocol/record.ts";
import { BatchView } from "../../../protocol/batch.ts";
import { Compression, type CompressionId } from "../../../protocol/compression.ts";
import { decodeRecords } from "../../../protocol/record.ts";
import { type CleanerSettings, DEFAULT_CLEANER_SETTINGS } from "../../../storage/cleaner.ts";
import { type Log } from "../../../storage/log.ts";
import { type LogConfig } from "../../../storage/log_config.ts";
import { record, START_MS, type World } from "./support.ts";

export const COMPACTED: Partial<LogConfig> = {
  cleanupPolicy: { delete: false, compact: true },
  minCleanableDirtyRatio: 0,
  deleteRetentionMs: 1000,
  fileDeleteDelayMs: 1000,
};

/** Key and value; null is a tombstone. */
export type Pair = readonly [key: string | null, value: string | null];

export function appendPairs(log: Log, pairs: readonly Pair[], options: {
  readonly timestamp?: number;
  readonly compression?: CompressionId;
  readonly producer?: { readonly id: number; readonly epoch: number; readonly sequence: number };
  readonly isTransactional?: boolean;
} = {}): number {
  const { timestamp = START_MS, compression = Compression.none, producer, isTransactional = false } = options;
  const bytes = encodeBatch({
    records: pairs.map(([key, value]) => ({
      ...record(value ?? "", timestamp, key),
      ...(value === null ? { value: null } : {}),
    })),
    compression,
    isTransactional,
    ...(producer === undefined
      ? {}
      : { producerId: producer.id, producerEpoch: producer.epoch, baseSequence: producer.sequence }),
  });
  const result = log.append(bytes, { leaderEpoch: 0, origin: "client" });
  if (result.kind === "rejected") throw new Error(`The append was refused: ${result.errorCode}`);
  return result.firstOffset;
}

/** One segment: these pairs in one batch. */
export async function appendSegment(
  world: World,
  log: Log,
  pairs: readonly Pair[],
  options: Parameters<typeof appendPairs>[2] = {},
): Promise<void> {
  appendPairs(log, pairs, options);
  await rolled(world, log);
}

/** Ends the active segment and waits until it is on the disk. */
export async function rolled(world: World, log: Log): Promise<void> {
  log.roll();
  await world.until(log.sync());
  for (let turn = 0; turn < 100 && log.recoveryPoint < log.logEndOffset; turn++) {
    await world.until(new Promise<void>((resolve) => world.runtime.timers.after(1, resolve)));
  }
}

/** Cleans until there is nothing to clean. */
export async function compact(world: World, settings: Partial<CleanerSettings> = {}): Promise<number> {
  let count = 0;
  const all = { ...DEFAULT_CLEANER_SETTINGS, ...settings };
  while (await world.until(world.dir.cleaner.cleanOne(world.runtime.clock.nowMs(), { settings: all }))) count++;
  return count;
}

/** `offset key=value` of every record, as a reader of uncommitted records finds them. */
export function contents(log: Log, from = log.logStartOffset): string[] {
  const found: string[] = [];
  for (const batch of batchesIn(log, from)) {
    for (const { offset, key, value } of batch.isControl ? [] : decodeRecords(batch)) {
      if (offset >= from) found.push(`${offset} ${text(key)}=${text(value)}`);
    }
  }
  return found;
}

/** All batches of a log, copied. */
export function batchesIn(log: Log, from = log.logStartOffset): BatchView[] {
  const found: BatchView[] = [];
  for (let next = from; next < log.logEndOffset;) {
    const read = log.read(next, { maxBytes: 1024 * 1024, upToOffset: Infinity, atLeastOneBatch: true });
    if (read.sizeBytes === 0) break;
    for (const chunk of read.chunks) {
      const bytes = chunk.slice();
      for (let at = 0; at < bytes.length;) {
        const batch = new BatchView(bytes, at);
        if (!batch.isCrcValid()) throw new Error(`The batch at offset ${batch.baseOffset} has a wrong checksum`);
        found.push(batch);
        at += batch.sizeBytes;
      }
    }
    next = read.nextOffset;
    read.release();
  }
  return found;
}

function text(bytes: Uint8Array | null): string {
  return bytes === null ? "(null)" : new TextDecoder().decode(bytes);
}
