/**
 * A folder on a disk that can be told to fail, stall, or forget: for brokers as processes, with the system calls they make.
 *
 *   const disk = new TroubledDisk();
 *   const broker = await BrokerProcess.start({ dataDirectory: disk.path, environment: disk.environment });
 *   disk.rules("sync fail 5 1 orders-0/");      the next fdatasync in orders-0 says EIO
 *   await broker.kill9();
 *   disk.cutPower();                            what was not synced is gone
 *   await broker.restart();
 */

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "./broker.ts";
import { type Chance, JournaledFolder } from "./disk_journal.ts";

export const ENOSPC = 28;
export const EIO = 5;
export const EROFS = 30;
export const EDQUOT = 122;

const scratch = mkdtempSync(join(tmpdir(), "weir-disk-"));
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));
const library = join(scratch, "disk_trouble.so");
let folders = 0;

/** Why there can be none here; null when there can. */
export const troubleUnavailable: string | null = whyNot();

export class TroubledDisk {
  readonly path: string;
  readonly #rulesPath: string;
  readonly #journalPath: string;
  #folder: JournaledFolder;

  constructor() {
    const place = join(scratch, `${++folders}`);
    this.path = join(place, "data");
    mkdirSync(this.path, { recursive: true });
    this.#rulesPath = join(place, "rules");
    this.#journalPath = join(place, "journal");
    this.#folder = new JournaledFolder(this.path);
    this.rules();
  }

  /** For the broker's process. */
  get environment(): Record<string, string> {
    return {
      LD_PRELOAD: library,
      DISK_ROOT: this.path,
      DISK_RULES: this.#rulesPath,
      DISK_JOURNAL: this.#journalPath,
    };
  }

  /** From now on these hold, and no others; their form is in `disk_trouble.c`. */
  rules(...lines: readonly string[]): void {
    writeFileSync(`${this.#rulesPath}.new`, lines.map((line) => `${line}\n`).join(""));
    renameSync(`${this.#rulesPath}.new`, this.#rulesPath);
  }

  /**
   * After the broker was killed: what was not synced goes, all of it or, with `chance`, some. Returns how many changes went.
   * Without it the kernel would still have them all.
   */
  cutPower(chance: Chance | null = null): number {
    this.#replay();
    const lostCount = this.#folder.cutPower(chance);
    this.#folder = new JournaledFolder(this.path);
    return lostCount;
  }

  /** After the broker was killed, and the power stayed on: before it is started again. */
  killed(): void {
    this.#replay();
    this.#folder.reconcile();
  }

  #replay(): void {
    if (existsSync(this.#journalPath)) this.#folder.replay(new Uint8Array(readFileSync(this.#journalPath)));
    rmSync(this.#journalPath, { force: true });
  }

  dispose(): void {
    rmSync(join(this.path, ".."), { recursive: true, force: true });
  }
}

function whyNot(): string | null {
  if (process.platform !== "linux" || process.arch !== "x64") return "it needs Linux on x86-64";
  const compiler = ["gcc", "cc", "clang"].find((name) => spawnSync(name, ["--version"]).status === 0);
  if (compiler === undefined) return "there is no C compiler";
  const source = join(root, "tests/support/disk_trouble.c");
  execFileSync(compiler, ["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", library, source], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  const environment = { ...process.env, LD_PRELOAD: library, DISK_ROOT: scratch, DISK_RULES: join(scratch, "rules") };
  return spawnSync("true", [], { env: environment }).status === 0 ? null : "the kernel refuses the filter";
}
