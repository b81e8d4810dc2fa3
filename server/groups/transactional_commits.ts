/**
 * How offsets of transactions, and the markers that end them, get into a shard's log: each is a batch of its own, in the turn
 * in which it was asked for, so that memory follows the log.
 */
import { Compression } from "../../protocol/compression.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { encodeBatch } from "../../protocol/record.ts";
import { encodeMarker, type MarkerToWrite } from "../transactions/marker.ts";
import type { LogWriter } from "./log_writer.ts";
import type { CommittedOffset, OffsetStore } from "./offset_store.ts";
import { offsetRecord } from "./records.ts";
import type { TransactionalOffsets } from "./transactional_offsets.ts";

export interface TransactionalCommit {
  readonly groupId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly offsets: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly committed: CommittedOffset;
  }[];
}

/** @returns NONE once they are in the log, or the log's error */
export function writeTransactional(
  writer: LogWriter,
  transactional: TransactionalOffsets,
  { groupId, producerId, producerEpoch, offsets }: TransactionalCommit,
): Promise<number> {
  const staged = offsets.map(({ topic, partition, committed: value }) => ({ groupId, topic, partition, value }));
  for (const offset of staged) transactional.begin(offset);
  const encode = (timestamp: number) =>
    encodeBatch({
      producerId,
      producerEpoch,
      isTransactional: true,
      compression: Compression.none,
      records: staged.map((offset) => ({ timestamp, ...offsetRecord(offset, offset.value) })),
    });
  return writer.appendOwn({ encode }, (errorCode) => {
    for (const offset of staged) {
      if (errorCode === ErrorCode.NONE) transactional.written(producerId, offset);
      else transactional.lost(offset);
    }
  });
}

/** @returns NONE once the marker is in the log and its offsets count, or the log's error */
export function endTransaction(
  writer: LogWriter,
  { offsets, transactional }: { readonly offsets: OffsetStore; readonly transactional: TransactionalOffsets },
  marker: MarkerToWrite,
): Promise<number> {
  const { producerId, outcome, clientVersion: transactionVersion } = marker;
  const encode = (timestamp: number) => encodeMarker(marker, timestamp);
  return writer.appendOwn({ encode, transactionVersion }, (errorCode) => {
    if (errorCode !== ErrorCode.NONE) return;
    for (const { groupId, topic, partition, value } of transactional.ended(producerId, outcome)) {
      offsets.restore(groupId, topic, partition, value);
    }
  });
}
