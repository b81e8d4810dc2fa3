import { expect, test } from "bun:test";
import { createMemoryRuntime } from "../../../runtime/memory.ts";
import { UNMAPPED_BYTES_MAX, Unmapper } from "../../../runtime/unmapper.ts";
import { turns } from "./peer.ts";

test("maps end a part per turn, each part once, and small ones at once", async () => {
  const { timers } = createMemoryRuntime();
  const unmapper = new Unmapper(timers);
  const parts: [string, number, number][] = [];
  const map = (name: string, sizeBytes: number) => ({
    bytes: new Uint8Array(sizeBytes),
    cachedUntil: () => 0,
    isCached: () => false,
    unmap: (start: number, end: number) => void parts.push([name, start, end]),
  });
  const part = UNMAPPED_BYTES_MAX;
  unmapper.unmap(map("large", 2 * part + 1));
  unmapper.unmap(map("whole", 2 * part));
  unmapper.unmap(map("small", part));
  expect(parts.splice(0)).toEqual([["large", 0, part], ["whole", 0, part], ["small", 0, part]]);
  const rest: typeof parts = [["large", part, 2 * part], ["large", 2 * part, 2 * part + 1], ["whole", part, 2 * part]];
  for (const expected of rest) {
    await turns(timers, 1);
    expect(parts.splice(0)).toEqual([expected]);
  }
  await turns(timers, 3);
  expect(parts).toEqual([]);
});
