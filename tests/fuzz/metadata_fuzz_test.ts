/**
 * The cluster's metadata under random requests and random bytes: what a plan allows can be applied, kept in a snapshot and read
 * back; what it refuses changes nothing. A log of metadata is a history or is called corrupt, however it was damaged; and what
 * Kafka's controllers wrote of how they vote is carried on as it was.
 *
 *     SEED=123 ROUNDS=1 bun test tests/fuzz/metadata_fuzz_test.ts   the run that failed, again
 */
import { describe, expect } from "bun:test";
import { joined } from "../../protocol/bytes.ts";
import { batches, MalformedBatch } from "../../protocol/batch.ts";
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import { encodeBatch, type RecordDraft } from "../../protocol/record.ts";
import { MalformedFrame } from "../../protocol/wire.ts";
import { createMemoryRuntime } from "../../runtime/memory.ts";
import { encodeClientQuota } from "../../server/cluster/client_quota_record.ts";
import { initialFeatures, planFeatureUpdates } from "../../server/cluster/feature_plans.ts";
import { CorruptMetadata, MetadataImage } from "../../server/cluster/image.ts";
import { type ControlRecord, KraftVoters } from "../../server/cluster/kraft_voters.ts";
import { MetadataReplay } from "../../server/cluster/metadata_replay.ts";
import {
  decodeSnapshot,
  encodeSnapshot,
  listSnapshots,
  readSnapshot,
  writeSnapshot,
} from "../../server/cluster/metadata_snapshot.ts";
import { planned } from "../../server/cluster/planned.ts";
import { decodeMetadataRecord, encodeMetadataRecord, type MetadataRecord } from "../../server/cluster/records.ts";
import {
  checkTopicName,
  planNewEpochs,
  planOrphans,
  planPartitions,
  planTopic,
  refuseManyMorePartitions,
  refuseManyPartitions,
} from "../../server/cluster/topic_plans.ts";
import { KRAFT_VERSION, supportedFeatures } from "../../server/features.ts";
import embedded from "../golden/java_embedded/vectors.json" with { type: "json" };
import { bytesFromHex } from "../golden/vectors.ts";
import type { Chance } from "./damage.ts";
import { roundsOf } from "./rounds.ts";

const eachRound = roundsOf("metadata", 300);

describe("how Kafka's controllers vote", () => {
  /** Types of control records: the leader's change and the snapshot's bounds are not about it, 5 and 6 are, others are not known. */
  const types = [2, 3, 4, 5, 5, 6, 6, 7];

  function controlRecord(chance: Chance, type: number): RecordDraft {
    const key = Uint8Array.of(0, 0, 0, type).subarray(0, chance.below(8) === 0 ? chance.below(4) : 4);
    return {
      key: chance.below(12) === 0 ? null : key,
      value: chance.below(8) === 0 ? null : chance.bytes(chance.below(12)),
    };
  }

  eachRound("is what they said last, before and after a snapshot of ours", (chance) => {
    const voters = new KraftVoters();
    const expected = new Map<number, ControlRecord>();
    const log: Uint8Array[] = [];
    for (let count = chance.below(8); count > 0; count--) {
      const records = Array.from({ length: 1 + chance.below(2) }, () => controlRecord(chance, chance.pick(types)));
      for (const { key = null, value = null } of records) {
        if (key?.length !== 4 || value === null || (key[3] !== 5 && key[3] !== 6)) continue;
        expected.set(key[3], { key, value });
      }
      log.push(encodeBatch({ records, isControl: true }));
      if (chance.below(2) === 0) log.push(encodeBatch({ records: [{ value: chance.bytes(9) }] })); // no control batch
    }
    for (const batch of batches(joined(log))) if (batch.isControl) voters.note(batch);
    const inOrder = [...expected].sort(([one], [other]) => one - other).map(([, record]) => record);
    expect(voters.records()).toEqual(inOrder);
    const version = expected.get(5)?.value;
    expect(voters.kraftVersion).toBe(
      version === undefined || version.length < 4 ? null : new DataView(version.buffer, version.byteOffset).getInt16(2),
    );

    const again = new KraftVoters();
    again.noteAll(encodeSnapshot([{ kind: "producerIds", nextProducerId: 1 }], 0, voters.records()));
    expect(again.records()).toEqual(inOrder);
  });

  eachRound("is read from damaged bytes, or they are said to be damaged", (chance) => {
    const records = [controlRecord(chance, 5), controlRecord(chance, 6)];
    const snapshot = encodeBatch({ records, isControl: true });
    const voters = new KraftVoters();
    try {
      voters.noteAll(chance.damage(snapshot, snapshot));
    } catch (error) {
      if (!(error instanceof MalformedBatch) && !(error instanceof MalformedFrame)) throw error;
    }
    expect(voters.records().length).toBeLessThanOrEqual(2);
    expect(voters.kraftVersion === null || Number.isInteger(voters.kraftVersion)).toBe(true);
  });
});

