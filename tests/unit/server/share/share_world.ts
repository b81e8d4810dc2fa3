/** A broker in memory with a topic, and members of share groups that speak to it as clients do. */
import { produce } from "../../../../protocol/api/00_produce.ts";
import { findCoordinator } from "../../../../protocol/api/10_find_coordinator.ts";
import { createTopics } from "../../../../protocol/api/19_create_topics.ts";
import { incrementalAlterConfigs } from "../../../../protocol/api/44_incremental_alter_configs.ts";
import { shareGroupHeartbeat } from "../../../../protocol/api/76_share_group_heartbeat.ts";
import { shareFetch, type ShareFetchRequestDraft } from "../../../../protocol/api/78_share_fetch.ts";
import { shareAcknowledge } from "../../../../protocol/api/79_share_acknowledge.ts";
import { batches } from "../../../../protocol/batch.ts";
import { encodeBatch } from "../../../../protocol/record.ts";
import { MemoryBroker, type MemoryBrokerOptions, type MemoryClient } from "../../../support/memory_broker.ts";

const GROUP_RESOURCE = 32;
const SET = 0;

export class ShareWorld {
  private constructor(readonly server: MemoryBroker, readonly client: MemoryClient) {}

  static async start(options: MemoryBrokerOptions = {}): Promise<ShareWorld> {
    const overrides = { "share.coordinator.state.topic.num.partitions": "2", "offsets.topic.num.partitions": "2" };
    const server = await MemoryBroker.start({ ...options, overrides: { ...overrides, ...options.overrides } });
    const client = await server.connect();
    // Makes the topic that groups are kept in.
    await client.send(findCoordinator, 0, { key: "g" });
    return new ShareWorld(server, client);
  }

  get topicId(): string {
    return this.server.broker.cluster.topic("t")!.id;
  }

  async createTopic(partitionCount = 1): Promise<void> {
    await this.client.send(createTopics, 7, {
      topics: [{ name: "t", numPartitions: partitionCount, replicationFactor: 1, assignments: [], configs: [] }],
    });
  }

  /** Batches of so many records. */
  async fill(counts: readonly number[], index = 0): Promise<void> {
    for (const count of counts) {
      const records = encodeBatch({
        records: Array.from({ length: count }, () => ({ value: new Uint8Array(10), timestamp: 1_735_689_600_000 })),
      });
      await this.client.send(produce, 9, {
        acks: -1,
        timeoutMs: 1_000,
        topicData: [{ name: "t", partitionData: [{ index, records }] }],
      });
    }
  }

  async configure(groupId: string, configs: Readonly<Record<string, string>>): Promise<void> {
    const answer = await this.client.send(incrementalAlterConfigs, 1, {
      resources: [{
        resourceType: GROUP_RESOURCE,
        resourceName: groupId,
        configs: Object.entries(configs).map(([name, value]) => ({ name, value, configOperation: SET })),
      }],
      validateOnly: false,
    });
    if (answer.responses[0]!.errorCode !== 0) throw new Error(answer.responses[0]!.errorMessage ?? "refused");
  }

  async member(groupId: string, memberId: string): Promise<ShareMemberClient> {
    return new ShareMemberClient(this, await this.server.connect(), groupId, memberId);
  }
}

export interface Got {
  readonly errorCode: number;
  readonly acknowledgeErrorCode: number;
  /** "0-4x1": offsets and delivery count. */
  readonly acquired: string[];
  /** Of the batches that came. */
  readonly offsets: string[];
}

export class ShareMemberClient {
  epoch = 0;
  sessionEpoch = 0;
  assigned: number[] = [];

  constructor(
    readonly world: ShareWorld,
    readonly client: MemoryClient,
    readonly groupId: string,
    readonly memberId: string,
  ) {}

  async heartbeat(topics: readonly string[] | null = null) {
    const { groupId, memberId, epoch } = this;
    const answer = await this.client.send(shareGroupHeartbeat, 1, {
      groupId,
      memberId,
      memberEpoch: epoch,
      subscribedTopicNames: topics,
    });
    if (answer.errorCode === 0 && epoch >= 0) {
      this.epoch = answer.memberEpoch;
      if (answer.assignment !== null) this.assigned = answer.assignment.topicPartitions[0]?.partitions ?? [];
    }
    return answer;
  }

  /** In the group, and with partitions. */
  async join(): Promise<void> {
    await this.heartbeat(["t"]);
    for (let round = 0; round < 10 && this.assigned.length === 0; round++) {
      await this.world.server.runtime.advance(5_000);
      await this.heartbeat();
    }
  }

  async leave() {
    const { groupId, memberId } = this;
    return await this.client.send(shareGroupHeartbeat, 1, { groupId, memberId, memberEpoch: -1 });
  }

  /** One partition's part of the answer; null when the answer says nothing of it. */
  async fetch(
    changes: Partial<ShareFetchRequestDraft> & { readonly types?: Readonly<Record<string, readonly number[]>> } = {},
    index = 0,
  ): Promise<Got | null> {
    const { types = {}, ...draft } = changes;
    const answer = await this.request({ ...draft, topics: this.#topics(types, index) });
    if (answer.errorCode !== 0) throw new Error(`ShareFetch: ${answer.errorCode}`);
    const partition = answer.responses.find(({ topicId }) => topicId === this.world.topicId)?.partitions
      .find(({ partitionIndex }) => partitionIndex === index);
    if (partition === undefined) return null;
    const { errorCode, acknowledgeErrorCode, acquiredRecords, records } = partition;
    return {
      errorCode,
      acknowledgeErrorCode,
      acquired: acquiredRecords.map(({ firstOffset, lastOffset, deliveryCount }) =>
        `${firstOffset}-${lastOffset}x${deliveryCount}`
      ),
      offsets: [...batches(records)].map(({ baseOffset, lastOffset }) => `${baseOffset}-${lastOffset}`),
    };
  }

  async request(draft: Partial<ShareFetchRequestDraft>, version = 2) {
    const { groupId, memberId, sessionEpoch } = this;
    const answer = await this.client.send(shareFetch, version, {
      groupId,
      memberId,
      shareSessionEpoch: sessionEpoch,
      maxWaitMs: 0,
      minBytes: 1,
      maxBytes: 1_000_000,
      maxRecords: 500,
      batchSize: 500,
      topics: [],
      forgottenTopicsData: [],
      ...draft,
    });
    if (answer.errorCode === 0) this.sessionEpoch++;
    return answer;
  }

  /** `types` by extents: { "0-4": [1] }. */
  async acknowledge(
    types: Readonly<Record<string, readonly number[]>>,
    index = 0,
    isRenewAck = false,
  ): Promise<number> {
    const { groupId, memberId, sessionEpoch } = this;
    const answer = await this.client.send(shareAcknowledge, 2, {
      groupId,
      memberId,
      shareSessionEpoch: sessionEpoch,
      isRenewAck,
      topics: this.#topics(types, index),
    });
    if (answer.errorCode !== 0) return answer.errorCode;
    this.sessionEpoch++;
    return answer.responses[0]!.partitions[0]!.errorCode;
  }

  #topics(types: Readonly<Record<string, readonly number[]>>, index: number) {
    const acknowledgementBatches = Object.entries(types).map(([extent, acknowledgeTypes]) => {
      const [first, last] = extent.split("-").map(Number);
      return { firstOffset: first!, lastOffset: last!, acknowledgeTypes };
    });
    return [{ topicId: this.world.topicId, partitions: [{ partitionIndex: index, acknowledgementBatches }] }];
  }
}
