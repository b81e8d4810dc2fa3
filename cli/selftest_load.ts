/** The writer of the selftest, and its reader: many small batches on one connection, each sent once, whatever becomes of it. */
import { Client } from "../client/client.ts";
import { BrokerConnection } from "../client/connection.ts";
import { ConnectionError } from "../client/errors.ts";
import { produce } from "../protocol/api/00_produce.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { encodeBatch } from "../protocol/record.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { watch } from "./selftest_watch.ts";
import { PartitionLedger, type SentBatch, type StoredRecord } from "./selftest_ledger.ts";

export type Acks = "all" | "1";
/** The last version whose requests name topics. */
const PRODUCE_BY_NAME = 12;
const IN_FLIGHT_MAX = 12;
const RECORDS_MAX = 12;
const FILL_BYTES_MAX = 1200;
/** Longest pause of the writer between two requests: it is to write often, not much. */
const PAUSE_MS_MAX = 4;
const PARTITIONS = 2;

/** One topic for each way to ask for acknowledgements. */
export class Load {
  readonly ledgers: ReadonlyMap<Acks, readonly PartitionLedger[]>;
  readonly #runtime: Runtime;
  readonly #random: () => number;
  /** What may be written in a life of the broker. */
  readonly #bytesMax: number;

  constructor(options: { readonly runtime: Runtime; readonly random: () => number; readonly bytesMax: number }) {
    this.#runtime = options.runtime;
    this.#random = options.random;
    this.#bytesMax = options.bytesMax;
    const ledgersOf = (acks: Acks) => {
      return Array.from({ length: PARTITIONS }, (_, partition) => new PartitionLedger(`${topicOf(acks)}-${partition}`));
    };
    this.ledgers = new Map([["all", ledgersOf("all")], ["1", ledgersOf("1")]]);
  }

  async createTopics(port: number): Promise<void> {
    const client = clientOf(this.#runtime, port);
    try {
      for (const acks of this.ledgers.keys()) {
        await client.admin().createTopic({
          name: topicOf(acks),
          partitionCount: PARTITIONS,
          configs: { "retention.ms": "-1" },
        });
      }
    } finally {
      await client.close();
    }
  }

  /** Writes, and reads what may be read, until the broker is gone. @throws {ConnectionError} when it is not even there */
  async run(port: number): Promise<void> {
    const [writer, reader] = [await openConnection(this.#runtime, port), await openConnection(this.#runtime, port)];
    const topics = new Map([...this.ledgers].map(([acks, ledgers]) => [topicOf(acks), ledgers] as const));
    await Promise.all([this.#write(writer), watch(reader, topics)]);
  }

  async #write(connection: BrokerConnection): Promise<void> {
    const inFlight = new Set<Promise<void>>();
    let bytes = 0;
    while (connection.isOpen) {
      if (inFlight.size < IN_FLIGHT_MAX && bytes < this.#bytesMax) {
        const acks: Acks = this.#random() < 0.6 ? "all" : "1";
        const partition = Math.floor(this.#random() * PARTITIONS);
        const ledger = this.ledgers.get(acks)![partition]!;
        const count = 1 + Math.floor(this.#random() ** 2 * RECORDS_MAX);
        const batch = ledger.draw(
          Array.from({ length: count }, () => Math.floor(this.#random() ** 2 * FILL_BYTES_MAX)),
        );
        bytes += batch.values.reduce((sum, value) => sum + value.length, 0);
        const sent = this.#send(connection, { acks, partition, ledger, batch }).finally(() => inFlight.delete(sent));
        inFlight.add(sent);
      }
      const pauseMs = this.#random() * PAUSE_MS_MAX;
      await new Promise<void>((resolve) => this.#runtime.timers.after(pauseMs, resolve));
    }
    await Promise.all(inFlight);
  }

  /** Everything in the log, in order. */
  async read(port: number, acks: Acks): Promise<StoredRecord[][]> {
    const client = clientOf(this.#runtime, port);
    try {
      const topic = topicOf(acks);
      const ends = await Promise.all(
        this.ledgers.get(acks)!.map((_, partition) => client.admin().offset(topic, partition, "latest")),
      );
      const stored: StoredRecord[][] = ends.map(() => []);
      const consumer = client.consumer({ startAt: "earliest" });
      consumer.assign(ends.map((_, partition) => ({ topic, partition, offset: 0 })));
      try {
        while (ends.some((end, partition) => (stored[partition]!.at(-1)?.offset ?? -1) + 1 < end)) {
          for (const { partition, offset, value } of await consumer.poll(1000)) {
            stored[partition]!.push({ offset, value: value === null ? null : value.slice() });
          }
        }
      } finally {
        await consumer.close();
      }
      return stored;
    } finally {
      await client.close();
    }
  }

  async #send(
    connection: BrokerConnection,
    { acks, partition, ledger, batch }: {
      readonly acks: Acks;
      readonly partition: number;
      readonly ledger: PartitionLedger;
      readonly batch: SentBatch;
    },
  ): Promise<void> {
    const timestamp = this.#runtime.clock.nowMs();
    const records = encodeBatch({ records: batch.values.map((value) => ({ value, timestamp })) });
    const draft = {
      transactionalId: null,
      acks: acks === "all" ? -1 : 1,
      timeoutMs: 10_000,
      topicData: [{ name: topicOf(acks), partitionData: [{ index: partition, records }] }],
    };
    try {
      const answer = await connection.send(produce, draft, { versionMax: PRODUCE_BY_NAME });
      const result = answer.responses[0]?.partitionResponses[0];
      if (result?.errorCode !== ErrorCode.NONE) return; // refused: nothing is promised
      ledger.acknowledged(batch, result.baseOffset, this.#runtime.clock.nowMs());
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error; // the broker is gone: nothing is promised
    }
  }
}

export function topicOf(acks: Acks): string {
  return `acks-${acks}`;
}

export function openConnection(runtime: Runtime, port: number): Promise<BrokerConnection> {
  return BrokerConnection.open({
    runtime,
    hostname: "127.0.0.1",
    port,
    clientId: "selftest",
    connectTimeoutMs: 5_000,
    requestTimeoutMs: 15_000,
  });
}

function clientOf(runtime: Runtime, port: number): Client {
  return new Client({ runtime, brokers: [`127.0.0.1:${port}`], clientId: "selftest" });
}
