/**
 * What the benches of storage share: a scratch folder on the disk, logs in it, and two contenders that take turns.
 *
 * A run is the log engine against a bare loop over the same disk with the same bytes: in each round both run, one after the
 * other, who begins alternates, and each begins in a new file. Figures are medians over the rounds; ratios are medians of the
 * rounds' ratios.
 */

import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { encodeBatch } from "../../protocol/record.ts";
import { detectRuntime } from "../../runtime/detect.ts";
import { type FileHandle, type FileSystem, type Runtime } from "../../runtime/runtime.ts";
import { type Log } from "../../storage/log.ts";
import { DEFAULT_LOG_CONFIG, type LogConfig } from "../../storage/log_config.ts";
import { LogDir } from "../../storage/log_dir.ts";
import { median } from "../results.ts";

export const kibibyte = 1024;
export const mebibyte = 1024 * 1024;
export const gibibyte = 1024 * mebibyte;
/** A round number of records short of the size it is called by, as a producer's full batch is. */
export const batchSizes = [
  { name: "1 KB", bytes: 1000 },
  { name: "16 KB", bytes: 16 * kibibyte },
  { name: "64 KiB", bytes: 64 * kibibyte },
  { name: "1 MiB", bytes: mebibyte },
] as const;

export const here = "Bun" in globalThis ? "bun" : "deno";

export interface ContestOptions {
  readonly rounds: number;
  /** Of the full amount of bytes: 0.01 is a hundredth. */
  readonly scale: number;
  /** Names of the rows to measure. */
  readonly only: RegExp;
}

export function readContestOptions(args: readonly string[]): ContestOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string", default: "5" },
      scale: { type: "string", default: "1" },
      only: { type: "string", default: "." },
    },
  });
  const rounds = Number(values.rounds);
  const scale = Number(values.scale);
  if (!Number.isInteger(rounds) || rounds < 1) throw new RangeError(`Invalid value "${values.rounds}" for --rounds`);
  if (!(scale > 0 && scale <= 10)) throw new RangeError(`Invalid value "${values.scale}" for --scale`);
  return { rounds, scale, only: new RegExp(values.only) };
}

/** One contender's part of a round: any figures by name. */
export type Run = () => Promise<Readonly<Record<string, number>>>;

export interface Contest {
  readonly subject: Readonly<Record<string, number>>;
  readonly rival: Readonly<Record<string, number>>;
  /** Subject by rival, for each figure both have. */
  readonly ratio: Readonly<Record<string, number>>;
}

export async function contest(
  rounds: number,
  contenders: { readonly subject: Run; readonly rival: Run },
): Promise<Contest> {
  const found = { subject: new Figures(), rival: new Figures(), ratio: new Figures() };
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? ["subject", "rival"] as const : ["rival", "subject"] as const;
    const measured = { subject: {}, rival: {} } as Record<"subject" | "rival", Readonly<Record<string, number>>>;
    for (const name of order) found[name].add(measured[name] = await contenders[name]());
    const ratio: Record<string, number> = {};
    for (const [name, value] of Object.entries(measured.subject)) {
      const other = measured.rival[name];
      if (other !== undefined) ratio[name] = value / other;
    }
    found.ratio.add(ratio);
  }
  return { subject: found.subject.medians(), rival: found.rival.medians(), ratio: found.ratio.medians() };
}

class Figures {
  readonly #values = new Map<string, number[]>();

  add(figures: Readonly<Record<string, number>>): void {
    for (const [name, value] of Object.entries(figures)) {
      const values = this.#values.get(name);
      if (values === undefined) this.#values.set(name, [value]);
      else values.push(value);
    }
  }

  medians(): Record<string, number> {
    return Object.fromEntries([...this.#values].map(([name, values]) => [name, median(values)]));
  }
}

/** A folder on the disk, and what is made in it. */
export class Scratch {
  readonly path = fs.mkdtempSync(join(tmpdir(), "weir-bench-"));
  readonly runtime: Runtime;
  /** Calls of `fdatasync`, and of `fsync` for a folder; only where they are counted. */
  syncCount = 0;
  #nameCount = 0;

  private constructor(runtime: Runtime, countsSyncs: boolean) {
    this.runtime = countsSyncs ? { ...runtime, files: this.#counting(runtime.files) } : runtime;
  }

  /** `countsSyncs` puts a detour into every use of a file, which throughput would show. */
  static async make({ countsSyncs = false } = {}): Promise<Scratch> {
    return new Scratch(await detectRuntime(), countsSyncs);
  }

  /** Writes and deletes `bytes`, so that neither contender is the first to touch the machine's memory. */
  warm(bytes: number): void {
    const file = this.file();
    const zeros = new Uint8Array(mebibyte);
    for (let at = 0; at < bytes; at += zeros.length) fs.writeSync(file.descriptor, zeros, 0, zeros.length, at);
    file.remove();
  }

  /** A new file for the bare loop. */
  file(): { readonly descriptor: number; readonly remove: () => void } {
    const path = this.#newPath();
    const descriptor = fs.openSync(path, "w+");
    const remove = () => {
      fs.closeSync(descriptor);
      fs.rmSync(path);
    };
    return { descriptor, remove };
  }

  /** New logs, in a data folder of their own. */
  async logs(
    count: number,
    changes: Partial<LogConfig> = {},
  ): Promise<{ readonly logs: Log[]; readonly close: () => Promise<void>; readonly remove: () => Promise<void> }> {
    const path = this.#newPath();
    const config = { ...DEFAULT_LOG_CONFIG, ...changes };
    const dir = await LogDir.open(this.runtime, path, { nodeId: 1, configOf: () => config });
    const logs = Array.from(
      { length: count },
      (_, partition) => dir.createLog({ topic: "bench", partition, topicId: "3Nr4HWPKQv-Oyg9jCTlOPg", config }),
    );
    const remove = async () => {
      await dir.close({ clean: false });
      fs.rmSync(path, { recursive: true });
    };
    return { logs, close: () => dir.close({ clean: true }), remove };
  }

  remove(): void {
    fs.rmSync(this.path, { recursive: true });
  }

  #newPath(): string {
    return join(this.path, String(this.#nameCount++));
  }

  #counting(files: FileSystem): FileSystem {
    const counted = new Set<string | symbol>(["syncData", "syncDataNow", "syncDirectory", "syncDirectoryNow"]);
    const wrap = <Target extends FileSystem | FileHandle>(inner: Target): Target =>
      new Proxy(inner, {
        get: (target, name) => {
          const member: unknown = Reflect.get(target, name);
          if (typeof member !== "function") return member;
          if (name === "open") return (...args: unknown[]) => wrap(Reflect.apply(member, target, args) as FileHandle);
          if (!counted.has(name)) return member.bind(target) as unknown;
          return (...args: unknown[]) => {
            this.syncCount++;
            return Reflect.apply(member, target, args) as unknown;
          };
        },
      });
    return wrap(files);
  }
}

/** One batch of `sizeBytes`, with one record. */
export function batchOf(sizeBytes: number): Uint8Array {
  const make = (valueBytes: number) => {
    return encodeBatch({
      records: [{ key: null, value: new Uint8Array(valueBytes).fill(120), timestamp: Date.now() }],
    });
  };
  const overheadBytes = make(sizeBytes).length - sizeBytes;
  return make(sizeBytes - overheadBytes);
}

/** The rest of this turn of the event loop happens. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
