/**
 * The share coordinator: keeps the state of share partitions in `__share_group_state`, for the group coordinator and for the
 * brokers that lead the partitions (KIP-932). On one node both are this broker, and ask here without a request.
 *
 * A share partition belongs to the partition of the topic that its key hashes to, and there is one shard for each. A shard
 * answers only once it is loaded; until then COORDINATOR_LOAD_IN_PROGRESS, and NOT_COORDINATOR while the topic is not there.
 */
import type { BatchView } from "../../../protocol/batch.ts";
import { ErrorCode, errorInfo, ProtocolError } from "../../../protocol/errors.ts";
import type { Runtime, Timer } from "../../../runtime/runtime.ts";
import type { Cluster } from "../../cluster/cluster.ts";
import { SHARE_STATE_TOPIC } from "../../cluster/topic_name.ts";
import type { BrokerConfig } from "../../config.ts";
import { compressionOf } from "../../groups/log_writer.ts";
import { partitionFor } from "../../groups/partition_for.ts";
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
export interface ShareStateTopic {
  /** 0 while the topic is not there. */
  readonly partitionCount: number;
  /** Resolves when the batch is durable by the topic's policy. @throws {ProtocolError} */
  write(partition: number, batch: Uint8Array): Promise<void>;
  readAll(partition: number): AsyncIterable<BatchView>;
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

/** How soon a partition that could not be read is tried again. */
const loadRetryMs = 10_000;
const fine: StateOutcome = { errorCode: ErrorCode.NONE, errorMessage: null };

type ShardSlot =
  | { readonly kind: "loading" | "active"; readonly shard: ShareShard }
  | { readonly kind: "failed" };

export class ShareCoordinator {
  readonly #options: ShareCoordinatorOptions;
  #slots: ShardSlot[] = [];
  #loaded: Promise<void> = Promise.resolve();
  #created: Promise<void> | null = null;
  readonly #timers = new Set<Timer>();
  #isRunning = false;

  constructor(options: ShareCoordinatorOptions) {
    this.#options = options;
  }

  // -------------------------------------------------------------------------------------------- life

