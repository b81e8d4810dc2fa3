/**
 * `.snapshot` files: the producers of a partition as they were before the offset in the file's name. Kafka's form:
 *
 *   int16 version 1 · uint32 CRC32C of all that follows · int32 count · entries of
 *     int64 producer id · int16 epoch · int32 last sequence · int64 last offset · int32 offset delta of the last batch
 *     · int64 timestamp · int32 coordinator epoch · int64 first offset of the open transaction, or -1
 *
 * (1) A snapshot only saves reading the log: what it says is what a replay of the log up to its offset gives, apart from
 *     producers whose records are deleted already.
 * (2) A damaged one is recognised by its checksum, in two reads, and passed over for the one before it. One of a later version is
 *     neither used nor removed: its program knows what to do with it, and this one does not.
 */
import { readInt16, readInt32, readInt64, writeInt16, writeInt32, writeInt64 } from "../protocol/batch.ts";
import { crc32c } from "../protocol/crc32c.ts";
import { type FileSystem } from "../runtime/runtime.ts";
import { readBytesIfPresent } from "./atomic_file.ts";
import { StorageError } from "./errors.ts";
import { type ProducerStateEntry } from "./producer_entry.ts";

const VERSION = 1;
const CRC_AT = 2;
const COUNT_AT = 6;
const ENTRIES_AT = 10;
const ENTRY_BYTES = 46;

export function encodeProducerSnapshot(producers: Iterable<ProducerStateEntry>, count: number): Uint8Array {
  const bytes = new Uint8Array(ENTRIES_AT + count * ENTRY_BYTES);
  writeInt16(bytes, 0, VERSION);
  writeInt32(bytes, COUNT_AT, count);
  let at = ENTRIES_AT;
  for (const producer of producers) {
    writeInt64(bytes, at, producer.producerId);
    writeInt16(bytes, at + 8, producer.producerEpoch);
    writeInt32(bytes, at + 10, producer.lastSequence);
    writeInt64(bytes, at + 14, producer.lastOffset);
    writeInt32(bytes, at + 22, producer.offsetDelta);
    writeInt64(bytes, at + 26, producer.lastTimestampMs);
    writeInt32(bytes, at + 34, producer.coordinatorEpoch);
    writeInt64(bytes, at + 38, producer.currentTransactionFirstOffset);
    at += ENTRY_BYTES;
  }
  writeInt32(bytes, CRC_AT, crc32c(bytes, COUNT_AT));
  return bytes;
}

/**
 * The producers in the snapshot at `path`, or a sentence that says why it cannot be believed (2).
 * @throws {StorageError} "VERSION" when a later program wrote it (2)
 */
export function readProducerSnapshot(files: FileSystem, path: string): ProducerStateEntry[] | string {
  for (let looks = 1;; looks++) {
    const bytes = readBytesIfPresent(files, path);
    const producers = bytes === null ? "it is missing" : decodeProducerSnapshot(bytes);
    if (typeof producers !== "string") return producers;
    if (looks < 2) continue;
    if (bytes !== null) refuseLater(path, bytes);
    return producers;
  }
}

function refuseLater(path: string, bytes: Uint8Array): void {
  const version = bytes.length < ENTRIES_AT ? VERSION : readInt16(bytes, 0);
  if (version <= VERSION) return; // Of what a power cut tears the version is 0, or right.
  throw new StorageError(
    `Cannot understand "${path}": its version is ${version}, this program knows ${VERSION}; start the program that wrote it`,
    "VERSION",
  );
}

/** The producers in a snapshot, or a sentence that says why it cannot be believed. */
export function decodeProducerSnapshot(bytes: Uint8Array): ProducerStateEntry[] | string {
  if (bytes.length < ENTRIES_AT) return `${bytes.length} bytes are too few`;
  const version = readInt16(bytes, 0);
  if (version !== VERSION) return `unknown version ${version}`;
  if (readInt32(bytes, CRC_AT) >>> 0 !== crc32c(bytes, COUNT_AT)) return "its checksum is wrong";
  const count = readInt32(bytes, COUNT_AT);
  if (bytes.length !== ENTRIES_AT + count * ENTRY_BYTES) return `${bytes.length} bytes are not ${count} entries`;
  const producers: ProducerStateEntry[] = [];
  for (let at = ENTRIES_AT; at < bytes.length; at += ENTRY_BYTES) {
    producers.push({
      producerId: readInt64(bytes, at),
      producerEpoch: readInt16(bytes, at + 8),
      lastSequence: readInt32(bytes, at + 10),
      lastOffset: readInt64(bytes, at + 14),
      offsetDelta: readInt32(bytes, at + 22),
      lastTimestampMs: readInt64(bytes, at + 26),
      coordinatorEpoch: readInt32(bytes, at + 34),
      currentTransactionFirstOffset: readInt64(bytes, at + 38),
    });
  }
  return producers;
}
