/** The coordinator's side of streams groups (KIP-1071): their one request, and what is told of them. */
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { type Cluster, ResourceType } from "../cluster/cluster.ts";
import type { BrokerConfig } from "../config.ts";
import type { Logger } from "../log.ts";
import type { GroupShard } from "./shard.ts";
import { InternalTopics } from "./streams/internal_topics.ts";
import { checkHeartbeat, type HeartbeatRequest, ownedSubtopologies, ownedTasks } from "./streams/request_checks.ts";
import { streamsGroupRules } from "./streams/rules.ts";
import type { StreamsAnswer, StreamsGroupRules, StreamsGroupState, Ticket } from "./streams/state.ts";
import { refusedHeartbeat } from "./streams/state.ts";

export interface StreamsCoordinatorOptions {
  readonly runtime: Pick<Runtime, "clock">;
  readonly logger: Logger;
  readonly config: Pick<BrokerConfig, "get">;
  readonly cluster: Pick<Cluster, "createTopics" | "configsOf">;
  /** The shard of a group, or the error for whoever asks. */
  readonly shardOf: (groupId: string) => GroupShard | number;
  /** All that can be asked. */
  readonly shards: () => readonly GroupShard[];
  /** Resolves when the ticket is answered. */
  readonly ask: (feed: (ticket: Ticket) => void) => Promise<StreamsAnswer>;
}

export class StreamsCoordinator {
  readonly #options: StreamsCoordinatorOptions;
  readonly #internalTopics: InternalTopics;

  constructor(options: StreamsCoordinatorOptions) {
    this.#options = options;
    this.#internalTopics = new InternalTopics({ ...options, clock: options.runtime.clock });
  }

  /** Topics that the group lacks are being made when it is answered. */
  async heartbeat(request: HeartbeatRequest): Promise<StreamsAnswer> {
    const { groupId } = request;
    const shard = this.#options.shardOf(groupId);
    try {
      if (shard !== ErrorCode.COORDINATOR_NOT_AVAILABLE) checkHeartbeat(request);
      if (typeof shard === "number") throw new ProtocolError(shard);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return refusedHeartbeat(error.code, error.message);
    }
    const tasks = { owned: ownedTasks(request), ownedSubtopologies: ownedSubtopologies(request) };
    const answer = await this.#options.ask((ticket) =>
      shard.feedStreamsHeartbeat(groupId, { ...request, kind: "heartbeat", ticket, ...tasks })
    );
    return this.#internalTopics.make(answer, 2 * this.rulesOf(groupId).heartbeatIntervalMs);
  }

  rulesOf(groupId: string): StreamsGroupRules {
    const { config, cluster } = this.#options;
    return streamsGroupRules(config, cluster.configsOf({ type: ResourceType.GROUP, name: groupId }));
  }

  list(): readonly StreamsGroupState[] {
    return this.#options.shards().flatMap((shard) => shard.streams.allDescribed());
  }

  /** The group, undefined when there is none; or the error. */
  describe(groupId: string): StreamsGroupState | undefined | number {
    const shard = this.#options.shardOf(groupId);
    return typeof shard === "number" ? shard : shard.streams.described(groupId);
  }
}
