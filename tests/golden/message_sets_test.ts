/**
 * Message sets beside Kafka 3.9, the last that knew them: sets that its builder made, with the batch that its validator made
 * of them; batches, with the set that it converted them to (`message_sets/MessageSets.java`). Bytes are compared as they are,
 * but for what is compressed, which is compared by what is inside.
 */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { batches, BatchView } from "../../protocol/batch.ts";
import { Compression, type CompressionName } from "../../protocol/compression.ts";
import { messages, MessageSetWriter, unpackedMessages } from "../../protocol/message_set.ts";
import { plainRecordBytes } from "../../protocol/record.ts";
import { downConvert } from "../../server/partitions/down_conversion.ts";
import { checkMessageSet } from "../../server/partitions/message_set_check.ts";
import { joined } from "../../protocol/bytes.ts";
import { bytesFromHex, hexOf } from "./vectors.ts";

interface UpVector {
  readonly kind: "up";
  readonly magic: 0 | 1;
  readonly codec: CompressionName;
  readonly target: CompressionName;
  readonly timestampType: "CreateTime" | "LogAppendTime";
  readonly firstOffset: number;
  readonly set: string;
  readonly batch: string;
}

interface DownVector {
  readonly kind: "down";
  readonly name: string;
  readonly magic: 0 | 1;
  readonly fromOffset: number;
  readonly batches: string;
  readonly set: string;
}

const NOW_MS = 1_700_000_000_000;
const SIZE_BYTES_MAX = 1_000_000;
const text = readFileSync(new URL("./message_sets/vectors.jsonl", import.meta.url), "utf8");
const vectors = text.trimEnd().split("\n").map((line) => JSON.parse(line) as UpVector | DownVector);

describe("message sets become the batches that Kafka makes of them", () => {
  for (const vector of vectors.filter(({ kind }) => kind === "up") as UpVector[]) {
    const { magic, codec, target, timestampType, firstOffset } = vector;
    test(`format ${magic}, ${codec} from ${firstOffset} to ${target}, ${timestampType}`, () => {
      const check = checkMessageSet(bytesFromHex(vector.set), {
        maxMessageBytes: 1_048_588,
        segmentBytes: 1_073_741_824,
        isCompacted: false,
        compressionType: target === codec ? "producer" : target === "none" ? "uncompressed" : target,
        timestampType,
        timestampBeforeMaxMs: Number.MAX_SAFE_INTEGER,
        timestampAfterMaxMs: Number.MAX_SAFE_INTEGER,
      }, { apiVersion: 2, nowMs: NOW_MS });
      if (check.kind !== "ok") throw new Error(`The set was not taken: ${JSON.stringify(check)}`);
      const batch = new BatchView(check.records);
      if (timestampType === "LogAppendTime") batch.stampLogAppendTime(NOW_MS); // as the log does
      expect(comparable(batch)).toEqual(comparable(new BatchView(bytesFromHex(vector.batch))));
    });
  }
});

describe("batches become the message sets that Kafka makes of them", () => {
  for (const vector of vectors.filter(({ kind }) => kind === "down") as DownVector[]) {
    const given = bytesFromHex(vector.batches);
    const codecs = [...batches(given)].map(({ compression }) => compression);
    test(`${vector.name} of codec ${codecs.join(", ")}, from ${vector.fromOffset}, format ${vector.magic}`, () => {
      const pieces: Uint8Array[] = [];
      const { magic, fromOffset } = vector;
      for (const piece of downConvert([given], { magic, fromOffset, room: { leftBytes: SIZE_BYTES_MAX } })) {
        pieces.push(piece.bytes);
      }
      const [ours, theirs] = [joined(pieces), bytesFromHex(vector.set)];
      if (codecs.every((codec) => codec === Compression.none)) return expect(hexOf(ours)).toBe(hexOf(theirs));
      // Kafka gives the whole of a compressed batch, whatever was asked for.
      expect(insideOf(ours)).toEqual(insideOf(theirs).filter(({ offset }) => offset >= fromOffset));
    });
  }
});

test("sets of Kafka's builder are read, and written as they were", () => {
  for (const { magic, codec, firstOffset, set } of vectors.filter(({ kind }) => kind === "up") as UpVector[]) {
    const bytes = bytesFromHex(set);
    const writer = new MessageSetWriter({ magic, compression: Compression[codec], timestampType: "createTime" });
    for (const { offset, timestamp, message } of unpackedMessages(bytes, { sizeBytesMax: SIZE_BYTES_MAX })) {
      expect(message.isCrcValid()).toBe(true);
      const { key, value } = message;
      writer.append({ offset, timestamp, key, value });
    }
    const again = writer.finish();
    if (codec === "none") expect(hexOf(again)).toBe(set);
    const [ours, theirs] = [insideOf(again), insideOf(bytes)];
    expect(ours).toEqual(theirs);
    expect(ours[0]!.offset).toBe(firstOffset);
    // The wrapper itself, but for what is packed in it.
    const outsideOf = ([first]: Iterable<ReturnType<typeof shown>>) => first;
    const [mine, other] = [again, bytes].map((all) => outsideOf([...messages(all)].map((one) => shown(one))));
    expect({ ...mine, value: null }).toEqual({ ...other, value: null });
  }
});

/** A batch in parts: what a codec made is unpacked, and what follows from its length is left out. */
function comparable(batch: BatchView): unknown {
  expect(batch.isCrcValid()).toBe(true);
  return {
    attributes: batch.attributes,
    header: hexOf(batch.wholeBytes.subarray(23, 61)),
    records: hexOf(plainRecordBytes(batch, SIZE_BYTES_MAX)),
    offsets: [batch.baseOffset, batch.partitionLeaderEpoch],
  };
}

function insideOf(set: Uint8Array) {
  return Array.from(
    unpackedMessages(set, { sizeBytesMax: SIZE_BYTES_MAX }),
    ({ offset, timestamp, message }) => ({ ...shown(message), offset, timestamp }),
  );
}

function shown(message: { readonly offset: number; readonly timestamp: number; readonly magic: number } & Packed) {
  const { offset, timestamp, magic, compression, timestampType, key, value } = message;
  const hex = (bytes: Uint8Array | null) => bytes === null ? null : hexOf(bytes);
  return { offset, timestamp, magic, compression, timestampType, key: hex(key), value: hex(value) };
}

interface Packed {
  readonly compression: number;
  readonly timestampType: string;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
}
