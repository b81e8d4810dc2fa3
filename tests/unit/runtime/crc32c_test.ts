/** The processor's CRC32C against the portable one, and the machine code against its source. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "bun:test";
import { crc32cByTable } from "../../../protocol/crc32c.ts";
import { detectRuntime } from "../../../runtime/detect.ts";
import { CRC32C_X86_64, FEATURES_X86_64 } from "../../../runtime/machine_code.ts";
import { assemble } from "../../../scripts/machine_code.ts";

const processor = (await detectRuntime()).openCrc32c();
const hasAssembler = ["as", "objcopy"].every((command) => spawnSync(command, ["--version"]).status === 0);
function hasInstructions(): boolean {
  if (process.platform !== "linux" || process.arch !== "x64") return false;
  const flags = /^flags.*$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[0] ?? "";
  return /\bsse4_2\b/.test(flags) && /\bpclmulqdq\b/.test(flags);
}
const hex = (bytes: Uint8Array) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");

describe("the processor's CRC32C", () => {
  test("is there where Linux says that the processor has it", () => {
    expect(processor !== null).toBe(hasInstructions());
  });

  test.skipIf(processor === null)("agrees with the table at every length and alignment", () => {
    const bytes = Uint8Array.from({ length: 20_000 }, (_, index) => (index * 31 + (index >> 5)) & 255);
    for (let length = 1; length < 1700; length++) {
      const start = length % 17;
      expect(processor!.compute(bytes, start, start + length)).toBe(crc32cByTable(bytes, start, start + length));
    }
    for (let length = 12_280; length < 12_300; length++) {
      expect(processor!.compute(bytes, 3, 3 + length)).toBe(crc32cByTable(bytes, 3, 3 + length));
    }
  });

  test.skipIf(processor === null)("reads a view into a larger buffer where it is", () => {
    const bytes = Uint8Array.from({ length: 9000 }, (_, index) => (index * 7) & 255);
    const view = bytes.subarray(1001, 8001);
    expect(processor!.compute(view, 0, 7000)).toBe(crc32cByTable(bytes, 1001, 8001));
    expect(processor!.compute(view, 5, 6000)).toBe(crc32cByTable(bytes, 1006, 7001));
  });
});

describe("machine code", () => {
  test.skipIf(!hasAssembler)("is what its source assembles to", () => {
    expect(CRC32C_X86_64).toBe(hex(assemble("crc32c_x86_64.s")));
    expect(FEATURES_X86_64).toBe(hex(assemble("features_x86_64.s")));
  });
});
