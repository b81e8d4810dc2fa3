/**
 * What a cleaning may have done to a log, by what was written to it. Offsets and headers never change, and:
 *
 * 1. A record goes when its key has a later one below the bound, when its transaction was aborted, or when it is a tombstone
 *    that has stayed for its time. Nothing at or past the bound goes or changes. Before the log's start, anything may go.
 * 2. A tombstone goes after all that it deletes, a marker after all of its transaction; both have a time from when on they may.
 * 3. What has gone does not come back.
 */

import { BatchView } from "../../../protocol/batch.ts";
import { decodeRecords } from "../../../protocol/record.ts";
import type { MemoryFileSystem } from "../../../runtime/memory_files.ts";
import type { Written } from "./account.ts";
import { Broken, FOLDER } from "./machine.ts";

export interface Cleaning {
  /** The active segment, an open transaction, or what is not on the disk for good begins here. */
  readonly bound: number;
  readonly startedMs: number;
  /** Of tombstones and of markers that are of no more use. */
  readonly retentionMs: number;
}

export interface Cleaned {
  /** What is there, as it is now. */
  readonly written: Written[];
  /** Batches of which nothing is left. */
  readonly removed: Written[];
}

interface KeyedRecord {
  readonly offset: number;
  readonly key: string;
  readonly isTombstone: boolean;
  /** All of it that a reader sees. */
  readonly shown: string;
}

/** Compares the segments on the disk with what was written. `past` is what earlier cleanings have removed. */
export function checkCleaned(
  written: readonly Written[],
  past: readonly Written[],
  files: MemoryFileSystem,
  cleaning: Cleaning & { readonly logStartOffset: number; readonly nowMs: number },
): Cleaned {
  const { firstOffset, batches } = batchesOnDisk(files, cleaning.bound);
  const aborted = abortedBatches([...written, ...past]);
  const isCleanable = (batch: Written) => batch.baseOffset >= firstOffset && batch.nextOffset <= cleaning.bound;
  const latest = new Map<string, number>();
  for (const batch of written) {
    if (batch.nextOffset > cleaning.bound || isMarker(batch) || aborted.has(batch.baseOffset)) continue;
    for (const { key, offset } of recordsOf(batch.bytes)) latest.set(key, offset);
  }
  const result: Cleaned = { written: [], removed: [] };
  /** Of tombstones that are gone. */
  const deleted = new Map<string, number>();
  const useless: Written[] = [];
  for (const batch of written) {
    if (!isCleanable(batch)) {
      result.written.push(batch);
      continue;
    }
    const found = batches.get(batch.baseOffset);
    batches.delete(batch.baseOffset);
    const before = new BatchView(batch.bytes, 0);
    if (found !== undefined) checkHeader(found, before);
    const left = new Map((found === undefined ? [] : recordsOf(found.wholeBytes)).map((item) => [item.offset, item]));
    const isDue = before.deleteHorizon !== null && before.deleteHorizon <= cleaning.nowMs;
    for (const record of recordsOf(batch.bytes)) {
      const stays = left.get(record.offset);
      left.delete(record.offset);
      if (stays !== undefined) {
        if (stays.shown !== record.shown) throw new Broken(`${record.shown} was cleaned to ${stays.shown}`);
      } else if (record.offset < cleaning.logStartOffset) {
        continue; // 1
      } else if (isMarker(batch)) {
        if (!isDue) throw new Broken(`the marker at ${record.offset} is gone before its time`);
        useless.push(batch);
      } else if (!aborted.has(batch.baseOffset) && record.offset >= latest.get(record.key)!) {
        if (!record.isTombstone || !isDue) throw new Broken(`${record.shown} is gone and is the last of its key`);
        deleted.set(record.key, record.offset);
      }
    }
    for (const { shown } of left.values()) throw new Broken(`${shown} has come back`); // 3
    if (found === undefined) {
      result.removed.push(batch);
      continue;
    }
    if (checkHorizon(found, before, cleaning) && isMarker(batch)) useless.push(batch);
    result.written.push({ ...batch, bytes: found.wholeBytes });
  }
  for (const baseOffset of batches.keys()) throw new Broken(`a batch at ${baseOffset} is there, which was not`); // 3
  const left = result.written.filter(isCleanable);
  for (const batch of left) {
    if (isMarker(batch) || aborted.has(batch.baseOffset)) continue;
    for (const { key, offset, shown } of recordsOf(batch.bytes)) {
      if (offset < cleaning.logStartOffset) continue;
      if (offset < (deleted.get(key) ?? -1)) throw new Broken(`${shown} is there, and the tombstone after it gone`);
    }
  }
  for (const marker of useless) checkUseless(marker, left);
  return result;
}

