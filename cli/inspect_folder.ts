/**
 * What a partition's folder or a whole data folder holds: a line per segment, or per partition, and what does not fit together.
 *
 * Without `verify` a segment's batches are stepped over from its last index entry on, and its end is found that way: seconds for
 * thousands of partitions. With it every byte of every file is read and compared.
 */
import { FileError, type FileSystem } from "../runtime/runtime.ts";
import { LOG_START_OFFSET_FILE, readOffsetCheckpoint, RECOVERY_POINT_FILE } from "../storage/checkpoint.ts";
import { CLEAN_SHUTDOWN_FILE } from "../storage/clean_shutdown.ts";
import { StorageError } from "../storage/errors.ts";
import { OFFSET_ENTRY_BYTES } from "../storage/offset_index.ts";
import {
  fileNameOf,
  INDEX_SUFFIX,
  LOG_SUFFIX,
  offsetInName,
  SNAPSHOT_SUFFIX,
  TIME_INDEX_SUFFIX,
  TRANSACTION_INDEX_SUFFIX,
} from "../storage/segment_files.ts";
import { readInt32 } from "../protocol/batch.ts";
import { walkHeaders } from "./inspect_batches.ts";
import { inspectOffsetIndex, inspectTimeIndex, inspectTransactionIndex } from "./inspect_index.ts";
import { InspectOutput, type Row, timeOf } from "./inspect_output.ts";
import { inspectSegment } from "./inspect_segment.ts";
import { inspectProducerSnapshot, inspectSmallFile, META_PROPERTIES_FILE, smallFileKind } from "./inspect_small.ts";
import { decoderOf } from "./inspect_values.ts";

export interface FolderOptions {
  readonly isVerified: boolean;
  readonly isJson: boolean;
}

export function isDataFolder(names: readonly string[]): boolean {
  return names.includes(META_PROPERTIES_FILE) || names.some((name) => /^.+-\d+$/.test(name));
}

export function isPartitionFolder(names: readonly string[]): boolean {
  return names.some((name) => offsetInName(name, LOG_SUFFIX) !== null);
}

/** A data folder: what it says of itself, and a line per partition. */
export function inspectDataFolder(
  files: FileSystem,
  path: string,
  output: InspectOutput,
  options: FolderOptions,
): void {
  const names = files.list(path);
  const isClean = names.includes(CLEAN_SHUTDOWN_FILE);
  output.begin(path, isClean ? "a data folder, shut down in order" : "a data folder, in use or not shut down in order");
  const silent = new SilentOutput(output);
  for (const name of names.filter((name) => smallFileKind(name) !== null)) {
    const isShown = name === META_PROPERTIES_FILE;
    guard(output, `${path}/${name}`, () => void inspectSmallFile(files, `${path}/${name}`, isShown ? output : silent));
  }
  const checkpoints = readCheckpoints(files, path);
  let partitions = 0;
  let sizeBytes = 0;
  for (const name of names) {
    if (files.stat(`${path}/${name}`)?.kind !== "directory") continue;
    const state = /-(delete|stray)$/.exec(name)?.[1] ?? null;
    if (state === null && !/^.+-\d+$/.test(name)) continue;
    const problemsBefore = output.problemCount;
    const found = inspectPartition(files, `${path}/${name}`, silent, { ...options, checkpoints });
    partitions++;
    sizeBytes += found.sizeBytes;
    const { segments: _, ...row } = found;
    const problems = output.problemCount - problemsBefore;
    output.row("partition", {
      partition: name,
      segments: found.segments,
      ...row,
      recoveryPoint: checkpoints.recoveryPoints.get(name) ?? null,
      state: problems > 0 ? "DAMAGED" : state === "delete" ? "deleted" : state === "stray" ? "set aside" : "ok",
    });
  }
  output.end({ partitions, sizeBytes, problems: output.problemCount });
}

