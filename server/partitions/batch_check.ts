/**
 * What a produced batch must satisfy before it is appended, and the rewriting that a topic's rules ask for.
 *
 * Always from the header alone: length, format, CRC, counts, timestamps, producer fields. Records are decoded only
 * where the topic's rules are about records: compacted topics want keys, a bound on old timestamps needs each of them,
 * a topic with a codec of its own has batches compressed again. (The log itself stamps LogAppendTime.) What a producer puts behind a valid CRC is otherwise
 * its own: it is stored as sent.
 *
 * The order of checks, and so which error wins, is Kafka's (ProduceRequest, UnifiedLog, LogValidator).
 */
import { batchProblem, BatchView, LOG_OVERHEAD_BYTES, MAGIC, MalformedBatch, readInt32 } from "../../protocol/batch.ts";
import { Compression, type CompressionId, type CompressionName } from "../../protocol/compression.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { decodeRecords, encodeBatch, type RecordView } from "../../protocol/record.ts";

/** The rules of one topic, resolved from its configs. */
export interface BatchRules {
  readonly maxMessageBytes: number;
  readonly segmentBytes: number;
  readonly isCompacted: boolean;
  /** "producer" keeps what was sent. */
  readonly compressionType: string;
  readonly timestampType: "CreateTime" | "LogAppendTime";
  /** Milliseconds; Number.MAX_SAFE_INTEGER or more is no limit. */
  readonly timestampBeforeMaxMs: number;
  readonly timestampAfterMaxMs: number;
}

export type BatchCheck = { readonly kind: "ok"; readonly records: Uint8Array } | BatchRefusal;

export interface BatchRefusal {
  readonly kind: "refused";
  readonly errorCode: number;
  readonly message: string;
  /** How far the batch came: its request's version does not allow it; the partition does not; the log, whose start the answer tells, does not. */
  readonly by: "request" | "partition" | "log";
  /** Which records of the batch are at fault (Produce v8+, KIP-467). */
  readonly recordErrors: readonly { readonly batchIndex: number; readonly batchIndexErrorMessage: string }[];
}

/** A batch of format 0 or 1 has at least this length; Kafka holds all formats to it before it knows which one it is. */
const BATCH_LENGTH_MIN = 14;
const MAGIC_AT = 16;
/** Records at fault that an answer names: a compressed batch can hold more than an answer should. */
const RECORD_ERRORS_MAX = 1_000;
/** Length, attributes, two deltas, two empty fields and no headers take a byte each. */
const RECORD_BYTES_MIN = 7;

/** hot: per batch */
export function checkBatch(
  records: Uint8Array | null,
  rules: BatchRules,
  options: { readonly apiVersion: number; readonly nowMs: number },
): BatchCheck {
  const sizeBytes = records === null ? 0 : nextBatchSize(records, 0);
  if (records === null || sizeBytes === 0) {
    return refusedAtOnce(ErrorCode.INVALID_RECORD, "Produce requests must have a whole record batch per partition");
  }
  if (sizeBytes < 0) return refusedAtOnce(ErrorCode.CORRUPT_MESSAGE, "The bytes are no record batch");
  const framing = framingProblem(records, sizeBytes, options.apiVersion);
  if (framing !== null) return framing;
  // Bytes behind the batch that are no whole batch are cut off, as Kafka does.
  const bytes = sizeBytes === records.length ? records : records.subarray(0, sizeBytes);
  const batch = new BatchView(bytes, 0);
  const header = headerProblem(batch, rules);
  if (header !== null) return header;
  const { nowMs } = options;
  const time = timestampProblem(batch, rules, nowMs);
  if (time !== null) return time;

  const codec = rules.compressionType === "producer"
    ? batch.compression as CompressionId
    : codecOf(rules.compressionType);
  const isBoundBefore = rules.timestampType === "CreateTime" && rules.timestampBeforeMaxMs < Number.MAX_SAFE_INTEGER;
  const isOpaque = !rules.isCompacted && !isBoundBefore && codec === batch.compression;
  const check: BatchCheck = isOpaque
    ? { kind: "ok", records: bytes }
    : lookInside(batch, rules, { codec, nowMs, isBoundBefore });
  if (check.kind === "ok" && batch.timestampType === "logAppendTime") unflagLogAppendTime(check.records);
  return check;
}

