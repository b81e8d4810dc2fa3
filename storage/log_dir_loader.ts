/**
 * Opens all logs of a data folder at a start.
 *
 * (1) A log that cannot be opened is there all the same, offline, with the reason: one does not keep the others from serving.
 * (2) Some are opened at a time: one that a crash left waits for its syncs, and those of many cost the disk little more than
 *     those of one.
 * (3) A start that takes long says how far it is.
 */
import { CLEANER_OFFSET_FILE, LOG_START_OFFSET_FILE, readOffsetCheckpoint, RECOVERY_POINT_FILE } from "./checkpoint.ts";
import { type CleanSize, takeCleanSizes } from "./clean_sizes.ts";
import { type StorageContext } from "./context.ts";
import { DELETED_FOLDER_SUFFIX } from "./deleted_folders.ts";
import { type StorageError, storageError } from "./errors.ts";
import { Log, type LogOwner } from "./log.ts";
import { type LogConfig } from "./log_config.ts";
import { loadLog } from "./log_loader.ts";
import { readPartitionMetadata } from "./partition_metadata.ts";

/** The topic id of a log whose folder does not say. */
export const NO_TOPIC_ID = "AAAAAAAAAAAAAAAAAAAAAA";
/** Logs that are opened at a time (2). */
const OPENED_AT_A_TIME = 32;
/** How often a long start says how far it is (3). */
const PROGRESS_MS = 2_000;

export interface LoadedLogs {
  readonly logs: Map<string, Log>;
  /** Why some of them are offline (1). */
  readonly failures: Map<string, StorageError>;
  /** Folders of logs that were deleted and are not yet removed. */
  readonly deletedPaths: readonly string[];
  /** A checkpoint has lines of logs that are not there. */
  readonly hasStaleNames: boolean;
}

interface Found {
  readonly name: string;
  readonly topic: string;
  readonly partition: number;
}

interface Checkpoints {
  readonly recoveryPoints: ReadonlyMap<string, number>;
  readonly startOffsets: ReadonlyMap<string, number>;
  readonly cleanedOffsets: ReadonlyMap<string, number>;
}

interface Known {
  readonly checkpoints: Checkpoints;
  readonly cleanSizes: ReadonlyMap<string, CleanSize>;
}

/** @throws {StorageError | FileError} when a checkpoint cannot be understood, or the folder not be read */
export async function loadLogs(
  context: StorageContext,
  owner: LogOwner,
  path: string,
  options: { readonly isClean: boolean; readonly configOf: (topic: string) => LogConfig },
): Promise<LoadedLogs> {
  const { files } = context.runtime;
  const checkpoints: Checkpoints = {
    recoveryPoints: readOffsetCheckpoint(files, `${path}/${RECOVERY_POINT_FILE}`),
    startOffsets: readOffsetCheckpoint(files, `${path}/${LOG_START_OFFSET_FILE}`),
    cleanedOffsets: readOffsetCheckpoint(files, `${path}/${CLEANER_OFFSET_FILE}`),
  };
  const known: Known = { checkpoints, cleanSizes: takeCleanSizes(files, path, options.isClean) };
  if (!options.isClean) files.syncDirectory(path); // Folders a killed process made.
  const { found, deletedPaths } = findLogs(context, path);
  const opened = new Array<Log>(found.length);
  const failures = new Map<string, StorageError>();
  const progress = new Progress(context, path, found.length);
  let next = 0;
  const openers = Array.from({ length: OPENED_AT_A_TIME }, async () => {
    while (next < found.length) {
      const index = next++;
      const one = found[index]!;
      opened[index] = await openLog(context, owner, `${path}/${one.name}`, {
        found: one,
        config: options.configOf(one.topic),
        isClean: options.isClean,
        ...known,
      });
      const cause = opened[index].offlineCause;
      if (cause !== null) failures.set(one.name, cause);
      progress.opened();
    }
  });
  await Promise.all(openers);
  const logs = new Map(opened.map((log) => [log.name, log]));
  const names = Object.values(checkpoints).flatMap((offsets: ReadonlyMap<string, number>) => [...offsets.keys()]);
  return { logs, failures, deletedPaths, hasStaleNames: names.some((name) => !logs.has(name)) };
}

function findLogs(context: StorageContext, path: string): { readonly found: Found[]; readonly deletedPaths: string[] } {
  const { files } = context.runtime;
  const found: Found[] = [];
  const deletedPaths: string[] = [];
  for (const name of files.list(path)) {
    if (name.endsWith(DELETED_FOLDER_SUFFIX)) {
      deletedPaths.push(`${path}/${name}`);
      continue;
    }
    const split = /^(.+)-(\d+)$/.exec(name);
    if (split === null || files.stat(`${path}/${name}`)?.kind !== "directory") continue;
    found.push({ name, topic: split[1]!, partition: Number(split[2]) });
  }
  return { found, deletedPaths };
}

async function openLog(
  context: StorageContext,
  owner: LogOwner,
  directory: string,
  options: {
    readonly found: Found;
    readonly config: LogConfig;
    readonly isClean: boolean;
  } & Known,
): Promise<Log> {
  const { config, isClean, checkpoints } = options;
  const { name, topic, partition } = options.found;
  const recoveryPoint = checkpoints.recoveryPoints.get(name) ?? 0;
  const logStartOffset = checkpoints.startOffsets.get(name) ?? 0;
  const cleanedOffset = checkpoints.cleanedOffsets.get(name) ?? 0;
  const cleanSize = options.cleanSizes.get(name) ?? null;
  let topicId = NO_TOPIC_ID;
  try {
    topicId = readPartitionMetadata(context.runtime.files, directory) ?? NO_TOPIC_ID;
    const known = { isClean, cleanSize, recoveryPoint, logStartOffset, cleanedOffset };
    const loaded = await loadLog(context, directory, { config, ...known });
    const identity = { topic, partition, topicId };
    return new Log(context, owner, directory, { identity, config, loaded, hasFolder: true });
  } catch (error) {
    const cause = storageError(`Cannot open log "${directory}"`, error);
    const identity = { topic, partition, topicId };
    return Log.unopened(context, owner, directory, { identity, config, recoveryPoint, logStartOffset, cause }); // (1)
  }
}

class Progress {
  readonly #context: StorageContext;
  readonly #path: string;
  readonly #total: number;
  #openedCount = 0;
  #saidMs: number;

  constructor(context: StorageContext, path: string, total: number) {
    this.#context = context;
    this.#path = path;
    this.#total = total;
    this.#saidMs = context.runtime.clock.monotonicMs();
  }

  opened(): void {
    this.#openedCount++;
    const nowMs = this.#context.runtime.clock.monotonicMs();
    if (nowMs - this.#saidMs < PROGRESS_MS || this.#openedCount === this.#total) return;
    this.#saidMs = nowMs;
    const facts = { path: this.#path, opened: this.#openedCount, of: this.#total };
    this.#context.report({ level: "info", event: "loading-logs", facts }); // (3)
  }
}