describe("levels of features", () => {
  const names = [...supportedFeatures.map(({ name }) => name), "", "constructor", "metadata.versions"];
  const levels = [-32_768, -1, 0, 0, 1, 1, 2, 3, 7, 8, 15, 22, 23, 24, 32, 33, 34, 32_767];

  eachRound("are changed all together to what this version knows, or not at all", (chance) => {
    const image = new MetadataImage();
    image.apply(initialFeatures());
    const kraftVersion = chance.below(2);
    for (let step = 0; step < 10; step++) {
      const before = new Map([...image.features(), [KRAFT_VERSION, kraftVersion]]);
      const updates = Array.from({ length: chance.below(4) }, () => ({
        name: chance.pick(names),
        level: chance.pick(levels),
        upgradeType: chance.pick([0, 1, 1, 2, 3, 3, 4, -1]),
      }));
      let records: MetadataRecord[];
      try {
        records = planFeatureUpdates(before, updates, 1);
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        expect(error.code).toBe(ErrorCode.INVALID_UPDATE_VERSION);
        expect(error.message).toMatch(
          /^The update failed for all features since the following feature had an error: \S/,
        );
        expect(updates.length).toBeGreaterThan(0);
        continue;
      }
      image.apply(records);
      for (const { name, level, upgradeType } of updates) {
        const { minVersion, maxVersion } = supportedFeatures.find((feature) => feature.name === name)!;
        expect(level >= minVersion && level <= maxVersion).toBe(true);
        expect(level >= before.get(name)! || upgradeType > 1).toBe(true);
        if (name === KRAFT_VERSION) expect(level).toBe(kraftVersion); // it is not ours to change
      }
      for (const [name, level] of image.features()) {
        const asked = updates.findLast((update) => update.name === name);
        expect(level).toBe(asked?.level ?? before.get(name)!);
      }
    }
  });
});