/** The size of the batch at `at`, by Kafka's rules: 0 when no whole one is left, -1 when what is there cannot be one. */
export function nextBatchSize(bytes: Uint8Array, at: number): number {
  const left = bytes.length - at;
  if (left < LOG_OVERHEAD_BYTES) return 0;
  const length = readInt32(bytes, at + 8);
  if (length < BATCH_LENGTH_MIN) return -1;
  if (left <= MAGIC_AT) return 0;
  if (bytes[at + MAGIC_AT]! > MAGIC) return -1;
  return LOG_OVERHEAD_BYTES + length > left ? 0 : LOG_OVERHEAD_BYTES + length;
}

/** What the request alone, without the topic, must satisfy. */
function framingProblem(records: Uint8Array, sizeBytes: number, apiVersion: number): BatchCheck | null {
  const magic = records[MAGIC_AT]!;
  if (magic !== MAGIC) {
    return refusedAtOnce(ErrorCode.INVALID_RECORD, `Produce v${apiVersion} carries batches of format 2, not ${magic}`);
  }
  const problem = batchProblem(records, 0);
  if (problem !== null) return refusedAtOnce(ErrorCode.CORRUPT_MESSAGE, problem);
  if (apiVersion >= 3 && apiVersion < 7 && new BatchView(records, 0).compression === Compression.zstd) {
    return refusedAtOnce(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, `Produce v${apiVersion} does not know zstd`);
  }
  if (sizeBytes === records.length) return null;
  const next = nextBatchSize(records, sizeBytes);
  if (next < 0) return refusedAtOnce(ErrorCode.CORRUPT_MESSAGE, "The bytes behind the batch are no record batch");
  if (next > 0) {
    return refusedAtOnce(ErrorCode.INVALID_RECORD, `Produce v${apiVersion} carries exactly one batch per partition`);
  }
  return null;
}

function headerProblem(batch: BatchView, rules: BatchRules): BatchCheck | null {
  if (batch.baseOffset !== 0) return refusedByLog(ErrorCode.INVALID_RECORD, "A produced batch starts at offset 0");
  if (batch.sizeBytes > rules.maxMessageBytes) {
    return refused(
      ErrorCode.MESSAGE_TOO_LARGE,
      `The batch has ${batch.sizeBytes} bytes, the topic takes ${rules.maxMessageBytes} (max.message.bytes)`,
    );
  }
  if (!batch.isCrcValid()) return refused(ErrorCode.CORRUPT_MESSAGE, "The batch's checksum does not match its bytes");
  if (batch.compression > Compression.zstd) {
    return refusedByLog(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, `Unknown compression ${batch.compression}`);
  }
  const { recordCount } = batch;
  if (recordCount <= 0 || batch.lastOffsetDelta + 1 !== recordCount) {
    return refusedByLog(
      ErrorCode.INVALID_RECORD,
      `The batch counts ${recordCount} records and its last offset delta is ${batch.lastOffsetDelta}`,
    );
  }
  if (batch.compression === Compression.none && recordCount * RECORD_BYTES_MIN > batch.recordBytes.length) {
    return refusedByLog(
      ErrorCode.INVALID_RECORD,
      `The batch counts ${recordCount} records in ${batch.recordBytes.length} bytes`,
    );
  }
  if (batch.isControl) return refusedByLog(ErrorCode.INVALID_RECORD, "Clients may not write control records");
  if (batch.hasProducerId && (batch.producerEpoch < 0 || batch.baseSequence < 0)) {
    return refusedByLog(
      ErrorCode.INVALID_RECORD,
      `Producer ${batch.producerId} sent epoch ${batch.producerEpoch} and sequence ${batch.baseSequence}`,
    );
  }
  if (batch.isTransactional && !batch.hasProducerId) {
    return refusedByLog(ErrorCode.INVALID_RECORD, "A transactional batch needs a producer id");
  }
  if (batch.sizeBytes > rules.segmentBytes) {
    return refused(
      ErrorCode.RECORD_LIST_TOO_LARGE,
      `The batch has ${batch.sizeBytes} bytes, more than a segment (segment.bytes ${rules.segmentBytes})`,
    );
  }
  return null;
}

