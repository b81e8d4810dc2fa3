/**
 * Folders of deleted logs: renamed, and removed when their delay is over and nobody reads their files any more.
 *
 * (1) Many are renamed in steps, and removed a few at a time off the loop: ten thousand of them are half a second's and some
 *     seconds' work, or half a minute's on a busy disk.
 * (2) One that still has its name is in the way of a new log of that name: `clearTheWay`.
 */
import type { FileSystem, Random } from "../runtime/runtime.ts";
import type { Log } from "./log.ts";

export const DELETED_FOLDER_SUFFIX = "-delete";
/** Folder names are at most 255 bytes. */
const FOLDER_NAME_MAX = 255;
/** Renamed in a step (1). One takes 0.04 ms. */
const RENAMED_IN_A_STEP = 100;
/** Removed at a time: file work of others finds threads too. */
const REMOVED_AT_A_TIME = 3;

export interface DeletedFolder {
  readonly dueMs: number;
  /** null when nobody in this process has used it. It is shut. */
  readonly log: Log | null;
}

export class DeletedFolders {
  readonly #files: FileSystem;
  readonly #random: Random;
  readonly #directory: string;
  readonly #abandon: (log: Log) => void;
  /** Those that have their names still, by these. */
  readonly #named = new Map<string, DeletedFolder>();
  /** Those of them that could not be renamed: not tried again before they are in the way. */
  readonly #stuck = new Set<string>();
  #renamed: (DeletedFolder & { readonly path: string })[] = [];
  #isRemoving = false;

  /** `abandon` is called for each log before its folder is renamed. */
  constructor(files: FileSystem, random: Random, directory: string, abandon: (log: Log) => void) {
    this.#files = files;
    this.#random = random;
    this.#directory = directory;
    this.#abandon = abandon;
  }

  /** A folder that an earlier process has renamed. */
  found(path: string): void {
    this.#renamed.push({ path, dueMs: 0, log: null });
  }

  /** The folder of this name, if there is one, is to be deleted: `renameSome` and `removeDue` will. */
  add(name: string, folder: DeletedFolder): void {
    this.#named.set(name, folder);
  }

  /** There is something for `renameSome` to do. */
  get isRenameDue(): boolean {
    return this.#named.size > this.#stuck.size;
  }

  /** Renames some, or `all`; those that cannot be are told of by `failed`. */
  renameSome(failed: (name: string, cause: unknown) => void, { all }: { readonly all: boolean }): void {
    let count = 0;
    for (const name of [...this.#named.keys()]) {
      if (this.#stuck.has(name)) continue;
      if (++count > RENAMED_IN_A_STEP && !all) return;
      try {
        this.#rename(name);
      } catch (cause) {
        this.#stuck.add(name);
        failed(name, cause);
      }
    }
  }

  isInTheWay(name: string): boolean {
    return this.#named.has(name);
  }

  /** @throws {FileError} when the folder of this name cannot be renamed */
  clearTheWay(name: string): void {
    // Where one is made again, all are.
    this.renameSome(() => {}, { all: true });
    if (this.#named.has(name)) this.#rename(name);
  }

  /** A folder that is to be kept gets another name; returns its path. One that cannot have it is to be deleted when in the way. */
  setAside(name: string, suffix: string): string {
    const path = this.#newPath(name, suffix);
    try {
      this.#files.rename(`${this.#directory}/${name}`, path);
    } catch (cause) {
      this.#named.set(name, { dueMs: 0, log: null });
      this.#stuck.add(name);
      throw cause;
    }
    return path;
  }

  /**
   * Removes those whose time has come, and forgets them: what could not be removed is found at the next start. `isStopped` is
   * asked before each.
   */
  async removeDue(
    nowMs: number,
    failed: (path: string, cause: unknown) => void,
    isStopped: () => boolean,
  ): Promise<void> {
    if (this.#isRemoving) return;
    this.#isRemoving = true;
    const duePaths: string[] = [];
    this.#renamed = this.#renamed.filter(({ path, dueMs, log }) => {
      if (nowMs < dueMs || log?.isInUse === true) return true;
      duePaths.push(path);
      return false;
    });
    const removers = Array.from({ length: REMOVED_AT_A_TIME }, async () => {
      for (let path = duePaths.pop(); path !== undefined && !isStopped(); path = duePaths.pop()) {
        const removed = path;
        await this.#files.removeAsync(removed).catch((cause) => failed(removed, cause));
      }
    });
    await Promise.all(removers);
    this.#isRemoving = false;
  }

  #rename(name: string): void {
    const folder = this.#named.get(name)!;
    const { log } = folder;
    if (log !== null && !this.#stuck.has(name)) this.#abandon(log);
    if (log === null || log.hasFolder) {
      const path = this.#newPath(name, DELETED_FOLDER_SUFFIX);
      this.#files.rename(`${this.#directory}/${name}`, path);
      this.#renamed.push({ ...folder, path });
    }
    this.#named.delete(name);
    this.#stuck.delete(name);
  }

  #newPath(name: string, suffix: string): string {
    const ending = `.${hex(this.#random.bytes(16))}${suffix}`;
    return `${this.#directory}/${name.slice(0, FOLDER_NAME_MAX - ending.length)}${ending}`;
  }
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
