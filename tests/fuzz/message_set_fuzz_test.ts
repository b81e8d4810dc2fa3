/**
 * Message sets made of damaged bytes, and batches turned into them: whatever comes is refused or becomes a sound batch, and
 * what a client of old gets is what is in the log.
 *
 *     SEED=123 bun test tests/fuzz/message_set_fuzz_test.ts        the run that failed, again
 *     ROUNDS=1000000 bun test tests/fuzz/message_set_fuzz_test.ts  a long one
 */
import { describe, expect } from "bun:test";
import { BatchView, MalformedBatch } from "../../protocol/batch.ts";
import { joined } from "../../protocol/bytes.ts";
import { Compression } from "../../protocol/compression.ts";
import { crc32 } from "../../protocol/crc32.ts";
import { type MessageMagic, messages, MessageSetWriter, unpackedMessages } from "../../protocol/message_set.ts";
import { decodeRecords, encodeBatch, encodeControlBatch } from "../../protocol/record.ts";
import { downConvert } from "../../server/partitions/down_conversion.ts";
import { checkMessageSet } from "../../server/partitions/message_set_check.ts";
import type { Chance } from "./damage.ts";
import { roundsOf } from "./rounds.ts";

const eachRound = roundsOf("message set", 600);
const SIZE_BYTES_MAX = 200_000;
const oldCodecs = [Compression.none, Compression.gzip, Compression.snappy, Compression.lz4] as const;

const randomBytes = (chance: Chance) => chance.below(4) === 0 ? null : chance.bytes(chance.below(60));

function randomSet(chance: Chance): Uint8Array {
  const magic = chance.below(2) as MessageMagic;
  const writer = new MessageSetWriter({ magic, compression: chance.pick(oldCodecs), timestampType: "createTime" });
  for (let offset = chance.below(3), count = 1 + chance.below(5); count > 0; count--, offset++) {
    writer.append({ offset, timestamp: chance.below(2 ** 41), key: randomBytes(chance), value: randomBytes(chance) });
  }
  return writer.finish();
}

/** Makes the checksums right where there are messages, so that what is behind them is reached. */
function withChecksums(set: Uint8Array): Uint8Array {
  try {
    for (const { bytes, at, sizeBytes } of messages(set)) {
      new DataView(bytes.buffer, bytes.byteOffset).setUint32(at + 12, crc32(bytes, at + 16, at + sizeBytes));
    }
  } catch (error) {
    if (!(error instanceof MalformedBatch)) throw error;
  }
  return set;
}

function randomBatch(chance: Chance, baseOffset: number): Uint8Array {
  const records = Array.from({ length: 1 + chance.below(8) }, () => ({
    key: randomBytes(chance),
    value: randomBytes(chance),
    timestamp: chance.below(2) === 0 ? -1 : chance.below(2 ** 41),
    headers: chance.below(3) === 0 ? [{ key: "h", value: randomBytes(chance) }] : [],
  }));
  const logAppendTime = chance.below(4) === 0 ? { logAppendTime: 1_700_000_000_000 } : {};
  return encodeBatch({ records, baseOffset, compression: chance.pick(oldCodecs), ...logAppendTime });
}

