/**
 * What real clients said to a broker, byte by byte, said again: kafka-python told that the broker is a Kafka of 0.8.2, 0.9, 0.10, 0.11,
 * 1.0 and 2.5, in every codec, and kcat, as `clients/record.py` recorded them. Every request is answered without an error, the
 * records come back, and the group goes on from where it committed.
 */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { offsetFetch } from "../../protocol/api/09_offset_fetch.ts";
import { apiByKey } from "../../protocol/apis.ts";
import { batches } from "../../protocol/batch.ts";
import { joined } from "../../protocol/bytes.ts";
import { codecFor, wireCodec } from "../../protocol/codec.ts";
import { ErrorCode, errorName } from "../../protocol/errors.ts";
import {
  decodeRequestHeader,
  encodeRequestFrame,
  responseHeader,
  responseHeaderVersion,
} from "../../protocol/frame.ts";
import { unpackedMessages } from "../../protocol/message_set.ts";
import { decodeRecords } from "../../protocol/record.ts";
import type { AnyApi } from "../../protocol/schema.ts";
import { Reader } from "../../protocol/wire.ts";
import { createMemoryRuntime } from "../../runtime/memory.ts";
import { handlerFor } from "../../server/handlers/table.ts";
import { MemoryBroker, type MemoryClient } from "../support/memory_broker.ts";
import { bytesFromHex, hexOf } from "./vectors.ts";

type Fields = Record<string, unknown>;

/** When it was recorded: what is younger than the broker's clock is refused. */
const startMs = Date.UTC(2026, 11, 1);
const overrides = { "log.retention.ms": "-1", "offsets.topic.num.partitions": "1" };
const values = [0, 1, 2].map((index) => `key-${index}:value-${index}`);

/** What a client hears on its way, and asks again or otherwise. */
const passing: Readonly<Record<string, readonly number[]>> = {
  Metadata: [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.LEADER_NOT_AVAILABLE],
  FindCoordinator: [ErrorCode.COORDINATOR_NOT_AVAILABLE],
  JoinGroup: [ErrorCode.MEMBER_ID_REQUIRED],
};

describe.each(["kafka_python", "kcat"])("%s", (client) => {
  const sessions = sessionsOf(client);

  test.each([...sessions.keys()])("%s", async (name) => {
    const server = await MemoryBroker.start({ runtime: createMemoryRuntime({ startMs }), overrides });
    const replay = new Replay(server, await server.connect());
    for (const frame of sessions.get(name)!) await replay.say(frame);
    expect([...replay.read].sort()).toEqual(values);
    expect(await replay.committed()).toBe(3);
    await server.stop();
  });

  test("says what our own codecs would", () => {
    for (const frame of [...sessions.values()].flat()) {
      const { api, version, header, request } = decoded(frame);
      const again = joined(encodeRequestFrame(api, version, header.correlationId, header.clientId, request)).subarray(
        4,
      );
      expect({ api: api.name, version, hex: hexOf(again) }).toEqual({ api: api.name, version, hex: hexOf(frame) });
    }
  });

  test("asks for nothing that is not served", () => {
    for (const frame of [...sessions.values()].flat()) {
      const { api, version } = decoded(frame);
      const { minVersion, maxVersion } = handlerFor(api.key)!;
      expect({ api: api.name, isServed: version >= minVersion && version <= maxVersion })
        .toEqual({ api: api.name, isServed: true });
    }
  });
});

/** Frames by session, in order. */
function sessionsOf(client: string): ReadonlyMap<string, readonly Uint8Array[]> {
  const lines = readFileSync(fileURLToPath(new URL(`./clients/${client}.jsonl`, import.meta.url)), "utf8");
  const sessions = new Map<string, Uint8Array[]>();
  for (const line of lines.trimEnd().split("\n")) {
    const { session, hex } = JSON.parse(line) as { session: string; hex: string };
    sessions.set(session, [...sessions.get(session) ?? [], bytesFromHex(hex)]);
  }
  return sessions;
}

function decoded(frame: Uint8Array) {
  const reader = new Reader(frame);
  const header = decodeRequestHeader(reader);
  const api = apiByKey(header.apiKey) as AnyApi;
  const version = header.apiVersion;
  const request = codecFor(api, version).decodeRequest(reader) as Fields;
  expect(reader.remaining).toBe(0);
  return { api, version, header, request };
}

