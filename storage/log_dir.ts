/**
 * A data folder: all logs of a node, and the few files that are about all of them.
 *
 *   .lock                               held while a process uses the folder
 *   meta.properties                     whose folder it is
 *   .kafka_cleanshutdown                present while no process uses it and the last one left it in order
 *   recovery-point-offset-checkpoint    per log: all below is on disk, indexes included
 *   log-start-offset-checkpoint         per log: where it starts, when that is inside a segment
 *   clean-size-checkpoint               per log, after a shutdown in order: how large its last segment was
 *   orders-0/ orders-1/ …               a folder per partition
 *   orders-2.0c9e…-delete/              a deleted one, to be removed
 *   orders-3.77af…-stray/               one whose topic is unknown, set aside
 *
 * (1) One process at a time: the lock is taken before anything is read and released after everything is written.
 * (2) The clean-shutdown marker is taken away before the first write, and comes back only when every log closed in order.
 * (3) Checkpoints lag behind: what they say is never more than what is on disk. A recovery point that is too low costs time.
 * (4) A log start offset that clients were told is in its checkpoint, or implied by the first segment, before they were told.
 * (5) One log that cannot be opened does not keep the others from serving.
 * (6) Making a log touches no file: what logs there are is known elsewhere (the cluster's metadata, durable first), and one
 *     whose folder is not here is made again. Its first record brings its folder.
 * (7) A log never gets the folder of one deleted under its name, nor what a checkpoint said of it.
 *
 * Nothing happens by itself: the server calls `flushDue`, `checkpoint`, `applyRetention`, `expireProducers` and
 * `removeDeleted` from its timers.
 */
import { type FileLock, type Runtime } from "../runtime/runtime.ts";
import { LOG_START_OFFSET_FILE, RECOVERY_POINT_FILE, writeOffsetCheckpoint } from "./checkpoint.ts";
import { Cleaner } from "./cleaner.ts";
import { takeCleanShutdown, writeCleanShutdown } from "./clean_shutdown.ts";
import { writeCleanSizes } from "./clean_sizes.ts";
import { StorageContext } from "./context.ts";
import { makeDataFolder } from "./data_folder.ts";
import { assert, isDiskFull, StorageError, storageError } from "./errors.ts";
import { DeletedFolders } from "./deleted_folders.ts";
import { lockFolder } from "./folder_lock.ts";
import { Log, type LogOwner } from "./log.ts";
import { DEFAULT_LOG_CONFIG, type LogConfig } from "./log_config.ts";
import { loadLogs, NO_TOPIC_ID } from "./log_dir_loader.ts";
import type { LogDirOptions, NewLog } from "./log_dir_types.ts";
import { newLog } from "./log_loader.ts";
import { type MetaProperties, openMetaProperties } from "./meta_properties.ts";
import { writePartitionMetadata } from "./partition_metadata.ts";
import { Scrub } from "./scrub.ts";
import { Steps } from "./steps.ts";

export type { LogDirOptions, NewLog } from "./log_dir_types.ts";

/** `producer.id.expiration.ms` */
export const PRODUCER_EXPIRATION_MS = 24 * 60 * 60 * 1000;
const CLOSED_AT_ONCE = 32;
/** Between two steps of renaming deleted folders, which take half as long. */
const RENAME_PAUSE_MS = 10;
const STRAY_FOLDER_SUFFIX = "-stray";

export class LogDir {
  readonly path: string;
  readonly meta: MetaProperties;
  /** Whether the process before this one left the folder in order. */
  readonly wasClean: boolean;
  readonly #context: StorageContext;
  readonly #lock: FileLock;
  readonly #logs = new Map<string, Log>();
  readonly #failures = new Map<string, StorageError>();
  readonly #owner: LogOwner;
  /** What `close` waits for (1): a checkpoint, logs taken out of use that have work to end. None of it fails. */
  readonly #underWay = new Set<Promise<unknown>>();
  /** Logs that periodic jobs must look at. */
  #caredFor = new Set<Log>();
  readonly #deletedFolders: DeletedFolders;
  readonly cleaner: Cleaner;
  readonly scrub: Scrub;
  /** Logs were taken out, and that is not on the disk yet (7). */
  #isNameUnsaved = false;
  #isRenaming = false;
  #isRecoveryPointDue = false;
  #startOffsetsSaved: Promise<void> | null = null;
  #isClosed = false;
  #isReleased = false;

