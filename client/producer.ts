/**
 * Sends records: collects them into a batch per partition, sends batches of many partitions in one request to their
 * leader, and tries again until the broker has them or their time is over.
 *
 *     send ─ choose a partition ─ PartitionQueue ─ pump ─ request to the leader ─ answer ─ resolve, retry or fail
 *
 * 1. A partition has at most one batch under way; its next one waits, and grows. Order holds without sequence numbers,
 *    and with them (`isIdempotent`) a batch that is sent twice is stored once.
 * 2. A batch is encoded once, with its sequence number, and sent again as the same bytes.
 * 3. When a batch is given up after it was sent, nobody knows whether the broker has it: the producer takes a new id, so
 *    that the next batch is not refused for the gap.
 * 4. `bufferBytesMax` bounds what waits; one record more is refused (`room()` waits for space).
 */
import { produce, type ProduceResponse } from "../protocol/api/00_produce.ts";
import { initProducerId } from "../protocol/api/22_init_producer_id.ts";
import { NO_PRODUCER_EPOCH, NO_PRODUCER_ID } from "../protocol/batch.ts";
import { Compression, type CompressionName } from "../protocol/compression.ts";
import { ErrorCode, errorName, ProtocolError } from "../protocol/errors.ts";
import { partitionForKey } from "../protocol/murmur2.ts";
import { type RecordHeader, recordSizeBytesMax } from "../protocol/record.ts";
import type { Timer } from "../runtime/runtime.ts";
import type { Client } from "./client.ts";
import { BufferFullError, checkErrorCode, ClosedError, isRetriable, TimeoutError } from "./errors.ts";
import type { TopicInfo } from "./metadata.ts";
import {
  type Batch,
  createBatch,
  createQueue,
  type Delivery,
  encodeFirst,
  type PartitionQueue,
  placeOf,
  splitFirst,
  type Waiter,
} from "./partition_queue.ts";
import { backoffMs, retrying } from "./retry.ts";
import { groupByTopic } from "./topic_partition.ts";

export type { Delivery } from "./partition_queue.ts";

export interface ProducerOptions {
  /** Which replicas must have a batch before the broker answers; 0 asks for no answer at all. */
  readonly acks?: "all" | 1 | 0;
  /** A batch sent twice is stored once. Needs `acks: "all"`, and is on with it. */
  readonly isIdempotent?: boolean;
  readonly compression?: CompressionName;
  /** How long a batch waits for more records. */
  readonly lingerMs?: number;
  readonly batchBytesMax?: number;
  /** For all batches of one request, unless one alone is larger. */
  readonly requestBytesMax?: number;
  readonly bufferBytesMax?: number;
  /** From `send` to the answer, retries and all. */
  readonly deliveryTimeoutMs?: number;
}

/** Key and value must not change until the record is delivered. */
export interface ProducerRecord {
  readonly topic: string;
  /** Chosen by the key when left out; without a key, one after another is filled. */
  readonly partition?: number;
  readonly key?: Uint8Array | null;
  readonly value?: Uint8Array | null;
  readonly headers?: readonly RecordHeader[];
  /** Milliseconds since the epoch; now when left out. */
  readonly timestamp?: number;
}

/** Names in place of topic ids: a record meant for "orders" is for whatever is called so now. */
const produceVersionMax = 12;
/** To one broker, in the order sent; Kafka's own clients keep as many. */
const requestsInFlightMax = 5;
const acksOnWire = { all: -1, 1: 1, 0: 0 } as const;

/** Records for a topic that the broker is being asked about, in the order they came. */
interface Unplaced {
  readonly record: ProducerRecord;
  readonly sizeBytes: number;
  readonly waiter: Waiter;
}

type PartitionResult = Pick<
  ProduceResponse["responses"][number]["partitionResponses"][number],
  "errorCode" | "baseOffset" | "errorMessage"
>;

export class Producer {
  readonly #client: Client;
  readonly #acks: -1 | 0 | 1;
  readonly #isIdempotent: boolean;
  readonly #compression: CompressionName;
  readonly #lingerMs: number;
  readonly #batchBytesMax: number;
  readonly #requestBytesMax: number;
  readonly #bufferBytesMax: number;
  readonly #deliveryTimeoutMs: number;

