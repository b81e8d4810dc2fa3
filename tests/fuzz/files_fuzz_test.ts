/**
 * The small files of a data folder, damaged: checkpoints, `meta.properties`, `partition.metadata`, producer snapshots,
 * leader epochs and the three indexes. Each is read to a value or refused with StorageError, and nothing is made up: what is
 * taken is sound by the file's own rules.
 *
 * Starts from the files of a folder that Apache Kafka wrote (`tests/golden/kafka_log`). The logs themselves, and recovery from
 * whole folders, are in `storage_fuzz_test.ts` and `recovery_fuzz_test.ts`.
 *
 *     SEED=123 bun test tests/fuzz/files_fuzz_test.ts        the run that failed, again
 *     ROUNDS=1000000 bun test tests/fuzz/files_fuzz_test.ts  a long one
 */
import { describe, expect } from "bun:test";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { joined } from "../../protocol/bytes.ts";
import { crc32c } from "../../protocol/crc32c.ts";
import { createMemoryRuntime } from "../../runtime/memory.ts";
import { AbortedTransactionIndex } from "../../storage/aborted_transactions.ts";
import { readCheckpointLines, readOffsetCheckpoint } from "../../storage/checkpoint.ts";
import { CLEAN_SIZE_FILE, takeCleanSizes } from "../../storage/clean_sizes.ts";
import { StorageError } from "../../storage/errors.ts";
import { FilePool } from "../../storage/file_pool.ts";
import { LeaderEpochs } from "../../storage/leader_epochs.ts";
import { openMetaProperties } from "../../storage/meta_properties.ts";
import { OFFSET_ENTRY_BYTES, OffsetIndex } from "../../storage/offset_index.ts";
import { readPartitionMetadata } from "../../storage/partition_metadata.ts";
import { decodeProducerSnapshot, encodeProducerSnapshot } from "../../storage/producer_snapshot.ts";
import { TIME_ENTRY_BYTES, TimeIndex } from "../../storage/time_index.ts";
import type { Chance } from "./damage.ts";
import { roundsOf } from "./rounds.ts";

const eachRound = roundsOf("files", 1_000);

const kafka = (name: string) =>
  new Uint8Array(readFileSync(fileURLToPath(new URL(`../golden/kafka_log/image/${name}`, import.meta.url))));
const text = (value: string) => new TextEncoder().encode(value);
const offsetCheckpoint = text("0\n3\norders 0 4711\norders 1 12\n__consumer_offsets 49 0\n");

/** A folder with one file in it, which is what these rounds read. */
function folderWith(name: string, content: Uint8Array) {
  const { files, random } = createMemoryRuntime();
  files.makeDirectory("/data");
  const handle = files.open(`/data/${name}`, { create: true });
  handle.write([content], 0);
  handle.close();
  return { files, random, path: `/data/${name}`, pool: new FilePool(files) };
}

/** Damages `seeds` round by round; `read` throws StorageError for what it refuses, and checks what it takes. */
function eachDamage(
  name: string,
  seeds: readonly Uint8Array[],
  read: (bytes: Uint8Array, chance: Chance) => void,
): void {
  let takenCount = 0;
  eachRound(name, (chance) => {
    const bytes = chance.below(20) === 0
      ? chance.bytes(chance.below(80))
      : chance.damage(chance.pick(seeds), chance.pick(seeds));
    try {
      read(bytes, chance);
      takenCount++;
    } catch (error) {
      if (!(error instanceof StorageError)) throw new Error(`[${bytes}]`, { cause: error });
    }
  }, (rounds) => expect(takenCount > 0 || rounds <= 100).toBe(true));
}