function timestampProblem(batch: BatchView, rules: BatchRules, nowMs: number): BatchCheck | null {
  if (rules.timestampType === "LogAppendTime") {
    if (batch.timestampType === "createTime") return null;
    const all = Array.from({ length: Math.min(batch.recordCount, RECORD_ERRORS_MAX) }, (_, index) => index);
    return refusedByLog(
      ErrorCode.INVALID_TIMESTAMP,
      "A producer may not set the timestamp type of a batch to LogAppendTime",
      all,
    );
  }
  const latestMs = nowMs + rules.timestampAfterMaxMs;
  if (batch.maxTimestamp <= latestMs) return null;
  return refusedByLog(
    ErrorCode.INVALID_TIMESTAMP,
    `Timestamp ${batch.maxTimestamp} is more than ${rules.timestampAfterMaxMs} ms ahead of the broker's clock`,
    indexesAfter(batch, latestMs),
  );
}

/** For the answer only: the header has told enough. */
function indexesAfter(batch: BatchView, latestMs: number): number[] {
  const indexes: number[] = [];
  try {
    let index = 0;
    for (const { timestamp } of decodeRecords(batch)) {
      if (timestamp > latestMs) indexes.push(index);
      index++;
    }
  } catch (error) {
    if (!(error instanceof MalformedBatch)) throw error;
  }
  return indexes;
}

/** Time stamps of the log's are the log's to give: where it gives none, a producer's claim is taken back. */
function unflagLogAppendTime(records: Uint8Array): void {
  const batch = new BatchView(records, 0);
  if (batch.timestampType === "logAppendTime") batch.stampCreateTime();
}

/** Decodes the records for the rules that are about them; gives the batch to append, compressed by the topic's codec. */
function lookInside(
  batch: BatchView,
  rules: BatchRules,
  options: { readonly codec: CompressionId; readonly nowMs: number; readonly isBoundBefore: boolean },
): BatchCheck {
  const kept: RecordView[] = [];
  const keyless: number[] = [];
  const early: number[] = [];
  try {
    let index = 0;
    for (const record of decodeRecords(batch)) {
      if (rules.isCompacted && record.key === null) keyless.push(index);
      if (options.isBoundBefore && options.nowMs - record.timestamp > rules.timestampBeforeMaxMs) early.push(index);
      kept.push(record);
      index++;
    }
  } catch (error) {
    if (!(error instanceof MalformedBatch)) throw error;
    return refusedByLog(ErrorCode.INVALID_RECORD, error.message);
  }
  if (keyless.length > 0) {
    return refusedByLog(ErrorCode.INVALID_RECORD, "A compacted topic takes no record without a key", keyless);
  }
  if (early.length > 0) {
    return refusedByLog(
      ErrorCode.INVALID_TIMESTAMP,
      `Timestamps are more than ${rules.timestampBeforeMaxMs} ms behind the broker's clock`,
      early,
    );
  }
  if (options.codec === batch.compression) return { kind: "ok", records: batch.bytes };
  const records = encodeBatch({
    records: kept,
    compression: options.codec,
    producerId: batch.producerId,
    producerEpoch: batch.producerEpoch,
    baseSequence: batch.baseSequence,
    isTransactional: batch.isTransactional,
  });
  return { kind: "ok", records };
}

/** Kafka's `compression.type` says "uncompressed" where the format says none. */
export function codecOf(compressionType: string): CompressionId {
  return compressionType === "uncompressed" ? Compression.none : Compression[compressionType as CompressionName];
}

function refusedAtOnce(errorCode: number, message: string): BatchRefusal {
  return { kind: "refused", errorCode, message, by: "request", recordErrors: [] };
}

export function refused(errorCode: number, message: string): BatchRefusal {
  return { kind: "refused", errorCode, message, by: "partition", recordErrors: [] };
}

function refusedByLog(errorCode: number, message: string, indexes: readonly number[] = []): BatchRefusal {
  const recordErrors = indexes.slice(0, RECORD_ERRORS_MAX).map((batchIndex) => ({
    batchIndex,
    batchIndexErrorMessage: message,
  }));
  return { kind: "refused", errorCode, message, by: "log", recordErrors };
}
