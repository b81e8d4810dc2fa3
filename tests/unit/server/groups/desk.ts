/** A coordinator in memory: virtual time, and a `__consumer_offsets` that keeps batches, fails or stalls when told to. */
import { BatchView } from "../../../../protocol/batch.ts";
import { ProtocolError } from "../../../../protocol/errors.ts";
import { decodeRecords } from "../../../../protocol/record.ts";
import { ZERO_UUID } from "../../../../protocol/schema.ts";
import { createMemoryRuntime, type MemoryRuntime } from "../../../../runtime/memory.ts";
import { OFFSETS_TOPIC } from "../../../../server/cluster/topic_name.ts";
import { BrokerConfig } from "../../../../server/config.ts";
import type { JoinAnswer } from "../../../../server/groups/classic/state.ts";
import type { HeartbeatRequest } from "../../../../server/groups/consumer/request_checks.ts";
import type { HeartbeatAnswer } from "../../../../server/groups/consumer/state.ts";
import {
  type CommitRequest,
  GroupCoordinator,
  type JoinRequest,
  type OffsetsTopic,
} from "../../../../server/groups/coordinator.ts";
import type { SharePlace, ShareStateKeeper } from "../../../../server/groups/share_groups.ts";
import { silentLogger } from "../../../../server/log.ts";
import type { HeartbeatRequest as StreamsHeartbeatRequest } from "../../../../server/groups/streams/request_checks.ts";
import type { StreamsAnswer } from "../../../../server/groups/streams/state.ts";
import { FakeTopics } from "./consumer/topics.ts";
import { countTopology, plainHeartbeat } from "./streams/machine.ts";

/** What a crash leaves of the topic is exactly what `write` has resolved for. */
export class MemoryOffsetsTopic implements OffsetsTopic {
  readonly name: string = OFFSETS_TOPIC;
  readonly partitions: Uint8Array[][] = [];
  writeCount = 0;
  /** Writes fail with this code. */
  errorCode = 0;
  /** Writes wait for this. */
  gate: Promise<void> | null = null;
  /** Partitions that cannot be read. */
  readonly unreadable = new Set<number>();

  get partitionCount(): number {
    return this.partitions.length;
  }

  create(partitionCount: number): void {
    for (let index = this.partitions.length; index < partitionCount; index++) this.partitions.push([]);
  }

  async write(partition: number, batch: Uint8Array): Promise<void> {
    this.writeCount++;
    if (this.gate !== null) await this.gate;
    if (this.errorCode !== 0) throw new ProtocolError(this.errorCode);
    const batches = this.partitions[partition]!;
    const view = new BatchView(batch);
    const last = batches.at(-1);
    view.baseOffset = last === undefined ? 0 : new BatchView(last).nextOffset;
    batches.push(batch);
  }

  async *readAll(partition: number): AsyncIterable<BatchView> {
    if (this.gate !== null) await this.gate;
    if (this.unreadable.has(partition)) throw new Error(`Cannot read partition ${partition}`);
    for (const batch of this.partitions[partition]!) yield new BatchView(batch);
  }

  /** Of all partitions. */
  recordCount(): number {
    return this.partitions.flat().reduce((sum, batch) => sum + [...decodeRecords(new BatchView(batch))].length, 0);
  }
}

export interface DeskOptions {
  readonly seed?: number;
  readonly partitionCount?: number;
  readonly config?: Readonly<Record<string, string>>;
  readonly topic?: MemoryOffsetsTopic;
  /** What the groups consume. */
  readonly topics?: FakeTopics;
  readonly shareState?: FakeShareState;
}

/** A share coordinator that remembers what it was asked. */
export class FakeShareState implements ShareStateKeeper {
  /** "group:topic id:partition" to the offset that was asked for. */
  readonly states = new Map<string, number>();
  /** Requests fail with this code. */
  errorCode = 0;

  prepare(): Promise<number> {
    return Promise.resolve(0);
  }

  initialize({ groupId, topicId, partition, startOffset }: Parameters<ShareStateKeeper["initialize"]>[0]) {
    if (this.errorCode === 0) this.states.set(`${groupId}:${topicId}:${partition}`, startOffset);
    return Promise.resolve({ errorCode: this.errorCode, errorMessage: null });
  }

  delete({ groupId, topicId, partition }: SharePlace) {
    if (this.errorCode === 0) this.states.delete(`${groupId}:${topicId}:${partition}`);
    return Promise.resolve({ errorCode: this.errorCode, errorMessage: null });
  }
}

export class Desk {
  readonly runtime: MemoryRuntime;
  readonly topic: MemoryOffsetsTopic;
  readonly topics: FakeTopics;
  readonly coordinator: GroupCoordinator;
  readonly shareState: FakeShareState;
  readonly #options: DeskOptions;

