/**
 * The only member of a classic group: joins, heartbeats, commits ever higher offsets, asks for them, leaves, comes back,
 * and at times dies without a word. And one who commits to a group without being in it.
 */

import { offsetCommit } from "../../../protocol/api/08_offset_commit.ts";
import { offsetFetch } from "../../../protocol/api/09_offset_fetch.ts";
import { findCoordinator } from "../../../protocol/api/10_find_coordinator.ts";
import { joinGroup } from "../../../protocol/api/11_join_group.ts";
import { heartbeat } from "../../../protocol/api/12_heartbeat.ts";
import { leaveGroup } from "../../../protocol/api/13_leave_group.ts";
import { syncGroup } from "../../../protocol/api/14_sync_group.ts";
import { ErrorCode, errorName } from "../../../protocol/errors.ts";
import { Broken, type TopicHistory } from "./history.ts";
import { Link, LinkBroken } from "./link.ts";
import type { World } from "./world.ts";

/** The coordinator is not there yet, or its log does not take records now. */
const passing: ReadonlySet<number> = new Set([
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.NOT_COORDINATOR,
  ErrorCode.UNKNOWN_TOPIC_ID,
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
]);
/** The member is not in the group any more, or in another generation. */
const rejoining: ReadonlySet<number> = new Set([
  ErrorCode.UNKNOWN_MEMBER_ID,
  ErrorCode.ILLEGAL_GENERATION,
  ErrorCode.REBALANCE_IN_PROGRESS,
  ErrorCode.GROUP_ID_NOT_FOUND,
]);

export class GroupMember {
  readonly #world: World;
  readonly #group: string;
  readonly #isMember: boolean;
  readonly #link: Link;
  #memberId = "";
  #generation = -1;
  #lastOffset = 0;
  /** Commits acknowledged since the world heals. */
  healedCommitCount = 0;

  constructor(world: World, group: string, isMember: boolean) {
    this.#world = world;
    this.#group = group;
    this.#isMember = isMember;
    this.#link = new Link(world, group);
  }

  async run(): Promise<void> {
    const world = this.#world;
    while (!world.isOver) {
      await world.sleep(50 + world.int(world.chance(0.05) ? 9_000 : 600));
      try {
        await this.#link.open();
        await this.#step();
      } catch (error) {
        if (!(error instanceof LinkBroken)) throw error;
        if (!world.isHealing) await world.sleep(world.int(500));
      }
      if (world.troubles.hasBadNetwork && !world.isHealing && world.chance(0.02)) this.#link.close();
    }
    this.#link.close();
  }

