/**
 * An idempotent producer that outlives its broker: what was not acknowledged is sent again, with the same sequence numbers.
 *
 * The value of the record at index n of partition p is `p:n` and padding, so with one producer a record's index is its
 * offset, and any loss, repetition or change of order shows in one look.
 */

import { produce, type ProduceResponse } from "../../protocol/api/00_produce.ts";
import { initProducerId } from "../../protocol/api/22_init_producer_id.ts";
import { ErrorCode, errorName, errors } from "../../protocol/errors.ts";
import { encodeBatch, type RecordDraft } from "../../protocol/record.ts";
import { AnsweredError } from "./requests.ts";
import { ConnectionClosed, TestClient } from "./test_client.ts";

export interface ProducerOptions {
  readonly port: number;
  readonly topic: string;
  readonly partitionCount: number;
  readonly recordsPerPartition: number;
  readonly random: () => number;
  /** Waits until a broker that went away is back. */
  readonly brokerIsBack: () => Promise<void>;
}

interface Batch {
  readonly partition: number;
  readonly firstIndex: number;
  readonly recordCount: number;
  readonly bytes: Uint8Array;
}

/** Kafka's producers keep as many; a broker remembers five batches of a producer and partition. */
const inFlightMax = 5;
const encoder = new TextEncoder();

export class KillProducer {
  /** Records acknowledged, by partition: indexes below are promised to be there. */
  readonly acknowledged: number[];
  acknowledgedCount = 0;
  /** Requests that were sent more than once. */
  resentCount = 0;
  readonly #options: ProducerOptions;
  readonly #sent: number[];
  /** Requests sent or to be sent again, oldest first. */
  #unanswered: Batch[][] = [];
  #producerId = -1;
  #producerEpoch = -1;

  constructor(options: ProducerOptions) {
    this.#options = options;
    this.acknowledged = new Array<number>(options.partitionCount).fill(0);
    this.#sent = new Array<number>(options.partitionCount).fill(0);
  }

  /** Ends when every record is acknowledged. */
  async run(): Promise<void> {
    while (!this.#isDone()) {
      await this.#options.brokerIsBack();
      let client: TestClient | null = null;
      try {
        client = await TestClient.connect(this.#options.port, { clientId: "kill-producer" });
        await this.#pump(client);
      } catch (error) {
        if (!isPassing(error)) throw error;
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
    while (!this.#isDone()) {
      while (answers.length < inFlightMax && !this.#isAllSent()) {
        const request = this.#nextRequest();
        this.#unanswered.push(request);
        answers.push(this.#send(client, request));
      }
      const answer = await (answers.shift() as Promise<ProduceResponse>);
      this.#settle(this.#unanswered[0] as Batch[], answer);
      this.#unanswered.shift();
    }
  }

  #isAllSent(): boolean {
    return this.#sent.every((count) => count === this.#options.recordsPerPartition);
  }

  #isDone(): boolean {
    return this.#isAllSent() && this.#unanswered.length === 0;
  }

  async #init(client: TestClient): Promise<void> {
    const answer = await client.send(initProducerId, 2, { transactionalId: null, transactionTimeoutMs: 60_000 });
    if (answer.errorCode !== ErrorCode.NONE) throw new AnsweredError(answer.errorCode, "Cannot get a producer id");
    this.#producerId = answer.producerId;
    this.#producerEpoch = answer.producerEpoch;
  }

  #send(client: TestClient, request: readonly Batch[]): Promise<ProduceResponse> {
    const answer = client.send(produce, 9, {
      acks: -1,
      timeoutMs: 30_000,
      topicData: [{
        name: this.#options.topic,
        partitionData: request.map(({ partition, bytes }) => ({ index: partition, records: bytes })),
      }],
    });
    answer.catch(() => {}); // awaited in its turn, if its turn comes
    return answer;
  }

  #settle(request: readonly Batch[], answer: ProduceResponse): void {
    const results = answer.responses[0]?.partitionResponses ?? [];
    for (const batch of request) {
      const result = results.find(({ index }) => index === batch.partition);
      const code = result?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
      const where = `${this.#options.topic}-${batch.partition} at ${batch.firstIndex}`;
      // There already, and the broker no longer knows where: sent before the kill.
      const isDuplicate = code === ErrorCode.DUPLICATE_SEQUENCE_NUMBER;
      if (code !== ErrorCode.NONE && !isDuplicate) throw new AnsweredError(code, `Cannot produce to ${where}`);
      if (!isDuplicate && result?.baseOffset !== batch.firstIndex) {
        throw new Error(`The batch of ${where} was acknowledged at offset ${result?.baseOffset}`);
      }
      this.acknowledged[batch.partition] = batch.firstIndex + batch.recordCount;
      this.acknowledgedCount += batch.recordCount;
    }
  }

  /** Batches for one to four partitions, of very different sizes. */
  #nextRequest(): Batch[] {
    const { partitionCount, recordsPerPartition, random } = this.#options;
    const wanted = 1 + Math.floor(random() * 4);
    const start = Math.floor(random() * partitionCount);
    const request: Batch[] = [];
    for (let step = 0; step < partitionCount && request.length < wanted; step++) {
      const partition = (start + step) % partitionCount;
      const left = recordsPerPartition - (this.#sent[partition] as number);
      if (left > 0) request.push(this.#nextBatch(partition, Math.min(left, 1 + Math.floor(random() ** 2 * 3000))));
    }
    return request;
  }

  #nextBatch(partition: number, recordCount: number): Batch {
    const firstIndex = this.#sent[partition] as number;
    const padding = "x".repeat(Math.floor(this.#options.random() * 60));
    const timestamp = Date.now();
    const records: RecordDraft[] = [];
    for (let index = firstIndex; index < firstIndex + recordCount; index++) {
      records.push({ timestamp, value: encoder.encode(`${partition}:${index} ${padding}`) });
    }
    const bytes = encodeBatch({
      records,
      producerId: this.#producerId,
      producerEpoch: this.#producerEpoch,
      baseSequence: firstIndex,
    });
    this.#sent[partition] = firstIndex + recordCount;
    return { partition, firstIndex, recordCount, bytes };
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
