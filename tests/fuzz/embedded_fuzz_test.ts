/**
 * Bytes inside bytes, damaged: keys and values of the offsets log and the transactions log, what members of a group send
 * each other, records and snapshots of the cluster's metadata. Each ends in a value or in the error that its decoder names, makes no more elements
 * than there were bytes, and what was decoded encodes to bytes that decode to the same.
 *
 *     SEED=123 bun test tests/fuzz/embedded_fuzz_test.ts        the run that failed, again
 *     ROUNDS=1000000 bun test tests/fuzz/embedded_fuzz_test.ts  a long one
 */
import { describe, expect } from "bun:test";
import { batches, BatchView, MalformedBatch } from "../../protocol/batch.ts";
import {
  decodeMetadataRecord,
  encodeMetadataRecord,
  type MetadataRecordKind,
  metadataRecords,
} from "../../protocol/embedded/cluster_metadata.ts";
import { consumerGroupRecords } from "../../protocol/embedded/consumer_group_log.ts";
import { CoordinatorLogCodec, type RecordKinds } from "../../protocol/embedded/coordinator_log.ts";
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from "../../protocol/embedded/consumer_protocol.ts";
import {
  decodeGroupMetadataValue,
  decodeOffsetCommitValue,
  decodeOffsetsLogKey,
  encodeGroupMetadataKey,
  encodeGroupMetadataValue,
  encodeOffsetCommitKey,
  encodeOffsetCommitValue,
} from "../../protocol/embedded/offsets_log.ts";
import { streamsGroupRecords } from "../../protocol/embedded/streams_group_log.ts";
import { shareGroupRecords } from "../../protocol/embedded/share_group_log.ts";
import { shareStateRecords } from "../../protocol/embedded/share_state_log.ts";
import {
  decodeTransactionLogValue,
  decodeTransactionsLogKey,
  encodeTransactionLogKey,
  encodeTransactionLogValue,
} from "../../protocol/embedded/transactions_log.ts";
import { EncodeError, MalformedFrame } from "../../protocol/wire.ts";
import { CorruptMetadata } from "../../server/cluster/image.ts";
import { decodeSnapshot, encodeSnapshot } from "../../server/cluster/metadata_snapshot.ts";
import { groupOfRecord, offsetOfRecord } from "../../server/groups/records.ts";
import { transactionOfRecord } from "../../server/transactions/records.ts";
import vectors from "../golden/java_embedded/vectors.json" with { type: "json" };
import { bytesFromHex, hexOf } from "../golden/vectors.ts";
import { elementsIn } from "./damage.ts";
import { roundsOf } from "./rounds.ts";

const eachRound = roundsOf("embedded", 2_000);

/** Decodes, and encodes what came of it; what cannot be encoded again gives null. */
type Target = (bytes: Uint8Array) => { readonly value: unknown; readonly encode: (() => Uint8Array) | null };

const versionOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset).getInt16(0);

const targets: Readonly<Record<string, { readonly seeds: RegExp; readonly decode: Target }>> = {
  "a key of the offsets log": {
    seeds: /^(?:OffsetCommit|GroupMetadata)Key$/,
    decode: (bytes) => {
      const key = decodeOffsetsLogKey(bytes);
      if (key.kind === "other") return { value: key, encode: null };
      return {
        value: key,
        encode: () => key.kind === "offset" ? encodeOffsetCommitKey(key) : encodeGroupMetadataKey(key),
      };
    },
  },
  "a committed offset": {
    seeds: /^OffsetCommitValue$/,
    decode: (bytes) => {
      const value = decodeOffsetCommitValue(bytes);
      offsetOfRecord(bytes);
      return { value, encode: () => encodeOffsetCommitValue(value, versionOf(bytes)) };
    },
  },
  "the state of a group": {
    seeds: /^GroupMetadataValue$/,
    decode: (bytes) => {
      const value = decodeGroupMetadataValue(bytes);
      groupOfRecord(bytes);
      return { value, encode: () => encodeGroupMetadataValue(value, versionOf(bytes)) };
    },
  },
  ...logTargets("a key of a consumer group", consumerGroupRecords),
  ...logTargets("a key of a streams group", streamsGroupRecords),
  ...logTargets("a key of a share group", shareGroupRecords),
  ...logTargets("a key of a share partition's state", shareStateRecords),
  "a key of the transactions log": {
    seeds: /^TransactionLogKey$/,
    decode: (bytes) => {
      const key = decodeTransactionsLogKey(bytes);
      return { value: key, encode: key.kind === "other" ? null : () => encodeTransactionLogKey(key) };
    },
  },
  "the state of a transactional id": {
    seeds: /^TransactionLogValue$/,
    decode: (bytes) => {
      const value = decodeTransactionLogValue(bytes);
      if (value.transactionStatus >= 0 && value.transactionStatus <= 5) transactionOfRecord(bytes);
      return { value, encode: () => encodeTransactionLogValue(value, versionOf(bytes)) };
    },
  },
  "a subscription": {
    seeds: /^ConsumerProtocolSubscription$/,
    decode: (bytes) => {
      const value = decodeSubscription(bytes);
      return { value, encode: () => encodeSubscription(value, Math.min(3, versionOf(bytes))) };
    },
  },
  "an assignment": {
    seeds: /^ConsumerProtocolAssignment$/,
    decode: (bytes) => {
      const value = decodeAssignment(bytes);
      return { value, encode: () => encodeAssignment(value, bytes.length === 0 ? 3 : Math.min(3, versionOf(bytes))) };
    },
  },
  "a record of the cluster's metadata": {
    seeds: new RegExp(`^(?:${Object.keys(metadataRecords).join("|")})$`),
    decode: (bytes) => {
      const record = decodeMetadataRecord(bytes);
      if (record.kind === "other") return { value: record, encode: null };
      const { kind, value, version } = record as { kind: MetadataRecordKind; value: never; version: number };
      return { value, encode: () => encodeMetadataRecord(kind, value, version) };
    },
  },
};