  readonly #queues = new Map<string, PartitionQueue>();
  readonly #unplaced = new Map<string, Unplaced[]>();
  /** Where records without a key go, until that batch is full. */
  readonly #stickyPartitions = new Map<string, number>();
  readonly #requestsInFlight = new Map<number, number>();
  readonly #roomWaiters: (() => void)[] = [];
  readonly #idleWaiters: (() => void)[] = [];
  #bufferedBytes = 0;
  #unsettledCount = 0;
  #flushCount = 0;
  #producerId = NO_PRODUCER_ID;
  #producerEpoch = NO_PRODUCER_EPOCH;
  #isObtainingId = false;
  #timer: Timer | null = null;
  #timerMs = Infinity;
  #isPumpDue = false;
  #isClosed = false;

  constructor(client: Client, options: ProducerOptions) {
    const acks = options.acks ?? "all";
    this.#client = client;
    this.#acks = acksOnWire[acks];
    this.#isIdempotent = options.isIdempotent ?? acks === "all";
    if (this.#isIdempotent && acks !== "all") {
      throw new TypeError(`Cannot be idempotent with acks ${acks}: "all" is needed`);
    }
    this.#compression = options.compression ?? "none";
    this.#lingerMs = options.lingerMs ?? 5;
    this.#batchBytesMax = options.batchBytesMax ?? 128 * 1024;
    this.#requestBytesMax = options.requestBytesMax ?? 1024 * 1024;
    this.#bufferBytesMax = options.bufferBytesMax ?? 32 * 1024 * 1024;
    this.#deliveryTimeoutMs = options.deliveryTimeoutMs ?? 120_000;
  }