/** One session, on one connection. */
class Replay {
  readonly read = new Set<string>();
  #commit: { readonly groupId: string; readonly topic: string } | null = null;
  /** What the broker calls who is in the group now; the recorded one called it something else. */
  #member: { readonly memberId: string; readonly generationId: number } | null = null;

  constructor(readonly server: MemoryBroker, readonly client: MemoryClient) {}

  async say(frame: Uint8Array): Promise<void> {
    const { api, version, header, request } = decoded(frame);
    const { runtime } = this.server;
    const isRenamed = this.#member !== null && this.#rename(request);
    const chunks = isRenamed
      ? encodeRequestFrame(api, version, header.correlationId, header.clientId, request)
      : [lengthOf(frame), frame];
    const payload = await runtime.until(this.client.exchange(chunks));
    const reader = new Reader(payload);
    wireCodec(responseHeader, responseHeaderVersion(api, version)).read(reader);
    const response = codecFor(api, version).decodeResponse(reader) as Fields;
    expect({ api: api.name, version, left: reader.remaining }).toEqual({ api: api.name, version, left: 0 });
    const errors = codesIn(response).filter((code) => code !== ErrorCode.NONE && !passing[api.name]?.includes(code));
    expect({ api: api.name, version, errors: errors.map(errorName) }).toEqual({ api: api.name, version, errors: [] });
    this.#learn(api.name, request, response);
    await runtime.advance(100); // what a coordinator loads, it loads meanwhile
  }

  /** Puts the names of this broker where those of the recorded one are. Whether there were any. */
  #rename(fields: Fields): boolean {
    let isRenamed = false;
    for (const [name, value] of Object.entries(fields)) {
      if (name === "memberId" && value !== "") {
        fields[name] = this.#member!.memberId;
        isRenamed = true;
      } else if (/^generationId/.test(name) && (value as number) >= 0) {
        fields[name] = this.#member!.generationId;
        isRenamed = true;
      } else if (Array.isArray(value)) {
        for (const inner of value) {
          if (typeof inner === "object" && inner !== null) isRenamed = this.#rename(inner) || isRenamed;
        }
      }
    }
    return isRenamed;
  }

  /** Where the group goes on that was last committed for. */
  async committed(): Promise<number> {
    const { groupId, topic } = this.#commit!;
    const asked = { groupId, topics: [{ name: topic, partitionIndexes: [0] }] };
    return (await this.client.send(offsetFetch, 5, asked)).topics[0]!.partitions[0]!.committedOffset;
  }

  #learn(api: string, request: Fields, response: Fields): void {
    if (api === "OffsetCommit") {
      const [topic] = request["topics"] as { readonly name: string }[];
      this.#commit = { groupId: request["groupId"] as string, topic: topic!.name };
    }
    if (api === "JoinGroup") this.#member = response as unknown as { memberId: string; generationId: number };
    for (const partition of partitionsOf(response)) {
      if (api === "Fetch") {
        for (const text of textsOf(partition["records"] as Uint8Array | null)) this.read.add(text);
      }
    }
  }
}

function lengthOf(frame: Uint8Array): Uint8Array {
  const length = new Uint8Array(4);
  new DataView(length.buffer).setInt32(0, frame.length);
  return length;
}

function partitionsOf(response: Fields): Fields[] {
  const topics = (response["topics"] ?? response["responses"] ?? []) as Fields[];
  return topics.flatMap((topic) => (topic["partitions"] ?? []) as Fields[]);
}

/** All error codes of an answer. */
function codesIn(value: unknown): number[] {
  if (value instanceof Uint8Array || value === null || typeof value !== "object") return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    /errorCode$/i.test(name) ? [inner as number] : codesIn(inner)
  );
}

/** "key:value" of what was fetched, in batches or in a message set. */
function textsOf(records: Uint8Array | null): string[] {
  if (records === null || records.length === 0) return [];
  const text = (bytes: Uint8Array | null) => bytes === null ? "" : new TextDecoder().decode(bytes);
  const isBatch = records[16] === 2;
  const found = isBatch
    ? [...batches(records)].flatMap((batch) => [...decodeRecords(batch)])
    : [...unpackedMessages(records, { sizeBytesMax: 1_000_000 })].map(({ message }) => message);
  return found.map(({ key, value }) => `${text(key)}:${text(value)}`);
}
