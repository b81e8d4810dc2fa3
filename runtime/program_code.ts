/**
 * Pages of program code that nothing has needed of late, given back to the kernel.
 *
 * A start runs code that nothing runs again: compilers, module loaders, recovery. The pages stay mapped, 30 MB of them, though
 * they are only a view of the program's file. Once unmapped, the ones that serve clients are back at their first use, from the
 * page cache, 16 pages a fault.
 *
 * Only mappings of files of which this process has no page of its own are touched: what is dropped of those is in the file. A page
 * that was written to (by the linker, a debugger) would be lost.
 */

import { readFileSync } from "node:fs";
import type { NativeFiles } from "./native.ts";

/** Linux. */
const MADV_DONTNEED = 4;
const SMAPS = "/proc/self/smaps";

interface Mapping {
  readonly start: number;
  readonly sizeBytes: number;
}

/** Does nothing where it cannot be told what is mapped. */
export function releaseProgramCode(advise: NativeFiles["advise"]): void {
  let text: string;
  try {
    text = readFileSync(SMAPS, "latin1");
  } catch {
    return; // Not Linux.
  }
  for (const { start, sizeBytes } of cleanCodeOf(text)) advise(start, sizeBytes, MADV_DONTNEED);
}

/** Private mappings of files, not writable, without a page of the process's own, from the text of "/proc/self/smaps". */
export function cleanCodeOf(smaps: string): Mapping[] {
  const found: Mapping[] = [];
  for (const entry of smaps.split(/\n(?=[0-9a-f]+-)/)) {
    const match = /^([0-9a-f]+)-([0-9a-f]+) r-[x-]p [0-9a-f]+ \S+ [1-9]\d* +\//.exec(entry);
    if (match === null || !/\nAnonymous: +0 kB/.test(entry) || /\n(Swap|Locked): +[1-9]/.test(entry)) continue;
    const start = Number.parseInt(match[1]!, 16);
    found.push({ start, sizeBytes: Number.parseInt(match[2]!, 16) - start });
  }
  return found;
}