/** A partition's folder: a line per segment. */
export function inspectPartitionFolder(
  files: FileSystem,
  path: string,
  output: InspectOutput,
  options: FolderOptions,
): void {
  const parent = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) || "/" : ".";
  const checkpoints = readCheckpoints(files, parent);
  output.begin(path, "a partition");
  const { segments, ...facts } = inspectPartition(files, path, output, { ...options, checkpoints });
  const recoveryPoint = checkpoints.recoveryPoints.get(path.slice(path.lastIndexOf("/") + 1)) ?? null;
  output.end({ segments, ...facts, recoveryPoint, problems: output.problemCount });
}

// ---------------------------------------------------------------------------------------------- below: how

interface Checkpoints {
  readonly recoveryPoints: ReadonlyMap<string, number>;
  readonly startOffsets: ReadonlyMap<string, number>;
}

/** Shows problems, and nothing else. */
class SilentOutput extends InspectOutput {
  readonly #to: InspectOutput;

  constructor(to: InspectOutput) {
    super({ print: () => {} }, { isJson: false });
    this.#to = to;
  }

  override begin(): void {}
  override row(): void {}
  override end(): void {}
  override problem(path: string, problem: string, facts?: Row): void {
    this.#to.problem(path, problem, facts);
  }
}

function readCheckpoints(files: FileSystem, path: string): Checkpoints {
  const read = (name: string) => {
    try {
      return readOffsetCheckpoint(files, `${path}/${name}`);
    } catch (error) {
      if (error instanceof StorageError) return new Map<string, number>(); // told where the file itself is looked at
      throw error;
    }
  };
  return { recoveryPoints: read(RECOVERY_POINT_FILE), startOffsets: read(LOG_START_OFFSET_FILE) };
}

function inspectPartition(
  files: FileSystem,
  path: string,
  output: InspectOutput,
  options: FolderOptions & { readonly checkpoints: Checkpoints },
): { segments: number; sizeBytes: number; startOffset: number | null; endOffset: number | null } {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const names = files.list(path);
  const silent = new SilentOutput(output);
  let sizeBytes = 0;
  let startOffset: number | null = null;
  let endOffset: number | null = null;
  let segments = 0;
  for (const file of names) {
    const baseOffset = offsetInName(file, LOG_SUFFIX);
    if (baseOffset === null) continue;
    segments++;
    startOffset ??= Math.max(baseOffset, options.checkpoints.startOffsets.get(name) ?? 0);
    if (endOffset !== null && baseOffset < endOffset) {
      output.problem(`${path}/${file}`, `it begins before offset ${endOffset}, where the segment before it ends`);
    }
    // A broker may delete a segment while it is looked at.
    const found = guard(
      output,
      `${path}/${file}`,
      () => inspectOne(files, { path, baseOffset, options }, output, silent),
    );
    if (found === null) continue;
    endOffset = found.endOffset;
    sizeBytes += found.sizeBytes;
    output.row("segment", { baseOffset, ...found });
  }
  for (const file of names) {
    const isSnapshot = offsetInName(file, SNAPSHOT_SUFFIX) !== null;
    const suffix = [INDEX_SUFFIX, TIME_INDEX_SUFFIX, TRANSACTION_INDEX_SUFFIX].find((suffix) =>
      offsetInName(file, suffix) !== null
    );
    if (isSnapshot) {
      guard(output, `${path}/${file}`, () => void inspectProducerSnapshot(files, `${path}/${file}`, silent));
    } else if (smallFileKind(file) !== null) {
      guard(output, `${path}/${file}`, () => void inspectSmallFile(files, `${path}/${file}`, silent));
    } else if (suffix !== undefined && !names.includes(fileNameOf(offsetInName(file, suffix)!, LOG_SUFFIX))) {
      output.problem(`${path}/${file}`, "its segment is missing");
    }
  }
  return { segments, sizeBytes, startOffset, endOffset };
}

