/** `weir produce` and `weir consume`: the banner's command works with nothing else installed. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { BrokerProcess, followWeir, runWeir, target, until, withTimeout } from "../support/broker.ts";

let broker: BrokerProcess;

beforeAll(async () => {
  broker = await BrokerProcess.start({ config: { "group.initial.rebalance.delay.ms": 0 } });
}, 60_000);

afterAll(() => broker.dispose());

function produce(topic: string, lines: readonly string[]) {
  const input = lines.map((line) => `${line}\n`).join("");
  return runWeir(["produce", topic, "--bootstrap-server", broker.address], { input });
}

/** Consumes until `count` lines have come, then interrupts and returns them. */
async function consume(topic: string, count: number, ...args: readonly string[]): Promise<readonly string[]> {
  const consumer = followWeir(["consume", topic, "--bootstrap-server", broker.address, ...args]);
  try {
    await until(() => consumer.lines.length >= count, {
      what: `${count} lines, of which came ${consumer.lines.length},`,
    });
    consumer.stop("SIGINT");
    await withTimeout(consumer.exit, 10_000, () => "The consumer did not stop");
    return consumer.lines;
  } finally {
    consumer.stop("SIGKILL");
  }
}

describe.skipIf(target === "kafka")("weir produce", () => {
  test("sends each line of its input as a record, weir consume prints them", async () => {
    const lines = ["one", "two words", "", "drei äöü 🦓", "x".repeat(5000)];
    const { code, errors } = await produce("console", lines);
    expect([code, errors]).toEqual([0, ""]);
    expect(await consume("console", lines.length, "--from-beginning")).toEqual(lines);
  }, 30_000);

  test("fails with status 1 and one line when there is no broker", async () => {
    const { code, errors } = await runWeir(["produce", "console", "--bootstrap-server", "127.0.0.1:1"], {
      input: "x\n",
    });
    expect(code).toBe(1);
    expect(errors.trim().split("\n")).toHaveLength(1);
    expect(errors).toContain("127.0.0.1:1");
  }, 30_000);
});

describe.skipIf(target === "kafka")("weir consume", () => {
  test("in a group goes on where the group stopped", async () => {
    await produce("grouped", ["1", "2", "3"]);
    expect(await consume("grouped", 3, "--group", "console-group", "--from-beginning")).toEqual(["1", "2", "3"]);
    await produce("grouped", ["4", "5"]);
    expect(await consume("grouped", 2, "--group", "console-group", "--from-beginning")).toEqual(["4", "5"]);
  }, 60_000);
});
