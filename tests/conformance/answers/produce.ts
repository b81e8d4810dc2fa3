/** Produce: what is taken, what is refused and how, and what then stands in the log. */

import { joined } from "../../../protocol/bytes.ts";
import { fetch } from "../../../protocol/api/01_fetch.ts";
import { produce, type ProduceRequestDraft } from "../../../protocol/api/00_produce.ts";
import { Compression } from "../../../protocol/compression.ts";
import { ZERO_UUID } from "../../../protocol/schema.ts";
import { type Dialogue, longAgoMs } from "../../support/dialogue.ts";
import type { TestClient } from "../../support/test_client.ts";
import { fetched, produced } from "./views.ts";
import { batch, cut, edited, records, utf8, withBrokenRecord, withMagic } from "./batches.ts";

interface Topic {
  readonly name: string;
  readonly topicId: string;
}

const unknownId = "AAAAAAAAAAAAAAAAAAABcQ";

export async function produceAnswers(dialogue: Dialogue): Promise<void> {
  await everyVersion(dialogue);
  await badBatches(dialogue);
  await untruths(dialogue);
  await places(dialogue);
  await topicRules(dialogue);
  await conversions(dialogue);
}

async function ask(
  dialogue: Dialogue,
  label: string,
  version: number,
  draft: ProduceRequestDraft,
  client?: TestClient,
): Promise<void> {
  await dialogue.ask(label, produce, version, draft, { view: produced, ...(client && { client }) });
}

async function askEach(
  dialogue: Dialogue,
  label: string,
  versions: readonly [number, number],
  draft: () => ProduceRequestDraft,
): Promise<void> {
  await dialogue.askEach(label, produce, versions, draft, { view: produced });
}

function request(
  topic: Topic,
  bytes: Uint8Array | null,
  { acks = -1, index = 0 }: { acks?: number; index?: number } = {},
): ProduceRequestDraft {
  return { acks, timeoutMs: 5_000, topicData: [{ ...topic, partitionData: [{ index, records: bytes }] }] };
}

async function everyVersion(dialogue: Dialogue): Promise<void> {
  const topic = await dialogue.topic("plain");
  for (let version = 3; version <= 13; version++) {
    await ask(dialogue, `three records, v${version}`, version, request(topic, batch(3)));
  }
  await askEach(dialogue, "acks 2", [3, 13], () => request(topic, batch(1), { acks: 2 }));
  await askEach(dialogue, "acks -2", [13, 13], () => request(topic, batch(1), { acks: -2 }));
  await askEach(dialogue, "a bad checksum", [3, 13], () => request(topic, badChecksum()));
  await askEach(dialogue, "an unknown partition", [3, 13], () => request(topic, batch(1), { index: 9 }));
  await askEach(dialogue, "no topics", [3, 13], () => ({ acks: -1, timeoutMs: 5_000, topicData: [] }));
  const nothing = [{ ...topic, partitionData: [] }];
  await askEach(dialogue, "no partitions", [3, 13], () => ({ acks: -1, timeoutMs: 5_000, topicData: nothing }));
}

function badChecksum(): Uint8Array {
  const bytes = batch(1);
  bytes[bytes.length - 2]! ^= 1;
  return bytes;
}

