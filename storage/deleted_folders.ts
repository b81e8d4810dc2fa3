/** Folders of deleted logs: renamed, and removed when their delay is over and nobody reads their files any more. */
import type { Random } from "../runtime/runtime.ts";
import type { Log } from "./log.ts";

/** Folder names are at most 255 bytes. */
const FOLDER_NAME_MAX = 255;

/** A new name for the folder of a log that is taken out of use. */
export function takenOutName(name: string, suffix: string, random: Random): string {
  const ending = `.${hex(random.bytes(16))}${suffix}`;
  return `${name.slice(0, FOLDER_NAME_MAX - ending.length)}${ending}`;
}

export interface DeletedFolder {
  readonly path: string;
  readonly dueMs: number;
  /** null when nobody in this process has used it. */
  readonly log: Log | null;
}

export class DeletedFolders {
  #folders: DeletedFolder[] = [];

  add(folder: DeletedFolder): void {
    this.#folders.push(folder);
  }

  /** Calls `remove` for those whose time has come, and forgets them: what could not be removed is found at the next start. */
  removeDue(nowMs: number, remove: (path: string) => void): void {
    this.#folders = this.#folders.filter((folder) => {
      if (nowMs < folder.dueMs || folder.log?.isInUse === true) return true;
      remove(folder.path);
      return false;
    });
  }
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
