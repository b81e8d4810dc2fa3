/** What the kernel tells of a process: CPU time of all its threads, and its memory. Linux only. */

import { readFileSync } from "node:fs";

/** CPU time in /proc is in these. */
const ticksPerSecond = 100;

/** User and system time, of all threads there are and were. */
export function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/**
 * Cores kept busy meanwhile by what is neither bench, client nor broker: how far to trust what was measured. `brokers` tells the
 * CPU time of those that run on; what was started and has ended since is counted as ours.
 */
export function meterOthers(brokers: () => number): () => number {
  const start = cpuSecondsOfMachine();
  const brokersStart = brokers();
  const startMs = performance.now();
  return () => {
    const end = cpuSecondsOfMachine();
    const ours = end.own - start.own + brokers() - brokersStart;
    return Math.max(0, end.busy - start.busy - ours) / ((performance.now() - startMs) / 1000);
  };
}

/** CPU time of the whole machine, idle and waiting left out, and that of this process and the children it has waited for. */
function cpuSecondsOfMachine(): { readonly busy: number; readonly own: number } {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0, stolen = 0] =
    (readFileSync("/proc/stat", "utf8").split("\n")[0] ?? "").split(/ +/).slice(1).map(Number);
  const stat = readFileSync("/proc/self/stat", "utf8");
  const own = stat.slice(stat.lastIndexOf(")") + 2).split(" ").slice(11, 15).map(Number);
  return {
    busy: (user + nice + system + irq + softIrq + stolen) / ticksPerSecond,
    own: own.reduce((sum, ticks) => sum + ticks, 0) / ticksPerSecond,
  };
}

export interface ProcessMemory {
  /** All of it that is in memory: VmRSS. */
  readonly residentBytes: number;
  /** Nobody else's and on no disk: RssAnon. */
  readonly ownBytes: number;
  /** Of files, which the kernel has in its page cache all the same: RssFile and RssShmem. */
  readonly mappedBytes: number;
}

export function memoryOf(pid: number): ProcessMemory {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const field = (name: string) => Number(new RegExp(`^${name}:\\s*(\\d+) kB$`, "m").exec(status)?.[1] ?? NaN) * 1024;
  return {
    residentBytes: field("VmRSS"),
    ownBytes: field("RssAnon"),
    mappedBytes: field("RssFile") + field("RssShmem"),
  };
}

const samplePeriodMs = 50;

/** The highest of each while `work` runs. */
export async function highestMemoryOf(pid: number, work: () => Promise<unknown>): Promise<ProcessMemory> {
  const highest = { residentBytes: 0, ownBytes: 0, mappedBytes: 0 };
  const sample = () => {
    const memory = memoryOf(pid);
    for (const name of ["residentBytes", "ownBytes", "mappedBytes"] as const) {
      highest[name] = Math.max(highest[name], memory[name]);
    }
  };
  sample();
  const sampler = setInterval(sample, samplePeriodMs);
  try {
    await work();
    sample();
    return highest;
  } finally {
    clearInterval(sampler);
  }
}
