/**
 * What a client knows of the cluster: where brokers live, what topics have, who leads what. Learned when first needed,
 * forgotten where a broker says that it is out of date, and asked for again.
 */
import { metadata as metadataApi, type MetadataResponse } from "../protocol/api/03_metadata.ts";
import { ErrorCode, ProtocolError } from "../protocol/errors.ts";
import type { BrokerConnection } from "./connection.ts";
import { checkErrorCode } from "./errors.ts";

export interface BrokerAddress {
  readonly nodeId: number;
  readonly hostname: string;
  readonly port: number;
}

export interface TopicInfo {
  readonly name: string;
  readonly isInternal: boolean;
  /** In order of their index. */
  readonly partitions: readonly PartitionInfo[];
}

export interface PartitionInfo {
  readonly index: number;
  /** -1 while there is none. */
  readonly leaderId: number;
  /** -1 from brokers that do not tell. */
  readonly leaderEpoch: number;
}

export class Metadata {
  readonly #connect: () => Promise<BrokerConnection>;
  readonly #brokers = new Map<number, BrokerAddress>();
  readonly #topics = new Map<string, TopicInfo>();
  /** Topics of the request under way, so that a thousand records for a new topic ask once. */
  readonly #asking = new Map<string, Promise<TopicInfo>>();
  clusterId: string | null = null;

  /** `connect` gives a connection to any broker. */
  constructor(connect: () => Promise<BrokerConnection>) {
    this.#connect = connect;
  }

  broker(nodeId: number): BrokerAddress | undefined {
    return this.#brokers.get(nodeId);
  }

  brokers(): Iterable<BrokerAddress> {
    return this.#brokers.values();
  }

  /** What is known of a topic, without asking. */
  known(topic: string): TopicInfo | undefined {
    return this.#topics.get(topic);
  }

  /** The leader of a partition as far as known: -1 when it is not. */
  leaderOf(topic: string, partition: number): number {
    return this.#topics.get(topic)?.partitions[partition]?.leaderId ?? -1;
  }

  /** A broker said that what we know of the topic is out of date. */
  forget(topic: string): void {
    this.#topics.delete(topic);
  }

  /**
   * A topic, asked for unless known. Brokers may create it.
   * @throws {ProtocolError} what the broker says of the topic; retriable while it is being created
   */
  async topic(name: string): Promise<TopicInfo> {
    const known = this.#topics.get(name);
    if (known !== undefined) return known;
    let asking = this.#asking.get(name);
    if (asking === undefined) {
      asking = this.#askFor(name).finally(() => this.#asking.delete(name));
      this.#asking.set(name, asking);
    }
    return await asking;
  }

  /** All topics, internal ones included. */
  async allTopics(): Promise<TopicInfo[]> {
    const connection = await this.#connect();
    // Version 0 has no null: there an empty list means all.
    const topics = connection.versionOf(metadataApi) === 0 ? [] : null;
    const response = await connection.send(metadataApi, { topics });
    this.#learn(response);
    return response.topics.filter(({ errorCode }) => errorCode === 0).map(topicInfo);
  }

  async #askFor(name: string): Promise<TopicInfo> {
    const connection = await this.#connect();
    const response = await connection.send(metadataApi, { topics: [{ name }] });
    this.#learn(response);
    const topic = response.topics.find((answered) => answered.name === name);
    if (topic === undefined) throw new ProtocolError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    checkErrorCode(topic.errorCode, `Cannot find topic "${name}"`);
    return topicInfo(topic);
  }

  #learn(response: MetadataResponse): void {
    checkErrorCode(response.errorCode, "Cannot learn about the cluster");
    this.clusterId = response.clusterId;
    this.#brokers.clear();
    for (const { nodeId, host: hostname, port } of response.brokers) {
      this.#brokers.set(nodeId, { nodeId, hostname, port });
    }
    for (const topic of response.topics) {
      if (topic.name === null) continue;
      if (topic.errorCode === 0) this.#topics.set(topic.name, topicInfo(topic));
      else this.#topics.delete(topic.name);
    }
  }
}

function topicInfo(topic: MetadataResponse["topics"][number]): TopicInfo {
  const partitions = topic.partitions
    .map(({ partitionIndex: index, leaderId, leaderEpoch }) => ({ index, leaderId, leaderEpoch }))
    .sort((first, second) => first.index - second.index);
  return { name: topic.name ?? "", isInternal: topic.isInternal, partitions };
}