  private constructor(context: StorageContext, path: string, options: LogDirOptions, lock: FileLock) {
    const { files, random } = context.runtime;
    this.path = path;
    this.#context = context;
    this.#lock = lock;
    this.#deletedFolders = new DeletedFolders(files, random, path, (log) => this.#abandon(log));
    this.meta = openMetaProperties(files, random, path, options);
    this.wasClean = takeCleanShutdown(files, path); // (2)
    this.#owner = {
      needsCare: (log) => this.#caredFor.add(log),
      recoveryPointMoved: () => this.#isRecoveryPointDue = true,
      recoveryPointLowered: () => {
        this.#writeRecoveryPoints();
        this.cleaner.saveOffsets();
      },
      startOffsetSet: () => this.#writeStartOffsets(),
      startOffsetMoved: () => this.#saveStartOffsets(),
    };
    this.cleaner = new Cleaner(context, {
      path,
      logs: () => this.#logs.values(),
      saveRecoveryPoints: () => this.#isRecoveryPointDue && this.#writeRecoveryPoints(),
    });
    this.scrub = new Scrub(context.runtime, () => this.#logs.values(), context.report);
  }

  /**
   * Opens a data folder, made when missing, with all logs in it.
   * @throws {StorageError} "LOCKED" when another process uses it, "VERSION" when it is not this node's
   */
  static async open(runtime: Runtime, path: string, options: LogDirOptions): Promise<LogDir> {
    const { files } = runtime;
    let lock: FileLock | null = null;
    try {
      makeDataFolder(files, path);
      lock = lockFolder(files, path); // (1)
      const context = new StorageContext(runtime, options.limits, options.report);
      const dir = new LogDir(context, path, options, lock);
      await dir.#loadAll(options.configOf ?? (() => DEFAULT_LOG_CONFIG));
      return dir;
    } catch (cause) {
      lock?.release();
      throw storageError(`Cannot open data folder "${path}"`, cause);
    }
  }

  // ------------------------------------------------------------------------------------------- logs

  log(topic: string, partition: number): Log | undefined {
    return this.#logs.get(`${topic}-${partition}`);
  }

  logs(): Iterable<Log> {
    return this.#logs.values();
  }

  get logCount(): number {
    return this.#logs.size;
  }

  /** Why logs could not be opened, by name (5). They are there, and offline; their files are left as they are. */
  failures(): ReadonlyMap<string, StorageError> {
    return this.#failures;
  }

