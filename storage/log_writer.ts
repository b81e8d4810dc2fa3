/**
 * The end of a log: hands batches to the operating system in the segment they belong to, and begins the next one when it is
 * time.
 *
 * (1) A write that fails leaves nothing behind that a reader, or the next write, could come upon.
 * (2) A segment's file is the last thing that beginning one makes. One that could not be begun leaves none, or the log is
 *     offline: while the log goes on in the segment before, the next start would take the empty file for its end.
 * (3) A new log is nothing on disk: its first append makes its folder, and the first sync brings that to the disk with the
 *     record. Who makes logs has it written down elsewhere which there are (`LogDir`), so ten thousand empty ones cost no
 *     file.
 */
import { BatchView } from "../protocol/batch.ts";
import { isDiskFull, storageError } from "./errors.ts";
import { type LogConfig } from "./log_config.ts";
import { type LogParts } from "./log_parts.ts";
import { type LogSettling } from "./log_settling.ts";
import { writePartitionMetadata } from "./partition_metadata.ts";
import { type ProducerState } from "./producer_state.ts";
import { Segment, SegmentLeft } from "./segment.ts";

/** What a write adds to the log. */
export interface WriteExtent {
  readonly sizeBytes: number;
  readonly lastOffset: number;
  readonly maxTimestampMs: number;
  readonly leaderEpoch: number;
}

export class LogWriter {
  readonly #parts: LogParts;
  readonly #settling: LogSettling;
  readonly #topicId: () => string;
  #hasFolder: boolean;

  constructor(
    parts: LogParts,
    settling: LogSettling,
    options: {
      /** False: the first write makes it (3). */
      readonly hasFolder: boolean;
      /** For that folder. */
      readonly topicId: () => string;
    },
  ) {
    this.#parts = parts;
    this.#settling = settling;
    this.#hasFolder = options.hasFolder;
    this.#topicId = options.topicId;
  }

  get hasFolder(): boolean {
    return this.#hasFolder;
  }

  /** Bytes to the operating system, in the segment they belong to. */
  // hot: per batch
  write(records: Uint8Array, extent: WriteExtent, config: LogConfig, nowMs: number): void {
    const { segments, sync } = this.#parts;
    try {
      if (!this.#hasFolder) this.#makeFolder();
      const epochs = this.#parts.epochs.load();
      if (extent.leaderEpoch > epochs.latestEpoch) epochs.assign(extent.leaderEpoch, sync.endOffset);
      if (segments.active.mustRoll(extent, config, nowMs)) this.#roll(config);
      segments.active.write(records);
      if (this.#parts.context.fullDisk.isFull) this.#parts.context.fullDisk.wrote();
    } catch (cause) {
      segments.active.undoWrite(); // (1)
      this.#parts.producers.missed(records);
      throw this.#parts.health.failedWrite("append to", sync.endOffset, cause);
    }
  }

  /** What was written, to the segment's indexes and the producers. */
  // hot: per batch
  note(records: Uint8Array, nowMs: number): void {
    const { active } = this.#parts.segments;
    for (let at = 0; at < records.length;) {
      const batch = new BatchView(records, at);
      active.note(batch);
      if (batch.hasProducerId) this.#noteProducer(this.#parts.producers.load(), batch, nowMs);
      at += batch.sizeBytes;
    }
  }

  /** Ends the active segment and begins a new one; nothing when it is empty. */
  roll(config: LogConfig): void {
    try {
      this.#roll(config);
    } catch (cause) {
      throw this.#parts.health.failedWrite("roll", this.#parts.sync.endOffset, cause);
    }
  }

  /** False when the disk is too full for it. */
  tryRoll(config: LogConfig): boolean {
    try {
      this.#roll(config);
      return true;
    } catch (cause) {
      const error = this.#parts.health.failedWrite("roll", this.#parts.sync.endOffset, cause);
      if (isDiskFull(cause)) return false;
      throw error;
    }
  }

  /** For the first append (3). After a failure the next one tries again. */
  #makeFolder(): void {
    const { context, segments, directory } = this.#parts;
    const { files } = context.runtime;
    files.makeDirectory(directory);
    writePartitionMetadata(files, directory, this.#topicId(), { durable: false });
    segments.active.makeFile();
    this.#hasFolder = true;
  }

  #roll(config: LogConfig): void {
    const { segments, producers, sync } = this.#parts;
    const old = segments.active;
    if (old.sizeBytes === 0) return;
    const { endOffset } = sync;
    old.finish();
    sync.covers(old);
    sync.addsFiles();
    producers.snapshot(endOffset, { durable: false });
    segments.push(this.#begin(endOffset, config)); // (2)
    this.#settling.rolled(old, endOffset);
  }

  #begin(baseOffset: number, config: LogConfig): Segment {
    const { context, directory, health } = this.#parts;
    try {
      return Segment.create(context, directory, baseOffset, config);
    } catch (cause) {
      if (cause instanceof SegmentLeft) {
        throw health.goOffline(storageError(`Cannot roll log "${directory}"`, cause.cause));
      }
      throw cause;
    }
  }

  #noteProducer(producers: ProducerState, batch: BatchView, nowMs: number): void {
    const aborted = producers.apply(batch, nowMs);
    if (aborted !== null) this.#parts.segments.active.aborted.append(aborted);
  }
}