  async #step(): Promise<void> {
    const world = this.#world;
    if (this.#isMember && this.#generation < 0) return await this.#join();
    if (!world.isHealing && this.#isMember && world.chance(0.02)) return await this.#leave();
    if (!world.isHealing && world.chance(0.01)) return this.#forget();
    if (this.#isMember && world.chance(0.3)) return await this.#heartbeat();
    const topics = world.history.liveTopics();
    if (topics.length === 0) return;
    const topic = world.pick(topics);
    if (world.chance(0.3)) await this.check(topic);
    else await this.#commit(topic);
  }

  async #join(): Promise<void> {
    const world = this.#world;
    const found = await this.#link.send(findCoordinator, 4, { coordinatorKeys: [this.#group] });
    const { errorCode: findError } = found.coordinators[0]!;
    if (findError !== ErrorCode.NONE) return this.#expect("FindCoordinator", findError);
    const joined = await this.#link.send(joinGroup, 9, {
      groupId: this.#group,
      sessionTimeoutMs: 6_000,
      rebalanceTimeoutMs: 6_000,
      memberId: this.#memberId,
      protocolType: "consumer",
      protocols: [{ name: "range", metadata: new Uint8Array(6) }],
    }, 30_000);
    this.#memberId = joined.memberId;
    if (joined.errorCode === ErrorCode.MEMBER_ID_REQUIRED) return;
    if (joined.errorCode !== ErrorCode.NONE) return this.#expect("JoinGroup", joined.errorCode);
    const synced = await this.#link.send(syncGroup, 5, {
      groupId: this.#group,
      generationId: joined.generationId,
      memberId: this.#memberId,
      protocolType: "consumer",
      protocolName: "range",
      assignments: joined.leader === this.#memberId
        ? joined.members.map(({ memberId }) => ({ memberId, assignment: new Uint8Array(6) }))
        : [],
    });
    if (synced.errorCode !== ErrorCode.NONE) return this.#expect("SyncGroup", synced.errorCode);
    this.#generation = joined.generationId;
    world.note(`${this.#group}: generation ${this.#generation}`);
  }

  async #heartbeat(): Promise<void> {
    const { errorCode } = await this.#link.send(heartbeat, 4, {
      groupId: this.#group,
      generationId: this.#generation,
      memberId: this.#memberId,
    });
    this.#expect("Heartbeat", errorCode);
  }

  async #leave(): Promise<void> {
    const members = [{ memberId: this.#memberId }];
    this.#forget();
    const { errorCode } = await this.#link.send(leaveGroup, 5, { groupId: this.#group, members });
    this.#expect("LeaveGroup", errorCode);
  }

  #forget(): void {
    this.#memberId = "";
    this.#generation = -1;
  }

  async #commit(topic: TopicHistory): Promise<void> {
    const offset = ++this.#lastOffset;
    const partitions = Array.from({ length: topic.partitionCount }, (_, index) => index);
    for (const index of partitions) topic.commitAsked(this.#group, index, offset);
    const response = await this.#link.send(offsetCommit, 10, {
      groupId: this.#group,
      generationIdOrMemberEpoch: this.#isMember ? this.#generation : -1,
      memberId: this.#isMember ? this.#memberId : "",
      topics: [{
        topicId: topic.id,
        partitions: partitions.map((partitionIndex) => ({
          partitionIndex,
          committedOffset: offset,
          committedMetadata: "m",
        })),
      }],
    });
    for (const { partitionIndex, errorCode } of response.topics[0]?.partitions ?? []) {
      if (errorCode !== ErrorCode.NONE) this.#expect("OffsetCommit", errorCode);
      else if (topic.isLive) topic.commitKnown(this.#group, partitionIndex, offset, -1);
      if (errorCode === ErrorCode.NONE && this.#world.isHealing) this.healedCommitCount++;
    }
  }

  /** What the group has committed is what was acknowledged, or asked for since. */
  async check(topic: TopicHistory): Promise<boolean> {
    const partitions = Array.from({ length: topic.partitionCount }, (_, index) => index);
    const before = partitions.map((index) => topic.committed(this.#group, index));
    const response = await this.#link.ask(offsetFetch, 10, {
      groups: [{ groupId: this.#group, topics: [{ topicId: topic.id, partitionIndexes: partitions }] }],
      requireStable: this.#world.chance(0.5),
    });
    const [group] = response.groups;
    if (group!.errorCode !== ErrorCode.NONE) {
      this.#expect("OffsetFetch", group!.errorCode);
      return false;
    }
    if (!topic.isLive) return true;
    for (const { partitionIndex, errorCode, committedOffset } of group!.topics[0]?.partitions ?? []) {
      if (errorCode !== ErrorCode.NONE) this.#expect("OffsetFetch", errorCode);
      else topic.commitKnown(this.#group, partitionIndex, committedOffset, before[partitionIndex]!);
    }
    return true;
  }

  #expect(what: string, errorCode: number): void {
    if (errorCode === ErrorCode.NONE) return;
    if (rejoining.has(errorCode)) {
      // A member keeps its id where the group still knows it.
      if (errorCode === ErrorCode.UNKNOWN_MEMBER_ID || !this.#isMember) this.#memberId = "";
      this.#generation = -1;
      return;
    }
    if (!passing.has(errorCode)) throw new Broken(`${this.#group}: ${what} is answered ${errorName(errorCode)}`);
  }
}