  constructor(options: DeskOptions = {}) {
    this.#options = options;
    this.runtime = createMemoryRuntime({ seed: options.seed ?? 1 });
    this.topic = options.topic ?? new MemoryOffsetsTopic();
    if (options.topic === undefined) this.topic.create(options.partitionCount ?? 4);
    this.topics = options.topics ?? new FakeTopics({ t: 4 });
    this.shareState = options.shareState ?? new FakeShareState();
    const config = { "group.initial.rebalance.delay.ms": "0", ...options.config };
    this.coordinator = new GroupCoordinator({
      runtime: this.runtime,
      logger: silentLogger,
      config: BrokerConfig.parse(
        Object.entries(config).map(([name, value]) => ({ source: "override" as const, name, value })),
      ),
      cluster: this.topics.asCluster(() => this.topic.create(options.partitionCount ?? 4)),
      offsetsTopic: this.topic,
      shareState: this.shareState,
      shareStateChanged: () => {},
    });
    this.topics.onMade = (topic) => this.coordinator.onTopicChanged(topic, { isNew: true });
    this.coordinator.start();
  }

  static async loaded(options: DeskOptions = {}): Promise<Desk> {
    const desk = new Desk(options);
    await desk.runtime.until(desk.coordinator.loaded);
    return desk;
  }

  /** The broker is killed: what was not answered is lost, what is in the log is not. */
  restart(): Promise<Desk> {
    const seed = (this.#options.seed ?? 1) + 1;
    const { topic, topics, shareState } = this;
    return Desk.loaded({ ...this.#options, seed, topic, topics, shareState });
  }

  until<Result>(promise: Promise<Result>): Promise<Result> {
    return this.runtime.until(promise);
  }

  join(memberId: string, changes: Partial<JoinRequest> = {}): Promise<JoinAnswer> {
    return this.coordinator.joinGroup({
      groupId: "g",
      memberId,
      instanceId: null,
      clientId: "client",
      clientHost: "/127.0.0.1",
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 30_000,
      protocolType: "consumer",
      protocols: [{ name: "range", metadata: Uint8Array.of(0, 0, 0, 0, 0, 1, 0, 1, 116, 0, 0, 0, 0) }],
      reason: "test",
      isMemberIdRequired: false,
      canSkipAssignment: true,
      ...changes,
    });
  }

  /** A heartbeat of the consumer protocol that says nothing new; the first one says what must be said. */
  heartbeat(memberId: string, memberEpoch: number, changes: Partial<HeartbeatRequest> = {}): Promise<HeartbeatAnswer> {
    const first = { rebalanceTimeoutMs: 30_000, topics: ["t"], owned: [] };
    return this.coordinator.consumerGroupHeartbeat({
      groupId: "g",
      apiVersion: 1,
      memberId,
      memberEpoch,
      instanceId: null,
      rackId: null,
      rebalanceTimeoutMs: -1,
      topics: null,
      regex: null,
      assignor: null,
      owned: null,
      clientId: "client",
      clientHost: "/127.0.0.1",
      ...(memberEpoch === 0 ? first : {}),
      ...changes,
    });
  }

  /** The same of the streams protocol. */
  streamsHeartbeat(
    memberId: string,
    memberEpoch: number,
    changes: Partial<StreamsHeartbeatRequest> = {},
  ): Promise<StreamsAnswer> {
    const nothing = { activeTasks: [], standbyTasks: [], warmupTasks: [] };
    const first = { rebalanceTimeoutMs: 30_000, topology: countTopology, processId: `p-${memberId}`, ...nothing };
    return this.coordinator.streams.heartbeat({
      groupId: "g",
      apiVersion: 1,
      memberId,
      memberEpoch,
      ...plainHeartbeat,
      activeTasks: null,
      standbyTasks: null,
      warmupTasks: null,
      ...(memberEpoch === 0 ? first : {}),
      ...changes,
    });
  }

  sync(memberId: string, generation: number, assignments: ReadonlyMap<string, Uint8Array> = new Map(), groupId = "g") {
    return this.coordinator.syncGroup({
      groupId,
      memberId,
      instanceId: null,
      generation,
      protocolType: "consumer",
      protocolName: "range",
      assignments,
    });
  }

  /** One member, its assignment in the log. */
  async stable(groupId = "g", changes: Partial<JoinRequest> = {}): Promise<JoinAnswer> {
    const joined = await this.until(this.join("", { groupId, ...changes }));
    const assignments = new Map([[joined.memberId, Uint8Array.of(1, 2, 3)]]);
    await this.until(this.sync(joined.memberId, joined.generation, assignments, groupId));
    return joined;
  }

  commit(offset: number, changes: Partial<CommitRequest> & { readonly topic?: string } = {}): Promise<number[]> {
    const { topic = "t", ...rest } = changes;
    return this.coordinator.commitOffsets({
      groupId: "g",
      memberId: "",
      instanceId: null,
      generation: -1,
      apiVersion: 8,
      retentionTimeMs: -1,
      offsets: [{ topic, topicId: ZERO_UUID, partition: 0, offset, leaderEpoch: 3, metadata: "m" }],
      ...rest,
    });
  }

  async offset(groupId = "g", topic = "t"): Promise<number> {
    const offsets = await this.until(this.coordinator.offsetsOf(groupId, { requireStable: true }));
    if (typeof offsets === "number") throw new ProtocolError(offsets);
    return offsets.get(groupId, topic, 0)?.offset ?? -1;
  }

  /** The state of a group; throws the error when it cannot be asked. */
  group(groupId = "g") {
    const state = this.coordinator.describeGroup(groupId);
    if (typeof state === "number") throw new ProtocolError(state);
    return state;
  }
}