describe("topics", () => {
  const names = [
    "a",
    "b",
    "a.b",
    "a_b",
    "..",
    "",
    "a b",
    "é",
    "x".repeat(250),
    "__consumer_offsets",
    "__cluster_metadata",
  ];
  const counts = [-2, -1, 0, 1, 2, 3, 10_001, 2_147_483_647];
  const brokerIds = [1, 2, 3];

  const replicas = (chance: Chance) => Array.from({ length: chance.below(4) }, () => chance.pick([1, 2, 3, 4, -1]));

  eachRound("are planned as they can be applied, or refused; and come back from a snapshot", (chance) => {
    const image = new MetadataImage();
    let idCount = 0;
    const context = {
      brokerIds: chance.pick([brokerIds, [1], []]),
      defaultPartitionCount: 1,
      defaultReplicationFactor: 1,
      newTopicId: () => `${String(++idCount).padStart(21, "A")}A`,
      checkConfigs: (configs: ReadonlyMap<string, string>) => {
        if (configs.has("nonsense")) throw new ProtocolError(ErrorCode.INVALID_CONFIG);
      },
    };
    for (let step = 0; step < 12; step++) {
      const name = chance.pick(names);
      const before = image.topic(name);
      const count = chance.pick(counts);
      if (chance.below(3) > 0) {
        const request = {
          name,
          partitionCount: count,
          replicationFactor: chance.pick([-2, -1, -1, 0, 1, 2, 32_767]),
          assignments: chance.below(3) > 0 ? [] : Array.from({ length: chance.below(4) }, (_, index) => ({
            partitionIndex: chance.pick([index, index, index, 0, -1, 7]),
            brokerIds: replicas(chance),
          })),
          configs: new Map(chance.below(3) > 0 ? [] : [["retention.ms", "1"], [chance.pick(["x", "nonsense"]), "1"]]),
        };
        const { records, error } = planned(name, () => {
          refuseManyPartitions([request], context.defaultPartitionCount);
          return planTopic(image, request, context);
        });
        expect(records.length === 0).toBe(error !== null);
        image.apply(records);
        expect(image.topic(name) !== undefined).toBe(before !== undefined || error === null);
        if (error === null) checkTopicName(name); // throws
      } else {
        const request = {
          name,
          count,
          assignments: chance.below(2) === 0 ? null : Array.from({ length: chance.below(4) }, () => replicas(chance)),
        };
        const { records, error } = planned(name, () => {
          refuseManyMorePartitions(image, [request]);
          return planPartitions(image, request, context);
        });
        image.apply(records);
        const wanted = error === null ? count : before?.partitions.length;
        expect(image.topic(name)?.partitions.length).toBe(wanted!);
      }
      // What starts do.
      if (chance.below(4) === 0) image.apply(planNewEpochs(image.topics()));
      if (chance.below(4) === 0) image.apply(planOrphans(image.topics(), chance.pick([1, 2, 9])));
      for (const { partitions } of image.topics()) {
        partitions.forEach(({ index, leaderId, replicas, isr }, at) => {
          expect([index, replicas.length > 0, replicas.includes(leaderId)]).toEqual([at, true, true]);
          expect(isr.every((id) => replicas.includes(id)) && new Set(replicas).size === replicas.length).toBe(true);
        });
      }
    }
    expect(imageOf(decodeSnapshot(encodeSnapshot(image.records(), 0)))).toEqual(imageOf(image.records()));
  });

  function imageOf(records: Iterable<MetadataRecord>): MetadataRecord[] {
    const image = new MetadataImage();
    image.apply([...records]);
    return [...image.records()];
  }
});

