/** A broker in memory with a topic "events" of two partitions, and what a transactional producer and its readers ask of it. */
import { fetch } from "../../../../protocol/api/01_fetch.ts";
import { listOffsets } from "../../../../protocol/api/02_list_offsets.ts";
import { offsetFetch } from "../../../../protocol/api/09_offset_fetch.ts";
import { produce } from "../../../../protocol/api/00_produce.ts";
import { findCoordinator } from "../../../../protocol/api/10_find_coordinator.ts";
import { createTopics } from "../../../../protocol/api/19_create_topics.ts";
import { initProducerId } from "../../../../protocol/api/22_init_producer_id.ts";
import { addPartitionsToTxn } from "../../../../protocol/api/24_add_partitions_to_txn.ts";
import { addOffsetsToTxn } from "../../../../protocol/api/25_add_offsets_to_txn.ts";
import { endTxn } from "../../../../protocol/api/26_end_txn.ts";
import { txnOffsetCommit } from "../../../../protocol/api/28_txn_offset_commit.ts";
import { BatchView } from "../../../../protocol/batch.ts";
import { ErrorCode } from "../../../../protocol/errors.ts";
import { decodeRecords, encodeBatch } from "../../../../protocol/record.ts";
import { MemoryBroker, type MemoryBrokerOptions, type MemoryClient } from "../../../support/memory_broker.ts";

export const READ_COMMITTED = 1;
export const READ_UNCOMMITTED = 0;

export interface Producer {
  readonly transactionalId: string | null;
  readonly producerId: number;
  readonly producerEpoch: number;
}

export interface ProduceChanges {
  readonly version?: number;
  readonly partition?: number;
  readonly sequence?: number;
}

export class TransactionsDesk {
  private constructor(readonly server: MemoryBroker, readonly client: MemoryClient) {}

