/**
 * The record of Kafka's answers, which answers_test.ts holds ours to, is still what Kafka says. Where Kafka's jars are (see
 * bench/kafka/install), a few of the scripts are put to it; `WEIR_TARGET=kafka bun test tests/conformance/answers_test.ts`
 * puts all of them.
 */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { initCrc32c } from "../../protocol/crc32c.ts";
import { BrokerProcess, target } from "../support/broker.ts";
import { Dialogue } from "../support/dialogue.ts";
import { whyNoKafka } from "../support/kafka_peer.ts";
import { compare, readAnswers } from "./answers/record.ts";
import { config, scripts } from "./answers/scripts.ts";

const reason = whyNoKafka();
if (reason !== null) console.warn(`skipped: the record of Kafka's answers against Kafka, for ${reason}`);
const timeoutMs = 120_000;

let broker: BrokerProcess;

// Once for all targets: this is about Kafka and the record.
describe.skipIf(reason !== null || target !== "bun")("Kafka's answers are the record:", () => {
  beforeAll(async () => {
    await initCrc32c();
    broker = await BrokerProcess.start({ target: "kafka", config, readyTimeoutMs: timeoutMs });
  }, timeoutMs);

  afterAll(() => broker.dispose());

  test.each(["frames", "members", "producers"])("%s", async (name) => {
    const dialogue = new Dialogue(broker.port, "test");
    try {
      await scripts[name]!(dialogue);
    } finally {
      dialogue.close();
    }
    expect(compare(dialogue.notes, readAnswers(name))).toEqual({});
  }, timeoutMs);
});
