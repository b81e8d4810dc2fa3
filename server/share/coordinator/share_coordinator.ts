/**
 * The share coordinator: keeps the state of share partitions in `__share_group_state`, for the group coordinator and for the
 * brokers that lead the partitions (KIP-932). On one node both are this broker, and ask here without a request.
 *
 * A share partition belongs to the partition of the topic that its key hashes to, and there is one shard for each
 * (`../../coordination/topic_shards.ts`).
 */
import { ErrorCode, errorInfo, ProtocolError } from "../../../protocol/errors.ts";
import type { Runtime } from "../../../runtime/runtime.ts";
import type { Cluster } from "../../cluster/cluster.ts";
import type { BrokerConfig } from "../../config.ts";
import { Sweeps } from "../../coordination/sweeps.ts";
import { type ShardedTopic, TopicShards } from "../../coordination/topic_shards.ts";
import { compressionOf } from "../../groups/log_writer.ts";
import type { Logger } from "../../log.ts";
import { ShareShard } from "./share_shard.ts";
import {
  checkPartition,
  initialize,
  type InitializeRequest,
  keyText,
  read,
  type ReadRequest,
  type ShareKey,
  type ShareRecord,
  type ShareState,
  write,
  type WriteRequest,
} from "./share_state.ts";

/** `__share_group_state`, as far as the coordinator needs it. */
export interface ShareStateTopic extends ShardedTopic {
  /** Resolves when the batch is durable by the topic's policy. @throws {ProtocolError} */
  write(partition: number, batch: Uint8Array): Promise<void>;
  logEndOffset(partition: number): number;
  deleteRecordsBefore(partition: number, offset: number): Promise<void>;
}

export interface ShareCoordinatorOptions {
  readonly runtime: Pick<Runtime, "clock" | "timers">;
  readonly logger: Logger;
  readonly config: Pick<BrokerConfig, "get">;
  readonly cluster: Pick<Cluster, "autoCreateTopics" | "topicById">;
  readonly stateTopic: ShareStateTopic;
}

export interface StateOutcome {
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

export interface ReadOutcome extends StateOutcome {
  readonly state: ShareState | null;
}

const fine: StateOutcome = { errorCode: ErrorCode.NONE, errorMessage: null };

export class ShareCoordinator {
  readonly #options: ShareCoordinatorOptions;
  readonly #shards: TopicShards<ShareShard>;
  readonly #sweeps: Sweeps;