function inspectOne(
  files: FileSystem,
  { path, baseOffset, options }: {
    readonly path: string;
    readonly baseOffset: number;
    readonly options: FolderOptions;
  },
  output: InspectOutput,
  silent: InspectOutput,
): Row & { readonly endOffset: number; readonly sizeBytes: number } {
  const logPath = `${path}/${fileNameOf(baseOffset, LOG_SUFFIX)}`;
  if (!options.isVerified) return glance(files, path, baseOffset, output);
  const before = output.problemCount;
  const decoder = decoderOf(path.slice(path.lastIndexOf("/") + 1));
  const summary = inspectSegment(files, logPath, silent, {
    show: "none",
    decoder,
    isJson: options.isJson,
    isDeep: true,
  });
  const checks = [
    [INDEX_SUFFIX, inspectOffsetIndex],
    [TIME_INDEX_SUFFIX, inspectTimeIndex],
    [TRANSACTION_INDEX_SUFFIX, inspectTransactionIndex],
  ] as const;
  for (const [suffix, check] of checks) {
    const indexPath = `${path}/${fileNameOf(baseOffset, suffix)}`;
    if (files.stat(indexPath) !== null) check(files, indexPath, silent, { isShown: false });
  }
  if (summary.baseOffset !== null && summary.baseOffset < baseOffset) {
    output.problem(logPath, `its first offset is ${summary.baseOffset}`);
  }
  return {
    endOffset: summary.nextOffset ?? baseOffset,
    sizeBytes: summary.sizeBytes,
    batches: summary.batches,
    records: summary.records,
    lastTime: summary.lastTime,
    state: output.problemCount > before ? "DAMAGED" : "ok",
  };
}

/** A segment's end, found from its last index entry on. */
function glance(
  files: FileSystem,
  path: string,
  baseOffset: number,
  output: InspectOutput,
): Row & { readonly endOffset: number; readonly sizeBytes: number } {
  const logPath = `${path}/${fileNameOf(baseOffset, LOG_SUFFIX)}`;
  const file = files.open(logPath, { readOnly: true });
  try {
    const sizeBytes = file.size();
    let endOffset = baseOffset;
    let maxTimestamp = -1;
    const from = lastIndexedPosition(files, `${path}/${fileNameOf(baseOffset, INDEX_SUFFIX)}`, sizeBytes);
    const end = walkHeaders(file, { from, to: sizeBytes }, (batch) => {
      endOffset = batch.nextOffset;
      maxTimestamp = Math.max(maxTimestamp, batch.maxTimestamp);
      return true;
    });
    const isCut = end < sizeBytes && file.size() === sizeBytes; // one that grows is being written
    if (isCut) {
      output.problem(logPath, "no batch stands there; --verify says more", { position: end, bytes: sizeBytes - end });
    }
    return {
      endOffset,
      sizeBytes,
      batches: null,
      records: null,
      lastTime: timeOf(maxTimestamp),
      state: isCut ? "DAMAGED" : "ok",
    };
  } finally {
    file.close();
  }
}

/** 0 where the index does not say, or cannot be right. */
function lastIndexedPosition(files: FileSystem, path: string, logBytes: number): number {
  const sizeBytes = files.stat(path)?.sizeBytes ?? 0;
  if (sizeBytes === 0) return 0;
  const file = files.open(path, { readOnly: true });
  try {
    const entry = new Uint8Array(OFFSET_ENTRY_BYTES);
    const positionAt = (index: number) => {
      file.read(entry, index * OFFSET_ENTRY_BYTES);
      return readInt32(entry, 4);
    };
    // Positions grow, and are zero past the last entry.
    let low = 0;
    let high = Math.floor(sizeBytes / OFFSET_ENTRY_BYTES) - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (positionAt(middle) > 0) low = middle;
      else high = middle - 1;
    }
    const position = high < 0 ? 0 : positionAt(low);
    return position < logBytes ? position : 0;
  } finally {
    file.close();
  }
}

/** A file that cannot be read or understood is a problem, not the end. One that went away meanwhile is neither. */
function guard<Result>(output: InspectOutput, path: string, look: () => Result): Result | null {
  try {
    return look();
  } catch (error) {
    if (error instanceof FileError && error.code === "EPIPE") throw error;
    if (!(error instanceof FileError || error instanceof StorageError)) throw error;
    if (error.code !== "ENOENT") output.problem(path, error.message);
    return null;
  }
}
