/**
 * A member of a classic consumer group: joins, takes its share, stays alive, commits, leaves.
 *
 *     out ── join ──> joining ── sync ──> in ──┬─ heartbeat says REBALANCE_IN_PROGRESS ──> must join again, same id
 *                                              ├─ ILLEGAL_GENERATION ───────────────────> must join again, same id
 *                                              ├─ UNKNOWN_MEMBER_ID ────────────────────> must join again, as someone new
 *                                              └─ leave ──> out
 *
 * Joining is done by whoever calls `ensureJoined` (the consumer's poll), never behind its back: what a member was given
 * must not change while it is at work on it. Only heartbeats run by themselves.
 */
import { offsetCommit } from "../protocol/api/08_offset_commit.ts";
import { offsetFetch } from "../protocol/api/09_offset_fetch.ts";
import { joinGroup, type JoinGroupResponse } from "../protocol/api/11_join_group.ts";
import { heartbeat } from "../protocol/api/12_heartbeat.ts";
import { leaveGroup } from "../protocol/api/13_leave_group.ts";
import { syncGroup } from "../protocol/api/14_sync_group.ts";
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from "../protocol/embedded/consumer_protocol.ts";
import { ErrorCode, ProtocolError } from "../protocol/errors.ts";
import type { Timer } from "../runtime/runtime.ts";
import type { Client } from "./client.ts";
import type { BrokerConnection } from "./connection.ts";
import { checkErrorCode, isRetriable } from "./errors.ts";
import { assignRanges } from "./range_assignor.ts";
import { retrying } from "./retry.ts";
import { groupByTopic, type TopicPartition } from "./topic_partition.ts";

export interface GroupMemberOptions {
  readonly client: Client;
  readonly groupId: string;
  readonly topics: readonly string[];
  /** Keeps its place over restarts (KIP-345). */
  readonly groupInstanceId: string | null;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  /** Called before partitions may go to others: the last moment to commit. */
  readonly onRevoke: () => Promise<void>;
  /** Called when `ensureJoined` has something to do. */
  readonly onRebalance: () => void;
}

export interface CommittedOffset extends TopicPartition {
  readonly offset: number;
}

const PROTOCOL_TYPE = "consumer";
const PROTOCOL = "range";
/** Names in place of topic ids; one group in place of many. */
const offsetCommitVersionMax = 9;
const offsetFetchVersionMax = 7;
/** A join is answered when all members came or the rebalance timeout is over; and brokers wait a little for the first. */
const joinExtraMs = 10_000;

export class GroupMember {
  readonly #options: GroupMemberOptions;
  readonly #lane: number;
  #memberId = "";
  #generationId = -1;
  #mustJoin = true;
  #hasAssignment = false;
  #heartbeatTimer: Timer | null = null;
  #isOut = false;

  constructor(options: GroupMemberOptions) {
    this.#options = options;
    this.#lane = options.client.newLane();
  }

  get memberId(): string {
    return this.#memberId;
  }

  get generationId(): number {
    return this.#generationId;
  }