function logTargets(
  what: string,
  kinds: RecordKinds,
): Record<string, { readonly seeds: RegExp; readonly decode: Target }> {
  const log = new CoordinatorLogCodec(kinds);
  const keys = Object.values(kinds).map(({ key }) => key.name).join("|");
  const decodeKey: Target = (bytes) => {
    const key = log.decodeKey(bytes);
    return { value: key, encode: key === null ? null : () => log.encodeKey(key.kind, key) };
  };
  return Object.fromEntries([
    [what, { seeds: new RegExp(`^(?:${keys})$`), decode: decodeKey }],
    ...Object.entries(kinds).map(([kind, { value: { name } }]) => {
      const decode: Target = (bytes) => {
        const value = log.decodeValue(kind, bytes);
        return { value, encode: () => log.encodeValue(kind, value) };
      };
      return [`a value of ${name}`, { seeds: new RegExp(`^${name}$`), decode }] as const;
    }),
  ]);
}

const corpus = vectors.messages.map(({ name, hex }) => ({ name, bytes: bytesFromHex(hex) }));

describe("damaged bytes of", () => {
  for (const [what, { seeds, decode }] of Object.entries(targets)) {
    const own = corpus.filter(({ name }) => seeds.test(name));

    let valueCount = 0;
    eachRound(`${what} end in a value or MalformedFrame`, (chance) => {
      // Now and then another message's bytes: right lengths in the wrong places. Or any bytes.
      const from = chance.pick(chance.below(8) === 0 ? corpus : own).bytes;
      const bytes = chance.below(20) === 0
        ? chance.bytes(chance.below(60))
        : chance.damage(from, chance.pick(corpus).bytes);
      try {
        if (isReadable(decode, bytes)) valueCount++;
      } catch (error) {
        throw new Error(`${what} ${hexOf(bytes)}`, { cause: error });
      }
    }, (rounds) => expect(own.length > 0 && (rounds <= 100 || valueCount > rounds / 50)).toBe(true));
  }

  const snapshot = encodeSnapshot([
    { kind: "topic", name: "events", topicId: "AQIDBAUGBwgJCgsMDQ4PEA" },
    { kind: "config", resourceType: 2, resourceName: "events", name: "retention.ms", value: "1" },
    {
      kind: "scramCredential",
      name: "ann",
      mechanism: 1,
      salt: Uint8Array.of(1, 2, 3),
      storedKey: new Uint8Array(32).fill(4),
      serverKey: new Uint8Array(32).fill(5),
      iterations: 4096,
    },
    { kind: "producerIds", nextProducerId: 1_000 },
  ], 1_700_000_000_000);
  eachRound("a snapshot of the metadata end in records or the reason why not", (chance) => {
    const bytes = chance.damage(snapshot, chance.pick(corpus).bytes);
    if (chance.below(2) === 0) stampEveryBatch(bytes); // damage that a checksum vouches for
    try {
      expect(elementsIn(decodeSnapshot(bytes)) <= bytes.length).toBe(true);
    } catch (error) {
      if (error instanceof MalformedBatch || error instanceof MalformedFrame) return;
      if (!(error instanceof CorruptMetadata)) throw new Error(`snapshot ${hexOf(bytes)}`, { cause: error });
    }
  });
});

/** Whether the bytes had a value. Throws when the decoder fails in a way it does not name. */
function isReadable(decode: Target, bytes: Uint8Array): boolean {
  let found: ReturnType<Target>;
  try {
    found = decode(bytes);
  } catch (error) {
    if (error instanceof MalformedFrame) return false;
    throw error;
  }
  const count = elementsIn(found.value);
  if (count > bytes.length) throw new Error(`more elements than bytes: ${count}`);
  if (found.encode === null) return true;
  let encoded: Uint8Array;
  try {
    encoded = found.encode();
  } catch (error) {
    // Bytes that are no UTF-8 decode to U+FFFD, which takes three bytes each, and so can outgrow a string.
    if (error instanceof EncodeError && error.message.includes("Cannot encode a string of")) return true;
    throw error;
  }
  const again = decode(encoded).encode!();
  if (hexOf(again) !== hexOf(encoded)) throw new Error(`not stable: ${hexOf(encoded)}`);
  return true;
}

function stampEveryBatch(bytes: Uint8Array): void {
  try {
    for (const batch of batches(bytes)) new BatchView(bytes, batch.at).stampCrc();
  } catch (error) {
    if (!(error instanceof MalformedBatch)) throw error;
  }
}
