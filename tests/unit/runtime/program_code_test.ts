/** Which mappings of a process may be dropped: the wrong one, and its data is gone. Entries as Linux 6.18 prints them. */

import { expect, test } from "bun:test";
import { cleanCodeOf } from "../../../runtime/program_code.ts";

function entry(header: string, fields: Partial<Record<"Anonymous" | "Swap" | "Locked", number>> = {}): string {
  const { Anonymous = 0, Swap = 0, Locked = 0 } = fields;
  const sizes = { Size: 1024, Rss: 900, Private_Clean: 800, Private_Dirty: 100, Anonymous, Swap, Locked };
  const lines = Object.entries(sizes).map(([name, kib]) => `${`${name}:`.padEnd(16)}${String(kib).padStart(8)} kB`);
  return [header, ...lines, "VmFlags: rd ex mr mw me "].join("\n");
}

const text = "01a40000-0684a000 r-xp 01838000 fe:00 5310988                            /opt/weir/dist/weir";
const constants = "00200000-01a39000 r--p 00000000 fe:00 5310988                            /opt/weir/dist/weir";

test("code and constants of program files are given back", () => {
  expect(cleanCodeOf([entry(constants), entry(text)].join("\n"))).toEqual([
    { start: 0x200000, sizeBytes: 0x1a39000 - 0x200000 },
    { start: 0x1a40000, sizeBytes: 0x684a000 - 0x1a40000 },
  ]);
});

test.each([
  ["pages that the linker has written to", entry(text, { Anonymous: 4 })],
  ["such pages in swap", entry(text, { Swap: 4 })],
  ["pages that somebody locked", entry(text, { Locked: 4 })],
  ["data", entry("0684a000-06eba000 rw-p 06641000 fe:00 5310988                            /opt/weir/dist/weir")],
  [
    "a segment that is mapped",
    entry("7f00000000-7f40000000 r--s 00000000 fe:00 99                      /data/t-0/0.log"),
  ],
  ["what is no file", entry("7ffb00000000-7ffb10000000 r-xp 00000000 00:00 0 ")],
  ["the kernel's own", entry("7ffc12345000-7ffc12347000 r-xp 00000000 00:00 0                          [vdso]")],
])("%s stay", (_, smaps) => {
  expect(cleanCodeOf(smaps)).toEqual([]);
});
