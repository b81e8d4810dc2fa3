/**
 * What a producer has to send to one partition: batches in order, the first of them next or under way.
 *
 * A batch is encoded once, when it is first sent, with the producer's id and the next sequence number; sent again, it is
 * the same bytes (see the numbered rules of `producer.ts`).
 */
import { addToSequence, NO_PRODUCER_ID, NO_SEQUENCE } from "../protocol/batch.ts";
import type { CompressionId } from "../protocol/compression.ts";
import { encodeBatch, type RecordDraft, recordSizeBytesMax } from "../protocol/record.ts";

export interface Delivery {
  readonly topic: string;
  readonly partition: number;
  /** -1 when the broker did not say: with acks 0, and for a batch it already had. */
  readonly offset: number;
}

export interface Waiter {
  readonly resolve: (delivery: Delivery) => void;
  readonly reject: (error: Error) => void;
}

export interface Batch {
  readonly records: RecordDraft[];
  readonly waiters: Waiter[];
  readonly createdMs: number;
  sizeBytes: number;
  /** Encoded, from the first time it is sent (2). */
  bytes: Uint8Array | null;
  producerId: number;
  baseSequence: number;
}

export interface PartitionQueue {
  readonly topic: string;
  readonly partition: number;
  /** The first is sent next, or under way; the last takes new records. */
  readonly batches: Batch[];
  isInFlight: boolean;
  nextSequence: number;
  retryCount: number;
  /** Not before this, after a failure. */
  readyMs: number;
}

export function createQueue(topic: string, partition: number): PartitionQueue {
  return { topic, partition, batches: [], isInFlight: false, nextSequence: 0, retryCount: 0, readyMs: 0 };
}

export function createBatch(createdMs: number): Batch {
  return {
    records: [],
    waiters: [],
    createdMs,
    sizeBytes: 0,
    bytes: null,
    producerId: NO_PRODUCER_ID,
    baseSequence: NO_SEQUENCE,
  };
}

/** Whom a batch is from: without an id, from nobody in particular, and it has no sequence number. */
export interface Sender {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly compression: CompressionId;
}

/** Makes the bytes of the first batch, unless they are made. */
export function encodeFirst(queue: PartitionQueue, { producerId, producerEpoch, compression }: Sender): void {
  const batch = queue.batches[0]!;
  if (batch.bytes !== null) return;
  const baseSequence = producerId === NO_PRODUCER_ID ? NO_SEQUENCE : queue.nextSequence;
  batch.bytes = encodeBatch({ records: batch.records, compression, producerId, producerEpoch, baseSequence });
  if (producerId === NO_PRODUCER_ID) return;
  batch.producerId = producerId;
  batch.baseSequence = baseSequence;
  queue.nextSequence = addToSequence(baseSequence, batch.records.length);
}

/**
 * Puts two halves in the place of the first batch, which the broker found too large. They take over its sequence numbers,
 * unless the producer has another id by now.
 */
export function splitFirst(queue: PartitionQueue, producerId: number): void {
  const batch = queue.batches[0]!;
  const middle = batch.records.length >> 1;
  queue.batches.splice(0, 1, part(batch, 0, middle), part(batch, middle, batch.records.length));
  if (batch.baseSequence !== NO_SEQUENCE && batch.producerId === producerId) queue.nextSequence = batch.baseSequence;
}

function part(batch: Batch, from: number, to: number): Batch {
  const records = batch.records.slice(from, to);
  return {
    ...createBatch(batch.createdMs),
    records,
    waiters: batch.waiters.slice(from, to),
    sizeBytes: records.reduce((sum, record) => sum + recordSizeBytesMax(record), 0),
  };
}

/** For messages. */
export function placeOf({ topic, partition }: PartitionQueue): string {
  return `partition ${partition} of "${topic}"`;
}
