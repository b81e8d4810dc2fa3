import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const modUrl = new URL("../../mod.ts", import.meta.url);

/** The examples of mod.ts's head, one after the other, as a module that keeps what they print. */
function exampleModule(): { readonly code: string; readonly promised: readonly string[] } {
  const head = /^\/\*\*\n([^]*?)\*\//.exec(readFileSync(modUrl, "utf8"))?.[1] ?? "";
  const text = head.replace(/^ \* ?/gm, "");
  const code = [...text.matchAll(/```ts\n([^]*?)```/g)].map(([, example]) => example).join("");
  return {
    code: `export const printed: unknown[] = [];\n` +
      code.replaceAll('"./mod.ts"', JSON.stringify(modUrl.href)).replaceAll("console.log(", "printed.push("),
    promised: [...code.matchAll(/console\.log\(.*; \/\/ (.*)/g)].map(([, result]) => result!),
  };
}

test("examples of mod.ts run as written and print what they say", async () => {
  const { code, promised } = exampleModule();
  expect(promised).toEqual(["9092", "hello"]);
  const folder = mkdtempSync(join(tmpdir(), "weir-example-"));
  try {
    const path = join(folder, "example.ts");
    writeFileSync(path, code);
    const { printed } = await import(pathToFileURL(path).href) as { printed: unknown[] };
    expect(printed.map(String)).toEqual([...promised]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the example of README.md runs as written, and its record is there", async () => {
  const { Broker, BrokerConfig, detectRuntime, silentLogger } = await import("../../mod.ts");
  const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
  const example = /\n## In a program\n[^]*?\n\n((?: {4}.*\n|\n)+)/.exec(readme)?.[1] ?? "";
  expect(example).toContain("127.0.0.1:9092");
  const folder = mkdtempSync(join(tmpdir(), "weir-example-"));
  const entries = { "listeners": "PLAINTEXT://127.0.0.1:0", "log.dirs": join(folder, "data") };
  const config = BrokerConfig.parse(
    Object.entries(entries).map(([name, value]) => ({ source: "override", name, value })),
  );
  const broker = await Broker.start({ runtime: await detectRuntime(), config, logger: silentLogger });
  try {
    const path = join(folder, "example.ts");
    const address = `127.0.0.1:${broker.listeners[0]!.port}`;
    const code = example.replaceAll("127.0.0.1:9092", address).replaceAll('"./mod.ts"', JSON.stringify(modUrl.href));
    writeFileSync(path, code);
    await import(pathToFileURL(path).href);
    expect(broker.partitions.get("greetings", 0)?.log.logEndOffset).toBe(1);
  } finally {
    await broker.stop();
    rmSync(folder, { recursive: true });
  }
});
