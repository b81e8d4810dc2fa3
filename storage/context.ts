/** What all logs of a data folder share: the runtime, bounded resources, and where to report. */
import { type Runtime } from "../runtime/runtime.ts";
import { BufferPool } from "./buffer_pool.ts";
import { ColdReads } from "./cold_reads.ts";
import { FilePool } from "./file_pool.ts";
import { FullDisk } from "./full_disk.ts";
import { MapPool } from "./map_pool.ts";
import { SyncSlots } from "./sync_slots.ts";
import { SlowSyncs } from "./slow_syncs.ts";
import { TailBudget } from "./tail.ts";

/** Something an operator may want to know; the server prints it as one line. */
export interface StorageEvent {
  readonly level: "info" | "warn" | "error";
  /** One word: "recovered", "truncated", "offline", … */
  readonly event: string;
  readonly facts: Readonly<Record<string, string | number>>;
}

/** Bounds on what storage keeps open, mapped and in memory; Infinity is allowed, 0 turns a thing off. */
export interface StorageLimits {
  readonly openFilesMax?: number;
  readonly mappedBytesMax?: number;
  readonly tailBytesMax?: number;
  readonly tailsBytesMax?: number;
  readonly pooledBytesMax?: number;
  readonly loadedBytesMax?: number;
  /** At least 1. */
  readonly syncsAtOnceMax?: number;
}

export class StorageContext {
  readonly runtime: Runtime;
  readonly pool: FilePool;
  readonly maps: MapPool;
  readonly buffers: BufferPool;
  readonly cold: ColdReads;
  readonly tails: TailBudget;
  readonly syncs: SyncSlots;
  readonly fullDisk: FullDisk;
  readonly slowSyncs: SlowSyncs;
  readonly report: (event: StorageEvent) => void;

  constructor(runtime: Runtime, limits: StorageLimits = {}, report: (event: StorageEvent) => void = () => {}) {
    this.runtime = runtime;
    this.pool = new FilePool(runtime.files, limits.openFilesMax);
    this.maps = new MapPool(runtime.files, limits.mappedBytesMax);
    this.buffers = new BufferPool(limits.pooledBytesMax, runtime.name === "memory");
    this.cold = new ColdReads(this.buffers, runtime.files.readsAtOnceMax, limits.loadedBytesMax);
    this.pool.gate = this.cold;
    this.tails = new TailBudget({
      ...(limits.tailBytesMax === undefined ? {} : { tailBytesMax: limits.tailBytesMax }),
      ...(limits.tailsBytesMax === undefined ? {} : { totalBytesMax: limits.tailsBytesMax }),
    });
    this.syncs = new SyncSlots(limits.syncsAtOnceMax);
    this.slowSyncs = new SlowSyncs(this.pool, runtime.clock, report);
    this.fullDisk = new FullDisk(runtime.clock, report);
    this.report = report;
  }
}
