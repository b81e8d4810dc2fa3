/** Folders of deleted logs: renamed, and removed when their delay is over and nobody reads their files any more. */
import type { Log } from "./log.ts";

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
