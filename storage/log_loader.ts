/**
 * Opens a partition's folder: which segments it has, where the log starts and ends.
 *
 * (1) After a clean shutdown nothing is read but the folder's list, the segments' sizes and the topic's id, and the log's
 *     end is taken from a snapshot that bears the recovery point's offset: both were written last, when the log was closed.
 *     Ten thousand partitions open in seconds.
 * (2) Without that proof the log is recovered (`recovery.ts`).
 * (3) Left-overs of a crash (`.deleted`, `.tmp`, unfinished cleaning, indexes without a log) are removed before anything is
 *     believed.
 * (4) What recovery leaves is on disk for good, for consumers are about to see it: of a log that was perhaps never synced, all
 *     that leads to its records as well.
 */
import { type StorageContext } from "./context.ts";
import { StorageError } from "./errors.ts";
import { LeaderEpochs } from "./leader_epochs.ts";
import { finishInterruptedSwap } from "./interrupted_swap.ts";
import { type LogConfig } from "./log_config.ts";
import { syncPartitionMetadataNow } from "./partition_metadata.ts";
import { decodeProducerSnapshot } from "./producer_snapshot.ts";
import { recoverSegments } from "./recovery.ts";
import { Segment } from "./segment.ts";
import {
  DELETED_SUFFIX,
  fileNameOf,
  LOG_SUFFIX,
  offsetInName,
  SEGMENT_SUFFIXES,
  SNAPSHOT_SUFFIX,
} from "./segment_files.ts";
import { scan } from "./scan.ts";

export interface LoadOptions {
  readonly config: LogConfig;
  /** The data folder was shut down in order. */
  readonly isClean: boolean;
  /** By the checkpoint; 0 when it does not know the log. */
  readonly recoveryPoint: number;
  /** By the checkpoint; 0 when it does not know the log. */
  readonly logStartOffset: number;
  /** By the cleaner's checkpoint; 0 when the log was never compacted. */
  readonly cleanedOffset: number;
}

export interface LoadedLog {
  readonly segments: Segment[];
  /** Segments that recovery dropped: to be deleted. */
  readonly dropped: Segment[];
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  readonly recoveryPoint: number;
  /** A cleaner has been through what is below. */
  readonly cleanedOffset: number;
  /** Offsets of producer snapshots, ascending. */
  readonly snapshotOffsets: number[];
  /** Null when they have not been read. */
  readonly epochs: LeaderEpochs | null;
  /** Producers must be replayed from a snapshot at or below this, and aborted transactions noted again; null after (1). */
  readonly replayFromOffset: number | null;
}

/** An empty log whose folder is not there yet. */
export function newLog(context: StorageContext, directory: string, config: LogConfig): LoadedLog {
  return {
    segments: [Segment.planned(context, directory, 0, config)],
    dropped: [],
    logStartOffset: 0,
    logEndOffset: 0,
    recoveryPoint: 0,
    cleanedOffset: 0,
    snapshotOffsets: [],
    epochs: LeaderEpochs.empty(context.runtime.files, directory),
    replayFromOffset: null,
  };
}

/** In the place of one that could not be opened: where the checkpoints say it was, and nothing of its folder. */
export function unreadLog(
  context: StorageContext,
  directory: string,
  options: { readonly config: LogConfig; readonly recoveryPoint: number; readonly logStartOffset: number },
): LoadedLog {
  const { config, recoveryPoint, logStartOffset } = options;
  return {
    segments: [Segment.open(context, directory, { baseOffset: 0, sizeBytes: 0, config })],
    dropped: [],
    logStartOffset,
    logEndOffset: logStartOffset,
    recoveryPoint,
    cleanedOffset: 0,
    snapshotOffsets: [],
    epochs: LeaderEpochs.empty(context.runtime.files, directory),
    replayFromOffset: null,
  };
}

export function loadLog(context: StorageContext, directory: string, options: LoadOptions): LoadedLog {
  const { files } = context.runtime;
  const names = tidyFolder(context, directory);
  const snapshotOffsets = offsetsOf(names, SNAPSHOT_SUFFIX);
  const segments = offsetsOf(names, LOG_SUFFIX).map((baseOffset) => {
    const sizeBytes = files.stat(`${directory}/${fileNameOf(baseOffset, LOG_SUFFIX)}`)!.sizeBytes;
    return Segment.open(context, directory, { baseOffset, sizeBytes, config: options.config });
  });
  if (segments.length === 0) {
    segments.push(Segment.create(context, directory, options.logStartOffset, options.config));
  }
  const active = segments.at(-1)!;
  const logEndOffset = options.isClean ? knownEndOffset(active, options.recoveryPoint, snapshotOffsets) : null;
  if (logEndOffset !== null) {
    return {
      segments,
      dropped: [],
      logStartOffset: Math.min(Math.max(options.logStartOffset, segments[0]!.baseOffset), logEndOffset),
      logEndOffset,
      recoveryPoint: logEndOffset,
      cleanedOffset: options.cleanedOffset,
      snapshotOffsets,
      epochs: null,
      replayFromOffset: null,
    };
  }
  return recover(context, directory, { segments, snapshotOffsets, options });
}

/** Where a log that was closed in order ends, when that can be told without reading it. */
function knownEndOffset(active: Segment, recoveryPoint: number, snapshotOffsets: readonly number[]): number | null {
  if (active.sizeBytes === 0) return active.baseOffset;
  return recoveryPoint > active.baseOffset && snapshotOffsets.at(-1) === recoveryPoint ? recoveryPoint : null;
}

