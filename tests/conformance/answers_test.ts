/**
 * The same requests, legal and illegal, at all versions that both serve: our answers are those that Apache Kafka 4.4 gave,
 * kept in tests/golden/answers, but for the differences that docs/differences.md explains.
 *
 * `WEIR_TARGET=kafka` compares Kafka with its own record (see answers/record.ts for writing it anew).
 */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { initCrc32c } from "../../protocol/crc32c.ts";
import { BrokerProcess, root, target } from "../support/broker.ts";
import { Dialogue } from "../support/dialogue.ts";
import { compare, expectedOfUs, readAnswers, readDifferences, writeAnswers } from "./answers/record.ts";
import { config, scripts } from "./answers/scripts.ts";

const isKafka = target === "kafka";
const isRecording = isKafka && process.env.RECORD_ANSWERS === "1";
const timeoutMs = 60_000;

let broker: BrokerProcess;

beforeAll(async () => {
  await initCrc32c();
  broker = await BrokerProcess.start({ config });
}, timeoutMs);

afterAll(() => broker.dispose());

describe("answers are Kafka's:", () => {
  test.each(Object.keys(scripts))("%s", async (name) => {
    const dialogue = new Dialogue(broker.port, "test");
    try {
      await scripts[name]!(dialogue);
    } finally {
      dialogue.close();
    }
    if (isRecording) writeAnswers(name, dialogue.notes);
    expect(compare(dialogue.notes, isKafka ? readAnswers(name) : expectedOfUs(name))).toEqual({});
  }, timeoutMs);
});

test("every difference has its reason in docs/differences.md, and a script", () => {
  const page = readFileSync(join(root, "docs/differences.md"), "utf8");
  for (const [heading, byScript] of Object.entries(readDifferences())) {
    expect(page).toContain(`\n## ${heading}\n`);
    for (const script of Object.keys(byScript)) expect(Object.keys(scripts)).toContain(script);
  }
});
