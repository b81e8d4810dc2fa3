/**
 * Reads a partition of `__consumer_offsets` back into what it says: the last word on every group and every offset, and the
 * offsets of transactions that have not ended.
 */
import type { BatchView } from "../../protocol/batch.ts";
import { consumerGroupLog } from "../../protocol/embedded/consumer_group_log.ts";
import { decodeOffsetsLogKey } from "../../protocol/embedded/offsets_log.ts";
import { shareGroupLog } from "../../protocol/embedded/share_group_log.ts";
import { streamsGroupLog } from "../../protocol/embedded/streams_group_log.ts";
import { decodeControlMarker, decodeRecords, type RecordView } from "../../protocol/record.ts";
import { MalformedFrame } from "../../protocol/wire.ts";
import type { PersistedGroup } from "./classic/state.ts";
import { StoredGroup } from "./consumer/records.ts";
import type { OffsetStore } from "./offset_store.ts";
import { groupOfRecord, offsetOfRecord } from "./records.ts";
import { StoredGroups } from "./modern/stored.ts";
import { StoredShareGroup } from "./share/records.ts";
import { StoredStreamsGroup } from "./streams/records.ts";
import type { TransactionalOffsets } from "./transactional_offsets.ts";

export interface LoadedPartition {
  readonly groups: ReadonlyMap<string, PersistedGroup>;
  readonly consumerGroups: ReadonlyMap<string, StoredGroup>;
  readonly shareGroups: ReadonlyMap<string, StoredShareGroup>;
  readonly streamsGroups: ReadonlyMap<string, StoredStreamsGroup>;
  readonly recordCount: number;
  /** Records of kinds or versions that this code does not know. */
  readonly skippedCount: number;
}

export async function loadPartition(
  batches: AsyncIterable<BatchView>,
  offsets: OffsetStore,
  transactional: TransactionalOffsets,
): Promise<LoadedPartition> {
  const loader = new Loader(offsets, transactional);
  for await (const batch of batches) loader.read(batch);
  return loader.finish();
}

class Loader {
  readonly #offsets: OffsetStore;
  readonly #transactional: TransactionalOffsets;
  /** A group is written often and decoded once: until the end only its last value is kept. */
  readonly #groupValues = new Map<string, Uint8Array>();
  readonly #consumers = new StoredGroups(consumerGroupLog, () => new StoredGroup());
  readonly #streams = new StoredGroups(streamsGroupLog, () => new StoredStreamsGroup());
  readonly #shares = new StoredGroups(shareGroupLog, () => new StoredShareGroup());
  #recordCount = 0;
  #skippedCount = 0;

  constructor(offsets: OffsetStore, transactional: TransactionalOffsets) {
    this.#offsets = offsets;
    this.#transactional = transactional;
  }

  read(batch: BatchView): void {
    for (const record of decodeRecords(batch)) {
      this.#recordCount++;
      try {
        if (batch.isControl) this.#endTransaction(batch.producerId, record);
        else this.#readRecord(record, batch.isTransactional ? batch.producerId : null);
      } catch (error) {
        if (!(error instanceof MalformedFrame)) throw error;
        this.#skippedCount++;
      }
    }
  }

  finish(): LoadedPartition {
    const groups = new Map<string, PersistedGroup>();
    for (const [groupId, value] of this.#groupValues) {
      try {
        groups.set(groupId, groupOfRecord(value));
      } catch (error) {
        if (!(error instanceof MalformedFrame)) throw error;
        this.#skippedCount++;
      }
    }
    return {
      groups,
      consumerGroups: this.#consumers.groups,
      streamsGroups: this.#streams.groups,
      shareGroups: this.#shares.groups,
      recordCount: this.#recordCount,
      skippedCount: this.#skippedCount,
    };
  }

  #readRecord(record: RecordView, producerId: number | null): void {
    if (record.key === null) return;
    const key = decodeOffsetsLogKey(record.key);
    if (key.kind === "group") {
      if (record.value === null) this.#groupValues.delete(key.group);
      else {
        this.#groupValues.set(key.group, record.value.slice());
        this.#consumers.groups.delete(key.group);
        this.#streams.groups.delete(key.group);
      }
    } else if (key.kind === "offset") {
      const { group: groupId, topic, partition } = key;
      const value = record.value === null ? null : offsetOfRecord(record.value);
      const place = { groupId, topic, partition };
      if (producerId !== null && value !== null) {
        this.#transactional.begin(place);
        this.#transactional.written(producerId, { ...place, value });
        return;
      }
      this.#offsets.restore(groupId, topic, partition, value);
      this.#transactional.writtenOutside(place, value);
    } else {
      this.#readPart(record.key, record.value);
    }
  }

  /** A group is of one kind: where the log has both, a change from one to the other was not written whole. The later counts. */
  #readPart(key: Uint8Array, value: Uint8Array | null): void {
    const groupId = this.#consumers.read(key, value) ?? this.#streams.read(key, value);
    if (groupId !== null && value !== null) this.#groupValues.delete(groupId);
    else if (groupId === null && this.#shares.read(key, value) === null) this.#skippedCount++;
  }

  #endTransaction(producerId: number, record: RecordView): void {
    const { kind } = decodeControlMarker(record);
    if (kind === "other") return;
    for (const { groupId, topic, partition, value } of this.#transactional.ended(producerId, kind)) {
      this.#offsets.restore(groupId, topic, partition, value);
    }
  }
}