  /** Joins when that is due; gives the new assignment then, else null. */
  async ensureJoined(): Promise<TopicPartition[] | null> {
    if (!this.#mustJoin) return null;
    this.#stopHeartbeats();
    if (this.#hasAssignment) await this.#options.onRevoke();
    this.#hasAssignment = false;
    const { client: { runtime }, groupId, rebalanceTimeoutMs } = this.#options;
    const timeoutMs = rebalanceTimeoutMs + joinExtraMs;
    const assigned = await retrying({ runtime, timeoutMs, what: `Cannot join group "${groupId}"` }, async () => {
      for (;;) {
        const partitions = await this.#onCoordinator((connection) => this.#joinOnce(connection));
        if (partitions !== null) return partitions;
      }
    });
    this.#mustJoin = false;
    this.#hasAssignment = true;
    this.#scheduleHeartbeat();
    return assigned;
  }

  /** null: again, at once. */
  async #joinOnce(connection: BrokerConnection): Promise<TopicPartition[] | null> {
    const { groupId, groupInstanceId, topics, sessionTimeoutMs, rebalanceTimeoutMs } = this.#options;
    const joined = await connection.send(joinGroup, {
      groupId,
      sessionTimeoutMs,
      rebalanceTimeoutMs,
      memberId: this.#memberId,
      groupInstanceId,
      protocolType: PROTOCOL_TYPE,
      protocols: [{ name: PROTOCOL, metadata: encodeSubscription({ topics: [...topics] }) }],
    }, { extraTimeoutMs: rebalanceTimeoutMs + joinExtraMs });
    if (joined.errorCode === ErrorCode.MEMBER_ID_REQUIRED) {
      this.#memberId = joined.memberId;
      return null;
    }
    if (this.#isStale(joined.errorCode)) return null;
    checkErrorCode(joined.errorCode, `Cannot join group "${groupId}"`);
    this.#memberId = joined.memberId;
    this.#generationId = joined.generationId;

    const isLeader = joined.leader === joined.memberId && !joined.skipAssignment;
    const synced = await connection.send(syncGroup, {
      groupId,
      generationId: joined.generationId,
      memberId: joined.memberId,
      groupInstanceId,
      protocolType: PROTOCOL_TYPE,
      protocolName: joined.protocolName ?? PROTOCOL,
      assignments: isLeader ? await this.#assign(joined) : [],
    }, { extraTimeoutMs: rebalanceTimeoutMs });
    if (synced.errorCode === ErrorCode.REBALANCE_IN_PROGRESS || this.#isStale(synced.errorCode)) return null;
    checkErrorCode(synced.errorCode, `Cannot join group "${groupId}"`);
    return decodeAssignment(synced.assignment).assignedPartitions
      .flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })));
  }

  /** The leader's task: everyone's share. */
  async #assign(joined: JoinGroupResponse): Promise<{ memberId: string; assignment: Uint8Array }[]> {
    const members = joined.members.map(({ memberId, groupInstanceId, metadata }) => ({
      memberId,
      groupInstanceId,
      topics: decodeSubscription(metadata).topics,
    }));
    const partitionCounts = new Map<string, number>();
    for (const topic of new Set(members.flatMap(({ topics }) => topics))) {
      partitionCounts.set(topic, await this.#partitionCount(topic));
    }
    return [...assignRanges(members, partitionCounts)].map(([memberId, assignedPartitions]) => ({
      memberId,
      assignment: encodeAssignment({ assignedPartitions }),
    }));
  }

  /** A topic that does not exist has none: its members wait for it. */
  async #partitionCount(topic: string): Promise<number> {
    const { metadata } = this.#options.client;
    try {
      metadata.forget(topic); // it may have grown
      return (await metadata.topic(topic)).partitions.length;
    } catch (error) {
      if (error instanceof ProtocolError) return 0;
      throw error;
    }
  }

  /** True when the group no longer knows us as what we say we are; notes what to join as. */
  #isStale(errorCode: number): boolean {
    if (errorCode === ErrorCode.UNKNOWN_MEMBER_ID) this.#memberId = "";
    else if (errorCode !== ErrorCode.ILLEGAL_GENERATION) return false;
    this.#generationId = -1;
    return true;
  }

  #onCoordinator<T>(run: (connection: BrokerConnection) => Promise<T>): Promise<T> {
    return this.#options.client.onCoordinator(this.#options.groupId, run, this.#lane);
  }

  // ------------------------------------------------------------------------------------------ heartbeats

  #scheduleHeartbeat(): void {
    const { client: { runtime }, heartbeatIntervalMs } = this.#options;
    this.#stopHeartbeats();
    this.#heartbeatTimer = runtime.timers.after(heartbeatIntervalMs, () => {
      this.#heartbeatTimer = null;
      void this.#heartbeat();
    });
  }

  #stopHeartbeats(): void {
    this.#heartbeatTimer?.cancel();
    this.#heartbeatTimer = null;
  }

  /** Never rejects: a broker that cannot be reached is tried again next time, and in the end the session is over. */
  async #heartbeat(): Promise<void> {
    const generationId = this.#generationId;
    const errorCode = await this.#heartbeatCode();
    if (this.#isOut || generationId !== this.#generationId) return; // left, or joined again, in the meantime
    if (
      errorCode === ErrorCode.REBALANCE_IN_PROGRESS || this.#isStale(errorCode) ||
      !new ProtocolError(errorCode).isRetriable
    ) {
      this.#mustJoin ||= errorCode !== ErrorCode.NONE; // what is none of these is told by joining
    }
    if (this.#mustJoin) this.#options.onRebalance();
    // Until it has joined again, the group must not take the member for dead.
    if (this.#generationId !== -1) this.#scheduleHeartbeat();
  }

  /** What the coordinator answers; NETWORK_EXCEPTION when it cannot be reached. */
  async #heartbeatCode(): Promise<number> {
    const { groupId, groupInstanceId } = this.#options;
    const draft = { groupId, generationId: this.#generationId, memberId: this.#memberId, groupInstanceId };
    try {
      return await this.#onCoordinator(async (connection) => {
        const { errorCode } = await connection.send(heartbeat, draft);
        if (new ProtocolError(errorCode).isRetriable) throw new ProtocolError(errorCode);
        return errorCode;
      });
    } catch (error) {
      return error instanceof ProtocolError ? error.code : ErrorCode.NETWORK_EXCEPTION;
    }
  }

  // ------------------------------------------------------------------------------------------ offsets

  /** @throws {ProtocolError} REBALANCE_IN_PROGRESS and the like: the partitions may be someone else's by now */
  async commit(offsets: readonly CommittedOffset[]): Promise<void> {
    try {
      await commitOffsets({ ...this.#options, generationId: this.#generationId, memberId: this.#memberId }, offsets);
    } catch (error) {
      if (error instanceof ProtocolError) {
        if (error.code === ErrorCode.REBALANCE_IN_PROGRESS || this.#isStale(error.code)) this.#mustJoin = true;
      }
      throw error;
    }
  }

  /** Tells the group that others may have our partitions. One with an instance id stays: it means to come back. */
  async leave(): Promise<void> {
    this.#isOut = true;
    this.#stopHeartbeats();
    const { groupId, groupInstanceId } = this.#options;
    if (this.#memberId === "" || groupInstanceId !== null) return;
    const memberId = this.#memberId;
    try {
      await this.#onCoordinator((connection) => {
        const takesMany = connection.versionOf(leaveGroup) >= 3;
        return connection.send(leaveGroup, takesMany ? { groupId, members: [{ memberId }] } : { groupId, memberId });
      });
    } catch (error) {
      if (!isRetriable(error)) throw error; // out of reach: the session ends by itself
    }
  }
}

export interface CommitterInfo {
  readonly client: Client;
  readonly groupId: string;
  /** -1 and "" of a consumer that chose its partitions itself. */
  readonly generationId: number;
  readonly memberId: string;
  readonly groupInstanceId: string | null;
}

export async function commitOffsets(committer: CommitterInfo, offsets: readonly CommittedOffset[]): Promise<void> {
  if (offsets.length === 0) return;
  const { client, groupId, generationId, memberId, groupInstanceId } = committer;
  const what = `Cannot commit offsets of group "${groupId}"`;
  await retrying(
    { runtime: client.runtime, timeoutMs: client.requestTimeoutMs, what },
    () =>
      client.onCoordinator(groupId, async (connection) => {
        const response = await connection.send(offsetCommit, {
          groupId,
          generationIdOrMemberEpoch: generationId,
          memberId,
          groupInstanceId,
          topics: groupByTopic(offsets).map(([name, ofTopic]) => ({
            name,
            partitions: ofTopic.map(({ partition, offset }) => ({
              partitionIndex: partition,
              committedOffset: offset,
              committedMetadata: "",
            })),
          })),
        }, { versionMax: offsetCommitVersionMax });
        for (const { partitions } of response.topics) {
          for (const { errorCode } of partitions) checkErrorCode(errorCode, what);
        }
      }),
  );
}

/** The committed offsets of a group in these partitions; those without one are left out. */
export async function committedOffsets(
  client: Client,
  groupId: string,
  partitions: readonly TopicPartition[],
): Promise<CommittedOffset[]> {
  if (partitions.length === 0) return [];
  const what = `Cannot read the offsets of group "${groupId}"`;
  return await retrying(
    { runtime: client.runtime, timeoutMs: client.requestTimeoutMs, what },
    () =>
      client.onCoordinator(groupId, async (connection) => {
        const response = await connection.send(offsetFetch, {
          groupId,
          topics: groupByTopic(partitions).map(([name, ofTopic]) => ({
            name,
            partitionIndexes: ofTopic.map(({ partition }) => partition),
          })),
        }, { versionMax: offsetFetchVersionMax });
        checkErrorCode(response.errorCode, what);
        const committed: CommittedOffset[] = [];
        for (const { name: topic, partitions: answered } of response.topics) {
          for (const { partitionIndex: partition, committedOffset: offset, errorCode } of answered) {
            checkErrorCode(errorCode, what);
            if (offset >= 0) committed.push({ topic, partition, offset });
          }
        }
        return committed;
      }),
  );
}
