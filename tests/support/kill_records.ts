/** Records of the kill runs: which they are is in their bytes, so that whoever reads one knows what it must be. */

import type { BatchView } from "../../protocol/batch.ts";
import { decodeRecords, type RecordDraft } from "../../protocol/record.ts";
import { type KilledRecord, LedgerError } from "./kill_ledger.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const NUMBER_HEADER = "n";
const [ZERO, NINE] = [0x30, 0x39];

/** The number is the beginning of the value; a tombstone has no value, and its number is in a header. */
export function encodeRecord({ number, key, isTombstone }: KilledRecord, padding: string): RecordDraft {
  return {
    timestamp: Date.now(),
    key: key === null ? null : encoder.encode(key),
    value: isTombstone ? null : encoder.encode(`${number} ${padding}`),
    headers: isTombstone ? [{ key: NUMBER_HEADER, value: encoder.encode(`${number} `) }] : [],
  };
}

/** Every record of a batch with its offset. @throws {LedgerError} when the batch, or one in it, is not as it was made */
export function* recordsOf(batch: BatchView, where: string): Generator<[offset: number, record: KilledRecord]> {
  if (!batch.isCrcValid()) throw new LedgerError(`${where}: the batch at ${batch.baseOffset} has a wrong CRC`);
  for (const { offset, key, value, headers } of decodeRecords(batch)) {
    const number = numberIn(value ?? headers[0]?.value ?? null);
    if (number === null) throw new LedgerError(`${where}: nobody wrote the record at offset ${offset}`);
    yield [offset, { number, key: key === null ? null : decoder.decode(key), isTombstone: value === null }];
  }
}

/** Digits, and a space behind them. */
function numberIn(bytes: Uint8Array | null): number | null {
  if (bytes === null) return null;
  let number = 0;
  let at = 0;
  for (; at < bytes.length; at++) {
    const digit = bytes[at]!;
    if (digit < ZERO || digit > NINE) break;
    number = number * 10 + digit - ZERO;
  }
  return at === 0 || bytes[at] !== 0x20 ? null : number;
}
