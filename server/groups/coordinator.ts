/**
 * The group coordinator: which shard a group lives in, whether it may be asked, and the requests about groups.
 *
 * A group belongs to the partition of `__consumer_offsets` that its id hashes to, and there is one shard for each
 * (`../coordination/topic_shards.ts`). Requests come here with topics already looked up; answers are the protocol's error codes, never exceptions.
 */
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { type Cluster, ResourceType, type Topic } from "../cluster/cluster.ts";
import { newTopicId } from "../cluster/topic_id.ts";
import type { BrokerConfig } from "../config.ts";
import { Sweeps } from "../coordination/sweeps.ts";
import { type ShardedTopic, TopicShards } from "../coordination/topic_shards.ts";
import type { Logger } from "../log.ts";
import type { MarkerToWrite } from "../transactions/marker.ts";
import type { CommitClaim } from "./classic/checks.ts";
import { commitAll, type CommitRequest, type OffsetToCommit, type TransactionalCommitRequest } from "./commits.ts";
import type {
  GroupRules,
  GroupState,
  JoinAnswer,
  JoinEvent,
  LeaveAnswer,
  LeavingMember,
  SyncAnswer,
  SyncEvent,
} from "./classic/state.ts";
import { distinct, newClassicId } from "./classic/new_member.ts";
import { refusedJoin, refusedLeave, refusedSync } from "./classic/refused.ts";
import { ClusterTopics } from "./cluster_topics.ts";
import { checkHeartbeat, type HeartbeatRequest } from "./consumer/request_checks.ts";
import { assignorNames, consumerGroupRules } from "./consumer/rules.ts";
import type { ConsumerGroupState, HeartbeatAnswer } from "./consumer/state.ts";
import { refusedHeartbeat } from "./consumer/state.ts";
import { compressionOf } from "./log_writer.ts";
import { type OffsetReader, readError } from "./offset_readers.ts";
import { type ReadableOffsets, readableOffsets } from "./readable_offsets.ts";
import { type Commit, type CommitPlace, type GroupAnswer, GroupShard } from "./shard.ts";
import { partitionFor } from "./partition_for.ts";
import { shareGroupRules } from "./share/rules.ts";
import { ShareDesk } from "./share_desk.ts";
import type { ShareGroupsOptions } from "./share_groups.ts";
import { StreamsCoordinator } from "./streams_coordinator.ts";

export type { CommitRequest, OffsetToCommit, TransactionalCommitRequest } from "./commits.ts";
export type { OffsetReader } from "./offset_readers.ts";
export type { ReadableOffsets } from "./readable_offsets.ts";

/** `__consumer_offsets`, as far as the coordinator needs it. */
export interface OffsetsTopic extends ShardedTopic {
  /** Resolves when the batch is durable by the topic's policy. @throws {ProtocolError} */
  write(partition: number, batch: Uint8Array, transactionVersion?: number): Promise<void>;
}

export interface GroupCoordinatorOptions extends Pick<ShareGroupsOptions, "shareState" | "shareStateChanged"> {
  readonly runtime: Pick<Runtime, "clock" | "timers" | "random">;
  readonly logger: Logger;
  readonly config: Pick<BrokerConfig, "get">;
  /** Makes the topic when it is missing; and what consumer groups want to know of topics, and of themselves. */
  readonly cluster: Pick<
    Cluster,
    "autoCreateTopics" | "createTopics" | "topic" | "topicById" | "topics" | "version" | "configsOf"
  >;
  readonly offsetsTopic: OffsetsTopic;
}

export type JoinRequest = Omit<JoinEvent, "kind" | "ticket" | "newMemberId"> & { readonly groupId: string };
export type SyncRequest = Omit<SyncEvent, "kind" | "ticket"> & { readonly groupId: string };

/** How long a newcomer's JoinGroup may wait: Kafka's. */
const newMemberJoinTimeoutMs = 300_000;

