/** Topics made, changed and looked at. Every method tries again while the cluster says that it may work later. */
import { listOffsets } from "../protocol/api/02_list_offsets.ts";
import { createTopics } from "../protocol/api/19_create_topics.ts";
import { deleteTopics } from "../protocol/api/20_delete_topics.ts";
import { createPartitions } from "../protocol/api/37_create_partitions.ts";
import { ErrorCode, ProtocolError } from "../protocol/errors.ts";
import { ZERO_UUID } from "../protocol/schema.ts";
import type { Client } from "./client.ts";
import type { BrokerConnection } from "./connection.ts";
import { checkErrorCode } from "./errors.ts";
import type { TopicInfo } from "./metadata.ts";
import { retrying } from "./retry.ts";

export interface TopicSpec {
  readonly name: string;
  /** The broker's default when left out. */
  readonly partitionCount?: number;
  readonly replicationFactor?: number;
  readonly configs?: Readonly<Record<string, string>>;
}

/** "earliest" is where the log starts, "latest" the offset the next record will have; a time gives the first record from then on. */
export type OffsetSpec = "earliest" | "latest" | { readonly timestampMs: number };

const LATEST = -1;
const EARLIEST = -2;

export class Admin {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  async createTopic({ name, partitionCount = -1, replicationFactor = -1, configs = {} }: TopicSpec): Promise<void> {
    const what = `Cannot create topic "${name}"`;
    await this.#retrying(what, async (connection) => {
      const response = await connection.send(createTopics, {
        topics: [{
          name,
          numPartitions: partitionCount,
          replicationFactor,
          assignments: [],
          configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
        }],
        timeoutMs: this.#client.requestTimeoutMs,
      });
      const topic = response.topics[0];
      checkErrorCode(topic?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR, what, topic?.errorMessage);
    });
    this.#client.metadata.forget(name);
  }

  async deleteTopic(name: string): Promise<void> {
    const what = `Cannot delete topic "${name}"`;
    await this.#retrying(what, async (connection) => {
      const timeoutMs = this.#client.requestTimeoutMs;
      const draft = connection.versionOf(deleteTopics) >= 6
        ? { topics: [{ name, topicId: ZERO_UUID }] }
        : { topicNames: [name] };
      const [topic] = (await connection.send(deleteTopics, { ...draft, timeoutMs })).responses;
      checkErrorCode(topic?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR, what, topic?.errorMessage);
    });
    this.#client.metadata.forget(name);
  }

  /** Gives a topic more partitions: `count` in all. */
  async createPartitions(name: string, count: number): Promise<void> {
    const what = `Cannot give topic "${name}" ${count} partitions`;
    await this.#retrying(what, async (connection) => {
      const topics = [{ name, count, assignments: null }];
      const timeoutMs = this.#client.requestTimeoutMs;
      const [topic] = (await connection.send(createPartitions, { topics, timeoutMs, validateOnly: false })).results;
      checkErrorCode(topic?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR, what, topic?.errorMessage);
    });
    this.#client.metadata.forget(name);
  }

  /** All topics, those of the cluster itself included. */
  async topics(): Promise<TopicInfo[]> {
    return await this.#retrying("Cannot list topics", () => this.#client.metadata.allTopics());
  }

  /** The offset in a partition that a place in time stands for; -1 where no record is that young. */
  async offset(topic: string, partition: number, spec: OffsetSpec): Promise<number> {
    const what = `Cannot find an offset in partition ${partition} of "${topic}"`;
    const { runtime, requestTimeoutMs: timeoutMs } = this.#client;
    const timestamp = spec === "latest" ? LATEST : spec === "earliest" ? EARLIEST : spec.timestampMs;
    return await retrying({ runtime, timeoutMs, what }, async () => {
      const { leaderId } = await this.#client.leaderOf(topic, partition);
      const connection = await this.#client.connectionTo(leaderId);
      const response = await connection.send(listOffsets, {
        replicaId: -1,
        isolationLevel: 0,
        topics: [{ name: topic, partitions: [{ partitionIndex: partition, timestamp }] }],
      });
      const answered = response.topics[0]?.partitions[0];
      const errorCode = answered?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
      if (new ProtocolError(errorCode).isRetriable) this.#client.metadata.forget(topic);
      checkErrorCode(errorCode, what);
      return answered?.offset ?? -1;
    });
  }

  #retrying<T>(what: string, attempt: (connection: BrokerConnection) => Promise<T>): Promise<T> {
    const { runtime, requestTimeoutMs: timeoutMs } = this.#client;
    return retrying({ runtime, timeoutMs, what }, async () => await attempt(await this.#client.anyConnection()));
  }
}
