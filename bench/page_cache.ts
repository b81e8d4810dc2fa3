/** Makes files cold: what a reader finds after a restart of the machine, or once other files have taken the memory. */

import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";

/**
 * Drops a data folder's files from the page cache. `dd` with nothing to copy does `posix_fadvise(POSIX_FADV_DONTNEED)` over the
 * whole file, which needs no root; what a process has mapped stays, so stop the broker first.
 */
export function dropFromPageCache(directory: string): void {
  for (const name of readdirSync(directory, { recursive: true, encoding: "utf8" })) {
    if (!/\.(log|index|timeindex)$/.test(name)) continue;
    const path = join(directory, name);
    execFileSync("sync", [path]);
    execFileSync("dd", [`if=${path}`, "iflag=nocache", "count=0", "status=none"]);
  }
}
