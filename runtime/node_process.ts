/** Clock, timers, chance and process, by what Bun and Deno both offer of Node's. */

import { spawn } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import process from "node:process";
import { clearTimeout, setImmediate, setTimeout } from "node:timers";
import { lines } from "./lines.ts";
import { type Clock, FileError, type Process, type Random, type Timers } from "./runtime.ts";

/** Node's timers take 32 bits and run at once when given more. */
const DELAY_MS_MAX = 2 ** 31 - 1;
/** The most that `crypto.getRandomValues` gives at once. */
const RANDOM_BYTES_MAX = 65_536;

export const nodeClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};

export const nodeTimers: Timers = {
  after(delayMs, run) {
    let handle = wait(Math.max(0, delayMs));
    function wait(leftMs: number): ReturnType<typeof setTimeout> {
      if (leftMs <= DELAY_MS_MAX) return setTimeout(run, Math.ceil(leftMs));
      return setTimeout(() => {
        handle = wait(leftMs - DELAY_MS_MAX);
      }, DELAY_MS_MAX);
    }
    return { cancel: () => clearTimeout(handle) };
  },
  soon(run) {
    setImmediate(run);
  },
};

export const nodeRandom: Random = {
  next: () => Math.random(),
  bytes(count) {
    const bytes = new Uint8Array(count);
    for (let at = 0; at < count; at += RANDOM_BYTES_MAX) {
      crypto.getRandomValues(bytes.subarray(at, at + RANDOM_BYTES_MAX));
    }
    return bytes;
  },
};

/** All but what takes a call of the C library. */
export const nodeProcess: Omit<Process, "releaseCode"> = {
  id: process.pid,
  args: process.argv.slice(2),
  environment() {
    const entries: Record<string, string> = {};
    for (const [name, value] of Object.entries(process.env)) if (value !== undefined) entries[name] = value;
    return entries;
  },
  hostname: () => os.hostname(),
  onSignal(signal, run) {
    process.on(signal, run);
  },
  exit: (code) => process.exit(code),
  print: (text) => writeAll(1, text),
  printError(text) {
    try {
      writeAll(2, text);
    } catch {
      // There is nowhere left to complain to.
    }
  },
  inputLines: () => lines(process.stdin as AsyncIterable<Uint8Array>),
  spawn(args, { environment, output }) {
    const [program, ...first] = ownCommand();
    const child = spawn(program, [...first, ...args], { env: environment, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", output);
    const exited = new Promise<{ code: number | null; signal: string | null }>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code, signal) => resolve({ code, signal }));
    });
    return { id: child.pid ?? -1, exited, kill: (signal) => void child.kill(signal) };
  },
  memory() {
    const { rss, heapUsed } = process.memoryUsage();
    return { residentBytes: rss, heapBytes: heapUsed };
  },
};

/** What starts this program: the executable itself, or the runtime with its script. */
function ownCommand(): [string, ...string[]] {
  const script = process.argv[1] ?? "";
  // Scripts of an executable come from a file system of its own: Bun's "$bunfs" or "~BUN", Deno's "deno-compile-NAME".
  if (/\$bunfs|~BUN|deno-compile-/.test(import.meta.url)) return [process.execPath];
  return "deno" in process.versions ? [process.execPath, "run", "--quiet", "-A", script] : [process.execPath, script];
}

/** Written before it returns, so that an exit right after loses nothing. */
function writeAll(descriptor: number, text: string): void {
  const bytes = encoder.encode(text);
  let done = 0;
  while (done < bytes.length) {
    try {
      done += fs.writeSync(descriptor, bytes, done);
    } catch (cause) {
      const code = (cause as { code?: string }).code ?? "UNKNOWN";
      if (code === "EAGAIN") continue; // A pipe that someone made non-blocking is full: its reader is at work.
      throw new FileError(`Cannot print: ${String(cause)}`, code, descriptor === 1 ? "stdout" : "stderr", { cause });
    }
  }
}

const encoder = new TextEncoder();