/** A batch that is there holds offsets and all else as it did. */
function checkHeader(found: BatchView, before: BatchView): void {
  const facts = (batch: BatchView) =>
    [
      batch.baseOffset,
      batch.lastOffset,
      batch.partitionLeaderEpoch,
      batch.producerId,
      batch.producerEpoch,
      batch.baseSequence,
      batch.isTransactional,
      batch.isControl,
    ].join(" ");
  if (facts(found) !== facts(before)) throw new Broken(`batch ${facts(before)} was cleaned to ${facts(found)}`);
}

/** True when the batch has got a time from when on what is in it may go. */
function checkHorizon(found: BatchView, before: BatchView, cleaning: Cleaning & { readonly nowMs: number }): boolean {
  const { deleteHorizon, recordCount, baseOffset } = found;
  if (recordCount === 0 || deleteHorizon === before.deleteHorizon) return false;
  if (before.deleteHorizon !== null || deleteHorizon === null) {
    throw new Broken(`the time of batch ${baseOffset} was ${before.deleteHorizon} and is ${deleteHorizon}`);
  }
  const startedMs = deleteHorizon - cleaning.retentionMs;
  if (startedMs < cleaning.startedMs || startedMs > cleaning.nowMs) {
    throw new Broken(`the time of batch ${baseOffset} is ${deleteHorizon}`);
  }
  const hasTombstone = recordsOf(found.wholeBytes).some((record) => record.isTombstone);
  if (!found.isControl && !hasTombstone) throw new Broken(`batch ${baseOffset} has a time and no tombstone`);
  return true;
}

/** Of a marker's transaction nothing may be left (2). */
function checkUseless(marker: Written, left: readonly Written[]): void {
  for (const batch of left.filter((other) => other.baseOffset < marker.baseOffset).reverse()) {
    if (batch.producerId !== marker.producerId) continue;
    if (isMarker(batch)) return;
    throw new Broken(`the marker at ${marker.baseOffset} is to go, and a batch at ${batch.baseOffset} is not`);
  }
}

function isMarker({ kind }: Written): boolean {
  return kind === "commit" || kind === "abort";
}

/** Base offsets of the batches of aborted transactions. */
function abortedBatches(batches: readonly Written[]): Set<number> {
  const aborted = new Set<number>();
  const open = new Map<number, number[]>();
  for (const { kind, producerId, baseOffset } of batches.toSorted((one, other) => one.baseOffset - other.baseOffset)) {
    if (kind === "data") continue;
    const offsets = open.get(producerId) ?? [];
    if (kind === "transactional") open.set(producerId, [...offsets, baseOffset]);
    else open.delete(producerId);
    if (kind === "abort") { for (const offset of offsets) aborted.add(offset); }
  }
  return aborted;
}

/** Batches below the bound by base offset, without asking the log, and where the first segment begins. */
function batchesOnDisk(files: MemoryFileSystem, bound: number): {
  readonly firstOffset: number;
  readonly batches: Map<number, BatchView>;
} {
  const batches = new Map<number, BatchView>();
  const names = files.stat(FOLDER) === null ? [] : files.list(FOLDER).filter((name) => name.endsWith(".log"));
  let nextOffset = 0;
  for (const name of names) {
    const bytes = files.readFile(`${FOLDER}/${name}`);
    for (let at = 0; at < bytes.length;) {
      const batch = new BatchView(bytes, at);
      if (batch.nextOffset > bound) return { firstOffset: Number(names[0]!.slice(0, 20)), batches };
      if (!batch.isCrcValid()) throw new Broken(`the batch at offset ${batch.baseOffset} has a wrong checksum`);
      if (batch.baseOffset < Math.max(nextOffset, Number(name.slice(0, 20)))) {
        throw new Broken(`the batch at offset ${batch.baseOffset} of ${name} is there twice or in the wrong place`);
      }
      nextOffset = batch.nextOffset;
      batches.set(batch.baseOffset, new BatchView(batch.wholeBytes.slice(), 0));
      at += batch.sizeBytes;
    }
  }
  return { firstOffset: Number(names[0]?.slice(0, 20) ?? Infinity), batches };
}

function recordsOf(bytes: Uint8Array): KeyedRecord[] {
  const decoder = new TextDecoder();
  return [...decodeRecords(new BatchView(bytes, 0))].map(({ offset, key, value, timestamp }) => {
    const keyText = key === null ? "" : decoder.decode(key);
    const valueText = value === null ? "(null)" : decoder.decode(value);
    const shown = `${offset} ${keyText}=${valueText} of ${timestamp}`;
    return { offset, key: keyText, isTombstone: value === null, shown };
  });
}
