/**
 * Opens a partition's folder: which segments it has, where the log starts and ends.
 *
 * (1) After a clean shutdown nothing is read but the folder's list, the segments' sizes and the topic's id, and the log's
 *     end is taken from a snapshot that bears the recovery point's offset: both were written last, when the log was closed.
 *     Ten thousand partitions open in seconds. The last segment must have the size it had then; where that is not known, the
 *     folder being Kafka's, it must end with the batch before the recovery point.
 * (2) Without that proof the log is recovered (`recovery.ts`). After a crash, one in which nothing lies past the recovery point
 *     is taken as it is: a look at its last batches shows that it ends there, and what is below was on the disk for good.
 * (3) Left-overs of a crash (`.deleted`, `.tmp`, unfinished cleaning, indexes without a log) are removed before anything is
 *     believed.
 * (4) What recovery leaves is on disk for good, for consumers are about to see it: of a log that was perhaps never synced, all
 *     that leads to its records as well. Indexes and leader epochs of a last segment in order are not even written: the recovery
 *     point stays where it was, and the next checkpoint brings them to the disk and moves it. A start should not wait for them.
 */
import { MAGIC } from "../protocol/batch.ts";
import { writeFileAtomically } from "./atomic_file.ts";
import { type CleanSize, endsWith } from "./clean_sizes.ts";
import { type StorageContext } from "./context.ts";
import { StorageError } from "./errors.ts";
import { LeaderEpochs } from "./leader_epochs.ts";
import { finishInterruptedSwap } from "./interrupted_swap.ts";
import { type LogConfig } from "./log_config.ts";
import { syncPartitionMetadata } from "./partition_metadata.ts";
import { encodeProducerSnapshot, readProducerSnapshot } from "./producer_snapshot.ts";
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

/** How much of a log's end is read to see that nothing lies past its recovery point (2). */
const GLANCED_BYTES = 64 * 1024;