async function badBatches(dialogue: Dialogue): Promise<void> {
  const topic = await dialogue.topic("bad");
  const good = batch(3);
  const bad: Record<string, Uint8Array | null> = {
    "no bytes": new Uint8Array(0),
    "one byte": new Uint8Array(1),
    "16 zero bytes": new Uint8Array(16),
    "17 zero bytes": new Uint8Array(17),
    "100 zero bytes": new Uint8Array(100),
    "a batch cut by a byte": cut(good, 1),
    "a batch cut in its header": good.slice(0, 40),
    "a byte behind the batch": joined([good, new Uint8Array(1)]),
    "20 bytes behind the batch": joined([good, new Uint8Array(20)]),
    "two batches": joined([good, batch(1)]),
    "a batch and half another": joined([good, cut(good, 10)]),
    "format 0": withMagic(good, 0),
    "format 1": withMagic(good, 1),
    "format 3": withMagic(good, 3),
    "format 255": withMagic(good, 255),
    "a batch length of 0": edited(good, { batchLength: 0 }),
    "a negative batch length": edited(good, { batchLength: -1 }),
    "a batch length too short for a header": edited(good, { batchLength: 48 }),
    "a batch length longer than the bytes": edited(good, { batchLength: 10_000 }),
    "record count 0": edited(good, { recordCount: 0 }),
    "record count -1": edited(good, { recordCount: -1 }),
    "record count 2 of 3": edited(good, { recordCount: 2 }),
    "record count 4 of 3": edited(good, { recordCount: 4 }),
    "last offset delta 1 of 2": edited(good, { lastOffsetDelta: 1 }),
    "last offset delta 5 of 2": edited(good, { lastOffsetDelta: 5 }),
    "last offset delta -1": edited(good, { lastOffsetDelta: -1 }),
    "no records, counts of 0": edited(cut(good, good.length - 61), {
      batchLength: 49,
      recordCount: 0,
      lastOffsetDelta: -1,
    }),
    "no records, delta 0": edited(cut(good, good.length - 61), { batchLength: 49, recordCount: 0, lastOffsetDelta: 0 }),
    "a base offset of 7": edited(good, { baseOffset: 7 }),
    "a base offset of -1": edited(good, { baseOffset: -1 }),
    "a leader epoch of 5": edited(good, { partitionLeaderEpoch: 5 }),
    "compression 5": edited(good, { attributes: 5 }),
    "compression 7": edited(good, { attributes: 7 }),
    "attributes of the future": edited(good, { attributes: 0x4000 }),
    "a delete horizon": edited(good, { attributes: 0x40 }),
    "a control batch": edited(good, { attributes: 0x20 }),
    "a control batch of a producer": edited(good, {
      attributes: 0x30,
      producerId: 7_000,
      producerEpoch: 0,
      baseSequence: -1,
    }),
    "transactional without a producer": edited(good, { attributes: 0x10 }),
    "a producer id without epoch": edited(good, { producerId: 7_001 }),
    "a producer id with a negative sequence": edited(good, { producerId: 7_001, producerEpoch: 0, baseSequence: -5 }),
    "a producer id of -2": edited(good, { producerId: -2 }),
    "a sequence without a producer id": edited(good, { baseSequence: 4 }),
    "an epoch without a producer id": edited(good, { producerEpoch: 4 }),
    "no timestamp": batch(1, { records: [{ value: utf8("x") }] }),
    "a null value": batch(1, { records: [{ timestamp: longAgoMs, key: utf8("k"), value: null }] }),
    "two hours ahead": batch(1, { records: [{ timestamp: Date.now() + 2 * 3_600_000, value: utf8("x") }] }),
    "half an hour ahead": batch(1, { records: [{ timestamp: Date.now() + 1_800_000, value: utf8("x") }] }),
    "over max.message.bytes": batch(1, { records: [{ timestamp: longAgoMs, value: new Uint8Array(1_100_000) }] }),
    "a batch like any other": good,
  };
  for (const [label, bytes] of Object.entries(bad)) {
    await ask(dialogue, label, 13, request(topic, bytes));
  }
  await askEach(dialogue, "zstd", [5, 8], () => request(topic, batch(2, { compression: Compression.zstd })));
  await askEach(dialogue, "two batches", [3, 12], () => request(topic, joined([good, good])));
  await askEach(dialogue, "format 1", [3, 12], () => request(topic, withMagic(good, 1)));
  await dialogue.ask("what is then in the log", fetch, 12, fetchOf(topic), { view: fetched });
}

