/**
 * Members of one group, many of them in this process: each does what Java's consumer does to be one, and nothing else.
 *
 * A member says at once what it has taken note of, and otherwise waits for its interval. Those of the classic protocol join
 * again when they are told to; the leader gives each member a partition.
 */

import { joinGroup } from "../../protocol/api/11_join_group.ts";
import { heartbeat } from "../../protocol/api/12_heartbeat.ts";
import { syncGroup } from "../../protocol/api/14_sync_group.ts";
import { consumerGroupHeartbeat } from "../../protocol/api/68_consumer_group_heartbeat.ts";
import { decodeAssignment, encodeAssignment, encodeSubscription } from "../../protocol/embedded/consumer_protocol.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { ZERO_UUID } from "../../protocol/schema.ts";
import { pause } from "../../tests/support/broker.ts";
import { AnsweredError } from "../../tests/support/requests.ts";
import type { TestClient } from "../../tests/support/test_client.ts";

const heartbeatVersion = 1;
const patient = { timeoutMs: 300_000 };
const retryMs = 50;
const classicHeartbeatMs = 3_000;
const protocol = { protocolType: "consumer", protocolName: "range" };

export interface GroupMember {
  /** The member epoch, or the generation of its assignment; 0 while it has none. */
  readonly epoch: number;
  readonly memberId: string;
  /** How many partitions it has. */
  readonly ownedCount: number;
  /** Takes part until it is told to stop. */
  takePart(isOver: () => boolean): Promise<void>;
  /** One request that changes nothing. */
  beat(): Promise<void>;
}

interface Membership {
  readonly client: TestClient;
  readonly groupId: string;
  readonly topic: string;
  readonly memberId: string;
}

/** Of the consumer protocol (KIP-848). */
export class ConsumerMember implements GroupMember {
  epoch = 0;
  readonly memberId: string;
  readonly #membership: Membership;
  #owned: readonly { readonly topicId: string; readonly partitions: readonly number[] }[] = [];
  #hasNews = false;
  #intervalMs = 0;

  constructor(membership: Membership) {
    this.#membership = membership;
    this.memberId = membership.memberId;
  }

  get ownedCount(): number {
    return this.#owned.reduce((sum, { partitions }) => sum + partitions.length, 0);
  }

  async takePart(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      await this.beat();
      if (!this.#hasNews) await pauseUnless(isOver, this.#intervalMs);
    }
  }

  async beat(): Promise<void> {
    const { client, groupId, topic, memberId } = this.#membership;
    const isJoining = this.epoch === 0;
    const said = isJoining
      ? { rebalanceTimeoutMs: 300_000, subscribedTopicNames: [topic], topicPartitions: [] }
      : { topicPartitions: this.#hasNews ? this.#owned : null };
    const request = { groupId, memberId, memberEpoch: this.epoch, ...said };
    const answer = await client.send(consumerGroupHeartbeat, heartbeatVersion, request, patient);
    if (isPassing(answer.errorCode)) return await pause(retryMs);
    if (answer.errorCode !== ErrorCode.NONE) throw new AnsweredError(answer.errorCode, `No member of "${groupId}"`);
    this.epoch = answer.memberEpoch;
    this.#intervalMs = answer.heartbeatIntervalMs;
    this.#hasNews = answer.assignment !== null;
    if (answer.assignment !== null) this.#owned = answer.assignment.topicPartitions;
  }
}

/** Of the classic protocol. */
export class ClassicMember implements GroupMember {
  epoch = 0;
  memberId = "";
  ownedCount = 0;
  readonly #membership: Membership;

  constructor(membership: Membership) {
    this.#membership = membership;
  }

  async takePart(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      if (this.epoch === 0) await this.#join();
      else {
        await pauseUnless(isOver, classicHeartbeatMs);
        if (!isOver()) await this.beat();
      }
    }
  }

  async beat(): Promise<void> {
    const { client, groupId } = this.#membership;
    const request = { groupId, memberId: this.memberId, generationId: this.epoch };
    this.#take((await client.send(heartbeat, 4, request, patient)).errorCode);
  }

  async #join(): Promise<void> {
    const { client, groupId, topic } = this.#membership;
    const joined = await client.send(joinGroup, 9, {
      groupId,
      sessionTimeoutMs: 45_000,
      rebalanceTimeoutMs: 300_000,
      memberId: this.memberId,
      protocolType: protocol.protocolType,
      protocols: [{ name: protocol.protocolName, metadata: encodeSubscription({ topics: [topic] }) }],
    }, patient);
    if (joined.errorCode === ErrorCode.MEMBER_ID_REQUIRED) this.memberId = joined.memberId;
    else if (this.#take(joined.errorCode)) {
      this.memberId = joined.memberId;
      await this.#sync(joined.generationId, joined.members.map(({ memberId }) => memberId));
    } else await pause(retryMs);
  }

  async #sync(generationId: number, memberIds: readonly string[]): Promise<void> {
    const { client, groupId, topic } = this.#membership;
    const assignments = memberIds.map((memberId, partition) => ({
      memberId,
      assignment: encodeAssignment({ assignedPartitions: [{ topic, partitions: [partition] }] }),
    }));
    const request = { groupId, generationId, memberId: this.memberId, ...protocol, assignments };
    const synced = await client.send(syncGroup, 5, request, patient);
    if (!this.#take(synced.errorCode)) return;
    const { assignedPartitions } = decodeAssignment(synced.assignment);
    this.ownedCount = assignedPartitions.reduce((sum, { partitions }) => sum + partitions.length, 0);
    this.epoch = generationId;
  }

  /** False: the member has to join again. */
  #take(errorCode: number): boolean {
    if (errorCode === ErrorCode.NONE) return true;
    if (errorCode !== ErrorCode.REBALANCE_IN_PROGRESS && !isPassing(errorCode)) {
      throw new AnsweredError(errorCode, `No member of "${this.#membership.groupId}"`);
    }
    this.epoch = 0;
    this.ownedCount = 0;
    return false;
  }
}

/** Unlike any other, and the same in every run. */
export function memberIdOf(index: number): string {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setUint32(12, index + 1);
  const id = Buffer.from(bytes).toString("base64url");
  return id === ZERO_UUID ? "first" : id;
}

function isPassing(errorCode: number): boolean {
  return errorCode === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS || errorCode === ErrorCode.COORDINATOR_NOT_AVAILABLE ||
    errorCode === ErrorCode.NOT_COORDINATOR;
}

async function pauseUnless(isOver: () => boolean, delayMs: number): Promise<void> {
  const endMs = performance.now() + delayMs;
  while (!isOver() && performance.now() < endMs) await pause(Math.min(100, endMs - performance.now()));
}
