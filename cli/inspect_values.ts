/** Keys and values of records as something that can be shown: text where they are text, and what the broker's own topics say. */
import { readInt16 } from "../protocol/batch.ts";
import { decodeMetadataRecord, metadataRecords } from "../protocol/embedded/cluster_metadata.ts";
import { consumerGroupLog } from "../protocol/embedded/consumer_group_log.ts";
import { streamsGroupLog } from "../protocol/embedded/streams_group_log.ts";
import { decodeAssignment, decodeSubscription } from "../protocol/embedded/consumer_protocol.ts";
import {
  decodeGroupMetadataValue,
  decodeOffsetCommitValue,
  decodeOffsetsLogKey,
} from "../protocol/embedded/offsets_log.ts";
import type { CoordinatorLogCodec, RecordKinds } from "../protocol/embedded/coordinator_log.ts";
import { shareGroupLog } from "../protocol/embedded/share_group_log.ts";
import { shareStateLog } from "../protocol/embedded/share_state_log.ts";
import { decodeTransactionLogValue, decodeTransactionsLogKey } from "../protocol/embedded/transactions_log.ts";
import { decodeControlMarker, type RecordView } from "../protocol/record.ts";
import { timeOf } from "./inspect_output.ts";
import type { Row, Value } from "./inspect_output.ts";

/** What a partition's records are, by the name of its topic. */
export type Decoder = "offsets" | "metadata" | "shareState" | "transactions" | null;

export function decoderOf(folder: string): Decoder {
  if (/^__consumer_offsets-\d+/.test(folder)) return "offsets";
  if (/^__share_group_state-\d+/.test(folder)) return "shareState";
  if (/^__transaction_state-\d+/.test(folder)) return "transactions";
  return /^__cluster_metadata-\d+/.test(folder) ? "metadata" : null;
}

/** Longest text shown in a table. */
const TEXT_CHARS_MAX = 200;
const HEX_BYTES_MAX = 64;
const HIDDEN = "[hidden]";

export interface ShownRecord {
  readonly table: Row;
  readonly json: Row;
}

export function showRecord(record: RecordView, decoder: Decoder, isControl: boolean): ShownRecord {
  const { offset, timestamp } = record;
  const time = timeOf(timestamp);
  const headers = Object.fromEntries(record.headers.map(({ key, value }) => [key, jsonOf(value)]));
  const isSecret = decoder === "metadata" && !isControl && isCredential(record.value);
  const raw = {
    offset,
    timestamp,
    key: jsonOf(record.key),
    value: isSecret ? HIDDEN : jsonOf(record.value),
    headers,
  };
  const decoded = isControl ? controlOf(record) : decodedOf(record, decoder);
  const shownHeaders = record.headers.map(({ key, value }) => `${printable(key)}=${shown(value)}`).join(" ");
  const table = decoded === null
    ? {
      offset,
      time,
      key: shown(record.key),
      value: isSecret ? HIDDEN : shown(record.value),
      headers: shownHeaders === "" ? null : shownHeaders,
    }
    : { offset, time, key: cellOf(decoded.key ?? null), value: cellOf(decoded.value ?? null), headers: null };
  return { table, json: decoded === null ? raw : { ...raw, decoded } };
}

