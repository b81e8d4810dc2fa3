/** Where the contract suite runs: the adapter of the runtime in use, and memory. */

import * as fs from "node:fs";
import * as os from "node:os";
import { detectRuntime } from "../../../runtime/detect.ts";
import { createMemoryRuntime } from "../../../runtime/memory.ts";
import type { Runtime } from "../../../runtime/runtime.ts";

export interface World {
  readonly name: string;
  readonly runtime: Runtime;
  readonly isReal: boolean;
  /** A new, empty directory. */
  makeDirectory(): string;
  removeDirectory(path: string): void;
  /** Lets time pass. */
  pass(ms: number): Promise<void>;
}

const real = await detectRuntime();
const memory = createMemoryRuntime();
let directoryCount = 0;

export const worlds: readonly World[] = [
  {
    name: real.name,
    runtime: real,
    isReal: true,
    makeDirectory: () => fs.mkdtempSync(`${os.tmpdir()}/weir-runtime-`),
    removeDirectory: (path) => fs.rmSync(path, { recursive: true, force: true }),
    pass: (ms) => new Promise((resolve) => real.timers.after(ms, resolve)),
  },
  {
    name: memory.name,
    runtime: memory,
    isReal: false,
    makeDirectory() {
      const path = `/test-${directoryCount++}`;
      memory.files.makeDirectory(path);
      return path;
    },
    removeDirectory: (path) => memory.files.remove(path),
    pass: (ms) => memory.advance(ms),
  },
];
