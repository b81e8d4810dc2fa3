/**
 * Prints runtime/machine_code.ts from the assembler sources in scripts/machine_code/: bun scripts/machine_code.ts
 * Needs GNU `as` and `objcopy`.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { join } from "@std/path";

const COLUMNS = 56;

/** @throws {Error} with what the assembler said */
export function assemble(source: string): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), "weir-assemble-"));
  try {
    const path = fileURLToPath(new URL(`machine_code/${source}`, import.meta.url));
    run("as", "--64", path, "-o", join(folder, "object"));
    run("objcopy", "-O", "binary", "-j", ".text", join(folder, "object"), join(folder, "code"));
    return new Uint8Array(readFileSync(join(folder, "code")));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function run(command: string, ...args: string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${error?.message ?? stderr}`);
}

function constant(name: string, source: string): string {
  const hex = [...assemble(source)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const lines = hex.match(new RegExp(`.{1,${COLUMNS * 2}}`, "g")) ?? [];
  return `/** scripts/machine_code/${source} */\nexport const ${name} = [\n${
    lines.map((line) => `  "${line}",\n`).join("")
  }].join("");\n`;
}

if (import.meta.main) {
  console.log(`/** Made by scripts/machine_code.ts from scripts/machine_code/*.s, in hexadecimal; do not edit. */\n
${constant("CRC32C_X86_64", "crc32c_x86_64.s")}
${constant("FEATURES_X86_64", "features_x86_64.s")}`.trimEnd());
}
