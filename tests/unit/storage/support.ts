/** What storage tests share: a data folder in memory, and batches to put in it. */
import { createMemoryRuntime, type MemoryRuntime } from "../../../runtime/memory.ts";
import { type CrashKind } from "../../../runtime/memory_files.ts";
import { FileError, type FileSystem, type Runtime } from "../../../runtime/runtime.ts";
import { BatchView } from "../../../protocol/batch.ts";
import { decodeRecords, encodeBatch, type RecordDraft } from "../../../protocol/record.ts";
import { type StorageEvent, type StorageLimits } from "../../../storage/context.ts";
import { type AppendResult, type Log } from "../../../storage/log.ts";
import { DEFAULT_LOG_CONFIG, type LogConfig } from "../../../storage/log_config.ts";
import { LogDir } from "../../../storage/log_dir.ts";

export const TOPIC_ID = "3Nr4HWPKQv-Oyg9jCTlOPg";
export const DATA = "/data";
export const START_MS = Date.UTC(2025, 0, 1);

export function configOf(changes: Partial<LogConfig> = {}): LogConfig {
  return { ...DEFAULT_LOG_CONFIG, retentionMs: -1, ...changes };
}

/** A data folder over a memory disk that can be closed, crashed and opened again. */
export class World {
  readonly runtime: MemoryRuntime;
  readonly events: StorageEvent[] = [];
  config: LogConfig;
  limits: StorageLimits;
  dir!: LogDir;
  #life = { isOver: false };

  constructor(
    options: { config?: Partial<LogConfig>; seed?: number; diskBytes?: number; limits?: StorageLimits } = {},
  ) {
    this.runtime = createMemoryRuntime({
      startMs: START_MS,
      ...(options.seed === undefined ? {} : { seed: options.seed }),
      ...(options.diskBytes === undefined ? {} : { diskBytes: options.diskBytes }),
    });
    this.config = configOf(options.config);
    this.limits = options.limits ?? {};
  }

  static async open(options: ConstructorParameters<typeof World>[0] = {}): Promise<World> {
    const world = new World(options);
    await world.open();
    return world;
  }

  async open(): Promise<void> {
    this.#life = { isOver: false };
    const opening = LogDir.open(mortal(this.runtime, this.#life), DATA, {
      nodeId: 1,
      configOf: () => this.config,
      limits: this.limits,
      report: (event) => this.events.push(event),
    });
    this.dir = await this.runtime.until(opening);
  }

  /** A power cut. What the process had still planned to do does not happen. */
  crash(kind: CrashKind): void {
    this.#life.isOver = true;
    this.runtime.files.crash(kind);
  }

  /** The log of partition 0 of "orders", made when missing. */
  log(topic = "orders", partition = 0): Log {
    return this.dir.log(topic, partition) ??
      this.dir.createLog({ topic, partition, topicId: TOPIC_ID, config: this.config });
  }

  async until<Result>(promise: Promise<Result>): Promise<Result> {
    return await this.runtime.until(promise);
  }

  /** A shutdown in order and a start. */
  async restart(): Promise<Log> {
    await this.until(this.dir.close({ clean: true }));
    await this.open();
    return this.log();
  }

  eventNames(): string[] {
    return this.events.map((event) => event.event);
  }

  files(topic = "orders", partition = 0): string[] {
    return this.runtime.files.list(`${DATA}/${topic}-${partition}`);
  }
}

/** The runtime of one process: its files fail once its life is over, whatever timers it has left. */
function mortal(runtime: MemoryRuntime, life: { readonly isOver: boolean }): Runtime {
  const files = new Proxy<FileSystem>(runtime.files, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      return (...args: unknown[]) => {
        if (life.isOver) throw new FileError("The process is gone", "EIO", String(args[0]));
        return Reflect.apply(member, target, args);
      };
    },
  });
  return { ...runtime, files };
}

export function record(value: string, timestamp = START_MS, key: string | null = null): RecordDraft {
  const encoder = new TextEncoder();
  return { value: encoder.encode(value), key: key === null ? null : encoder.encode(key), timestamp };
}

export interface AppendDraft {
  readonly values: readonly string[];
  readonly timestamp?: number;
  readonly leaderEpoch?: number;
  readonly producer?: { readonly id: number; readonly epoch: number; readonly sequence: number };
  readonly isTransactional?: boolean;
}

export function batchOf({ values, timestamp = START_MS, producer, isTransactional = false }: AppendDraft): Uint8Array {
  return encodeBatch({
    records: values.map((value) => record(value, timestamp)),
    isTransactional,
    ...(producer === undefined
      ? {}
      : { producerId: producer.id, producerEpoch: producer.epoch, baseSequence: producer.sequence }),
  });
}

export function append(log: Log, draft: AppendDraft): AppendResult {
  return log.append(batchOf(draft), { leaderEpoch: draft.leaderEpoch ?? 0, origin: "client" });
}

/** Appends one batch per value. */
export function appendEach(log: Log, ...values: string[]): void {
  for (const value of values) append(log, { values: [value] });
}

/** Values with their offsets, from `offset` to the end, read as a consumer would. */
export function readAll(log: Log, offset = log.logStartOffset, maxBytes = 1024 * 1024): [number, string][] {
  const found: [number, string][] = [];
  for (let next = offset; next < log.logEndOffset;) {
    const read = log.read(next, { maxBytes, upToOffset: Infinity, atLeastOneBatch: true });
    if (read.sizeBytes === 0) break;
    for (const chunk of read.chunks) {
      for (let at = 0; at < chunk.length;) {
        const batch = new BatchView(chunk, at);
        if (!batch.isCrcValid()) throw new Error(`The batch at offset ${batch.baseOffset} has a wrong checksum`);
        for (const { offset, value } of batch.isControl ? [] : decodeRecords(batch)) {
          if (offset >= next) found.push([offset, value === null ? "(null)" : new TextDecoder().decode(value)]);
        }
        at += batch.sizeBytes;
      }
    }
    next = read.nextOffset;
    read.release();
  }
  return found;
}

export function valuesOf(log: Log, offset = log.logStartOffset): string[] {
  return readAll(log, offset).map(([, value]) => value);
}

/** All batches of bytes that begin with one. */
export function batchesOf(chunk: Uint8Array): BatchView[] {
  const found: BatchView[] = [];
  for (let batch: BatchView | null = new BatchView(chunk, 0); batch !== null; batch = batch.next()) found.push(batch);
  return found;
}
