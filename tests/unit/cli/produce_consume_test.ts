/** `weir produce` and `weir consume`, with a whole broker in memory. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { runCommandLine } from "../../../cli/commands.ts";
import { Client } from "../../../client/client.ts";
import { createMemoryRuntime, type MemoryRuntime } from "../../../runtime/memory.ts";
import { MemoryBroker } from "../../support/memory_broker.ts";

let server: MemoryBroker;
let runtime: MemoryRuntime;

beforeEach(async () => {
  runtime = createMemoryRuntime({ inputLines: ["ada=first", "grace=second", "no key", "", "ada=third=3"] });
  server = await MemoryBroker.start({ runtime, overrides: { "num.partitions": "1" } });
});

afterEach(() => server.stop());

const weir = (...args: string[]) => runtime.until(runCommandLine(runtime, args));

/** What a command printed. */
async function printed(...args: string[]): Promise<string> {
  const before = runtime.process.output.length;
  expect(await weir(...args)).toBe(0);
  return runtime.process.output.slice(before);
}

describe("weir produce and weir consume", () => {
  test("make each line a record, and each record a line", async () => {
    expect(await printed("produce", "t")).toBe("");
    expect(await printed("consume", "t", "--from-beginning", "-n", "5")).toBe(
      "ada=first\ngrace=second\nno key\n\nada=third=3\n",
    );
  });

  test("split keys from values, and print them", async () => {
    await weir("produce", "t", "--key-separator", "=");
    expect(await printed("consume", "t", "--from-beginning", "-n", "5", "-k", " -> ")).toBe(
      "ada -> first\ngrace -> second\nnull -> no key\nnull -> \nada -> third=3\n",
    );
    expect(await printed("consume", "t", "--from-beginning", "-n", "1")).toBe("first\n");
  });

  test("go on in a group after the last record printed", async () => {
    await weir("produce", "t");
    const group = ["--group", "g", "--from-beginning"];
    expect(await printed("consume", "t", ...group, "-n", "2")).toBe("ada=first\ngrace=second\n");
    expect(await printed("consume", "t", ...group, "-n", "3")).toBe("no key\n\nada=third=3\n");
  });

  test("consume what comes until interrupted", async () => {
    const client = new Client({ runtime, brokers: ["127.0.0.1:9092"] });
    await runtime.until(client.admin().createTopic({ name: "t" }));
    const consuming = runCommandLine(runtime, ["consume", "t"]);
    await runtime.advance(1000);
    await weir("produce", "t", "-b", "127.0.0.1:9092");
    await runtime.advance(1000);
    runtime.process.signal("SIGINT");
    expect(await runtime.until(consuming)).toBe(0);
    expect(runtime.process.output).toBe("ada=first\ngrace=second\nno key\n\nada=third=3\n");
    await runtime.until(client.close());
  });

  test("say in one line what went wrong", async () => {
    expect(await weir("produce", "t", "-b", "127.0.0.1:1")).toBe(1);
    expect(runtime.process.errorOutput).toContain("weir: Cannot connect to 127.0.0.1:1");
    expect(runtime.process.errorOutput.trim().split("\n").length).toBe(1);
    expect(await weir("produce", "not a topic name")).toBe(1);
    expect(runtime.process.errorOutput).toContain("not a topic name");
  });

  test("refuse a command line that makes no sense", async () => {
    for (
      const args of [["produce"], ["consume"], ["consume", "a", "b"], ["consume", "t", "-n", "0"], [
        "produce",
        "t",
        "-b",
        "::",
      ]]
    ) {
      expect(await weir(...args)).toBe(2);
    }
  });
});