describe("a log of metadata", () => {
  const corpus = embedded.messages.filter(({ name }) => /Record$/.test(name)).map(({ hex }) => bytesFromHex(hex));
  const uuids = ["AQIDBAUGBwgJCgsMDQ4PEA", "BQIDBAUGBwgJCgsMDQ4PEA"];
  const marks = [bytesFromHex("01170000"), bytesFromHex("01180000"), bytesFromHex("01190000")];

  /** Mostly what fits anywhere, so that histories become long; and what may make nonsense of one. */
  function anyRecord(chance: Chance): Uint8Array {
    switch (chance.below(20)) {
      case 0:
        return encodeMetadataRecord({ kind: "topic", name: chance.pick(["a", "b"]), topicId: chance.pick(uuids) });
      case 1:
        return encodeMetadataRecord({
          kind: "partition",
          partitionId: chance.pick([0, 0, 1, 2, -1]),
          topicId: chance.pick(uuids),
          leader: chance.pick([-1, 1]),
          leaderEpoch: 0,
          partitionEpoch: 0,
          replicas: [1],
          isr: [1],
        });
      case 2:
        return encodeMetadataRecord({ kind: "removeTopic", topicId: chance.pick(uuids) });
      case 3: {
        const bytes = chance.pick(corpus);
        return chance.below(2) === 0 ? chance.damage(bytes, chance.pick(corpus)) : bytes;
      }
      case 4:
      case 5:
      case 6:
        return encodeClientQuota({
          kind: "clientQuota",
          entity: new Map([["user", chance.pick([null, "ann"])]]),
          key: "producer_byte_rate",
          value: chance.pick([null, 1, NaN]),
        });
      case 7:
      case 8:
      case 9:
        return encodeMetadataRecord({ kind: "producerIds", nextProducerId: chance.below(9) * 1_000 });
      default:
        return chance.pick(marks);
    }
  }

  eachRound("is a history, or is said to be none; and no change counts by half", (chance) => {
    const applied: (readonly MetadataRecord[])[] = [];
    const image = new MetadataImage();
    const replay = new MetadataReplay((records) => {
      image.apply(records);
      applied.push(records);
    });
    const said: string[] = [];
    let isOpen = false;
    /** Ends nothing that was not begun: Kafka's controllers never do. */
    const isAllowed = (value: Uint8Array) => {
      const record = markOf(value);
      if ((record === "end" || record === "abort") && !isOpen) return false;
      if (record !== null) isOpen = record === "begin";
      return true;
    };
    try {
      for (let count = 1 + chance.below(10); count > 0; count--) {
        const values = Array.from({ length: 1 + chance.below(3) }, () => anyRecord(chance)).filter(isAllowed);
        if (values.length === 0) continue;
        replay.read([...batches(encodeBatch({ records: values.map((value) => ({ value })) }))][0]!);
        for (const value of values) {
          const record = decodeMetadataRecord(value);
          if (record !== null) said.push(typeof record === "string" ? record : record.kind);
        }
      }
    } catch (error) {
      if (error instanceof CorruptMetadata || error instanceof MalformedFrame) return;
      throw error;
    }
    expect(applied.flat().map(({ kind }) => kind as string)).toEqual(whole(said));
    expect(decodeSnapshot(encodeSnapshot(image.records(), 0)).length).toBe([...image.records()].length);
  });

  function markOf(value: Uint8Array): string | null {
    try {
      const record = decodeMetadataRecord(value);
      return typeof record === "string" ? record : null;
    } catch {
      return null; // whoever reads it will say so
    }
  }

  /** What counts of it: nothing between a beginning and an abortion, another beginning, or the end of all. */
  function whole(said: readonly string[]): string[] {
    const counting: string[] = [];
    let begun: string[] | null = null;
    for (const word of said) {
      if (word === "begin") begun = [];
      else if (word === "end" || word === "abort") {
        if (word === "end") counting.push(...begun ?? []);
        begun = null;
      } else (begun ?? counting).push(word);
    }
    return counting;
  }

  eachRound("has snapshots that are read as they were written, or not at all", (chance) => {
    const { files } = createMemoryRuntime();
    files.makeDirectory("/metadata");
    const records: MetadataRecord[] = [{ kind: "featureLevel", name: "group.version", featureLevel: chance.below(3) }];
    writeSnapshot(files, "/metadata", {
      endOffset: 1 + chance.below(1_000),
      epoch: chance.below(9),
      timestamp: 0,
      records,
      voting: [],
    });
    const [snapshot] = listSnapshots(files, "/metadata");
    const whole = files.readFile(snapshot!.path);
    const bytes = chance.damage(whole, whole);
    const handle = files.open(snapshot!.path, { create: false });
    handle.truncate(0);
    handle.write([bytes], 0);
    handle.close();
    try {
      expect(readSnapshot(files, snapshot!)).toBeDefined();
    } catch (error) {
      if (error instanceof MalformedBatch || error instanceof MalformedFrame || error instanceof CorruptMetadata) {
        return;
      }
      throw error;
    }
    // Bits outside of the checksum's reach say nothing about the records.
    expect(decodeSnapshot(bytes)).toEqual(records);
  });
});
