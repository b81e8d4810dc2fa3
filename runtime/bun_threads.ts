/**
 * How many threads Bun does file work on: reads from the disk, and syncs.
 *
 * Bun takes as many as there are cores. That is right for computing, and too few for a disk: with 2 threads 64 files are synced
 * 4,500 times a second, with 16 threads 9,000 times (64 KiB each; 5,900 and 18,000 times with 1 KiB), for the file system
 * writes one journal entry for all who wait. Bun reads `UV_THREADPOOL_SIZE` when it starts the pool, which a program in one
 * file (`npm run compile`) has not needed by then; one that was loaded module by module has, and gets it by `npm start`.
 */

import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import * as process from "node:process";
import { openFfi, openFirst } from "./bun_ffi.ts";

/** As many syncs as storage has under way (`storage/sync_slots.ts`) and four for others. A thread that is not needed is not made. */
export const FILE_THREADS = 16;
const SIZE_VARIABLE = "UV_THREADPOOL_SIZE";
const POOL_THREAD_NAME = "Bun Pool";

interface Symbols {
  setenv(name: Uint8Array, value: Uint8Array, overwrite: number): number;
}

/** Asks for `FILE_THREADS` unless the user has asked for another number; returns how many there are, or will be, at least 2. */
export function widenFileThreads(): number {
  const wanted = Number(process.env[SIZE_VARIABLE]);
  if (Number.isInteger(wanted) && wanted > 0) return Math.max(2, wanted);
  if (isPoolStarted() || !setVariable(SIZE_VARIABLE, String(FILE_THREADS))) return Math.max(2, availableParallelism());
  return FILE_THREADS;
}

/** True where that cannot be seen. */
function isPoolStarted(): boolean {
  try {
    return readdirSync("/proc/self/task").some((thread) => {
      return readFileSync(`/proc/self/task/${thread}/comm`, "utf8").startsWith(POOL_THREAD_NAME);
    });
  } catch {
    return true;
  }
}

/** In the process's own environment, where `process.env` does not reach. */
function setVariable(name: string, value: string): boolean {
  const ffi = openFfi();
  const libc = ffi && openFirst<Symbols>(ffi, { setenv: { args: ["ptr", "ptr", "i32"], returns: "i32" } });
  const encoder = new TextEncoder();
  return libc?.setenv(encoder.encode(`${name}\0`), encoder.encode(`${value}\0`), 1) === 0;
}
