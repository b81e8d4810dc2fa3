/**
 * All share partitions of this broker: each is loaded when a member of its group first reads the partition, and forgotten
 * when the last session of the group has ended, or the share coordinator knows better.
 */
import { ErrorCode, errorInfo } from "../../protocol/errors.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { type Cluster, ResourceType } from "../cluster/cluster.ts";
import type { BrokerConfig } from "../config.ts";
import type { Logger } from "../log.ts";
import type { Partition } from "../partitions/partition.ts";
import type { ShareCoordinator, StateOutcome } from "./coordinator/share_coordinator.ts";
import type { Acknowledgement } from "./partition/state.ts";
import { type ShareRules, shareRules } from "./rules.ts";
import { sessionKey, type ShareSession, ShareSessions } from "./sessions.ts";
import { SharePartition } from "./share_partition.ts";

export interface SharePartitionsOptions {
  readonly runtime: Pick<Runtime, "clock" | "timers">;
  readonly config: Pick<BrokerConfig, "get">;
  readonly logger: Logger;
  readonly cluster: Pick<Cluster, "configsOf">;
  readonly coordinator: Pick<ShareCoordinator, "read" | "write">;
}

export class SharePartitions {
  readonly sessions: ShareSessions;
  readonly #options: SharePartitionsOptions;
  readonly #byGroup = new Map<string, Map<string, SharePartition>>();

  constructor(options: SharePartitionsOptions) {
    this.#options = options;
    this.sessions = new ShareSessions({
      sessionsMax: () => options.config.get("group.share.max.share.sessions"),
      onEnd: (session, isLastOfGroup) => this.#sessionEnded(session, isLastOfGroup),
    });
  }

  rulesOf(groupId: string): ShareRules {
    const { config, cluster } = this.#options;
    return shareRules(config, cluster.configsOf({ type: ResourceType.GROUP, name: groupId }));
  }

  /** It may still have to be loaded. */
  open(groupId: string, partition: Partition): SharePartition {
    const group = this.#byGroup.get(groupId) ?? new Map<string, SharePartition>();
    const key = sessionKey(partition.topicId, partition.index);
    const known = group.get(key);
    if (known !== undefined && known.partition === partition) return known;
    known?.close();
    const { runtime: { clock, timers }, coordinator, logger } = this.#options;
    const opened = new SharePartition({
      groupId,
      partition,
      clock,
      timers,
      coordinator,
      rules: () => this.rulesOf(groupId),
    });
    group.set(key, opened);
    this.#byGroup.set(groupId, group);
    opened.loaded.then(({ errorCode, errorMessage }) => {
      if (errorCode === ErrorCode.NONE) return;
      logger.debug("share partition not loaded", { group: groupId, error: errorCode, message: errorMessage ?? "" });
      this.#close(opened);
    }).catch((cause) => {
      logger.error("share partition not loaded", { group: groupId, cause });
      this.#close(opened);
    });
    return opened;
  }

  async acknowledge(
    { groupId, memberId }: { readonly groupId: string; readonly memberId: string },
    { topicId, index }: { readonly topicId: string; readonly index: number },
    batches: readonly Acknowledgement[],
  ): Promise<StateOutcome> {
    const known = this.#byGroup.get(groupId)?.get(sessionKey(topicId, index));
    if (known === undefined || !known.isActive) {
      const errorCode = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
      return { errorCode, errorMessage: errorInfo(errorCode).message };
    }
    const outcome = await known.acknowledge(memberId, batches);
    if (isFenced(outcome)) this.#close(known);
    return outcome;
  }

  /** What is known of the group's partitions is no longer so: all of them, or those of some topics. */
  forget(groupId: string, topicIds: readonly string[] | null): void {
    for (const known of [...this.#byGroup.get(groupId)?.values() ?? []]) {
      if (topicIds === null || topicIds.includes(known.partition.topicId)) this.#close(known);
    }
  }

  /** The topic is gone. */
  forgetTopic(topicId: string): void {
    for (const groupId of [...this.#byGroup.keys()]) this.forget(groupId, [topicId]);
  }

  stop(): void {
    for (const groupId of [...this.#byGroup.keys()]) this.forget(groupId, null);
  }

  /** All that the member has is given back before anything is forgotten. */
  #sessionEnded({ groupId, memberId }: ShareSession, isLastOfGroup: boolean): void {
    for (const known of this.#byGroup.get(groupId)?.values() ?? []) {
      known.release(memberId).catch((cause) =>
        this.#options.logger.error("records not released", { group: groupId, cause })
      );
    }
    if (isLastOfGroup) this.forget(groupId, null);
  }

  #close(known: SharePartition): void {
    const group = this.#byGroup.get(known.groupId);
    const key = sessionKey(known.partition.topicId, known.partition.index);
    if (group?.get(key) === known) {
      group.delete(key);
      if (group.size === 0) this.#byGroup.delete(known.groupId);
    }
    known.close();
  }
}

/** Somebody else has the say in it now. */
function isFenced({ errorCode }: StateOutcome): boolean {
  return errorCode === ErrorCode.NOT_LEADER_OR_FOLLOWER || errorCode === ErrorCode.GROUP_ID_NOT_FOUND ||
    errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
}