  /**
   * Resolves when the broker has the record as safely as `acks` asks.
   * @throws {BufferFullError} when too much is waiting: `await producer.room()` first
   */
  send(record: ProducerRecord): Promise<Delivery> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) return reject(new ClosedError("Cannot send: the producer is closed"));
      if (this.#bufferedBytes >= this.#bufferBytesMax) { // (4)
        return reject(new BufferFullError(`Cannot send: ${this.#bufferedBytes} bytes are waiting`));
      }
      const placed = { ...record, timestamp: record.timestamp ?? this.#client.runtime.clock.nowMs() };
      const item = { record: placed, sizeBytes: recordSizeBytesMax(placed), waiter: { resolve, reject } };
      this.#bufferedBytes += item.sizeBytes;
      this.#unsettledCount++;
      const topic = this.#client.metadata.known(record.topic);
      const unplaced = this.#unplaced.get(record.topic);
      if (unplaced !== undefined) unplaced.push(item);
      else if (topic !== undefined) this.#place(topic, item);
      else this.#askAndPlace(item);
    });
  }

  /** Resolves when `send` will take a record. */
  room(): Promise<void> {
    if (this.#bufferedBytes < this.#bufferBytesMax) return Promise.resolve();
    return new Promise((resolve) => this.#roomWaiters.push(resolve));
  }

  /** Sends what waits without lingering; resolves when all of it was delivered or given up. */
  async flush(): Promise<void> {
    if (this.#unsettledCount === 0) return;
    this.#flushCount++;
    this.#pumpSoon();
    await new Promise<void>((resolve) => this.#idleWaiters.push(resolve));
    this.#flushCount--;
  }

  /** Flushes, and takes no more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.flush();
    this.#timer?.cancel();
  }

  // ------------------------------------------------------------------------------------------ placing

  #askAndPlace(first: Unplaced): void {
    const name = first.record.topic;
    const { runtime, metadata } = this.#client;
    const items = [first];
    this.#unplaced.set(name, items);
    const what = `Cannot send to topic "${name}"`;
    retrying({ runtime, timeoutMs: this.#deliveryTimeoutMs, what }, () => metadata.topic(name)).then(
      (topic) => {
        this.#unplaced.delete(name);
        for (const item of items) this.#place(topic, item);
      },
      (error) => {
        this.#unplaced.delete(name);
        for (const item of items) this.#settle(item.sizeBytes, 1, () => item.waiter.reject(asError(error)));
      },
    );
  }

  #place(topic: TopicInfo, { record, sizeBytes, waiter }: Unplaced): void {
    const partition = this.#choosePartition(topic, record);
    if (topic.partitions[partition] === undefined) {
      const message = `Topic "${topic.name}" has no partition ${partition}`;
      const error = new ProtocolError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, message);
      return this.#settle(sizeBytes, 1, () => waiter.reject(error));
    }
    const queue = this.#queueOf(topic.name, partition);
    let batch = queue.batches.at(-1);
    const isFull = batch === undefined || batch.bytes !== null || batch.sizeBytes + sizeBytes > this.#batchBytesMax;
    if (batch === undefined || isFull) {
      if (batch !== undefined) this.#stickyPartitions.delete(topic.name);
      batch = createBatch(this.#client.runtime.clock.monotonicMs());
      queue.batches.push(batch);
    }
    batch.records.push(record);
    batch.waiters.push(waiter);
    batch.sizeBytes += sizeBytes;
    if (queue.batches.length === 1 && batch.records.length === 1 || isFull) this.#pumpSoon();
  }

  #choosePartition({ name, partitions }: TopicInfo, record: ProducerRecord): number {
    if (record.partition !== undefined) return record.partition;
    if (record.key !== undefined && record.key !== null) return partitionForKey(record.key, partitions.length);
    let partition = this.#stickyPartitions.get(name);
    if (partition === undefined || partition >= partitions.length) {
      const withLeader = partitions.filter(({ leaderId }) => leaderId !== -1);
      const candidates = withLeader.length > 0 ? withLeader : partitions;
      partition = candidates[Math.floor(this.#client.runtime.random.next() * candidates.length)]?.index ?? 0;
      this.#stickyPartitions.set(name, partition);
    }
    return partition;
  }

  #queueOf(topic: string, partition: number): PartitionQueue {
    const key = `${topic} ${partition}`;
    let queue = this.#queues.get(key);
    if (queue === undefined) {
      queue = createQueue(topic, partition);
      this.#queues.set(key, queue);
    }
    return queue;
  }

  // ------------------------------------------------------------------------------------------ pump

  #pumpSoon(): void {
    if (this.#isPumpDue) return;
    this.#isPumpDue = true;
    this.#client.runtime.timers.soon(() => {
      this.#isPumpDue = false;
      this.#pump();
    });
  }

  #pumpAt(dueMs: number): void {
    if (dueMs >= this.#timerMs) return;
    this.#timer?.cancel();
    this.#timerMs = dueMs;
    this.#timer = this.#client.runtime.timers.after(
      Math.max(0, dueMs - this.#client.runtime.clock.monotonicMs()),
      () => {
        this.#timer = null;
        this.#timerMs = Infinity;
        this.#pump();
      },
    );
  }

  /** Sends every batch that is due to a leader that has room for a request. */
  #pump(): void {
    if (this.#isIdempotent && this.#producerId === NO_PRODUCER_ID) return this.#obtainProducerId();
    const nowMs = this.#client.runtime.clock.monotonicMs();
    const dueByLeader = new Map<number, PartitionQueue[]>();
    for (const queue of this.#queues.values()) {
      const batch = queue.batches[0];
      if (batch === undefined || queue.isInFlight) continue;
      if (nowMs - batch.createdMs >= this.#deliveryTimeoutMs) {
        this.#giveUp(
          queue,
          batch,
          new TimeoutError(`Cannot deliver to ${placeOf(queue)} within ${this.#deliveryTimeoutMs} ms`),
        );
        this.#pumpSoon();
        continue;
      }
      const mayWait = batch.bytes === null && queue.batches.length === 1 && this.#flushCount === 0;
      const dueMs = Math.max(queue.readyMs, mayWait ? batch.createdMs + this.#lingerMs : 0);
      if (dueMs > nowMs) {
        this.#pumpAt(dueMs);
        continue;
      }
      const leaderId = this.#client.metadata.leaderOf(queue.topic, queue.partition);
      if (leaderId === -1) {
        this.#askForLeader(queue);
        continue;
      }
      const due = dueByLeader.get(leaderId);
      if (due === undefined) dueByLeader.set(leaderId, [queue]);
      else due.push(queue);
    }
    for (const [leaderId, queues] of dueByLeader) this.#sendTo(leaderId, queues);
  }

  #sendTo(leaderId: number, queues: readonly PartitionQueue[]): void {
    let inFlight = this.#requestsInFlight.get(leaderId) ?? 0;
    const encoded = queues.filter((queue) => this.#encode(queue));
    for (let from = 0; from < encoded.length && inFlight < requestsInFlightMax; inFlight++) {
      let sizeBytes = 0;
      let to = from;
      while (to < encoded.length) {
        sizeBytes += encoded[to]!.batches[0]!.bytes!.length;
        if (sizeBytes > this.#requestBytesMax && to > from) break;
        to++;
      }
      const chosen = encoded.slice(from, to);
      from = to;
      for (const queue of chosen) queue.isInFlight = true;
      this.#requestsInFlight.set(leaderId, inFlight + 1);
      void this.#request(leaderId, chosen).finally(() => {
        this.#requestsInFlight.set(leaderId, this.#requestsInFlight.get(leaderId)! - 1);
        this.#pumpSoon();
      });
    }
  }

  /** False when the batch cannot be encoded, and is given up. */
  #encode(queue: PartitionQueue): boolean {
    try {
      encodeFirst(queue, {
        producerId: this.#producerId,
        producerEpoch: this.#producerEpoch,
        compression: Compression[this.#compression],
      });
      return true;
    } catch (error) {
      this.#giveUp(queue, queue.batches[0]!, asError(error));
      return false;
    }
  }

  /** Never rejects: what goes wrong is settled with the batches. */
  async #request(leaderId: number, queues: readonly PartitionQueue[]): Promise<void> {
    try {
      const connection = await this.#client.connectionTo(leaderId, "produce");
      const draft = {
        acks: this.#acks,
        timeoutMs: this.#client.requestTimeoutMs,
        topicData: groupByTopic(queues).map(([name, ofTopic]) => ({
          name,
          partitionData: ofTopic.map((queue) => ({ index: queue.partition, records: queue.batches[0]!.bytes })),
        })),
      };
      if (this.#acks === 0) {
        await connection.sendUnanswered(produce, draft, { versionMax: produceVersionMax });
        for (const queue of queues) this.#delivered(queue, -1);
        return;
      }
      const response = await connection.send(produce, draft, { versionMax: produceVersionMax });
      for (const queue of queues) this.#answered(queue, resultFor(response, queue));
    } catch (error) {
      for (const queue of queues) if (queue.isInFlight) this.#failed(queue, asError(error));
    }
  }

  // ------------------------------------------------------------------------------------------ answers

  #answered(queue: PartitionQueue, result: PartitionResult): void {
    const { errorCode } = result;
    const batch = queue.batches[0]!;
    switch (errorCode) {
      case ErrorCode.NONE:
        return this.#delivered(queue, result.baseOffset);
      case ErrorCode.DUPLICATE_SEQUENCE_NUMBER:
        return this.#delivered(queue, -1);
      case ErrorCode.MESSAGE_TOO_LARGE:
        if (batch.records.length === 1) break;
        splitFirst(queue, this.#producerId);
        queue.isInFlight = false;
        return this.#pumpSoon();
      case ErrorCode.UNKNOWN_PRODUCER_ID:
        // The broker has forgotten us, with all that we sent: under a new id this batch is the first.
        this.#producerId = NO_PRODUCER_ID;
        batch.bytes = null;
        queue.isInFlight = false;
        return this.#pumpSoon();
    }
    const message = `Cannot deliver to ${placeOf(queue)}: ${result.errorMessage ?? errorName(errorCode)}`;
    this.#failed(queue, new ProtocolError(errorCode, message));
  }

  #delivered(queue: PartitionQueue, baseOffset: number): void {
    const batch = queue.batches.shift()!;
    queue.isInFlight = false;
    queue.retryCount = 0;
    queue.readyMs = 0;
    const { topic, partition } = queue;
    this.#settle(batch.sizeBytes, batch.waiters.length, () => {
      batch.waiters.forEach(({ resolve }, index) =>
        resolve({ topic, partition, offset: baseOffset === -1 ? -1 : baseOffset + index })
      );
    });
  }

  #failed(queue: PartitionQueue, error: Error): void {
    const batch = queue.batches[0]!;
    queue.isInFlight = false;
    if (!isRetriable(error)) return this.#giveUp(queue, batch, error);
    this.#client.metadata.forget(queue.topic);
    queue.retryCount++;
    const { runtime } = this.#client;
    queue.readyMs = runtime.clock.monotonicMs() + backoffMs(runtime, queue.retryCount);
    if (queue.readyMs < batch.createdMs + this.#deliveryTimeoutMs) return this.#pumpSoon();
    const message = `Cannot deliver to ${placeOf(queue)} within ${this.#deliveryTimeoutMs} ms: ${error.message}`;
    this.#giveUp(queue, batch, new TimeoutError(message, { cause: error }));
  }

  #giveUp(queue: PartitionQueue, batch: Batch, error: Error): void {
    queue.batches.shift();
    queue.retryCount = 0;
    queue.readyMs = 0;
    if (batch.bytes !== null && batch.producerId === this.#producerId) this.#producerId = NO_PRODUCER_ID; // (3)
    this.#settle(batch.sizeBytes, batch.waiters.length, () => batch.waiters.forEach(({ reject }) => reject(error)));
  }

  #settle(sizeBytes: number, recordCount: number, tell: () => void): void {
    this.#bufferedBytes -= sizeBytes;
    this.#unsettledCount -= recordCount;
    tell();
    if (this.#bufferedBytes < this.#bufferBytesMax) { for (const resolve of this.#roomWaiters.splice(0)) resolve(); }
    if (this.#unsettledCount === 0) { for (const resolve of this.#idleWaiters.splice(0)) resolve(); }
  }

  // ------------------------------------------------------------------------------------------ asking

  #askForLeader(queue: PartitionQueue): void {
    const { runtime } = this.#client;
    queue.readyMs = runtime.clock.monotonicMs() + backoffMs(runtime, Math.max(1, queue.retryCount));
    this.#client.leaderOf(queue.topic, queue.partition).then(
      () => {
        queue.readyMs = 0;
        this.#pumpSoon();
      },
      (error) => {
        const batch = queue.batches[0];
        if (batch !== undefined && !queue.isInFlight && !isRetriable(error)) this.#giveUp(queue, batch, asError(error));
        else this.#pumpAt(queue.readyMs);
      },
    );
  }

  #obtainProducerId(): void {
    if (this.#isObtainingId || this.#unsettledCount === 0) return;
    this.#isObtainingId = true;
    const { runtime } = this.#client;
    const what = "Cannot obtain a producer id";
    retrying({ runtime, timeoutMs: this.#deliveryTimeoutMs, what }, async () => {
      const connection = await this.#client.anyConnection();
      const response = await connection.send(initProducerId, { transactionalId: null, transactionTimeoutMs: 60_000 });
      checkErrorCode(response.errorCode, what);
      return response;
    }).then(
      ({ producerId, producerEpoch }) => {
        this.#producerId = producerId;
        this.#producerEpoch = producerEpoch;
        // What is encoded goes out under the old id, before anything under the new one (1).
        for (const queue of this.#queues.values()) queue.nextSequence = 0;
      },
      (error) => {
        for (const queue of this.#queues.values()) {
          while (!queue.isInFlight && queue.batches[0] !== undefined) {
            this.#giveUp(queue, queue.batches[0], asError(error));
          }
        }
      },
    ).finally(() => {
      this.#isObtainingId = false;
      this.#pumpSoon();
    });
  }
}

function resultFor(response: ProduceResponse, queue: PartitionQueue): PartitionResult {
  const ofTopic = response.responses.find(({ name }) => name === queue.topic);
  const result = ofTopic?.partitionResponses.find(({ index }) => index === queue.partition);
  return result ?? { errorCode: ErrorCode.UNKNOWN_SERVER_ERROR, baseOffset: -1, errorMessage: "the answer lacks it" };
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error), { cause: error });
}
