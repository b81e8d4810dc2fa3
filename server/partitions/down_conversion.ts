/**
 * Batches as message sets, for clients that know only these (Fetch v0–v3). A generator of pieces, so that who drives it can
 * give way to others between them, and stop when there is enough.
 *
 *     batch                      becomes
 *     uncompressed               messages; neighbours share a piece, and a piece may end in the middle of a batch
 *     gzip, snappy, lz4          wrappers of the same codec, one for each `PIECE_BYTES` of messages
 *     zstd                       nothing: these formats do not have it, the conversion ends there
 *     control (KIP-98)           nothing: it is passed over
 *
 * Headers and producer ids are lost. Records before the offset asked for are left out: a client could otherwise not get past
 * the first pieces of a large batch.
 *
 * In memory at a time: one batch decompressed, which has a bound, and a piece.
 */
import { batches, type BatchView, MalformedBatch, type TimestampType } from "../../protocol/batch.ts";
import { Compression, type CompressionId } from "../../protocol/compression.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { type MessageMagic, MessageSetWriter, messageSizeBytes } from "../../protocol/message_set.ts";
import { decodeRecords } from "../../protocol/record.ts";

/** Before compression. Some milliseconds of work. */
export const PIECE_BYTES = 256 * 1024;
/** As long as a piece may take. */
const SKIPPED_RECORDS_MAX = 10_000;

export interface Conversion {
  readonly magic: MessageMagic;
  /** The first offset wanted. */
  readonly fromOffset: number;
  /** What is still wanted; pieces are made to fit, unless a single message does not. Who takes the pieces counts it down. */
  readonly room: { leftBytes: number };
}

export interface Piece {
  /** Empty when there is nothing yet, only a good moment to give way. */
  readonly bytes: Uint8Array;
  /** Before compression: by how much it was made. */
  readonly workedBytes: number;
  /** All before this offset is in the pieces so far, or is nothing to an old client. */
  readonly nextOffset: number;
}

/** Returns what is in the way of going on, or NONE at the end. */
export function* downConvert(
  chunks: readonly Uint8Array[],
  { magic, fromOffset, room }: Conversion,
): Generator<Piece, number> {
  const pieces = new PieceMaker(magic);
  let nextOffset = fromOffset;
  for (const chunk of chunks) {
    for (const batch of batches(chunk)) {
      if (batch.nextOffset <= nextOffset) continue;
      const { compression } = batch;
      if (compression !== Compression.none || !pieces.goesWith(batch)) yield* pieces.flush(nextOffset);
      if (compression >= Compression.zstd) return ErrorCode.UNSUPPORTED_COMPRESSION_TYPE;
      if (!batch.isControl) {
        const isWhole = yield* convertBatch(batch, { magic, fromOffset: nextOffset, room }, pieces);
        if (!isWhole) return ErrorCode.CORRUPT_MESSAGE;
      }
      nextOffset = batch.nextOffset;
      if (compression !== Compression.none) yield* pieces.flush(nextOffset);
    }
  }
  yield* pieces.flush(nextOffset);
  // What was passed over at the end is told of too.
  yield giveWay(nextOffset);
  return ErrorCode.NONE;
}

/** False when the batch is damaged inside; what comes before the damage is in the pieces. */
function* convertBatch(
  batch: BatchView,
  { magic, fromOffset, room }: Conversion,
  pieces: PieceMaker,
): Generator<Piece, boolean> {
  const { timestampType } = batch;
  const compression = batch.compression as CompressionId;
  let skippedCount = 0;
  let nextOffset = fromOffset;
  try {
    for (const record of decodeRecords(batch)) {
      if (record.offset < fromOffset) {
        if (++skippedCount % SKIPPED_RECORDS_MAX === 0) yield giveWay(nextOffset);
        continue;
      }
      if (pieces.sizeBytes + messageSizeBytes(magic, record) > Math.min(PIECE_BYTES, room.leftBytes)) {
        yield* pieces.flush(record.offset);
      }
      pieces.writer(compression, timestampType).append(record);
      nextOffset = record.offset + 1;
    }
    return true;
  } catch (error) {
    if (!(error instanceof MalformedBatch)) throw error;
    yield* pieces.flush(nextOffset);
    return false;
  }
}

const NO_BYTES = new Uint8Array(0);

function giveWay(nextOffset: number): Piece {
  return { bytes: NO_BYTES, workedBytes: PIECE_BYTES, nextOffset };
}

/** The piece that is being made. */
class PieceMaker {
  #writer: MessageSetWriter | null = null;
  #timestampType: TimestampType = "createTime";

  constructor(readonly magic: MessageMagic) {}

  get sizeBytes(): number {
    return this.#writer?.sizeBytes ?? 0;
  }

  /** Messages of an uncompressed batch may follow what is there. */
  goesWith({ timestampType }: BatchView): boolean {
    return this.#writer === null || this.#timestampType === timestampType;
  }

  writer(compression: CompressionId, timestampType: TimestampType): MessageSetWriter {
    this.#timestampType = timestampType;
    return this.#writer ??= new MessageSetWriter({ magic: this.magic, compression, timestampType });
  }

  *flush(nextOffset: number): Generator<Piece, void> {
    const writer = this.#writer;
    this.#writer = null;
    if (writer !== null) yield { workedBytes: writer.sizeBytes, bytes: writer.finish(), nextOffset };
  }
}
