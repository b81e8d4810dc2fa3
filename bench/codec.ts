/**
 * What decoding and encoding cost: bun bench/codec.ts, deno run -A bench/codec.ts
 *
 * Best of several short windows, in nanoseconds a message. BENCH_ROUNDS=n makes the windows longer or shorter.
 */
import { fetch } from "../protocol/api/01_fetch.ts";
import { metadata } from "../protocol/api/03_metadata.ts";
import { produce } from "../protocol/api/00_produce.ts";
import { codecFor } from "../protocol/codec.ts";
import { Reader, Writer } from "../protocol/wire.ts";
import { record } from "./results.ts";

const rounds = Number(process.env.BENCH_ROUNDS ?? 5000);
const WINDOWS = 5;
const runtime = "Bun" in globalThis ? "bun" : "deno";

const ten = Array.from({ length: 10 }, (_, index) => index);
const cluster = {
  clusterId: "cluster",
  controllerId: 1,
  brokers: [{ nodeId: 1, host: "localhost", port: 9092 }],
  topics: ten.map((topic) => ({
    errorCode: 0,
    name: `topic-number-${topic}`,
    topicId: "AQIDBAUGBwgJCgsMDQ4PEA",
    partitions: ten.map((partitionIndex) => ({
      errorCode: 0,
      partitionIndex,
      leaderId: 1,
      leaderEpoch: 3,
      replicaNodes: [1, 2, 3],
      isrNodes: [1, 2, 3],
      offlineReplicas: [],
    })),
  })),
};
const produced = {
  acks: -1,
  timeoutMs: 30_000,
  topicData: [{ name: "topic-number-1", partitionData: [{ index: 3, records: new Uint8Array(1024) }] }],
};
const fetched = {
  responses: [{
    topic: "topic-number-1",
    partitions: ten.slice(0, 4).map((partitionIndex) => ({
      partitionIndex,
      errorCode: 0,
      highWatermark: 1000,
      lastStableOffset: 1000,
      logStartOffset: 0,
      abortedTransactions: null,
      records: [new Uint8Array(4096)],
    })),
  }],
};

const metadataCodec = codecFor(metadata, 12);
const produceCodec = codecFor(produce, 9);
const fetchCodec = codecFor(fetch, 12);
measure("Metadata v12 response, 10 x 10", cluster, {
  decode: (reader) => metadataCodec.decodeResponse(reader),
  encode: (writer, value) => metadataCodec.encodeResponse(writer, value),
});
measure("Produce v9 request, 1 partition", produced, {
  decode: (reader) => produceCodec.decodeRequest(reader),
  encode: (writer, value) => produceCodec.encodeRequest(writer, value),
});
measure("Fetch v12 response, 4 partitions", fetched, {
  decode: (reader) => fetchCodec.decodeResponse(reader),
  encode: (writer, value) => fetchCodec.encodeResponse(writer, value),
});

interface Half<D> {
  readonly decode: (reader: Reader) => unknown;
  readonly encode: (writer: Writer, draft: D) => void;
}

function measure<D>(row: string, draft: D, { decode, encode }: Half<D>): void {
  const writer = new Writer();
  encode(writer, draft);
  const bytes = writer.finishWhole();
  const write = () => {
    const writer = new Writer();
    encode(writer, draft);
    writer.finish();
  };
  record([
    { runtime, rival: null, row: `${row}: decode`, value: bestOf(() => decode(new Reader(bytes))), unit: "ns" },
    { runtime, rival: null, row: `${row}: encode`, value: bestOf(write), unit: "ns" },
  ]);
}

function bestOf(run: () => unknown): number {
  let best = Infinity;
  for (let window = 0; window <= WINDOWS; window++) {
    const start = performance.now();
    for (let round = 0; round < rounds; round++) run();
    const nanoseconds = (performance.now() - start) * 1e6 / rounds;
    if (window > 0) best = Math.min(best, nanoseconds); // the first warms up
  }
  return best;
}