export interface LoadOptions {
  readonly config: LogConfig;
  /** The data folder was shut down in order. */
  readonly isClean: boolean;
  /** Of the last segment, when that is known (`clean_sizes.ts`). */
  readonly cleanSize: CleanSize | null;
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

export async function loadLog(context: StorageContext, directory: string, options: LoadOptions): Promise<LoadedLog> {
  const { files } = context.runtime;
  const names = tidyFolder(context, directory);
  const snapshotOffsets = offsetsOf(names, SNAPSHOT_SUFFIX);
  const segments = offsetsOf(names, LOG_SUFFIX).map((baseOffset) => {
    const sizeBytes = files.stat(`${directory}/${fileNameOf(baseOffset, LOG_SUFFIX)}`)!.sizeBytes;
    return Segment.open(context, directory, { baseOffset, sizeBytes, config: options.config });
  });
  const isNew = segments.length === 0;
  if (isNew) {
    segments.push(Segment.create(context, directory, options.logStartOffset, options.config));
  }
  const active = segments.at(-1)!;
  const logEndOffset = options.isClean
    ? knownEndOffset(context, active, options, snapshotOffsets)
    : isNew
    ? null
    : restingEndOffset(context, segments, options, snapshotOffsets);
  if (logEndOffset !== null) {
    if (!options.isClean && active.sizeBytes === 0) await active.log.sync(); // A killed process may have cut it.
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
  return await recover(context, directory, { segments, snapshotOffsets, options, isNew });
}

/** Where a log that was closed in order ends, when that can be told without reading it. */
function knownEndOffset(
  context: StorageContext,
  active: Segment,
  { recoveryPoint, cleanSize }: LoadOptions,
  snapshotOffsets: readonly number[],
): number | null {
  // What there was behind an empty segment's base is gone, or in the segment before it.
  if (active.sizeBytes === 0) return recoveryPoint === active.baseOffset ? recoveryPoint : null;
  if (recoveryPoint <= active.baseOffset || snapshotOffsets.at(-1) !== recoveryPoint) return null;
  if (cleanSize?.baseOffset !== active.baseOffset || cleanSize.endOffset !== recoveryPoint) {
    return endsWith(active, recoveryPoint) ? recoveryPoint : null;
  }
  if (cleanSize.sizeBytes === active.sizeBytes) return recoveryPoint;
  const facts = { file: active.log.path, bytes: active.sizeBytes, bytesAtStop: cleanSize.sizeBytes };
  context.report({ level: "error", event: "log-size-changed", facts });
  return null;
}

/**
 * Where a log ends that a crash left with nothing past its recovery point. Null when there is something, or when a little of its
 * end does not show it.
 */
function restingEndOffset(
  context: StorageContext,
  segments: readonly Segment[],
  { recoveryPoint, logStartOffset }: LoadOptions,
  snapshotOffsets: readonly number[],
): number | null {
  const active = segments.at(-1)!;
  const { baseOffset, sizeBytes } = active;
  if (recoveryPoint < Math.max(baseOffset, logStartOffset)) return null;
  if ((sizeBytes === 0) !== (recoveryPoint === baseOffset)) return null;
  // Of what was lost past it something may be left, here and in the indexes.
  if (snapshotOffsets.some((offset) => offset > recoveryPoint)) return null;
  // Older ones too: a replay that died may have been writing there.
  if (segments.some((segment) => !segment.aborted.isSound())) return null;
  if (active.aborted.entries().some((entry) => entry.lastOffset >= recoveryPoint)) {
    return null;
  }
  if (sizeBytes === 0) return recoveryPoint;
  const found = active.index.glance(recoveryPoint - 1);
  if (found === null || sizeBytes - found.position > GLANCED_BYTES) return null;
  let nextOffset = baseOffset;
  let largestMs = -1;
  const end = scan(active.log, { from: found.position, to: sizeBytes }, context.buffers, (batch) => {
    if (batch.magic !== MAGIC || batch.baseOffset < nextOffset || batch.lastOffsetDelta < 0) return false;
    nextOffset = batch.nextOffset;
    largestMs = Math.max(largestMs, batch.maxTimestamp);
    return true;
  });
  if (end.position !== sizeBytes || nextOffset !== recoveryPoint) return null;
  const { timestampMs, offset } = found.last ?? { timestampMs: -1, offset: baseOffset };
  return offset < recoveryPoint && timestampMs >= largestMs ? recoveryPoint : null;
}

async function recover(
  context: StorageContext,
  directory: string,
  found: {
    readonly segments: Segment[];
    readonly snapshotOffsets: readonly number[];
    readonly options: LoadOptions;
    /** There was no segment: whatever else there is tells of records that are gone. */
    readonly isNew: boolean;
  },
): Promise<LoadedLog> {
  const { files } = context.runtime;
  const { options } = found;
  // A log that was closed in order needs its last segment's end found, not its past checked.
  const last = found.segments.findLast((segment) => segment.sizeBytes > 0) ?? found.segments.at(-1)!;
  const recoveryPoint = options.isClean ? Math.max(options.recoveryPoint, last.baseOffset) : options.recoveryPoint;
  for (const offset of found.snapshotOffsets) {
    const path = `${directory}/${fileNameOf(offset, SNAPSHOT_SUFFIX)}`;
    if (offset > recoveryPoint) readProducerSnapshot(files, path); // One of a later version ends it here.
  }
  const epochs = openLeaderEpochs(context, directory, found.segments);
  const recovered = recoverSegments(context, found.segments, {
    recoveryPoint,
    cleanedOffset: options.cleanedOffset,
    logStartOffset: options.logStartOffset,
    epochs,
    isLeftByKafka: () => found.segments.at(-1)!.index.isPreallocated(),
  });
  const { scannedFromOffset } = recovered;
  let { segments, logEndOffset } = recovered;
  const dropped = [...recovered.dropped];
  const startOffset = Math.max(options.logStartOffset, segments[0]!.baseOffset);
  // All that is left may be deleted by a client already. The log then goes on where it was told to start, and knows no
  // producer: what they wrote last may be what was lost.
  const isAllDeleted = logEndOffset < startOffset;
  if (isAllDeleted) dropped.unshift(...segments);
  // The last first, one by one: should a power cut leave some of them, what is left must not begin with one of these.
  for (const segment of dropped.toReversed()) {
    segment.retire();
    files.syncDirectory(directory);
  }
  if (isAllDeleted) {
    segments = [Segment.create(context, directory, startOffset, options.config)];
    logEndOffset = startOffset;
  }
  const isEmptied = isAllDeleted || found.isNew;
  let replayFromOffset = Math.min(recoveryPoint, logEndOffset);
  const isSettled = isEmptied || recovered.isDamaged || dropped.length > 0 ||
    scannedFromOffset < segments.at(-1)!.baseOffset;
  for (const segment of segments) {
    if (segment.baseOffset >= scannedFromOffset) {
      // What a killed process wrote, or cut off, is so in the page cache at best.
      if (logEndOffset > recoveryPoint || segment.sizeBytes === 0) segment.log.isDirty = true;
      if (isSettled) {
        segment.flushIndexes();
        await segment.syncFiles();
      }
    }
    // Older ones too: a replay that died may have been writing there.
    if (segment.aborted.isSound()) continue;
    segment.aborted.reset();
    replayFromOffset = Math.min(replayFromOffset, segment.baseOffset);
  }
  const snapshotOffsets: number[] = [];
  for (const offset of found.snapshotOffsets) {
    const path = `${directory}/${fileNameOf(offset, SNAPSHOT_SUFFIX)}`;
    const isPast = isEmptied || offset > logEndOffset;
    // Past the recovery point they were not synced.
    const isDamaged = offset > recoveryPoint && typeof readProducerSnapshot(files, path) === "string";
    if (isPast || isDamaged) files.remove(path);
    else snapshotOffsets.push(offset);
  }
  if (isEmptied) {
    // Nobody is known, and a start that finds a later snapshot only would not know what was aborted before that.
    const path = `${directory}/${fileNameOf(startOffset, SNAPSHOT_SUFFIX)}`;
    writeFileAtomically(files, path, encodeProducerSnapshot([], 0), { durable: "content" });
    snapshotOffsets.push(startOffset);
  }
  const foundEpochs = epochs.entries;
  epochs.truncateFromEnd(logEndOffset);
  epochs.truncateFromStart(startOffset);
  // What a killed process renamed may come back in a power cut: not to epochs that have forgotten it.
  const isForgetful = epochs.entries !== foundEpochs;
  if (isForgetful) files.syncDirectory(directory);
  if (isSettled || isForgetful) epochs.save();
  const active = segments.at(-1)!;
  const isEntrySynced = recoveryPoint > active.baseOffset;
  const isFolderDue = isSettled || (logEndOffset !== recoveryPoint && !isEntrySynced);
  await Promise.all([ // (4)
    active.log.isDirty ? active.log.sync() : null,
    options.recoveryPoint === 0 && logEndOffset > 0 ? syncPartitionMetadata(files, directory) : null,
    isFolderDue ? files.syncDirectoryAsync(directory) : null,
  ]);
  return {
    segments,
    dropped,
    logStartOffset: startOffset,
    logEndOffset,
    recoveryPoint: isSettled ? logEndOffset : Math.min(options.recoveryPoint, logEndOffset),
    cleanedOffset: options.cleanedOffset,
    snapshotOffsets,
    epochs,
    replayFromOffset,
  };
}

/**
 * The leader epochs of a log. A damaged file is made again from the batches of all `segments`.
 * @throws {StorageError} "VERSION" when a later program wrote the file
 */
export function openLeaderEpochs(
  context: StorageContext,
  directory: string,
  segments: readonly Segment[],
): LeaderEpochs {
  const { files } = context.runtime;
  try {
    return LeaderEpochs.open(files, directory);
  } catch (error) {
    if (!(error instanceof StorageError) || error.code === "VERSION") throw error;
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
