/**
 * Requests about share groups: which shard may be asked, and what a request must say whatever group it is about. Sentences
 * are Kafka's, for clients log them.
 */
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import { invalid, noGroup, otherGroup, refuseEmpty } from "./modern/request_checks.ts";
import {
  type InitialTopic,
  JOINING_EPOCH,
  LEAVING_EPOCH,
  refusedShareHeartbeat,
  type ShareGroupState,
  type ShareHeartbeatAnswer,
  type ShareHeartbeatEvent,
} from "./share/state.ts";
import type { GroupShard } from "./shard.ts";
import type { Kept } from "./share_groups.ts";

export interface ShareDeskOptions {
  readonly shards: () => readonly GroupShard[];
  /** The shard of a group, or the error for whoever asks. */
  readonly shardOf: (groupId: string) => GroupShard | number;
  readonly ask: (feed: (ticket: number) => void) => Promise<ShareHeartbeatAnswer>;
}

export type ShareHeartbeatRequest = Omit<ShareHeartbeatEvent, "kind" | "ticket"> & { readonly groupId: string };

export class ShareDesk {
  readonly #options: ShareDeskOptions;

  constructor(options: ShareDeskOptions) {
    this.#options = options;
  }

  heartbeat(request: ShareHeartbeatRequest): Promise<ShareHeartbeatAnswer> {
    const shard = this.#options.shardOf(request.groupId);
    try {
      if (shard !== ErrorCode.COORDINATOR_NOT_AVAILABLE) checkHeartbeat(request);
      if (typeof shard === "number") throw new ProtocolError(shard);
      checkGroup(shard, request);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return Promise.resolve(refusedShareHeartbeat(error.code, error.message));
    }
    return this.#options.ask((ticket) =>
      shard.share.heartbeat(request.groupId, { ...request, kind: "heartbeat", ticket })
    );
  }

  list(): readonly ShareGroupState[] {
    return this.#options.shards().flatMap((shard) => shard.share.allDescribed());
  }

  /** The group, undefined when there is none; or the error. */
  describe(groupId: string): ShareGroupState | undefined | number {
    const shard = this.#options.shardOf(groupId);
    return typeof shard === "number" ? shard : shard.share.described(groupId);
  }

  /** @throws {ProtocolError} */
  async alterOffsets(groupId: string, topics: readonly InitialTopic[]): Promise<Kept[]> {
    const shard = this.#shard(groupId);
    if (!shard.share.has(groupId) && shard.isKnown(groupId)) throw otherGroup("share", groupId);
    return await shard.share.alterOffsets(groupId, topics);
  }

  /** @throws {ProtocolError} */
  async deleteOffsets(groupId: string, topicIds: readonly string[]): Promise<Map<string, Kept>> {
    const shard = this.#shard(groupId);
    if (!shard.share.has(groupId)) {
      throw shard.isKnown(groupId)
        ? otherGroup("share", groupId)
        : new ProtocolError(ErrorCode.GROUP_ID_NOT_FOUND, `Group ${groupId} not found.`);
    }
    return await shard.share.deleteState(groupId, topicIds);
  }

  /** The newest state of a group, for what is to be changed of it. */
  state(groupId: string): ShareGroupState | undefined {
    const shard = this.#options.shardOf(groupId);
    return typeof shard === "number" ? undefined : shard.share.state(groupId);
  }

  #shard(groupId: string): GroupShard {
    const shard = this.#options.shardOf(groupId);
    if (groupId === "") throw new ProtocolError(ErrorCode.INVALID_GROUP_ID, "The group id is invalid.");
    if (typeof shard === "number") throw new ProtocolError(shard);
    return shard;
  }
}

/**
 * Joining makes the group when there is none.
 * @throws {ProtocolError} GROUP_ID_NOT_FOUND
 */
function checkGroup(shard: GroupShard, { groupId, memberEpoch }: ShareHeartbeatRequest): void {
  if (shard.share.has(groupId)) return;
  const isOther = shard.isKnown(groupId);
  if (isOther || memberEpoch !== JOINING_EPOCH) throw noGroup("share", groupId, { memberEpoch, isOther });
}

/** @throws {ProtocolError} INVALID_REQUEST */
function checkHeartbeat({ groupId, memberId, rackId, memberEpoch, topics }: ShareHeartbeatRequest): void {
  refuseEmpty(memberId, "MemberId can't be empty.");
  refuseEmpty(groupId, "GroupId can't be empty.");
  refuseEmpty(rackId, "RackId can't be empty.");
  if (memberEpoch === JOINING_EPOCH) {
    if (topics === null || topics.length === 0) throw invalid("SubscribedTopicNames must be set in first request.");
  } else if (memberEpoch < LEAVING_EPOCH) throw invalid("MemberEpoch is invalid.");
}
