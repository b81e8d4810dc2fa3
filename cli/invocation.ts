/**
 * How this program was started, as one would type it again: the executable by its path, or the runtime and the script.
 * For the banner's command, which must work as it is printed.
 */

import { basename, join } from "@std/path";
import type { Runtime } from "../runtime/runtime.ts";

export function invocation(runtime: Runtime, moduleUrl: string = import.meta.url): string {
  const environment = runtime.process.environment();
  if (isCompiled(moduleUrl)) {
    // Shells say in "_" what they run; a name without a slash was found on the path.
    const typed = environment["_"] ?? "";
    return basename(typed).startsWith("weir") ? typed : "weir";
  }
  const program = runtime.name === "deno" ? "deno" : "bun";
  // npm's copy need not be on the path of the shell that the command is typed in.
  const runner = runtime.files.stat(join("node_modules/.bin", program)) === null ? program : `npx ${program}`;
  return program === "deno" ? `${runner} run -A main.ts` : `${runner} main.ts`;
}

/** Modules of an executable come from a file system of its own: Bun's "$bunfs" or "~BUN", Deno's "deno-compile-NAME". */
function isCompiled(moduleUrl: string): boolean {
  return /\$bunfs|~BUN|deno-compile-/.test(moduleUrl);
}