function recover(
  context: StorageContext,
  directory: string,
  found: {
    readonly segments: Segment[];
    readonly snapshotOffsets: readonly number[];
    readonly options: LoadOptions;
  },
): LoadedLog {
  const { files } = context.runtime;
  const { options } = found;
  // A log that was closed in order needs its last segment's end found, not its past checked.
  const recoveryPoint = options.isClean
    ? Math.max(options.recoveryPoint, found.segments.at(-1)!.baseOffset)
    : options.recoveryPoint;
  const epochs = openLeaderEpochs(context, directory, found.segments);
  const recovered = recoverSegments(context, found.segments, {
    recoveryPoint,
    cleanedOffset: options.config.cleanupPolicy.compact ? Infinity : options.cleanedOffset,
    logStartOffset: options.logStartOffset,
    epochs,
  });
  const { scannedFromOffset } = recovered;
  let { segments, logEndOffset } = recovered;
  const dropped = [...recovered.dropped];
  const startOffset = Math.max(options.logStartOffset, segments[0]!.baseOffset);
  // All that is left may be deleted by a client already. The log then goes on where it was told to start, and knows no
  // producer: what they wrote last may be what was lost.
  const isAllDeleted = logEndOffset < startOffset;
  if (isAllDeleted) dropped.unshift(...segments);
  for (const segment of dropped) segment.retire();
  if (isAllDeleted) {
    segments = [Segment.create(context, directory, startOffset, options.config)];
    logEndOffset = startOffset;
  }
  let replayFromOffset = Math.min(recoveryPoint, logEndOffset);
  for (const segment of segments) {
    if (segment.baseOffset < scannedFromOffset) continue;
    // What a killed process wrote is in the page cache at best.
    if (logEndOffset > recoveryPoint) segment.log.isDirty = true;
    segment.syncNow();
    if (segment.aborted.isSound()) continue;
    segment.aborted.reset();
    replayFromOffset = Math.min(replayFromOffset, segment.baseOffset);
  }
  const snapshotOffsets: number[] = [];
  for (const offset of found.snapshotOffsets) {
    const path = `${directory}/${fileNameOf(offset, SNAPSHOT_SUFFIX)}`;
    const isPast = isAllDeleted || offset > logEndOffset;
    // Past the recovery point they were not synced.
    const isDamaged = offset > recoveryPoint && typeof decodeProducerSnapshot(files.readFile(path)) === "string";
    if (isPast || isDamaged) files.remove(path);
    else snapshotOffsets.push(offset);
  }
  epochs.truncateFromEnd(logEndOffset);
  epochs.truncateFromStart(startOffset);
  // What a killed process renamed may come back in a power cut: not to epochs that have forgotten it.
  if (!epochs.isSaved) files.syncDirectory(directory);
  epochs.save();
  if (options.recoveryPoint === 0 && logEndOffset > 0) syncPartitionMetadataNow(files, directory); // (4)
  if (logEndOffset !== recoveryPoint || dropped.length > 0) files.syncDirectory(directory);
  context.report({ level: "info", event: "log-recovered", facts: { directory, recoveryPoint, logEndOffset } });
  return {
    segments,
    dropped,
    logStartOffset: startOffset,
    logEndOffset,
    recoveryPoint: logEndOffset,
    cleanedOffset: options.cleanedOffset,
    snapshotOffsets,
    epochs,
    replayFromOffset,
  };
}

/** The leader epochs of a log. A damaged file is made again from the batches of all `segments`. */
export function openLeaderEpochs(
  context: StorageContext,
  directory: string,
  segments: readonly Segment[],
): LeaderEpochs {
  const { files } = context.runtime;
  try {
    return LeaderEpochs.open(files, directory);
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    context.report({ level: "error", event: "leader-epochs-lost", facts: { directory, problem: error.message } });
  }
  const epochs = LeaderEpochs.empty(files, directory);
  for (const segment of segments) {
    scan(segment.log, { from: 0, to: segment.sizeBytes }, context.buffers, (batch) => {
      epochs.assign(batch.partitionLeaderEpoch, batch.baseOffset);
      return true;
    });
  }
  epochs.save();
  return epochs;
}

/** Removes left-overs (3) and returns the names that remain. */
function tidyFolder(context: StorageContext, directory: string): string[] {
  const { files } = context.runtime;
  let names = files.list(directory);
  if (finishInterruptedSwap(context, directory, names)) names = files.list(directory);
  const bases = new Set(offsetsOf(names, LOG_SUFFIX));
  return names.filter((name) => {
    const isStray = name.endsWith(DELETED_SUFFIX) || name.endsWith(".tmp") || isIndexWithoutLog(name, bases);
    if (isStray) files.remove(`${directory}/${name}`);
    return !isStray;
  });
}

function isIndexWithoutLog(name: string, bases: ReadonlySet<number>): boolean {
  return SEGMENT_SUFFIXES.some((suffix) => {
    const baseOffset = suffix === LOG_SUFFIX ? null : offsetInName(name, suffix);
    return baseOffset !== null && !bases.has(baseOffset);
  });
}

function offsetsOf(names: readonly string[], suffix: string): number[] {
  const offsets: number[] = [];
  for (const name of names) {
    const offset = offsetInName(name, suffix);
    if (offset !== null) offsets.push(offset);
  }
  return offsets.sort((one, other) => one - other);
}