describe("damaged message sets", () => {
  eachRound("end in messages or MalformedBatch", (chance) => {
    const bytes = chance.damage(randomSet(chance), randomSet(chance));
    try {
      let count = 0;
      for (const { message } of unpackedMessages(bytes, { sizeBytesMax: SIZE_BYTES_MAX })) {
        message.isCrcValid();
        count += (message.key?.length ?? 0) + (message.value?.length ?? 0);
      }
      expect(count).toBeLessThan(SIZE_BYTES_MAX + bytes.length);
    } catch (error) {
      if (!(error instanceof MalformedBatch)) throw error;
    }
  });

  eachRound("are refused, or become a batch that can be read", (chance) => {
    const isDamaged = chance.below(4) > 0;
    const whole = joined(Array.from({ length: 1 + chance.below(2) }, () => randomSet(chance)));
    const damaged = isDamaged ? chance.damage(whole, randomSet(chance)) : whole;
    const bytes = chance.below(3) === 0 ? damaged : withChecksums(damaged);
    const check = checkMessageSet(bytes, {
      maxMessageBytes: 100_000,
      segmentBytes: 1_000_000,
      isCompacted: chance.below(5) === 0,
      compressionType: chance.pick(["producer", "producer", "gzip", "uncompressed"]),
      timestampType: "CreateTime",
      timestampBeforeMaxMs: Number.MAX_SAFE_INTEGER,
      timestampAfterMaxMs: Number.MAX_SAFE_INTEGER,
    }, { apiVersion: chance.below(3), nowMs: 0 });
    if (check.kind !== "ok") return;
    const batch = new BatchView(check.records);
    expect([batch.isCrcValid(), batch.sizeBytes]).toEqual([true, check.records.length]);
    expect([...decodeRecords(batch)].length).toBe(batch.recordCount);
  });
});

describe("batches for a client of old", () => {
  eachRound("hold what is in the log from the offset on, whatever the room", (chance) => {
    const chunks: Uint8Array[] = [];
    let offset = chance.below(5);
    const expected: unknown[] = [];
    const fromOffset = offset + chance.below(10);
    for (let count = 1 + chance.below(4); count > 0; count--) {
      const isMarker = chance.below(4) === 0;
      const bytes = isMarker
        ? encodeControlBatch({
          kind: "abort",
          producerId: 1,
          producerEpoch: 0,
          coordinatorEpoch: 0,
          timestamp: 1,
          baseOffset: offset,
        })
        : randomBatch(chance, offset);
      chunks.push(bytes);
      const batch = new BatchView(bytes);
      if (!isMarker) {
        expected.push(...[...decodeRecords(batch)].filter((record) => record.offset >= fromOffset).map(shown));
      }
      offset = batch.nextOffset + chance.below(3);
    }
    const magic = chance.below(2) as MessageMagic;
    const found: unknown[] = [];
    // As a client does it: the next fetch begins where the last piece ended.
    for (let next = fromOffset, isEnd = false; !isEnd;) {
      const room = { leftBytes: chance.below(300) };
      const pieces = downConvert(chunks, { magic, fromOffset: next, room });
      isEnd = true;
      for (const piece of pieces) {
        for (const { offset, timestamp, message } of unpackedMessages(piece.bytes, { sizeBytesMax: SIZE_BYTES_MAX })) {
          expect([message.magic, message.isCrcValid()]).toEqual([magic, true]);
          found.push(shown({ offset, timestamp, key: message.key, value: message.value }));
        }
        next = piece.nextOffset;
        room.leftBytes -= piece.bytes.length;
        if (room.leftBytes <= 0 && piece.bytes.length > 0) {
          isEnd = false;
          break;
        }
      }
    }
    const wanted = magic === 1 ? expected : expected.map((record) => ({ ...record as object, timestamp: -1 }));
    expect(found).toEqual(wanted);
  });

  eachRound("that are damaged end in an error, not in an exception", (chance) => {
    const bytes = randomBatch(chance, 3);
    const inside = chance.damage(bytes.subarray(61), bytes);
    const damaged = joined([bytes.subarray(0, 61), inside]);
    new DataView(damaged.buffer).setInt32(8, damaged.length - 12);
    new BatchView(damaged).stampCrc();
    const pieces = downConvert([damaged], { magic: 1, fromOffset: 3, room: { leftBytes: SIZE_BYTES_MAX } });
    while (!pieces.next().done);
  });
});

function shown({ offset, timestamp, key, value }: {
  readonly offset: number;
  readonly timestamp: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
}) {
  return { offset, timestamp, key: key && [...key], value: value && [...value] };
}