/** Bytes as text with nothing in it that a terminal would obey, else as hexadecimal digits. */
function shown(bytes: Uint8Array | null): string | null {
  if (bytes === null) return null;
  const text = textOf(bytes);
  if (text !== null) return cut(printable(text));
  const hex = [...bytes.subarray(0, HEX_BYTES_MAX)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return `0x${hex}${bytes.length > HEX_BYTES_MAX ? `… (${bytes.length} bytes)` : ""}`;
}

function cellOf(value: Value): string | null {
  return value === null ? null : typeof value === "string" ? value : JSON.stringify(value);
}

function cut(text: string): string {
  return text.length <= TEXT_CHARS_MAX ? text : `${text.slice(0, TEXT_CHARS_MAX)}… (${text.length} characters)`;
}

function printable(text: string): string {
  // deno-lint-ignore no-control-regex -- these are what must not reach a terminal
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (character) => {
    const named = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }[character];
    return named ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function textOf(bytes: Uint8Array): string | null {
  try {
    const text = utf8.decode(bytes);
    return text.includes("\u0000") ? null : text;
  } catch {
    return null; // It is not text.
  }
}

/** Text as it is; bytes that are none, in base64. */
function jsonOf(bytes: Uint8Array | null): Value {
  if (bytes === null) return null;
  const text = textOf(bytes);
  return text ?? { base64: base64(bytes) };
}

function base64(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

// ---------------------------------------------------------------------------------------------- records of the broker

/** null: not a record of a kind that is known. */
function decodedOf(record: RecordView, decoder: Decoder): Row | null {
  try {
    if (decoder === "offsets") return offsetsRecord(record);
    if (decoder === "metadata") return metadataRecord(record);
    if (decoder === "transactions") return transactionRecord(record);
    if (decoder === "shareState") {
      return record.key === null ? null : keyedRecord(shareStateLog, record.key, record.value);
    }
  } catch {
    // Shown as the bytes it is.
  }
  return null;
}

function controlOf(record: RecordView): Row {
  const type = record.key === null || record.key.length < 4 ? -1 : readInt16(record.key, 2);
  const names = [
    "abort",
    "commit",
    "leader change",
    "snapshot header",
    "snapshot footer",
    "KRaft version",
    "KRaft voters",
  ];
  const name = names[type] ?? `control record of type ${type}`;
  if (type !== 0 && type !== 1) return { key: name };
  return { key: name, value: { coordinatorEpoch: decodeControlMarker(record).coordinatorEpoch } };
}

function offsetsRecord({ key, value }: RecordView): Row | null {
  if (key === null) return null;
  const decoded = decodeOffsetsLogKey(key);
  switch (decoded.kind) {
    case "offset":
      return { key: plain(decoded), value: value === null ? null : plain(decodeOffsetCommitValue(value)) };
    case "group": {
      if (value === null) return { key: plain(decoded), value: null };
      const group = decodeGroupMetadataValue(value);
      const isConsumer = group.protocolType === "consumer";
      const members = group.members.map((member) => {
        const { subscription, assignment } = member;
        if (!isConsumer) return plain(member);
        return plain({
          ...member,
          subscription: decodeSubscription(subscription),
          assignment: decodeAssignment(assignment),
        });
      });
      return { key: plain(decoded), value: plain({ ...group, members }) };
    }
    case "other":
      return keyedRecord(consumerGroupLog, key, value) ?? keyedRecord(streamsGroupLog, key, value) ??
        keyedRecord(shareGroupLog, key, value, "share ") ??
        { key: { kind: "other", type: decoded.type }, value: jsonOf(value) };
  }
}

function transactionRecord({ key, value }: RecordView): Row | null {
  if (key === null) return null;
  const decoded = decodeTransactionsLogKey(key);
  if (decoded.kind === "other") return { key: plain(decoded), value: jsonOf(value) };
  return { key: plain(decoded), value: value === null ? null : plain(decodeTransactionLogValue(value)) };
}

/** null: a kind that the log does not know. */
function keyedRecord<Kinds extends RecordKinds>(
  log: CoordinatorLogCodec<Kinds>,
  bytes: Uint8Array,
  value: Uint8Array | null,
  prefix = "",
): Row | null {
  const key = log.decodeKey(bytes);
  if (key === null) return null;
  const shownKey = plain({ ...key, kind: `${prefix}${String(key.kind)}` });
  return { key: shownKey, value: value === null ? null : plain(log.decodeValue(key.kind, value)) };
}

/** By these passwords can be guessed. */
const hiddenKeys = { salt: HIDDEN, storedKey: HIDDEN, serverKey: HIDDEN };

/** Whether it can be decoded or not: a record begins with the version of its frame and its type, a byte each. */
function isCredential(value: Uint8Array | null): boolean {
  return value !== null && value[1] === metadataRecords.UserScramCredentialRecord.type;
}

function metadataRecord({ value }: RecordView): Row | null {
  if (value === null) return null;
  const record = decodeMetadataRecord(value);
  if (record.kind === "other") return { key: `type ${record.type}, version ${record.version}`, value: jsonOf(value) };
  const { type } = metadataRecords[record.kind];
  const shown = record.kind === "UserScramCredentialRecord" ? { ...record.value, ...hiddenKeys } : record.value;
  return { key: record.kind, type, version: record.version, value: plain(shown) };
}

/** A decoded message as JSON has it. */
function plain(value: unknown): Value {
  if (value === null || value === undefined) return null;
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Uint8Array) return { base64: base64(value) };
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)]));
}
