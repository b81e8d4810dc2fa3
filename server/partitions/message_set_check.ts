/**
 * What a produced message set (Produce v0–v2) must satisfy, and the batch that it becomes.
 *
 *   messages of format 0 or 1, uncompressed      ┐
 *   one wrapper of them, compressed              ├─ one batch, of the wrapper's codec or the topic's
 *   a single batch of format 2                   ┘  checked as in later versions
 *
 * The order of checks, and so which error wins, is that of Kafka 3.9, the last that took such sets: first all that can be
 * seen from outside (sizes, checksums), then what is inside. Offsets that the producer wrote are of no meaning, but those of a
 * wrapper of format 1 must not contradict each other. Records without a timestamp (format 0) stay without one.
 *
 * Every record is decoded and written again: this is for clients of old, and costs what it costs.
 */
import { BatchView, MAGIC, MalformedBatch, NO_TIMESTAMP, readInt64 } from "../../protocol/batch.ts";
import { Compression, type CompressionId } from "../../protocol/compression.ts";
import { decodeCount } from "../../protocol/decode_count.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { messagesInside, MessageView, type PlacedMessage } from "../../protocol/message_set.ts";
import { DECOMPRESSED_SIZE_BYTES_MAX, encodeBatch, type RecordDraft } from "../../protocol/record.ts";
import { type BatchCheck, type BatchRules, checkBatch, codecOf, nextBatchSize, refused } from "./batch_check.ts";

const MAGIC_AT = 16;
/** The last version of Produce that carries message sets. */
export const LAST_MESSAGE_SET_VERSION = 2;

/** A set may hold nothing, and is then done with. */
export type MessageSetCheck = BatchCheck | { readonly kind: "empty" };

export function checkMessageSet(
  records: Uint8Array | null,
  rules: BatchRules,
  options: { readonly apiVersion: number; readonly nowMs: number },
): MessageSetCheck {
  if (records === null || nextBatchSize(records, 0) === 0) return { kind: "empty" };
  const outside = lookOutside(records, rules);
  if (outside.kind !== "set") return outside;
  const { messages, sizeBytes } = outside;
  if (messages === null) return checkBatch(records.subarray(0, sizeBytes), rules, options);
  try {
    return convert(messages, rules, options.nowMs);
  } catch (error) {
    if (error instanceof MalformedBatch) return refused(ErrorCode.INVALID_RECORD, error.message);
    throw error;
  }
}

/** A set that is sound from outside; null in place of messages when it is of batches. */
type Outside = { readonly kind: "set"; readonly messages: readonly MessageView[] | null; readonly sizeBytes: number };

function lookOutside(records: Uint8Array, rules: BatchRules): Outside | BatchCheck {
  const messages: MessageView[] = [];
  const magics = new Set<number>();
  let at = 0;
  for (;;) {
    const sizeBytes = nextBatchSize(records, at);
    if (sizeBytes < 0) return refused(ErrorCode.CORRUPT_MESSAGE, "The bytes are no message");
    if (sizeBytes === 0) break; // What is cut at the end is cut off.
    const magic = records[at + MAGIC_AT]!;
    magics.add(magic);
    if (magic === MAGIC && readInt64(records, at) !== 0) {
      return refused(ErrorCode.INVALID_RECORD, "A produced batch starts at offset 0");
    }
    if (sizeBytes > rules.maxMessageBytes) return tooLarge("message", sizeBytes, rules);
    try {
      const entry = magic === MAGIC ? new BatchView(records, at) : new MessageView(records, at);
      if (!entry.isCrcValid()) return refused(ErrorCode.CORRUPT_MESSAGE, "The checksum does not match the bytes");
      if (entry instanceof MessageView) messages.push(entry);
    } catch (error) {
      if (error instanceof MalformedBatch) return refused(ErrorCode.CORRUPT_MESSAGE, error.message);
      throw error;
    }
    at += sizeBytes;
  }
  if (magics.size > 1) return refused(ErrorCode.INVALID_RECORD, "The messages of a set are of one format");
  return { kind: "set", messages: magics.has(MAGIC) ? null : messages, sizeBytes: at };
}