  /**
   * Makes an empty log. Its folder comes with its first record, and is durable when that is (6).
   * @throws {StorageError} when what is left of another of its name could not be cleared away (7)
   */
  createLog({ topic, partition, topicId, config }: NewLog): Log {
    assert(!this.#isClosed, "the folder is open");
    const name = `${topic}-${partition}`;
    assert(!this.#logs.has(name), `log "${name}" does not exist yet`);
    const directory = `${this.path}/${name}`;
    try {
      if (this.#deletedFolders.isInTheWay(name)) {
        this.#isNameUnsaved = true;
        this.#deletedFolders.clearTheWay(name);
      }
      this.#saveNames();
      const loaded = newLog(this.#context, directory, config);
      const identity = { topic, partition, topicId };
      const log = new Log(this.#context, this.#owner, directory, { identity, config, loaded, hasFolder: false });
      this.#logs.set(name, log);
      return log;
    } catch (cause) {
      throw storageError(`Cannot create log "${name}"`, cause);
    }
  }

  /** Says of which topic a log is whose folder does not; durable when it returns. */
  identify(log: Log, topicId: string): void {
    assert(
      log.topicId === NO_TOPIC_ID && !log.isOffline,
      "the log does not say of which topic it is, and can be believed",
    );
    writePartitionMetadata(this.#context.runtime.files, log.directory, topicId, { durable: true });
    log.topicId = topicId;
  }

  /** Takes logs out of use at once. Their folders are renamed, some now and some later, and removed after `file.delete.delay.ms`. */
  deleteLogs(logs: readonly Log[]): void {
    const nowMs = this.#context.runtime.clock.nowMs();
    for (const log of logs) {
      this.#takeOut(log);
      this.#deletedFolders.add(log.name, { log, dueMs: nowMs + log.config.fileDeleteDelayMs });
    }
    if (!this.#isRenaming) this.#renameDeleted();
  }

  /** Takes a log out of use whose topic nobody knows. Its folder is renamed and kept; returns where it is. */
  setAside(log: Log): string {
    assert(log.hasFolder, "only its folder can make a log stray");
    this.#takeOut(log);
    this.#abandon(log);
    try {
      return this.#deletedFolders.setAside(log.name, STRAY_FOLDER_SUFFIX);
    } catch (cause) {
      throw storageError(`Cannot take log "${log.name}" out of use`, cause);
    } finally {
      if (!this.#isRenaming) this.#renameDeleted();
    }
  }

  // ------------------------------------------------------------------------------------------- periodic jobs

  /** Syncs logs whose oldest unsynced write is `flush.ms` old. Resolves when they are synced, or offline. Reports slow syncs. */
  async flushDue(nowMs: number): Promise<void> {
    this.#context.slowSyncs.look();
    const due: Promise<void>[] = [];
    for (const log of this.#caredFor) {
      if (log.isFlushDue(nowMs)) due.push(log.sync().catch(() => {})); // the log has gone offline and said so
      else if (!log.hasUnsynced && !log.hasDeleted) this.#caredFor.delete(log);
    }
    await Promise.all(due);
  }

  /** Moves recovery points up to what is synced and writes them down. Every `log.flush.offset.checkpoint.interval.ms`. */
  checkpoint(): Promise<void> {
    return this.#awaited(this.#checkpoint());
  }

  async #checkpoint(): Promise<void> {
    const steps = new Steps(this.#context.runtime);
    for (const log of this.#logs.values()) {
      if (log.recoveryPoint === log.syncedOffset) continue;
      await log.advanceRecoveryPoint().catch(() => {}); // the log has gone offline and said so
      if (!this.#isClosed && steps.isOver) await steps.pause();
      if (this.#isClosed) return;
    }
    if (this.#isRecoveryPointDue) this.#saveRecoveryPoints();
  }

  /**
   * Deletes segments whose time has come, in all logs; returns how many. Every `log.retention.check.interval.ms`.
   * `highWatermarkOf`: nothing at or past it is deleted; without it all of a log may be.
   */
  applyRetention(nowMs: number, highWatermarkOf?: (log: Log) => number): Promise<number> {
    return this.#awaited(this.#applyRetention(nowMs, highWatermarkOf));
  }

  async #applyRetention(nowMs: number, highWatermarkOf?: (log: Log) => number): Promise<number> {
    const steps = new Steps(this.#context.runtime);
    let count = 0;
    for (const log of this.#logs.values()) {
      if (steps.isOver) await steps.pause();
      if (this.#isClosed) return count;
      if (log.isOffline) continue;
      try {
        count += log.applyRetention(nowMs, highWatermarkOf?.(log));
      } catch (cause) {
        this.#reportFailure("retention-failed", log.name, cause);
      }
    }
    if (this.#isRecoveryPointDue) this.#saveRecoveryPoints();
    await this.#removeDeleted(nowMs);
    return count;
  }

  /** Forgets idempotent producers not heard of for `expirationMs`. Every `producer.id.expiration.check.interval.ms`. */
  expireProducers(nowMs: number, expirationMs: number = PRODUCER_EXPIRATION_MS): number {
    let count = 0;
    for (const log of this.#logs.values()) count += log.expireProducers(nowMs, expirationMs);
    return count;
  }

  /** Unlinks deleted segments and folders whose delay is over and which nobody reads. Every few seconds. */
  removeDeleted(nowMs: number): Promise<void> {
    return this.#awaited(this.#removeDeleted(nowMs));
  }

  async #removeDeleted(nowMs: number): Promise<void> {
    const steps = new Steps(this.#context.runtime);
    for (const log of this.#caredFor) {
      if (!log.hasDeleted) continue;
      if (steps.isOver) await steps.pause();
      if (this.#isClosed) return;
      this.#attempt("unlink-failed", log.name, () => log.unlinkDeleted(nowMs));
    }
    const failed = (path: string, cause: unknown) => this.#reportFailure("unlink-failed", path, cause);
    await this.#deletedFolders.removeDue(nowMs, failed, () => this.#isClosed);
  }

  /** Gives back memory maps nobody uses. Every few minutes, when idle. */
  releaseUnused(): void {
    this.#context.maps.releaseUnused();
  }

  /** What storage holds, for metrics. */
  usage(): { openFiles: number; mappedBytes: number; tailBytes: number; pooledBytes: number } {
    const { pool, maps, tails, buffers } = this.#context;
    return {
      openFiles: pool.openCount,
      mappedBytes: maps.mappedBytes,
      tailBytes: tails.totalBytes,
      pooledBytes: buffers.pooledBytes,
    };
  }

  // ------------------------------------------------------------------------------------------- the end

  /** `clean`: syncs and closes all logs and says so on disk. Without it, as a crash would, but the lock is released. */
  async close({ clean }: { readonly clean: boolean }): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#deletedFolders.isRenameDue) this.#renameDeleted();
    try {
      await this.cleaner.stop();
      await this.scrub.stop();
      await Promise.all(this.#underWay); // (1)
      if (clean) await this.#closeCleanly();
      else for (const log of this.#logs.values()) await log.abandon();
      await this.#context.cold.idle(); // A read under way keeps its file open.
    } finally {
      this.#isReleased = true;
      this.#lock.release();
    }
  }

  async #closeCleanly(): Promise<void> {
    let isClean = this.#failures.size === 0;
    // Many at a time: each waits for its own syncs, which take turns, and the more wait, the more the disk does at once.
    const remaining = [...this.#logs.values()];
    const closers = Array.from({ length: CLOSED_AT_ONCE }, async () => {
      for (let log = remaining.pop(); log !== undefined; log = remaining.pop()) {
        if (!await log.close()) isClean = false;
      }
    });
    await Promise.all(closers);
    await this.#startOffsetsSaved?.catch(() => isClean = false);
    try {
      // With one that says too little, the next start would take an older snapshot for the log's end.
      this.#writeRecoveryPoints();
      this.#writeStartOffsets();
      if (!isClean) return;
      writeCleanShutdown(this.#context.runtime.files, this.path); // (2)
      writeCleanSizes(this.#context.runtime.files, this.path, this.#logs.values());
    } catch (cause) {
      throw storageError(`Cannot close data folder "${this.path}" in order`, cause);
    }
  }

  // ------------------------------------------------------------------------------------------- inside

  /** Whatever becomes of its folder. */
  #takeOut(log: Log): void {
    assert(this.#logs.get(log.name) === log, "the log is of this folder");
    this.#logs.delete(log.name);
    this.#failures.delete(log.name);
    this.#caredFor.delete(log);
    log.shut();
    if (log.hasFolder) this.#isNameUnsaved = true;
  }

  #abandon(log: Log): void {
    this.#awaited(log.abandon().catch((cause) => this.#reportFailure("log-delete-failed", log.name, cause)));
  }

  /** Renames some of the deleted folders, a little later the next; when all are renamed, that is brought to the disk. */
  #renameDeleted(): void {
    this.#isRenaming = true;
    // What was taken out may have been saved meanwhile, this is not.
    if (this.#deletedFolders.isRenameDue) this.#isNameUnsaved = true;
    const failed = (name: string, cause: unknown) => {
      this.#reportFailure("log-delete-failed", name, storageError(`Cannot take log "${name}" out of use`, cause));
    };
    this.#deletedFolders.renameSome(failed, { all: this.#isClosed });
    const { timers } = this.#context.runtime;
    if (this.#deletedFolders.isRenameDue) {
      timers.after(RENAME_PAUSE_MS, () => this.#isReleased || this.#renameDeleted());
      return;
    }
    timers.soon(() => {
      if (this.#isReleased) return;
      this.#isRenaming = this.#deletedFolders.isRenameDue; // More were deleted in this turn.
      if (this.#isRenaming) this.#renameDeleted();
      else this.#attempt("checkpoint-failed", this.path, () => this.#saveNames());
    });
  }

  /**
   * Brings to the disk that logs were taken out, with checkpoints that say nothing of them: when all of a deletion are, or
   * sooner, before another log may get the name of one (7).
   */
  #saveNames(): void {
    if (!this.#isNameUnsaved || this.#isClosed) return;
    this.#context.runtime.files.syncDirectory(this.path);
    this.#writeRecoveryPoints();
    this.#writeStartOffsets();
    this.cleaner.saveOffsets();
    this.#isNameUnsaved = false;
  }

  async #loadAll(configOf: (topic: string) => LogConfig): Promise<void> {
    const { clock } = this.#context.runtime;
    const startedMs = clock.monotonicMs();
    const loaded = await loadLogs(this.#context, this.#owner, this.path, { isClean: this.wasClean, configOf });
    for (const [name, log] of loaded.logs) this.#logs.set(name, log);
    for (const [name, cause] of loaded.failures) this.#failures.set(name, cause); // (5)
    for (const path of loaded.deletedPaths) this.#deletedFolders.found(path);
    if (loaded.hasStaleNames) {
      this.#isNameUnsaved = true;
      this.#attempt("checkpoint-failed", this.path, () => this.#saveNames());
    } else if (!this.wasClean) {
      this.#saveRecoveryPoints();
    }
    this.#context.report({
      level: "info",
      event: "logs-loaded",
      facts: {
        path: this.path,
        count: this.#logs.size,
        clean: String(this.wasClean),
        recovered: [...this.#logs.values()].filter((log) => log.wasRecovered).length,
        tookMs: Math.round(clock.monotonicMs() - startedMs),
      },
    });
  }

  #saveRecoveryPoints(): void {
    this.#attempt("checkpoint-failed", this.path, () => this.#writeRecoveryPoints());
  }

  #writeRecoveryPoints(): void {
    const entries = [];
    for (const { topic, partition, recoveryPoint } of this.#logs.values()) {
      if (recoveryPoint > 0) entries.push({ topic, partition, offset: recoveryPoint });
    }
    this.#isRecoveryPointDue = false;
    writeOffsetCheckpoint(this.#context.runtime.files, `${this.path}/${RECOVERY_POINT_FILE}`, entries);
  }

  /** Writes the start offsets down at the end of the turn: many partitions of one request share it (4). */
  #saveStartOffsets(): Promise<void> {
    return this.#startOffsetsSaved ??= new Promise<void>((resolve, reject) => {
      this.#context.runtime.timers.soon(() => {
        this.#startOffsetsSaved = null;
        try {
          // Others may have the folder by now; until then whoever is told of a new start is told what is written (4).
          if (this.#isReleased) throw new StorageError(`The folder "${this.path}" is closed`, "OFFLINE");
          this.#writeStartOffsets();
          resolve();
        } catch (cause) {
          this.#reportFailure("checkpoint-failed", this.path, cause);
          reject(storageError(`Cannot write log start offsets in "${this.path}"`, cause));
        }
      });
    });
  }

  #writeStartOffsets(): void {
    const entries = [];
    for (const log of this.#logs.values()) {
      // Of a log that went offline in the middle of a deletion the segments may come back.
      const isInDoubt = log.isOffline || log.truncation.isStartingAgain;
      if (log.startOffsetToSave <= log.firstSegmentOffset && !isInDoubt) continue;
      entries.push({ topic: log.topic, partition: log.partition, offset: log.startOffsetToSave });
    }
    writeOffsetCheckpoint(this.#context.runtime.files, `${this.path}/${LOG_START_OFFSET_FILE}`, entries);
  }

  #awaited<Result>(work: Promise<Result>): Promise<Result> {
    const awaited = work.finally(() => this.#underWay.delete(awaited));
    this.#underWay.add(awaited);
    return awaited;
  }

  #attempt(event: string, subject: string, run: () => void): void {
    try {
      run();
    } catch (cause) {
      this.#reportFailure(event, subject, cause);
    }
  }

  #reportFailure(event: string, subject: string, cause: unknown): void {
    const problem = cause instanceof Error ? cause.message : String(cause);
    this.#context.report({ level: isDiskFull(cause) ? "warn" : "error", event, facts: { subject, problem } });
  }
}
