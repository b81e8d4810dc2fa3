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
import { batchProblem, BatchView, MAGIC, MalformedBatch } from "../../protocol/batch.ts";
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

export type BatchCheck =
  | { readonly kind: "ok"; readonly records: Uint8Array }
  | {
    readonly kind: "refused";
    readonly errorCode: number;
    readonly message: string;
    /** Which records of the batch are at fault (Produce v8+, KIP-467). */
    readonly recordErrors: readonly { readonly batchIndex: number; readonly batchIndexErrorMessage: string }[];
  };


/** hot: per batch */
export function checkBatch(
  records: Uint8Array | null,
  rules: BatchRules,
  options: { readonly apiVersion: number; readonly nowMs: number },
): BatchCheck {
  if (records === null || records.length === 0) {
    return refused(ErrorCode.INVALID_RECORD, "Produce requests must have a record batch per partition");
  }
  if (batchProblem(records, 0) !== null) return refused(ErrorCode.CORRUPT_MESSAGE, batchProblem(records, 0)!);
  const batch = new BatchView(records, 0);
  const header = headerProblem(batch, rules, options.apiVersion);
  if (header !== null) return header;

  const { nowMs } = options;
  if (rules.timestampType === "CreateTime") {
    if (batch.timestampType !== "createTime") {
      return refused(ErrorCode.INVALID_TIMESTAMP, "A producer may not set the timestamp type of a batch to LogAppendTime");
    }
    if (batch.maxTimestamp - nowMs > rules.timestampAfterMaxMs) {
      return refused(
        ErrorCode.INVALID_TIMESTAMP,
        `Timestamp ${batch.maxTimestamp} is more than ${rules.timestampAfterMaxMs} ms ahead of the broker's clock`,
      );
    }
  }
  const codec = rules.compressionType === "producer" ? batch.compression as CompressionId : codecOf(rules.compressionType);
  const isBoundBefore = rules.timestampType === "CreateTime" && rules.timestampBeforeMaxMs < Number.MAX_SAFE_INTEGER;
  if (!rules.isCompacted && !isBoundBefore && codec === batch.compression) return { kind: "ok", records };
  return lookInside(batch, rules, { codec, nowMs, isBoundBefore });
}

function headerProblem(batch: BatchView, rules: BatchRules, apiVersion: number): BatchCheck | null {
  if (batch.magic !== MAGIC) {
    return refused(ErrorCode.INVALID_RECORD, `Produce v${apiVersion} carries batches of format 2, not ${batch.magic}`);
  }
  if (batch.sizeBytes !== batch.bytes.length) {
    return refused(ErrorCode.INVALID_RECORD, `Produce v${apiVersion} carries exactly one batch per partition`);
  }
  if (batch.compression === Compression.zstd && apiVersion < 7) {
    return refused(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, `Produce v${apiVersion} does not know zstd`);
  }
  if (batch.sizeBytes > rules.maxMessageBytes) {
    return refused(
      ErrorCode.MESSAGE_TOO_LARGE,
      `The batch has ${batch.sizeBytes} bytes, the topic takes ${rules.maxMessageBytes} (max.message.bytes)`,
    );
  }
  if (!batch.isCrcValid()) return refused(ErrorCode.CORRUPT_MESSAGE, "The batch's checksum does not match its bytes");
  if (batch.sizeBytes > rules.segmentBytes) {
    return refused(
      ErrorCode.RECORD_LIST_TOO_LARGE,
      `The batch has ${batch.sizeBytes} bytes, more than a segment (segment.bytes ${rules.segmentBytes})`,
    );
  }
  if (batch.compression > Compression.zstd) {
    return refused(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, `Unknown compression ${batch.compression}`);
  }
  if (batch.baseOffset !== 0) return refused(ErrorCode.INVALID_RECORD, "A produced batch starts at offset 0");
  if (batch.recordCount <= 0 || batch.lastOffsetDelta + 1 !== batch.recordCount) {
    return refused(
      ErrorCode.INVALID_RECORD,
      `The batch counts ${batch.recordCount} records and its last offset delta is ${batch.lastOffsetDelta}`,
    );
  }
  if (batch.isControl) return refused(ErrorCode.INVALID_RECORD, "Clients may not write control records");
  if (batch.hasProducerId && (batch.producerEpoch < 0 || batch.baseSequence < 0)) {
    return refused(
      ErrorCode.INVALID_RECORD,
      `Producer ${batch.producerId} sent epoch ${batch.producerEpoch} and sequence ${batch.baseSequence}`,
    );
  }
  if (batch.isTransactional && !batch.hasProducerId) {
    return refused(ErrorCode.INVALID_RECORD, "A transactional batch needs a producer id");
  }
  return null;
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
    return refused(ErrorCode.INVALID_RECORD, error.message);
  }
  if (keyless.length > 0) {
    return refused(ErrorCode.INVALID_RECORD, "A compacted topic takes no record without a key", keyless);
  }
  if (early.length > 0) {
    return refused(
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
function codecOf(compressionType: string): CompressionId {
  return compressionType === "uncompressed" ? Compression.none : Compression[compressionType as CompressionName];
}

function refused(errorCode: number, message: string, indexes: readonly number[] = []): BatchCheck {
  return {
    kind: "refused",
    errorCode,
    message,
    recordErrors: indexes.map((batchIndex) => ({ batchIndex, batchIndexErrorMessage: message })),
  };
}