/** @throws {MalformedBatch} */
function convert(messages: readonly MessageView[], rules: BatchRules, nowMs: number): BatchCheck {
  const wrapper = messages.find(({ compression }) => compression !== Compression.none);
  const sourceCompression = wrapper?.compression ?? Compression.none;
  if (sourceCompression > Compression.zstd) {
    return refused(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, `Unknown compression ${sourceCompression}`);
  }
  if (wrapper !== undefined && messages.length > 1) {
    return refused(ErrorCode.INVALID_RECORD, "A compressed message is the only one of its set");
  }
  decodeCount.batches++;
  const records: RecordDraft[] = [];
  for (const placed of wrapper === undefined ? messages.map(asPlaced) : messagesOf(wrapper)) {
    const refusal = refusalOf(placed, wrapper ?? placed.message, rules, nowMs);
    if (refusal !== null) return refusal;
    const { timestamp, message } = placed;
    records.push({ timestamp, key: message.key, value: message.value });
  }
  const compression = rules.compressionType === "producer"
    ? sourceCompression as CompressionId
    : codecOf(rules.compressionType);
  const batch = encodeBatch({ records, compression });
  if (batch.length > rules.maxMessageBytes) return tooLarge("batch", batch.length, rules);
  if (batch.length > rules.segmentBytes) {
    return refused(ErrorCode.RECORD_LIST_TOO_LARGE, `The batch has ${batch.length} bytes, more than a segment`);
  }
  return { kind: "ok", records: batch };
}

function asPlaced(message: MessageView): PlacedMessage {
  return { offset: message.offset, timestamp: message.timestamp, message };
}

function messagesOf(wrapper: MessageView): Iterable<PlacedMessage> {
  return messagesInside(wrapper, { sizeBytesMax: DECOMPRESSED_SIZE_BYTES_MAX });
}

/** What a single message may be refused for. `outer`: itself, or the wrapper it came in, whose checksum is known to be right. */
function refusalOf(
  { timestamp, message }: PlacedMessage,
  outer: MessageView,
  rules: BatchRules,
  nowMs: number,
): BatchCheck | null {
  if (message.magic !== outer.magic) {
    return refused(ErrorCode.INVALID_RECORD, "A message is of another format than the wrapper around it");
  }
  if (message !== outer && !message.isCrcValid()) {
    return refused(ErrorCode.CORRUPT_MESSAGE, "The checksum of a message inside a compressed one does not match");
  }
  if (rules.isCompacted && message.key === null) {
    return refused(ErrorCode.INVALID_RECORD, "A compacted topic takes no record without a key");
  }
  const isCreateTime = rules.timestampType === "CreateTime";
  if (isCreateTime && timestamp !== NO_TIMESTAMP) return timestampRefusal(timestamp, rules, nowMs);
  if (outer.timestampType === "createTime") return null;
  return refused(
    ErrorCode.INVALID_TIMESTAMP,
    "A producer may not set the timestamp type of a message to LogAppendTime",
  );
}

function timestampRefusal(timestamp: number, rules: BatchRules, nowMs: number): BatchCheck | null {
  if (timestamp < NO_TIMESTAMP) return refused(ErrorCode.INVALID_TIMESTAMP, `Timestamp ${timestamp} is none`);
  if (timestamp <= nowMs + rules.timestampAfterMaxMs && nowMs - timestamp <= rules.timestampBeforeMaxMs) return null;
  return refused(
    ErrorCode.INVALID_TIMESTAMP,
    `Timestamp ${timestamp} is too far from the broker's clock: ${rules.timestampBeforeMaxMs} ms behind and ` +
      `${rules.timestampAfterMaxMs} ms ahead are taken`,
  );
}

function tooLarge(what: string, sizeBytes: number, { maxMessageBytes }: BatchRules): BatchCheck {
  return refused(
    ErrorCode.MESSAGE_TOO_LARGE,
    `The ${what} has ${sizeBytes} bytes, the topic takes ${maxMessageBytes} (max.message.bytes)`,
  );
}
