/** What a `.log` file holds, or a snapshot of the metadata, which is batches too. */
import { type BatchView, MAGIC, MalformedBatch, NO_PRODUCER_ID } from "../protocol/batch.ts";
import { Compression, CompressionError } from "../protocol/compression.ts";
import { decodeRecords } from "../protocol/record.ts";
import type { FileSystem } from "../runtime/runtime.ts";
import { walkBatches } from "./inspect_batches.ts";
import { type InspectOutput, type Row, timeOf } from "./inspect_output.ts";
import { type Decoder, showRecord } from "./inspect_values.ts";

export interface SegmentOptions {
  /** "none": only what all of it comes to. */
  readonly show: "records" | "batches" | "none";
  readonly decoder: Decoder;
  readonly isJson: boolean;
  /** Looks into each batch, not only at its checksum. */
  readonly isDeep: boolean;
}

export interface SegmentSummary {
  readonly sizeBytes: number;
  readonly batches: number;
  readonly records: number;
  readonly baseOffset: number | null;
  readonly nextOffset: number | null;
  readonly firstTime: string | null;
  readonly lastTime: string | null;
  readonly codecs: Readonly<Record<string, number>>;
}

/** Problems go to `output`. @throws {FileError} */
export function inspectSegment(
  files: FileSystem,
  path: string,
  output: InspectOutput,
  options: SegmentOptions,
): SegmentSummary {
  const { show, isDeep } = options;
  let batchCount = 0;
  let recordCount = 0;
  let baseOffset: number | null = null;
  let nextOffset: number | null = null;
  let timeMin = Infinity;
  let timeMax = -1;
  const codecs: Record<string, number> = {};
  const file = files.open(path, { readOnly: true });
  try {
    const sizeBytes = walkBatches(file, {
      batch(batch, { position, isCrcValid }) {
        batchCount++;
        const problem = checkBatch(batch, { isCrcValid, nextOffset });
        if (problem !== null) output.problem(path, problem, { position, offset: batch.baseOffset });
        if (show !== "none") output.row("batch", batchRow(batch, { position, isCrcValid }));
        if (batch.magic !== MAGIC) return;
        recordCount += batch.recordCount;
        baseOffset ??= batch.baseOffset;
        nextOffset = batch.nextOffset;
        timeMin = Math.min(timeMin, batch.maxTimestamp);
        timeMax = Math.max(timeMax, batch.maxTimestamp);
        const codec = codecName(batch.compression);
        codecs[codec] = (codecs[codec] ?? 0) + 1;
        if (problem === null && (show === "records" || isDeep)) lookInside(batch, position);
      },
      damage(problem, { from, to }) {
        output.problem(path, problem, { position: from, bytes: to - from });
      },
    });
    return {
      sizeBytes,
      batches: batchCount,
      records: recordCount,
      baseOffset,
      nextOffset,
      firstTime: timeMin === Infinity ? null : timeOf(timeMin),
      lastTime: timeOf(timeMax),
      codecs,
    };
  } finally {
    file.close();
  }

  function lookInside(batch: BatchView, position: number): void {
    if (batch.magic !== MAGIC) return;
    let count = 0;
    try {
      for (const record of decodeRecords(batch)) {
        count++;
        if (show !== "records") continue;
        const { table, json } = showRecord(record, options.decoder, batch.isControl);
        output.row("record", options.isJson ? json : table);
      }
    } catch (error) {
      if (!(error instanceof MalformedBatch || error instanceof CompressionError)) throw error;
      output.problem(path, error.message, { position, offset: batch.baseOffset, record: count });
    }
  }
}

/** What is wrong with a batch that stands where one should; null when nothing is. */
function checkBatch(
  batch: BatchView,
  { isCrcValid, nextOffset }: { readonly isCrcValid: boolean; readonly nextOffset: number | null },
): string | null {
  if (batch.magic !== MAGIC) return `its records are in format ${batch.magic}, which is not looked into`;
  if (!isCrcValid) return "its checksum is wrong";
  if (nextOffset !== null && batch.baseOffset < nextOffset) {
    return `its offset is below ${nextOffset}, where the one before it ends`;
  }
  if (batch.recordCount < 0 || batch.recordCount > batch.lastOffsetDelta + 1) {
    return `${batch.recordCount} records have ${batch.lastOffsetDelta + 1} offsets`;
  }
  return null;
}

function batchRow(
  batch: BatchView,
  { position, isCrcValid }: { readonly position: number; readonly isCrcValid: boolean },
): Row {
  const { baseOffset, sizeBytes, magic } = batch;
  if (magic !== MAGIC) return { position, baseOffset, sizeBytes, magic };
  const { producerId, deleteHorizon } = batch;
  const hasProducer = producerId !== NO_PRODUCER_ID;
  const flags = [
    batch.isControl ? "control" : null,
    batch.isTransactional ? "transactional" : null,
    batch.timestampType === "logAppendTime" ? "append-time" : null,
    deleteHorizon === null ? null : `deleted-after=${timeOf(deleteHorizon)}`,
  ].filter((flag) => flag !== null);
  return {
    position,
    baseOffset,
    lastOffset: batch.lastOffset,
    records: batch.recordCount,
    sizeBytes,
    codec: codecName(batch.compression),
    maxTime: timeOf(batch.maxTimestamp),
    maxTimestamp: batch.maxTimestamp,
    epoch: batch.partitionLeaderEpoch,
    producerId: hasProducer ? producerId : null,
    producerEpoch: hasProducer ? batch.producerEpoch : null,
    baseSequence: hasProducer ? batch.baseSequence : null,
    crc: isCrcValid ? "ok" : "WRONG",
    flags: flags.join(","),
  };
}

function codecName(compression: number): string {
  return Object.entries(Compression).find(([, id]) => id === compression)?.[0] ?? `codec ${compression}`;
}