  constructor(options: ShareCoordinatorOptions) {
    this.#options = options;
    this.#shards = new TopicShards({
      ...options,
      topic: options.stateTopic,
      newShard: (partition) => this.#newShard(partition),
    });
    this.#sweeps = new Sweeps(options.runtime.timers);
  }

  // -------------------------------------------------------------------------------------------- life

  start(): void {
    this.#shards.start();
    const { config, runtime: { clock } } = this.#options;
    this.#sweep(() => config.get("share.coordinator.state.topic.prune.interval.ms"), (shard) => shard.prune());
    const intervalMs = () => config.get("share.coordinator.cold.partition.snapshot.interval.ms");
    this.#sweep(intervalMs, (shard) => shard.snapshotCold(clock.nowMs() - intervalMs()));
  }

  /** Resolves when nothing is left to load. */
  get loaded(): Promise<void> {
    return this.#shards.loaded;
  }

  /** Waits for what is on its way to the log. */
  async stop(): Promise<void> {
    this.#sweeps.stop();
    await this.#shards.stop();
  }

  /** Makes `__share_group_state` when it is missing. NONE when share partitions can be asked about from now on. */
  prepare(): Promise<number> {
    return this.#shards.prepare();
  }

  #newShard(partition: number): ShareShard {
    const { stateTopic, runtime: { clock, timers }, logger, config } = this.#options;
    return new ShareShard({
      clock,
      timers,
      logger,
      partition,
      log: {
        write: (batch) => stateTopic.write(partition, batch),
        compression: compressionOf(config.get("share.coordinator.state.topic.compression.codec")),
        timeoutMs: config.get("share.coordinator.write.timeout.ms"),
      },
      logEndOffset: () => stateTopic.logEndOffset(partition),
      deleteRecordsBefore: (offset) => stateTopic.deleteRecordsBefore(partition, offset),
    });
  }

  /** Again and again, shard by shard. */
  #sweep(intervalMs: () => number, run: (shard: ShareShard) => Promise<void>): void {
    this.#sweeps.begin({
      intervalMs,
      run: async () => {
        for (const shard of this.#shards.active()) await run(shard);
      },
      onFailed: (cause) => this.#options.logger.error("share state not kept small", { cause }),
    });
  }

  // -------------------------------------------------------------------------------------------- requests

  initialize(request: InitializeRequest): Promise<StateOutcome> {
    return this.#change(request, (shard) => {
      const record = initialize(shard.known(request), request, this.#nowMs);
      this.#checkTopic(request);
      return record;
    });
  }

  write(request: WriteRequest): Promise<StateOutcome> {
    return this.#change(request, (shard) => {
      const record = write(shard.known(request), request, this.#writeContext);
      this.#checkTopic(request);
      return record;
    });
  }

  async read(request: ReadRequest): Promise<ReadOutcome> {
    let state: ShareState | null = null;
    const outcome = await this.#change(request, (shard) => {
      const known = shard.known(request);
      const record = read(known, request, this.#writeContext);
      this.#checkTopic(request);
      state = known?.state ?? null;
      return record;
    });
    return { ...outcome, state: outcome.errorCode === ErrorCode.NONE ? state : null };
  }

  /** As `read`, by somebody who does not lead the partition. Of one that nothing is known of the state is null, and that is no error. */
  readSummary(request: ShareKey): ReadOutcome {
    try {
      const shard = this.#shardOf(request);
      checkPartition(request);
      this.#checkTopic(request);
      return { ...fine, state: shard.known(request)?.state ?? null };
    } catch (error) {
      return { ...outcomeOf(error), state: null };
    }
  }

  delete(request: ShareKey): Promise<StateOutcome> {
    return this.#change(request, (shard) => {
      checkPartition(request);
      this.#checkTopic(request);
      return shard.known(request) === null ? null : { kind: "snapshot", state: null };
    });
  }

  onTopicsDeleted(topicIds: readonly string[]): void {
    const ids = new Set(topicIds);
    this.loaded.then(() => Promise.all(this.#shards.all().map((shard) => shard.forgetTopics(ids)))).catch((cause) =>
      this.#options.logger.error("share state of deleted topics not forgotten", { cause })
    );
  }

  async #change(key: ShareKey, change: (shard: ShareShard) => ShareRecord | null): Promise<StateOutcome> {
    try {
      const shard = this.#shardOf(key);
      const record = change(shard);
      const errorCode = record === null ? ErrorCode.NONE : await shard.append(key, record);
      return errorCode === ErrorCode.NONE ? fine : { errorCode, errorMessage: errorInfo(errorCode).message };
    } catch (error) {
      return outcomeOf(error);
    }
  }

  #shardOf(key: ShareKey): ShareShard {
    const shard = this.#shards.of(keyText(key));
    if (typeof shard === "number") throw new ProtocolError(shard);
    return shard;
  }

  #checkTopic({ topicId, partition }: ShareKey): void {
    const topic = this.#options.cluster.topicById(topicId);
    if (topic !== undefined && partition < topic.partitions.length) return;
    const code = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    throw new ProtocolError(code, errorInfo(code).message);
  }

  get #nowMs(): number {
    return this.#options.runtime.clock.nowMs();
  }

  get #writeContext() {
    const { config } = this.#options;
    return {
      nowMs: this.#nowMs,
      updatesPerSnapshot: config.get("share.coordinator.snapshot.update.records.per.snapshot"),
    };
  }
}

function outcomeOf(error: unknown): StateOutcome {
  if (!(error instanceof ProtocolError)) throw error;
  return { errorCode: error.code, errorMessage: error.message };
}