  static async start(options: MemoryBrokerOptions = {}): Promise<TransactionsDesk> {
    const server = await MemoryBroker.start(options);
    const client = await server.connect();
    const desk = new TransactionsDesk(server, client);
    const isNew = server.broker.cluster.topic("events") === undefined;
    if (isNew) {
      await client.send(createTopics, 7, {
        topics: [{ name: "events", numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] }],
      });
    }
    // Both coordinators make their topics when they are looked for.
    await client.send(findCoordinator, 1, { key: "t", keyType: 1 });
    await client.send(findCoordinator, 1, { key: "g", keyType: 0 });
    return desk;
  }

  /** The same data in a new process. */
  async restart(options: MemoryBrokerOptions = {}): Promise<TransactionsDesk> {
    await this.server.stop();
    return await TransactionsDesk.start({ ...options, runtime: this.server.runtime });
  }

  /** A producer with its id and epoch; throws when it is refused. */
  async producer(transactionalId = "t", options: { timeoutMs?: number; before?: Producer } = {}): Promise<Producer> {
    const { producerId = -1, producerEpoch = -1 } = options.before ?? {};
    for (;;) {
      const transactionTimeoutMs = options.timeoutMs ?? 60_000;
      const draft = { transactionalId, transactionTimeoutMs, producerId, producerEpoch };
      const { errorCode, ...identity } = await this.client.send(initProducerId, 5, draft);
      if (errorCode === ErrorCode.CONCURRENT_TRANSACTIONS) {
        await this.server.runtime.advance(20);
        continue;
      }
      if (errorCode !== ErrorCode.NONE) throw new Error(`InitProducerId: ${errorCode}`);
      return { transactionalId, producerId: identity.producerId, producerEpoch: identity.producerEpoch };
    }
  }

  begin(producer: Producer, value: string, { version = 12, partition = 0, sequence = 0 }: ProduceChanges = {}) {
    const { transactionalId, producerId, producerEpoch } = producer;
    const records = encodeBatch({
      records: [{ value: new TextEncoder().encode(value), timestamp: this.server.runtime.clock.nowMs() }],
      producerId,
      producerEpoch,
      baseSequence: sequence,
      isTransactional: true,
    });
    return this.client.begin(produce, version, {
      transactionalId,
      acks: -1,
      timeoutMs: 1_000,
      topicData: [{
        name: "events",
        ...(version >= 13 ? { topicId: this.server.broker.cluster.topic("events")!.id } : {}),
        partitionData: [{ index: partition, records }],
      }],
    });
  }

  /** The error code of one record. */
  async produce(producer: Producer, value: string, changes: ProduceChanges = {}): Promise<number> {
    const answer = await this.server.runtime.until(this.begin(producer, value, changes));
    return answer.responses[0]!.partitionResponses[0]!.errorCode;
  }

  async add({ transactionalId, producerId, producerEpoch }: Producer, partition = 0): Promise<number> {
    const answer = await this.client.send(addPartitionsToTxn, 3, {
      v3AndBelowTransactionalId: transactionalId ?? "",
      v3AndBelowProducerId: producerId,
      v3AndBelowProducerEpoch: producerEpoch,
      v3AndBelowTopics: [{ name: "events", partitions: [partition] }],
    });
    return answer.resultsByTopicV3AndBelow[0]!.resultsByPartition[0]!.partitionErrorCode;
  }

  async addOffsets({ transactionalId, producerId, producerEpoch }: Producer): Promise<number> {
    const draft = { transactionalId: transactionalId ?? "", producerId, producerEpoch, groupId: "g" };
    return (await this.client.send(addOffsetsToTxn, 4, draft)).errorCode;
  }

  async commitOffset(producer: Producer, offset: number, version = 5): Promise<number> {
    const { transactionalId, producerId, producerEpoch } = producer;
    const answer = await this.client.send(txnOffsetCommit, version, {
      transactionalId: transactionalId ?? "",
      groupId: "g",
      producerId,
      producerEpoch,
      topics: [{
        name: "events",
        ...(version >= 6 ? { topicId: this.server.broker.cluster.topic("events")!.id } : {}),
        partitions: [{ partitionIndex: 0, committedOffset: offset, committedMetadata: null }],
      }],
    });
    return answer.topics[0]!.partitions[0]!.errorCode;
  }

  async end(producer: Producer, outcome: "commit" | "abort", version = 5) {
    const { transactionalId, producerId, producerEpoch } = producer;
    const committed = outcome === "commit";
    const draft = { transactionalId: transactionalId ?? "", producerId, producerEpoch, committed };
    return await this.client.send(endTxn, version, draft);
  }

  /** Ends it, and waits for its markers. Returns what the producer goes on with. */
  async ended(producer: Producer, outcome: "commit" | "abort", version = 5): Promise<Producer> {
    const { errorCode, ...identity } = await this.end(producer, outcome, version);
    if (errorCode !== ErrorCode.NONE) throw new Error(`EndTxn: ${errorCode}`);
    await this.settle();
    return version < 5 ? producer : { ...producer, ...identity };
  }

  async settle(): Promise<void> {
    await this.server.runtime.advance(50);
  }

  async fetch(isolationLevel: number, partition = 0) {
    const answer = await this.client.send(fetch, 12, {
      maxWaitMs: 0,
      minBytes: 1,
      maxBytes: 1_000_000,
      isolationLevel,
      topics: [{ topic: "events", partitions: [{ partition, fetchOffset: 0, partitionMaxBytes: 1_000_000 }] }],
    });
    return answer.responses[0]!.partitions[0]!;
  }

  /** The values that a reader shows, as it leaves out what was aborted. */
  async values(isolationLevel = READ_COMMITTED, partition = 0): Promise<string[]> {
    const { records, abortedTransactions } = await this.fetch(isolationLevel, partition);
    const starts = [...abortedTransactions ?? []].sort((a, b) => a.firstOffset - b.firstOffset);
    const aborted = new Set<number>();
    const values: string[] = [];
    for (let at = 0; records !== null && at < records.length;) {
      const batch = new BatchView(records, at);
      at += batch.sizeBytes;
      while (starts[0] !== undefined && starts[0].firstOffset <= batch.baseOffset) {
        aborted.add(starts.shift()!.producerId);
      }
      if (batch.isControl) aborted.delete(batch.producerId);
      else if (!aborted.has(batch.producerId)) {
        for (const { value } of decodeRecords(batch)) values.push(new TextDecoder().decode(value ?? new Uint8Array(0)));
      }
    }
    return values;
  }

  async latestOffset(isolationLevel: number, replicaId = -1): Promise<number> {
    const partitions = [{ partitionIndex: 0, timestamp: -1 }];
    const answer = await this.client.send(listOffsets, 7, {
      replicaId,
      isolationLevel,
      topics: [{ name: "events", partitions }],
    });
    return answer.topics[0]!.partitions[0]!.offset;
  }

  async committedOffset(requireStable: boolean): Promise<{ errorCode: number; offset: number }> {
    const answer = await this.client.send(offsetFetch, 7, {
      groupId: "g",
      topics: [{ name: "events", partitionIndexes: [0] }],
      requireStable,
    });
    const { errorCode, committedOffset } = answer.topics[0]!.partitions[0]!;
    return { errorCode, offset: committedOffset };
  }
}