export class GroupCoordinator {
  /** Requests about share groups. */
  readonly share: ShareDesk;
  readonly #options: GroupCoordinatorOptions;
  readonly #topics: ClusterTopics;
  readonly #shards: TopicShards<GroupShard>;
  readonly #sweeps: Sweeps;
  /** Groups of the streams protocol. */
  readonly streams: StreamsCoordinator;
  readonly #waiting = new Map<number, (answer: GroupAnswer) => void>();
  #lastTicket = 0;

  constructor(options: GroupCoordinatorOptions) {
    this.#options = options;
    // One broker has all replicas.
    const rackOf = () => options.config.get("broker.rack");
    this.#topics = new ClusterTopics({ cluster: options.cluster, rackOf });
    this.#shards = new TopicShards({
      ...options,
      topic: options.offsetsTopic,
      newShard: (partition) => this.#newShard(partition),
    });
    this.#sweeps = new Sweeps(options.runtime.timers);
    const desk = {
      shardOf: (groupId: string) => this.#shards.of(groupId),
      shards: () => this.#shards.all(),
      ask: <Answer extends GroupAnswer>(feed: (ticket: number) => void) => this.#ask<Answer>(feed),
    };
    this.streams = new StreamsCoordinator({ ...options, ...desk });
    this.share = new ShareDesk(desk);
  }

  // -------------------------------------------------------------------------------------------- life

  /** Begins to load. Groups can be asked about one by one as their shards are ready. */
  start(): void {
    const { config, logger } = this.#options;
    this.#sweeps.begin({
      intervalMs: () => config.get("offsets.retention.check.interval.ms"),
      run: () => this.#expire(),
      onFailed: (cause) => logger.error("offsets not expired", { cause }),
    });
    this.#shards.start();
  }

  /** Resolves when nothing is left to load. */
  get loaded(): Promise<void> {
    return this.#shards.loaded;
  }

  /** Tells everyone who waits to look for the coordinator anew, and waits for what is on its way to the log. */
  async stop(): Promise<void> {
    this.#sweeps.stop();
    await this.#shards.stop();
  }

  /** Makes `__consumer_offsets` when it is missing. NONE when groups can be asked about from now on. */
  prepare(): Promise<number> {
    return this.#shards.prepare();
  }

  #newShard(index: number): GroupShard {
    const { offsetsTopic, runtime: { clock, timers }, logger, config, cluster } = this.#options;
    const configsOf = (name: string) => cluster.configsOf({ type: ResourceType.GROUP, name });
    return new GroupShard({
      ...this.#options,
      clock,
      timers,
      logger,
      rules: () => this.#rules(),
      consumerRules: (groupId) => consumerGroupRules(config, configsOf(groupId)),
      shareRules: (groupId) => shareGroupRules(config, configsOf(groupId)),
      streamsRules: (groupId) => this.streams.rulesOf(groupId),
      topics: this.#topics,
      log: {
        write: (batch, transactionVersion) => offsetsTopic.write(index, batch, transactionVersion),
        compression: compressionOf(config.get("offsets.topic.compression.codec")),
        timeoutMs: config.get("offsets.commit.timeout.ms"),
      },
      answer: (ticket, answer) => this.#answer(ticket, answer),
    });
  }

  // -------------------------------------------------------------------------------------------- membership

  joinGroup(request: JoinRequest): Promise<JoinAnswer> {
    const { groupId, memberId, sessionTimeoutMs } = request;
    const { config } = this.#options;
    const shard = this.#shards.of(groupId);
    if (groupId === "") return refusedJoin(ErrorCode.INVALID_GROUP_ID, memberId);
    if (
      sessionTimeoutMs < config.get("group.min.session.timeout.ms") ||
      sessionTimeoutMs > config.get("group.max.session.timeout.ms")
    ) return refusedJoin(ErrorCode.INVALID_SESSION_TIMEOUT, memberId);
    if (typeof shard === "number") return refusedJoin(shard, memberId);
    if (shard.share.has(groupId)) return refusedJoin(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, "");
    const isModern = shard.hasModernMembers(groupId);
    if (memberId !== "" && shard.group(groupId) === undefined && !isModern) {
      return refusedJoin(ErrorCode.UNKNOWN_MEMBER_ID, memberId);
    }
    if (isModern && (request.protocolType === "" || request.protocols.length === 0)) {
      return refusedJoin(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, memberId);
    }
    const newMemberId = shard.consumer.hasMembers(groupId)
      ? this.#newConsumerId()
      : newClassicId(this.#options.runtime.random, request.instanceId ?? request.clientId);
    const protocols = distinct(request.protocols);
    return this.#ask<JoinAnswer>((ticket) =>
      shard.feed(groupId, { ...request, kind: "join", ticket, newMemberId, protocols })
    );
  }

  syncGroup(request: SyncRequest): Promise<SyncAnswer> {
    const { groupId } = request;
    const shard = this.#shards.of(groupId);
    if (groupId === "") return refusedSync(ErrorCode.INVALID_GROUP_ID);
    if (typeof shard === "number") return refusedSync(shard);
    if (!shard.isKnown(groupId)) return refusedSync(ErrorCode.UNKNOWN_MEMBER_ID);
    const assignments = new Map(Array.from(request.assignments, ([id, bytes]) => [id, bytes.slice()]));
    return this.#ask<SyncAnswer>((ticket) => shard.feed(groupId, { ...request, kind: "sync", ticket, assignments }));
  }

  heartbeat(request: CommitClaim & { readonly groupId: string }): Promise<number> {
    const { groupId, memberId, instanceId, generation } = request;
    const shard = this.#shards.of(groupId);
    if (groupId === "") return Promise.resolve(ErrorCode.INVALID_GROUP_ID);
    // While the group is being loaded, its members are as alive as they were.
    if (shard === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS) return Promise.resolve(ErrorCode.NONE);
    if (typeof shard === "number") return Promise.resolve(shard);
    if (!shard.isKnown(groupId)) return Promise.resolve(ErrorCode.UNKNOWN_MEMBER_ID);
    return this.#ask<number>((ticket) =>
      shard.feed(groupId, { kind: "heartbeat", ticket, memberId, instanceId, generation })
    );
  }

  leaveGroup(groupId: string, members: readonly LeavingMember[]): Promise<LeaveAnswer> {
    const shard = this.#shards.of(groupId);
    if (groupId === "") return refusedLeave(ErrorCode.INVALID_GROUP_ID);
    if (typeof shard === "number") return refusedLeave(shard);
    if (!shard.isKnown(groupId)) {
      const errorCode = ErrorCode.UNKNOWN_MEMBER_ID;
      const unknown = members.map(({ memberId, instanceId }) => ({ memberId, instanceId, errorCode }));
      return Promise.resolve({ errorCode: ErrorCode.NONE, members: unknown });
    }
    return this.#ask<LeaveAnswer>((ticket) => shard.feed(groupId, { kind: "leave", ticket, members }));
  }

  /** The one request of the consumer protocol. */
  consumerGroupHeartbeat(request: HeartbeatRequest): Promise<HeartbeatAnswer> {
    const { config } = this.#options;
    const shard = this.#shards.of(request.groupId);
    try {
      if (shard !== ErrorCode.COORDINATOR_NOT_AVAILABLE) checkHeartbeat(request, assignorNames(config));
      if (typeof shard === "number") throw new ProtocolError(shard);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return Promise.resolve(refusedHeartbeat(error.code, error.message));
    }
    const newMemberId = this.#newConsumerId();
    return this.#ask<HeartbeatAnswer>((ticket) =>
      shard.feedHeartbeat(request.groupId, { ...request, kind: "heartbeat", ticket, newMemberId })
    );
  }

  // -------------------------------------------------------------------------------------------- groups

  /** All groups of the shards that can be asked; or why there are none. */
  listGroups(): readonly GroupState[] | number {
    if (!this.#shards.isRunning) return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    if (this.#shards.isLoading) return ErrorCode.COORDINATOR_LOAD_IN_PROGRESS;
    return this.#shards.all().flatMap((shard) => shard.states());
  }

  /** The group, undefined when there is none; or the error. */
  describeGroup(groupId: string): GroupState | undefined | number {
    const shard = this.#shards.of(groupId);
    return typeof shard === "number" ? shard : shard.group(groupId);
  }

  listConsumerGroups(): readonly ConsumerGroupState[] {
    return this.#shards.all().flatMap((shard) => shard.consumer.allDescribed());
  }

  /** The same of a consumer group. */
  describeConsumerGroup(groupId: string): ConsumerGroupState | undefined | number {
    const shard = this.#shards.of(groupId);
    return typeof shard === "number" ? shard : shard.consumer.described(groupId);
  }

  /** There is a group of this id, of whatever kind. */
  isGroup(groupId: string): boolean {
    return [
      this.describeGroup(groupId),
      this.describeConsumerGroup(groupId),
      this.streams.describe(groupId),
      this.share.describe(groupId),
    ].some((group) => typeof group === "object");
  }

  deleteGroup(groupId: string): Promise<number> {
    const shard = this.#shards.of(groupId);
    return typeof shard === "number" ? Promise.resolve(shard) : shard.deleteGroup(groupId);
  }

  // -------------------------------------------------------------------------------------------- offsets

  /** @returns an error code for each offset, in order */
  async commitOffsets(request: CommitRequest): Promise<number[]> {
    const { groupId, offsets, retentionTimeMs, apiVersion } = request;
    const shard = this.#shards.of(groupId);
    if (typeof shard === "number") return offsets.map(() => shard);
    const admission = shard.admitCommit(groupId, request, { apiVersion, isTransactional: false, places: offsets });
    if (admission !== ErrorCode.NONE) return offsets.map(() => admission);

    return await this.#commitAll(offsets, retentionTimeMs, (commits) => shard.commit(groupId, commits));
  }

  /**
   * The same inside a transaction, whose offsets count once it commits. That the group is part of the transaction has been seen to.
   * @returns an error code for each offset, in order
   */
  async commitTransactionalOffsets(request: TransactionalCommitRequest): Promise<number[]> {
    const { groupId, offsets, apiVersion, producerId, producerEpoch } = request;
    const shard = this.#shards.of(groupId);
    if (typeof shard === "number") return offsets.map(() => shard);
    const admission = shard.admitCommit(groupId, request, { apiVersion, isTransactional: true, places: offsets });
    if (admission !== ErrorCode.NONE) return offsets.map(() => admission);
    return await this.#commitAll(
      offsets,
      -1,
      (commits) => shard.commitTransactional({ groupId, producerId, producerEpoch, offsets: commits }),
    );
  }

  /** The partition of `__consumer_offsets` that has the group's offsets, as a transaction names it. */
  offsetsPartitionOf(groupId: string): number {
    const { offsetsTopic: { partitionCount }, config } = this.#options;
    return partitionFor(groupId, partitionCount > 0 ? partitionCount : config.get("offsets.topic.num.partitions"));
  }

  /** Writes the marker that ends a transaction into a partition of `__consumer_offsets`. NONE once its offsets count. */
  async endTransaction(partition: number, marker: MarkerToWrite): Promise<number> {
    const shard = this.#shards.at(partition);
    if (typeof shard === "number") return shard;
    const errorCode = await shard.endTransaction(marker);
    const isElsewhere = errorCode === ErrorCode.NOT_COORDINATOR || errorCode === ErrorCode.COORDINATOR_NOT_AVAILABLE;
    return isElsewhere ? ErrorCode.NOT_LEADER_OR_FOLLOWER : errorCode;
  }

  #commitAll(
    offsets: readonly OffsetToCommit[],
    retentionTimeMs: number,
    commit: (commits: readonly Commit[]) => Promise<number>,
  ): Promise<number[]> {
    const { runtime: { clock }, config } = this.#options;
    const metadataLengthMax = config.get("offset.metadata.max.bytes");
    return commitAll(offsets, { nowMs: clock.nowMs(), retentionTimeMs, metadataLengthMax }, commit);
  }

  /**
   * The offsets to read from, or the error. `requireStable`: after all commits made before are known to be safe; those that an
   * open transaction may still change are `isUnstable`.
   */
  async offsetsOf(
    groupId: string,
    { requireStable, reader }: { readonly requireStable: boolean; readonly reader?: OffsetReader },
  ): Promise<ReadableOffsets | number> {
    const shard = this.#shards.of(groupId);
    if (typeof shard === "number") return shard;
    const errorCode = reader === undefined ? ErrorCode.NONE : readError(shard, groupId, { requireStable, reader });
    if (errorCode !== ErrorCode.NONE) return errorCode;
    if (requireStable) await shard.settled();
    return readableOffsets(shard, groupId, { requireStable });
  }

  /** @returns an error code for the whole, or one for each place, in order */
  deleteOffsets(groupId: string, places: readonly CommitPlace[]): Promise<number | number[]> {
    const shard = this.#shards.of(groupId);
    if (groupId === "") return Promise.resolve(ErrorCode.INVALID_GROUP_ID);
    return typeof shard === "number" ? Promise.resolve(shard) : shard.deleteOffsets(groupId, places);
  }

  /** A topic was made, deleted or enlarged: groups that subscribe to it may want another assignment. */
  onTopicChanged({ name }: Topic, change: { readonly isNew: boolean }): void {
    if (change.isNew) this.#topics.noteNewTopic();
    for (const { consumer, streams, share } of this.#shards.all()) {
      consumer.onTopicChanged(name);
      streams.onTopicChanged(name);
      share.onTopicChanged(name);
    }
  }

  /** Forgets the offsets of topics that are gone. */
  onTopicsDeleted(topics: readonly { readonly name: string; readonly id: string }[]): void {
    const ids = new Map(topics.map(({ name, id }) => [name, id]));
    this.loaded.then(() => Promise.all(this.#shards.all().map((shard) => shard.forgetTopics(ids)))).catch((cause) =>
      this.#options.logger.error("offsets of deleted topics not forgotten", { cause })
    );
  }

  // -------------------------------------------------------------------------------------------- below: how

  /** Shard by shard, a turn of the event loop between them: with many groups it is long work. */
  async #expire(): Promise<void> {
    const retentionMs = this.#options.config.get("offsets.retention.minutes") * 60_000;
    for (const shard of this.#shards.active()) {
      await shard.expire(retentionMs);
      await new Promise<void>((resolve) => this.#options.runtime.timers.soon(resolve));
    }
  }

  #rules(): GroupRules {
    const { config } = this.#options;
    return {
      initialRebalanceDelayMs: config.get("group.initial.rebalance.delay.ms"),
      sizeMax: config.get("group.max.size"),
      newMemberJoinTimeoutMs,
    };
  }

  #ask<Answer extends GroupAnswer>(feed: (ticket: number) => void): Promise<Answer> {
    const ticket = ++this.#lastTicket;
    return new Promise<Answer>((resolve) => {
      this.#waiting.set(ticket, resolve as (answer: GroupAnswer) => void);
      feed(ticket);
    });
  }

  #answer(ticket: number, answer: GroupAnswer): void {
    const resolve = this.#waiting.get(ticket);
    this.#waiting.delete(ticket);
    resolve?.(answer);
  }

  /** Of a member, of either protocol, of a consumer group. */
  #newConsumerId(): string {
    return newTopicId(this.#options.runtime.random, () => false);
  }
}