/** Headers that do not tell the truth about the records, under a right checksum. */
async function untruths(dialogue: Dialogue): Promise<void> {
  const good = batch(3);
  const untrue: Record<string, Uint8Array> = {
    "record count and last offset delta 4 of 3": edited(good, { recordCount: 4, lastOffsetDelta: 3 }),
    "record count and last offset delta 2 of 3": edited(good, { recordCount: 2, lastOffsetDelta: 1 }),
    "no records, count 1": edited(cut(good, good.length - 61), { batchLength: 49, recordCount: 1, lastOffsetDelta: 0 }),
    "a record that does not fit": withBrokenRecord(good),
    "gzip that is none": edited(good, { attributes: 1 }),
    "zstd that is none": edited(good, { attributes: 4 }),
    "a timestamp of -5": edited(batch(1, { records: [{ value: utf8("x"), timestamp: 5 }] }), {
      baseTimestamp: -5,
      maxTimestamp: -5,
    }),
    "a max timestamp too small": edited(good, { maxTimestamp: longAgoMs - 1 }),
    "a max timestamp too large": edited(good, { maxTimestamp: longAgoMs + 100 }),
    "log append time from a producer": edited(good, { attributes: 0x08 }),
  };
  for (const [label, bytes] of Object.entries(untrue)) {
    const topic = await dialogue.topic(label.replaceAll(/\W/g, "-"));
    await ask(dialogue, label, 13, request(topic, bytes));
    await dialogue.ask(`${label}: what is in the log`, fetch, 12, fetchOf(topic), { view: fetched });
  }
}

async function places(dialogue: Dialogue): Promise<void> {
  const topic = await dialogue.topic("places", { partitionCount: 2 });
  const missing = { name: dialogue.named("missing"), topicId: unknownId };
  await askEach(dialogue, "an unknown topic", [3, 13], () => request(missing, batch(1)));
  await ask(dialogue, "a topic without id", 13, request({ name: "", topicId: ZERO_UUID }, batch(1)));
  await ask(dialogue, "an empty topic name", 12, request({ name: "", topicId: ZERO_UUID }, batch(1)));
  await ask(dialogue, "a bad topic name", 12, request({ name: "a b/c", topicId: ZERO_UUID }, batch(1)));
  await ask(dialogue, "a negative partition", 13, request(topic, batch(1), { index: -1 }));
  await ask(dialogue, "the offsets topic", 12, request({ ...topic, name: "__consumer_offsets" }, batch(1)));
  await ask(dialogue, "good and bad in one", 13, {
    acks: 1,
    timeoutMs: 5_000,
    topicData: [
      {
        ...topic,
        partitionData: [
          { index: 1, records: batch(2) },
          { index: 0, records: badChecksum() },
          { index: 5, records: batch(1) },
        ],
      },
      { ...missing, partitionData: [{ index: 0, records: batch(1) }] },
    ],
  });
  await ask(dialogue, "a partition twice", 13, {
    acks: 1,
    timeoutMs: 5_000,
    topicData: [{
      ...topic,
      partitionData: [{ index: 1, records: batch(2) }, { index: 1, records: batch(3) }],
    }],
  });
  await ask(dialogue, "a timeout of 0", 13, { ...request(topic, batch(1)), timeoutMs: 0 });
  await ask(dialogue, "a negative timeout", 13, { ...request(topic, batch(1)), timeoutMs: -1 });
  await ask(dialogue, "a transactional id and a plain batch", 13, {
    ...request(topic, batch(1)),
    transactionalId: "someone",
  });
  // acks=0 has no answer; a refusal closes the connection.
  const silent = await dialogue.connect();
  silent.post(produce, 13, request(topic, batch(2), { acks: 0 }));
  await ask(dialogue, "after acks 0", 13, request(topic, batch(1)), silent);
  silent.post(produce, 13, { acks: 0, timeoutMs: 5_000, topicData: [] });
  await ask(dialogue, "after nothing with acks 0", 13, request(topic, batch(1)), silent);
  silent.post(produce, 13, request(topic, badChecksum(), { acks: 0 }));
  await ask(dialogue, "after a bad batch with acks 0", 13, request(topic, batch(1)), silent);
  const lost = await dialogue.connect();
  lost.post(produce, 13, request(topic, batch(1), { acks: 0, index: 9 }));
  await ask(dialogue, "after an unknown partition with acks 0", 13, request(topic, batch(1)), lost);
}

