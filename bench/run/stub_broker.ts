/**
 * The least a broker can do: bun bench/run/stub_broker.ts PORT
 *
 * Answers Produce at once, gives what was produced last to whoever waits in a Fetch, and keeps, checks and writes nothing. What a
 * client measures on it is the client, the sockets and the kernel: the floor under latencies. It knows one topic, whatever
 * its name, and keeps of each partition just what a consumer that follows has not read.
 */

import { createServer, type Socket } from "node:net";
import { fetch } from "../../protocol/api/01_fetch.ts";
import { listOffsets } from "../../protocol/api/02_list_offsets.ts";
import { produce } from "../../protocol/api/00_produce.ts";
import { wholeBatches, writeInt64 } from "../../protocol/batch.ts";
import { decodeRequestHeader, encodeResponseFrame } from "../../protocol/frame.ts";
import { codecFor } from "../../protocol/codec.ts";
import { Reader } from "../../protocol/wire.ts";

interface Partition {
  nextOffset: number;
  kept: { readonly baseOffset: number; readonly bytes: Uint8Array }[];
}

interface WaitingFetch {
  readonly version: number;
  readonly correlationId: number;
  readonly topic: string;
  readonly offsets: ReadonlyMap<number, number>;
  readonly socket: Socket;
}

const partitions = new Map<number, Partition>();
const waiting = new Set<WaitingFetch>();
const keptMax = 10_000;

const server = createServer({ noDelay: true }, (socket) => {
  let rest: Uint8Array = new Uint8Array(0);
  socket.on("error", () => {});
  socket.on("data", (chunk: Uint8Array) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= 4) {
      const length = new DataView(rest.buffer, rest.byteOffset).getInt32(0);
      if (rest.length < 4 + length) return;
      answer(socket, rest.slice(4, 4 + length));
      rest = rest.subarray(4 + length);
    }
  });
});
server.listen(Number(process.argv[2]), "127.0.0.1", () => console.log("ready"));

function answer(socket: Socket, payload: Uint8Array): void {
  const reader = new Reader(payload);
  const { apiKey, apiVersion, correlationId } = decodeRequestHeader(reader);
  if (apiKey === produce.key) answerProduce(socket, apiVersion, correlationId, reader);
  else if (apiKey === fetch.key) answerFetch(socket, apiVersion, correlationId, reader);
  else if (apiKey === listOffsets.key) answerListOffsets(socket, apiVersion, correlationId, reader);
  else throw new Error(`The stub does not know API ${apiKey}`);
}

function answerProduce(socket: Socket, version: number, correlationId: number, reader: Reader): void {
  const { topicData } = codecFor(produce, version).decodeRequest(reader);
  const { name, partitionData } = topicData[0]!;
  const { index, records } = partitionData[0]!;
  const partition = partitionOf(index);
  const baseOffset = partition.nextOffset;
  for (const batch of wholeBatches(records!)) partition.nextOffset += batch.recordCount;
  writeInt64(records!, 0, baseOffset);
  partition.kept.push({ baseOffset, bytes: records! });
  if (partition.kept.length > keptMax) partition.kept.shift();
  write(
    socket,
    encodeResponseFrame(produce, version, correlationId, {
      responses: [{ name, partitionResponses: [{ index, errorCode: 0, baseOffset }] }],
    }),
  );
  for (const wait of waiting) {
    if (wait.offsets.has(index) && tryFetch(wait)) waiting.delete(wait);
  }
}

function answerFetch(socket: Socket, version: number, correlationId: number, reader: Reader): void {
  const { topics } = codecFor(fetch, version).decodeRequest(reader);
  const { topic, partitions: asked } = topics[0]!;
  const offsets = new Map(asked.map(({ partition, fetchOffset }) => [partition, fetchOffset]));
  const wait = { version, correlationId, topic, offsets, socket };
  if (!tryFetch(wait)) waiting.add(wait);
}

/** False when there is nothing for it yet. */
function tryFetch({ version, correlationId, topic, offsets, socket }: WaitingFetch): boolean {
  const found = [...offsets].map(([index, offset]) => {
    const partition = partitionOf(index);
    partition.kept = partition.kept.filter(({ baseOffset }) => baseOffset >= offset);
    return {
      index,
      nextOffset: partition.nextOffset,
      records: Buffer.concat(partition.kept.map(({ bytes }) => bytes)),
    };
  });
  if (found.every(({ records }) => records.length === 0)) return false;
  write(
    socket,
    encodeResponseFrame(fetch, version, correlationId, {
      errorCode: 0,
      sessionId: 0,
      responses: [{
        topic,
        partitions: found.map(({ index, nextOffset, records }) => ({
          partitionIndex: index,
          errorCode: 0,
          highWatermark: nextOffset,
          abortedTransactions: null,
          records: new Uint8Array(records),
        })),
      }],
    }),
  );
  return true;
}

/** The end of each partition, whatever was asked for. */
function answerListOffsets(socket: Socket, version: number, correlationId: number, reader: Reader): void {
  const { topics } = codecFor(listOffsets, version).decodeRequest(reader);
  write(
    socket,
    encodeResponseFrame(listOffsets, version, correlationId, {
      topics: topics.map(({ name, partitions: asked }) => ({
        name,
        partitions: asked.map(({ partitionIndex }) => ({
          partitionIndex,
          errorCode: 0,
          offset: partitionOf(partitionIndex).nextOffset,
        })),
      })),
    }),
  );
}

function partitionOf(index: number): Partition {
  const partition = partitions.get(index) ?? { nextOffset: 0, kept: [] };
  partitions.set(index, partition);
  return partition;
}

function write(socket: Socket, chunks: readonly Uint8Array[]): void {
  socket.write(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks));
}
