/**
 * A snapshot of the metadata in a file of Kafka's form, `<end offset>-<epoch>.checkpoint` in the folder of the metadata
 * log: what all records of the log before the end offset add up to. Kafka's dump tool reads it.
 *
 *   batch 0      control   snapshot header: version, timestamp of the last record it covers; in a folder taken over from
 *                          Kafka, how its controllers vote (`kraft_voters.ts`)
 *   batch 1 … n  data      the image's records, some hundred per batch
 *   batch n+1    control   snapshot footer: there is no more
 *
 * 1. A file under its final name is whole and synced: it is written beside, synced and renamed.
 * 2. The log loses what a snapshot covers only after that.
 * 3. What is read is checked (every checksum, header first, footer last) before any of it is believed.
 */
import { joined } from "../../protocol/bytes.ts";
import { batches, type BatchView, MalformedBatch } from "../../protocol/batch.ts";
import { decodeRecords, encodeBatch } from "../../protocol/record.ts";
import type { FileSystem } from "../../runtime/runtime.ts";
import { writeFileAtomically } from "../../storage/atomic_file.ts";
import type { ControlRecord } from "./kraft_voters.ts";
import { decodeMetadataRecord, encodeMetadataRecord, type MetadataRecord } from "./records.ts";

const suffix = ".checkpoint";
const snapshotName = /^(\d{20})-(\d{10})\.checkpoint$/;
/** What Kafka formats a folder with: voters and first records, which are in the log as well. Not a snapshot of any log. */
export const BOOTSTRAP_SNAPSHOT_FILE = `${"0".repeat(20)}-${"0".repeat(10)}${suffix}`;
const recordsPerBatch = 500;

// Types of Kafka's control records.
const headerType = 3;
const footerType = 4;

export interface MetadataSnapshot {
  /** The records to go on with begin here. */
  readonly endOffset: number;
  readonly path: string;
}

/** The snapshots in `directory`, the newest first. Leavings of an interrupted write are removed. */
export function listSnapshots(files: FileSystem, directory: string): MetadataSnapshot[] {
  const snapshots: MetadataSnapshot[] = [];
  if (files.stat(directory) === null) return snapshots; // a log that is new has no folder yet
  for (const name of files.list(directory)) {
    if (name === BOOTSTRAP_SNAPSHOT_FILE) continue;
    const path = `${directory}/${name}`;
    const match = snapshotName.exec(name);
    if (match !== null) snapshots.push({ endOffset: Number(match[1]), path });
    else if (name.startsWith("0") && name.includes(`${suffix}.`)) files.remove(path);
  }
  return snapshots.reverse();
}

/** Durable when it returns (1). */
export function writeSnapshot(
  files: FileSystem,
  directory: string,
  content: {
    readonly endOffset: number;
    /** Of the last record it covers. */
    readonly epoch: number;
    readonly timestamp: number;
    readonly records: Iterable<MetadataRecord>;
    readonly voting: readonly ControlRecord[];
  },
): MetadataSnapshot {
  const name = `${String(content.endOffset).padStart(20, "0")}-${String(content.epoch).padStart(10, "0")}${suffix}`;
  const path = `${directory}/${name}`;
  writeFileAtomically(files, path, encodeSnapshot(content.records, content.timestamp, content.voting));
  return { endOffset: content.endOffset, path };
}

/** @throws {MalformedBatch | MalformedFrame} when it is damaged (3) */
export function readSnapshot(files: FileSystem, snapshot: MetadataSnapshot): MetadataRecord[] {
  return decodeSnapshot(files.readFile(snapshot.path));
}

export function encodeSnapshot(
  records: Iterable<MetadataRecord>,
  timestamp: number,
  voting: readonly ControlRecord[] = [],
): Uint8Array {
  const chunks: Uint8Array[] = [];
  let nextOffset = 0;
  const add = (values: readonly { key: Uint8Array | null; value: Uint8Array }[], isControl: boolean) => {
    chunks.push(encodeBatch({
      baseOffset: nextOffset,
      partitionLeaderEpoch: 0,
      isControl,
      records: values.map(({ key, value }) => ({ key, value, timestamp })),
    }));
    nextOffset += values.length;
  };
  add([{ key: controlKey(headerType), value: headerValue(timestamp) }, ...voting], true);
  let pending: { key: null; value: Uint8Array }[] = [];
  for (const record of records) {
    pending.push({ key: null, value: encodeMetadataRecord(record) });
    if (pending.length < recordsPerBatch) continue;
    add(pending, false);
    pending = [];
  }
  if (pending.length > 0) add(pending, false);
  add([{ key: controlKey(footerType), value: footerValue() }], true);
  return joined(chunks);
}

export function decodeSnapshot(bytes: Uint8Array): MetadataRecord[] {
  const records: MetadataRecord[] = [];
  let hasFooter = false;
  for (const batch of batches(bytes)) {
    const at = batch.at;
    if (hasFooter) throw new MalformedBatch("Cannot read a metadata snapshot: bytes follow its footer");
    if (!batch.isCrcValid()) {
      throw new MalformedBatch(`Cannot read a metadata snapshot: the batch at byte ${at} fails its checksum`);
    }
    if (batch.isControl) {
      const type = controlType(batch);
      if ((type === headerType) !== (at === 0)) {
        throw new MalformedBatch(`Cannot read a metadata snapshot: control record ${type} at byte ${at}`);
      }
      hasFooter = type === footerType;
    } else {
      records.push(...decodeMetadataBatch(batch));
    }
  }
  if (!hasFooter) throw new MalformedBatch("Cannot read a metadata snapshot: it ends without its footer");
  return records;
}

/** What a batch of a snapshot says. */
function decodeMetadataBatch(batch: BatchView): MetadataRecord[] {
  const records: MetadataRecord[] = [];
  for (const { value } of decodeRecords(batch)) {
    const record = decodeMetadataRecord(value);
    if (typeof record === "string") throw new MalformedBatch(`Cannot read a metadata snapshot: "${record}" in it`);
    if (record !== null) records.push(record);
  }
  return records;
}

function controlType(batch: BatchView): number {
  for (const { key } of decodeRecords(batch)) {
    if (key !== null && key.length >= 4) return new DataView(key.buffer, key.byteOffset).getInt16(2);
  }
  throw new MalformedBatch("Cannot read a metadata snapshot: a control batch has no record");
}

/** Version, type: two int16. */
function controlKey(type: number): Uint8Array {
  return new Uint8Array([0, 0, 0, type]);
}

/** Version, timestamp, no tagged fields. */
function headerValue(timestamp: number): Uint8Array {
  const value = new Uint8Array(11);
  new DataView(value.buffer).setBigInt64(2, BigInt(timestamp));
  return value;
}

/** Version, no tagged fields. */
function footerValue(): Uint8Array {
  return new Uint8Array(3);
}