async function topicRules(dialogue: Dialogue): Promise<void> {
  const compacted = await dialogue.topic("compacted", { configs: { "cleanup.policy": "compact" } });
  const key = utf8("key");
  await askEach(dialogue, "no keys for a compacted topic", [3, 13], () => request(compacted, batch(3)));
  await ask(
    dialogue,
    "one key missing",
    13,
    request(
      compacted,
      batch(3, {
        records: [{ key, timestamp: longAgoMs }, { timestamp: longAgoMs }, { key, timestamp: longAgoMs }],
      }),
    ),
  );
  await ask(
    dialogue,
    "one key missing, compressed",
    13,
    request(
      compacted,
      batch(2, {
        records: [{ key, timestamp: longAgoMs }, { timestamp: longAgoMs }],
        compression: Compression.gzip,
      }),
    ),
  );
  await ask(
    dialogue,
    "keys for a compacted topic",
    13,
    request(
      compacted,
      batch(1, {
        records: [{ key, timestamp: longAgoMs }],
      }),
    ),
  );
  const timely = await dialogue.topic("timely", {
    configs: { "message.timestamp.before.max.ms": "3600000", "message.timestamp.after.max.ms": "60000" },
  });
  const nowMs = Date.now();
  const at = (...offsetsMs: number[]) =>
    batch(1, { records: offsetsMs.map((offsetMs) => ({ timestamp: nowMs + offsetMs, value: utf8("x") })) });
  await ask(dialogue, "too early", 13, request(timely, at(0, -4_000_000, 0)));
  await ask(dialogue, "too late", 13, request(timely, at(0, 4_000_000, 0)));
  await ask(dialogue, "in time", 13, request(timely, at(-1_000_000, 5_000)));
  await ask(
    dialogue,
    "a maximum that hides that it is too late",
    13,
    request(
      timely,
      edited(at(0, 4_000_000), {
        maxTimestamp: nowMs,
      }),
    ),
  );
  const small = await dialogue.topic("small", { configs: { "max.message.bytes": "200" } });
  const sized = (bytes: number) => batch(1, { records: [{ timestamp: longAgoMs, value: new Uint8Array(bytes) }] });
  await ask(dialogue, "more than the topic takes", 13, request(small, sized(200)));
  await ask(dialogue, "as much as the topic takes", 13, request(small, sized(200 - 61 - 9)));
  await ask(dialogue, "a byte more than that", 13, request(small, sized(200 - 61 - 8)));
}

/** Topics that rewrite what they are sent. */
async function conversions(dialogue: Dialogue): Promise<void> {
  const stamped = await dialogue.topic("stamped", { configs: { "message.timestamp.type": "LogAppendTime" } });
  await askEach(dialogue, "log append time", [3, 3], () => request(stamped, batch(2)));
  await ask(
    dialogue,
    "log append time, far ahead",
    13,
    request(
      stamped,
      batch(1, {
        records: [{ timestamp: Date.now() + 10 * 86_400_000, value: utf8("x") }],
      }),
    ),
  );
  await ask(
    dialogue,
    "log append time, compressed",
    13,
    request(
      stamped,
      batch(2, {
        compression: Compression.gzip,
      }),
    ),
  );
  await ask(
    dialogue,
    "log append time, flagged by the producer",
    13,
    request(
      stamped,
      edited(batch(2), {
        attributes: 0x08,
      }),
    ),
  );
  await dialogue.ask("what log append time left", fetch, 12, fetchOf(stamped), { view: fetched });
  for (const type of ["gzip", "snappy", "lz4", "zstd", "uncompressed"]) {
    const topic = await dialogue.topic(`as-${type}`, { configs: { "compression.type": type } });
    for (const name of ["none", "gzip", "snappy", "lz4", "zstd"] as const) {
      const sent = batch(3, { compression: Compression[name] });
      await ask(dialogue, `${name} to ${type}`, 13, request(topic, sent));
    }
    await dialogue.ask(`what ${type} left`, fetch, 12, fetchOf(topic), { view: fetched });
  }
  const both = await dialogue.topic("stamped-gzip", {
    configs: { "compression.type": "gzip", "message.timestamp.type": "LogAppendTime" },
  });
  const many = batch(1, { records: records(5) });
  await ask(dialogue, "to gzip and log append time", 13, request(both, many));
  await dialogue.ask("what gzip and log append time left", fetch, 12, fetchOf(both), { view: fetched });
}

function fetchOf({ name }: Topic) {
  return {
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 10_000_000,
    topics: [{ topic: name, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 10_000_000 }] }],
    forgottenTopicsData: [],
  };
}