describe("damaged", () => {
  eachDamage(
    "offset checkpoints are refused or have as many offsets as they say",
    [offsetCheckpoint, kafka("recovery-point-offset-checkpoint")],
    (bytes) => {
      const { files, path } = folderWith("checkpoint", bytes);
      const offsets = readOffsetCheckpoint(files, path);
      const lines = new TextDecoder().decode(bytes).split("\n");
      if (bytes.length === 0) return; // a file that a power cut emptied says nothing, and so does Kafka's reader
      expect(lines[1]).toMatch(/^\d+$/); // a file cut before its count is not an empty one
      expect(readCheckpointLines(files, path, 3).length).toBe(Number(lines[1]));
      expect(lines.slice(2).filter((line) => line !== "").length).toBe(Number(lines[1]));
      for (const offset of offsets.values()) expect(Number.isSafeInteger(offset) && offset >= 0).toBe(true);
    },
  );

  eachDamage(
    "sizes at a shutdown in order are refused, or are those of their lines; and they are read once",
    [text("0\n2\norders 0 4500 4711 18324\n__consumer_offsets 49 0 0 0\n")],
    (bytes) => {
      const { files, path } = folderWith(CLEAN_SIZE_FILE, bytes);
      const lines = new TextDecoder().decode(bytes).split("\n");
      const sizes = takeCleanSizes(files, "/data", true);
      expect(files.stat(path)).toBe(null);
      for (const [log, { topic, partition, baseOffset, endOffset, sizeBytes }] of sizes) {
        expect(log).toBe(`${topic}-${partition}`);
        const words = [partition, baseOffset, endOffset, sizeBytes];
        // What is no number is that of no log: it counts only where it is equal to what is there.
        const isTheirs = (line: string) =>
          line.split(" ").slice(1).map(Number).every((word, at) => Object.is(word, words[at]));
        expect(lines.slice(2).some((line) => line.startsWith(topic) && isTheirs(line))).toBe(true);
      }
    },
  );

  eachDamage(
    "leader epochs are refused or grow",
    [kafka("golden-0/leader-epoch-checkpoint"), text("0\n3\n0 0\n3 118\n7 200\n")],
    (bytes) => {
      const { files } = folderWith("leader-epoch-checkpoint", bytes);
      const epochs = LeaderEpochs.open(files, "/data");
      epochs.entries.forEach((entry, index) => {
        const before = epochs.entries[index - 1];
        expect(before === undefined || (entry.epoch > before.epoch && entry.startOffset >= before.startOffset)).toBe(
          true,
        );
      });
      epochs.endOffsetFor(3, 1_000);
      epochs.truncateFromStart(100);
      epochs.truncateFromEnd(150);
    },
  );

  eachDamage(
    "meta.properties are refused or name a node and a cluster that are in them",
    [kafka("meta.properties"), text("#\ncluster.id=c\nnode.id=1\nversion=1\n")],
    (bytes) => {
      const { files, random } = folderWith("meta.properties", bytes);
      const content = new TextDecoder().decode(bytes);
      const found = openMetaProperties(files, random, "/data", { nodeId: 1 });
      expect(found.nodeId).toBe(1);
      if (content.trim() === "") return; // made anew
      expect(found.clusterId.length).toBeGreaterThan(0);
      expect(content.replaceAll("\\", "")).toContain(found.clusterId);
      expect(content).toMatch(/(?:node|broker)\.id\s*=[\s\\]*0*1/);
    },
  );

  eachDamage(
    "partition.metadata is refused or names an id that is in it, or none",
    [kafka("golden-0/partition.metadata")],
    (bytes) => {
      const { files } = folderWith("partition.metadata", bytes);
      const topicId = readPartitionMetadata(files, "/data");
      if (topicId !== null) expect(new TextDecoder().decode(bytes)).toContain(topicId);
    },
  );

  eachDamage(
    "producer snapshots are not believed, or come back as they are",
    ["20", "24", "39"].map((offset) => kafka(`golden-0/${offset.padStart(20, "0")}.snapshot`)),
    (bytes, chance) => {
      const isStamped = chance.below(2) === 0 && bytes.length >= 10;
      if (isStamped) new DataView(bytes.buffer).setUint32(2, crc32c(bytes, 6)); // damage that the checksum vouches for
      const producers = decodeProducerSnapshot(bytes);
      if (typeof producers === "string") throw new StorageError(producers, "CORRUPT");
      expect(producers.length * 46 + 10).toBe(bytes.length);
      const isExact = producers.every((producer) => Object.values(producer).every(Number.isSafeInteger));
      if (isExact) expect(encodeProducerSnapshot(producers, producers.length)).toEqual(bytes);
    },
  );

  eachDamage(
    "indexes of aborted transactions are not sound, or grow",
    [joined([1, 2, 3].map(() => kafka("golden-0/00000000000000000024.txnindex")))],
    (bytes) => {
      const { files, path, pool } = folderWith("24.txnindex", bytes);
      const index = new AbortedTransactionIndex(files, pool, path, { baseOffset: 24, isNew: false });
      if (!index.isSound()) throw new StorageError("not sound", "CORRUPT");
      const entries = index.entries();
      expect(entries.length * 34).toBe(bytes.length);
      entries.forEach((entry, at) => {
        expect(entry.lastOffset > (entries[at - 1]?.lastOffset ?? 23) && entry.firstOffset < entry.lastOffset).toBe(
          true,
        );
      });
      index.truncateFrom(30);
    },
  );

  eachDamage(
    "offset indexes find what looking at each entry finds, once cut to what is sound",
    [kafka("golden-0/00000000000000000024.index"), kafka("golden-0/00000000000000000000.index"), offsetEntries(900)],
    (bytes, chance) => {
      const baseOffset = 24;
      const logSizeBytes = 1 + chance.below(2_000_000);
      const { path, pool } = folderWith("24.index", bytes);
      const index = new OffsetIndex(pool, path, baseOffset, false);
      index.problem(logSizeBytes); // looks at the ends only
      index.floor(baseOffset + chance.below(1_000));
      index.keepSound(logSizeBytes);
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      const entries = Array.from({ length: index.entries.count }, (_, at) => ({
        index: at,
        offset: baseOffset + view.getInt32(at * OFFSET_ENTRY_BYTES),
        position: view.getInt32(at * OFFSET_ENTRY_BYTES + 4),
      }));
      for (const entry of entries) {
        const before = entries[entry.index - 1] ?? { offset: baseOffset - 1, position: -1 };
        expect(entry.offset > before.offset && entry.position > before.position).toBe(true);
        expect(entry.position < logSizeBytes).toBe(true);
      }
      for (const offset of [baseOffset, baseOffset + chance.below(2_000), entries.at(-1)?.offset ?? 0]) {
        expect(index.floor(offset)).toEqual(entries.findLast((entry) => entry.offset <= offset) ?? null);
      }
    },
  );

  eachDamage(
    "time indexes find what looking at each entry finds, once cut to what is sound",
    [
      kafka("golden-0/00000000000000000000.timeindex"),
      kafka("golden-0/00000000000000000024.timeindex"),
      timeEntries(600),
    ],
    (bytes, chance) => {
      const baseOffset = 24;
      const offsetMax = baseOffset + chance.below(100_000);
      const { path, pool } = folderWith("24.timeindex", bytes);
      const index = new TimeIndex(pool, path, baseOffset, false);
      index.problem();
      index.floor(chance.below(2 ** 41));
      index.keepSound(offsetMax);
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      const entries = Array.from({ length: index.entries.count }, (_, at) => ({
        timestampMs: Number(view.getBigInt64(at * TIME_ENTRY_BYTES)),
        offset: baseOffset + view.getInt32(at * TIME_ENTRY_BYTES + 8),
      }));
      entries.forEach((entry, at) => {
        const before = entries[at - 1] ?? { timestampMs: -1, offset: baseOffset };
        expect(entry.timestampMs > before.timestampMs && entry.offset >= before.offset).toBe(true);
        expect(entry.offset <= offsetMax).toBe(true);
      });
      for (const timestampMs of [0, 1_700_000_000_000 + chance.below(2_000), entries.at(-1)?.timestampMs ?? 0]) {
        expect(index.floor(timestampMs)).toEqual(entries.findLast((entry) => entry.timestampMs <= timestampMs) ?? null);
      }
    },
  );
});

/** More entries than are searched in one block. */
function offsetEntries(count: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(count * OFFSET_ENTRY_BYTES));
  for (let at = 0; at < count; at++) {
    view.setInt32(at * OFFSET_ENTRY_BYTES, at * 2);
    view.setInt32(at * OFFSET_ENTRY_BYTES + 4, 1 + at * 1_000);
  }
  return new Uint8Array(view.buffer);
}

function timeEntries(count: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(count * TIME_ENTRY_BYTES));
  for (let at = 0; at < count; at++) {
    view.setBigInt64(at * TIME_ENTRY_BYTES, BigInt(1_700_000_000_000 + at * 3));
    view.setInt32(at * TIME_ENTRY_BYTES + 8, at * 2);
  }
  return new Uint8Array(view.buffer);
}
