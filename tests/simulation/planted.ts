/** Mistakes planted in a copy of the code, so that what a simulation is for can be tried: it must fail there. */
import { expect } from "bun:test";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { dirname, join } from "@std/path";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Path, what is there, what is put in its place. */
export type Edit = readonly [path: string, before: string, after: string];

/** A folder with a copy of some of the code, in which one mistake at a time is made. */
export class PlantingGround {
  readonly folder = mkdtempSync(join(tmpdir(), "weir-mistakes-"));

  constructor(copied: readonly string[]) {
    for (const path of copied) cpSync(join(root, path), join(this.folder, path), { recursive: true });
    for (const path of ["package.json", "tsconfig.json"]) cpSync(join(root, path), join(this.folder, path));
    symlinkSync(join(root, "node_modules"), join(this.folder, "node_modules"));
  }

  /** What `run` gives, of the code with the mistake in it. An edit that no longer fits fails: the mistake wants planting anew. */
  with<Result>(edits: readonly Edit[], run: (folder: string) => Result): Result {
    for (const [path, before, after] of edits) {
      const file = join(this.folder, path);
      const source = readFileSync(file, "utf8");
      expect({ path, before, count: source.split(before).length - 1 }).toEqual({ path, before, count: 1 });
      writeFileSync(file, source.replace(before, () => after));
    }
    try {
      return run(this.folder);
    } finally {
      for (const [path] of edits) cpSync(join(root, path), join(this.folder, path));
    }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}

/** The environment without what asks for other runs than the default ones. */
export function plainEnvironment(): NodeJS.ProcessEnv {
  const { SEED: _seed, SIM_SEEDS: _count, RUNS: _runs, ROUNDS: _rounds, ...env } = process.env;
  return env;
}
