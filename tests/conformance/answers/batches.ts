/** Batches as producers make them, and as they must not. */

import { BatchView, writeInt16, writeInt32, writeInt64 } from "../../../protocol/batch.ts";
import { crc32c } from "../../../protocol/crc32c.ts";
import { longAgoMs } from "../../support/dialogue.ts";
import { type BatchDraft, encodeBatch, type RecordDraft } from "../../../protocol/record.ts";

/** Where fields of a batch lie, for what no encoder would write. */
export const field = {
  baseOffset: [0, writeInt64],
  batchLength: [8, writeInt32],
  partitionLeaderEpoch: [12, writeInt32],
  attributes: [21, writeInt16],
  lastOffsetDelta: [23, writeInt32],
  baseTimestamp: [27, writeInt64],
  maxTimestamp: [35, writeInt64],
  producerId: [43, writeInt64],
  producerEpoch: [51, writeInt16],
  baseSequence: [53, writeInt32],
  recordCount: [57, writeInt32],
} as const;

export function records(count: number, timestamp = longAgoMs): RecordDraft[] {
  return Array.from({ length: count }, (_, index) => ({ timestamp: timestamp + index, value: utf8(`value ${index}`) }));
}

export function batch(count: number, draft: Partial<BatchDraft> = {}): Uint8Array {
  return encodeBatch({ records: records(count), ...draft });
}

/** A batch with header fields overwritten and the checksum made right again. */
export function edited(bytes: Uint8Array, fields: Partial<Record<keyof typeof field, number>>): Uint8Array {
  const copy = bytes.slice();
  for (const [name, value] of Object.entries(fields)) {
    const [at, write] = field[name as keyof typeof field];
    write(copy, at, value);
  }
  return sealed(copy);
}

/** The checksum made right. */
export function sealed(bytes: Uint8Array): Uint8Array {
  writeInt32(bytes, 17, crc32c(bytes, 21));
  return bytes;
}

export function withMagic(bytes: Uint8Array, magic: number): Uint8Array {
  const copy = bytes.slice();
  copy[16] = magic;
  return copy;
}

/** The first byte behind the header, and with it the first record's length, changed under a right checksum. */
export function withBrokenRecord(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  copy[61] = 0x7f;
  return sealed(copy);
}

/** Cut short, its length left as it was. */
export function cut(bytes: Uint8Array, byteCount: number): Uint8Array {
  return bytes.slice(0, bytes.length - byteCount);
}

export function sizeOf(bytes: Uint8Array): number {
  return new BatchView(bytes).sizeBytes;
}

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
