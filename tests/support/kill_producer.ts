/**
 * An idempotent producer of one topic that outlives its broker: what was not acknowledged is sent again, with the same
 * sequence numbers, so each record comes to be there once.
 *
 * Where records are compacted, a broker that was killed may not know again a batch that it had written and not answered: the
 * records by which it would are gone. It refuses it then, and the producer goes on under a new id.
 */

import { produce, type ProduceResponse } from "../../protocol/api/00_produce.ts";
import { initProducerId } from "../../protocol/api/22_init_producer_id.ts";
import { ErrorCode, errorName, errors } from "../../protocol/errors.ts";
import { encodeBatch } from "../../protocol/record.ts";
import type { KilledRecord, PartitionLedger } from "./kill_ledger.ts";
import { encodeRecord } from "./kill_records.ts";
import { AnsweredError } from "./requests.ts";
import { ConnectionClosed, TestClient } from "./test_client.ts";

export interface ProducerOptions {
  readonly port: number;
  readonly topic: string;
  /** By partition. */
  readonly ledgers: readonly PartitionLedger[];
  readonly random: () => number;
  readonly acks: -1 | 1;
  /** How many keys there are, of a compacted topic. */
  readonly keyCount: number;
  readonly recordsPerBatchMax: number;
  /** Waits until a broker that went away is back. */
  readonly brokerIsBack: () => Promise<void>;
}

interface Batch {
  readonly partition: number;
  readonly records: readonly KilledRecord[];
  readonly bytes: Uint8Array;
}

/** Kafka's producers keep as many; a broker remembers five batches of a producer and partition. */
const inFlightMax = 5;
const partitionsPerRequestMax = 4;
const tombstoneShare = 0.05;
const paddingBytesMax = 300;

export class KillProducer {
  /** Requests that were sent more than once. */
  resentCount = 0;
  /** Times it went on under a new id. */
  startedOverCount = 0;
  readonly #options: ProducerOptions;
  /** By partition: the number of the next record, and its sequence number. */
  readonly #nextNumber: number[];
  readonly #nextSequence: number[];
  /** Requests sent or to be sent again, oldest first. */
  #unanswered: Batch[][] = [];
  #producerId = -1;
  #producerEpoch = -1;
  #isEnding = false;

  constructor(options: ProducerOptions) {
    this.#options = options;
    this.#nextNumber = options.ledgers.map(() => 0);
    this.#nextSequence = options.ledgers.map(() => 0);
  }

  /** No new records; `run` ends when all there are have been acknowledged. */
  end(): void {
    this.#isEnding = true;
  }

  async run(): Promise<void> {
    while (!this.#isEnding || this.#unanswered.length > 0) {
      await this.#options.brokerIsBack();
      let client: TestClient | null = null;
      try {
        client = await TestClient.connect(this.#options.port, { clientId: `producer-${this.#options.topic}` });
        await this.#pump(client);
      } catch (error) {
        if (this.#mayBeForgotten(error)) this.#startOver();
        else if (!isPassing(error)) throw error;
        this.resentCount += this.#unanswered.length;
      } finally {
        client?.close();
      }
    }
  }

  async #pump(client: TestClient): Promise<void> {
    if (this.#producerId === -1) await this.#init(client);
    // Each answer is for the oldest request; those that come behind an error are not looked at.
    const answers = this.#unanswered.map((request) => this.#send(client, request));
    for (;;) {
      while (answers.length < inFlightMax && !this.#isEnding) {
        const request = this.#nextRequest();
        this.#unanswered.push(request);
        answers.push(this.#send(client, request));
      }
      const oldest = answers.shift();
      if (oldest === undefined) return;
      this.#settle(this.#unanswered[0]!, await oldest);
      this.#unanswered.shift();
    }
  }

  async #init(client: TestClient): Promise<void> {
    const answer = await client.send(initProducerId, 2, { transactionalId: null, transactionTimeoutMs: 60_000 });
    if (answer.errorCode !== ErrorCode.NONE) throw new AnsweredError(answer.errorCode, "Cannot get a producer id");
    this.#producerId = answer.producerId;
    this.#producerEpoch = answer.producerEpoch;
  }

  #send(client: TestClient, request: readonly Batch[]): Promise<ProduceResponse> {
    const { topic, acks } = this.#options;
    const answer = client.send(produce, 9, {
      acks,
      timeoutMs: 30_000,
      topicData: [{
        name: topic,
        partitionData: request.map(({ partition, bytes }) => ({ index: partition, records: bytes })),
      }],
    });
    answer.catch(() => {}); // awaited in its turn, if its turn comes
    return answer;
  }

  #settle(request: readonly Batch[], answer: ProduceResponse): void {
    const results = answer.responses[0]?.partitionResponses ?? [];
    for (const { partition, records } of request) {
      const result = results.find(({ index }) => index === partition);
      const code = result?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
      if (code !== ErrorCode.NONE) {
        throw new AnsweredError(code, `Cannot produce ${records[0]!.number} to ${this.#options.topic}-${partition}`);
      }
      this.#options.ledgers[partition]!.acked(records, result!.baseOffset);
    }
  }

  #mayBeForgotten(error: unknown): boolean {
    return error instanceof AnsweredError && error.code === ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER &&
      this.resentCount > 0 && this.#options.ledgers[0]!.rules.isCompacted;
  }

  #startOver(): void {
    this.startedOverCount++;
    this.#unanswered = [];
    this.#producerId = -1;
    this.#nextSequence.fill(0);
    for (const ledger of this.#options.ledgers) ledger.hasGaps = true;
  }

  /** Batches for one to four partitions, of very different sizes. */
  #nextRequest(): Batch[] {
    const { ledgers, random } = this.#options;
    const count = Math.min(ledgers.length, 1 + Math.floor(random() * partitionsPerRequestMax));
    const start = Math.floor(random() * ledgers.length);
    return Array.from({ length: count }, (_, step) => this.#nextBatch((start + step) % ledgers.length));
  }

  #nextBatch(partition: number): Batch {
    const { ledgers, random, keyCount, recordsPerBatchMax } = this.#options;
    const { isCompacted } = ledgers[partition]!.rules;
    const firstNumber = this.#nextNumber[partition]!;
    const baseSequence = this.#nextSequence[partition]!;
    const padding = "x".repeat(Math.floor(random() * paddingBytesMax));
    const recordCount = 1 + Math.floor(random() ** 2 * recordsPerBatchMax);
    const records = Array.from({ length: recordCount }, (_, index): KilledRecord => ({
      number: firstNumber + index,
      key: isCompacted ? `key-${Math.floor(random() ** 2 * keyCount)}` : null,
      isTombstone: isCompacted && random() < tombstoneShare,
    }));
    this.#nextNumber[partition] = firstNumber + recordCount;
    this.#nextSequence[partition] = baseSequence + recordCount;
    ledgers[partition]!.sent(records);
    const bytes = encodeBatch({
      records: records.map((record) => encodeRecord(record, padding)),
      producerId: this.#producerId,
      producerEpoch: this.#producerEpoch,
      baseSequence,
    });
    return { partition, records, bytes };
  }
}

/** True of what a client gets over by connecting again. */
export function isPassing(error: unknown): boolean {
  if (error instanceof ConnectionClosed) return true;
  if (error instanceof AnsweredError) {
    const name = errorName(error.code);
    return name in errors && errors[name as keyof typeof errors].retriable;
  }
  const code = (error as { code?: unknown }).code;
  return code === "ECONNREFUSED" || code === "ECONNRESET" || code === "EPIPE";
}