  start(): void {
    this.#isRunning = true;
    this.#openShards();
    const { config } = this.#options;
    this.#every(
      () => config.get("share.coordinator.state.topic.prune.interval.ms"),
      (shard, index) => this.#prune(shard, index),
    );
    this.#every(() => config.get("share.coordinator.cold.partition.snapshot.interval.ms"), (shard) => {
      const intervalMs = config.get("share.coordinator.cold.partition.snapshot.interval.ms");
      return shard.snapshotCold(this.#options.runtime.clock.nowMs() - intervalMs);
    });
  }

  /** Resolves when nothing is left to load. */
  get loaded(): Promise<void> {
    return this.#loaded;
  }

  /** Waits for what is on its way to the log. */
  async stop(): Promise<void> {
    this.#isRunning = false;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    const shards = this.#slots.flatMap((slot) => slot.kind === "failed" ? [] : [slot.shard]);
    this.#slots = [];
    await Promise.all(shards.map((shard) => shard.close()));
  }

  /** Makes `__share_group_state` when it is missing. NONE when share partitions can be asked about from now on. */
  async prepare(): Promise<number> {
    if (!this.#isRunning) return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    if (this.#slots.length > 0) return ErrorCode.NONE;
    try {
      await (this.#created ??= this.#create());
      // Of several that waited the first opens.
      if (this.#slots.length === 0) this.#openShards();
      await this.#loaded;
      return this.#slots.length > 0 ? ErrorCode.NONE : ErrorCode.COORDINATOR_NOT_AVAILABLE;
    } catch (cause) {
      this.#options.logger.error("__share_group_state not created", { cause: cause as Error });
      return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    } finally {
      this.#created = null;
    }
  }

  async #create(): Promise<void> {
    const [outcome] = await this.#options.cluster.autoCreateTopics([SHARE_STATE_TOPIC]);
    if (outcome !== undefined && outcome.error !== null) throw outcome.error;
  }

  #openShards(): void {
    const count = this.#isRunning ? this.#options.stateTopic.partitionCount : 0;
    const shards = Array.from({ length: count }, (_, index) => this.#newShard(index));
    this.#slots = shards.map((shard) => ({ kind: "loading", shard }));
    this.#loaded = this.#load(shards);
  }

  #newShard(index: number): ShareShard {
    const { stateTopic, runtime: { clock, timers }, config } = this.#options;
    return new ShareShard({
      clock,
      timers,
      log: {
        write: (batch) => stateTopic.write(index, batch),
        compression: compressionOf(config.get("share.coordinator.state.topic.compression.codec")),
        timeoutMs: config.get("share.coordinator.write.timeout.ms"),
      },
      logEndOffset: () => stateTopic.logEndOffset(index),
    });
  }

  /** One after another: memory for reading is needed once. */
  async #load(shards: readonly ShareShard[]): Promise<void> {
    for (const [index, shard] of shards.entries()) await this.#loadOne(index, shard);
  }

  async #loadOne(index: number, shard: ShareShard): Promise<void> {
    const { stateTopic, logger } = this.#options;
    if (!this.#isRunning) return;
    try {
      await shard.load(stateTopic.readAll(index));
      if (this.#isRunning) this.#slots[index] = { kind: "active", shard };
      if (shard.skippedCount > 0) {
        logger.warn("share state not readable", { partition: index, records: shard.skippedCount });
      }
    } catch (cause) {
      logger.error("share state not loaded", { partition: index, cause: cause as Error });
      this.#slots[index] = { kind: "failed" };
      this.#after(loadRetryMs, () => {
        const again = this.#newShard(index);
        this.#slots[index] = { kind: "loading", shard: again };
        this.#loaded = this.#loaded.then(() => this.#loadOne(index, again));
      });
    }
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

  /** As `read`, by somebody who does not lead the partition. */
  readSummary(request: ShareKey): ReadOutcome {
    try {
      const shard = this.#shardOf(request);
      checkPartition(request);
      this.#checkTopic(request);
      const state = shard.known(request)?.state ?? null;
      if (state !== null) return { ...fine, state };
      const { topicId, partition, groupId } = request;
      const errorMessage = `Data not found for the topics ${topicId}, partition ${partition} for group ${groupId}, ` +
        "in the in-memory state of share coordinator";
      return { errorCode: ErrorCode.UNKNOWN_SERVER_ERROR, errorMessage, state };
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
    this.#loaded.then(() =>
      Promise.all(this.#slots.map((slot) => slot.kind === "failed" ? null : slot.shard.forgetTopics(ids)))
    ).catch((cause) => this.#options.logger.error("share state of deleted topics not forgotten", { cause }));
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
    if (!this.#isRunning) throw new ProtocolError(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    if (this.#slots.length === 0) throw new ProtocolError(ErrorCode.NOT_COORDINATOR);
    const slot = this.#slots[partitionFor(keyText(key), this.#slots.length)]!;
    if (slot.kind === "failed") throw new ProtocolError(ErrorCode.NOT_COORDINATOR);
    if (slot.kind === "loading") throw new ProtocolError(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
    return slot.shard;
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

  // -------------------------------------------------------------------------------------------- upkeep

  async #prune(shard: ShareShard, index: number): Promise<void> {
    const { stateTopic } = this.#options;
    const offset = shard.redundantOffset();
    await stateTopic.deleteRecordsBefore(index, offset);
  }

  /** Again and again, shard by shard. */
  #every(intervalMs: () => number, run: (shard: ShareShard, index: number) => Promise<void>): void {
    this.#after(intervalMs(), () => {
      const work = async () => {
        for (const [index, slot] of this.#slots.entries()) {
          if (slot.kind === "active" && this.#isRunning) await run(slot.shard, index);
        }
      };
      work().catch((cause) => this.#options.logger.error("share state not kept small", { cause }))
        .finally(() => this.#every(intervalMs, run));
    });
  }

  #after(delayMs: number, run: () => void): void {
    if (!this.#isRunning) return;
    const timer = this.#options.runtime.timers.after(delayMs, () => {
      this.#timers.delete(timer);
      run();
    });
    this.#timers.add(timer);
  }
}

function outcomeOf(error: unknown): StateOutcome {
  if (!(error instanceof ProtocolError)) throw error;
  return { errorCode: error.code, errorMessage: error.message };
}
