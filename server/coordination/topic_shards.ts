/**
 * What coordinators have in common: a topic of the broker's own, and for each of its partitions a shard that knows all that
 * the partition says. A key belongs to the partition that it hashes to.
 *
 * A shard answers only once it is loaded; until then COORDINATOR_LOAD_IN_PROGRESS, and NOT_COORDINATOR while the topic is
 * not there, or the partition could not be read. That is tried again, for its keys must not wait for the next start.
 */
import type { BatchView } from "../../protocol/batch.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Runtime, Timer } from "../../runtime/runtime.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { partitionFor } from "../groups/partition_for.ts";
import type { Logger } from "../log.ts";

/** How soon a partition that could not be read is tried again. */
const loadRetryMs = 10_000;

export interface Shard {
  load(batches: AsyncIterable<BatchView>): Promise<void>;
  /** Tells everyone who waits `errorCode`, and waits for what is on its way to the log. */
  close(errorCode: number): Promise<void>;
}

/** The topic, as far as its shards need it. */
export interface ShardedTopic {
  readonly name: string;
  /** 0 while the topic is not there. */
  readonly partitionCount: number;
  readAll(partition: number): AsyncIterable<BatchView>;
}

export interface TopicShardsOptions<S extends Shard> {
  readonly runtime: Pick<Runtime, "timers">;
  readonly logger: Logger;
  readonly topic: ShardedTopic;
  /** Makes the topic when it is missing. */
  readonly cluster: Pick<Cluster, "autoCreateTopics">;
  readonly newShard: (partition: number) => S;
}

type Slot<S> =
  | { readonly kind: "loading" | "active"; readonly shard: S }
  | { readonly kind: "failed" };

export class TopicShards<S extends Shard> {
  readonly #options: TopicShardsOptions<S>;
  #slots: Slot<S>[] = [];
  #loaded: Promise<void> = Promise.resolve();
  #created: Promise<void> | null = null;
  readonly #retries = new Set<Timer>();
  #isRunning = false;

  constructor(options: TopicShardsOptions<S>) {
    this.#options = options;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Resolves when nothing is left to load. */
  get loaded(): Promise<void> {
    return this.#loaded;
  }

  get isLoading(): boolean {
    return this.#slots.some(({ kind }) => kind === "loading");
  }

  /** Begins to load. Keys can be asked about one by one as their shards are ready. */
  start(): void {
    this.#isRunning = true;
    this.#open();
  }

  /** Tells everyone who waits to look for the coordinator anew, and waits for what is on its way to the log. */
  async stop(): Promise<void> {
    this.#isRunning = false;
    for (const retry of this.#retries) retry.cancel();
    this.#retries.clear();
    await Promise.all(this.all().map((shard) => shard.close(ErrorCode.NOT_COORDINATOR)));
    this.#slots = [];
  }

  /** Makes the topic when it is missing. NONE when keys can be asked about from now on. */
  async prepare(): Promise<number> {
    if (!this.#isRunning) return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    if (this.#slots.length > 0) return ErrorCode.NONE;
    const { logger, topic } = this.#options;
    try {
      await (this.#created ??= this.#create());
      // Of several that waited the first opens.
      if (this.#slots.length === 0) this.#open();
      await this.#loaded;
      return this.#slots.length > 0 ? ErrorCode.NONE : ErrorCode.COORDINATOR_NOT_AVAILABLE;
    } catch (cause) {
      logger.error("coordinator's topic not created", { topic: topic.name, cause: cause as Error });
      return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    } finally {
      this.#created = null;
    }
  }

  /** The shard of a key, or the error for whoever asks. */
  of(key: string): S | number {
    if (!this.#isRunning) return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    if (this.#slots.length === 0) return ErrorCode.NOT_COORDINATOR;
    const slot = this.#slots[partitionFor(key, this.#slots.length)]!;
    if (slot.kind === "failed") return ErrorCode.NOT_COORDINATOR;
    return slot.kind === "loading" ? ErrorCode.COORDINATOR_LOAD_IN_PROGRESS : slot.shard;
  }

  /** The shard of a partition, or the error for whoever leads another. */
  at(partition: number): S | number {
    const slot = this.#slots[partition];
    if (slot === undefined) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    return slot.kind === "active" ? slot.shard : ErrorCode.NOT_LEADER_OR_FOLLOWER;
  }

  /** All that were not given up, those that are still being loaded too. */
  all(): S[] {
    return this.#slots.flatMap((slot) => slot.kind === "failed" ? [] : [slot.shard]);
  }

  /** Those that can be asked, one by one: of a walk that takes its time there is an end when all of this stops. */
  *active(): Generator<S> {
    for (const slot of this.#slots) if (this.#isRunning && slot.kind === "active") yield slot.shard;
  }

  async #create(): Promise<void> {
    const [outcome] = await this.#options.cluster.autoCreateTopics([this.#options.topic.name]);
    if (outcome !== undefined && outcome.error !== null) throw outcome.error;
  }

  #open(): void {
    const { topic, newShard } = this.#options;
    const count = this.#isRunning ? topic.partitionCount : 0;
    const shards = Array.from({ length: count }, (_, index) => newShard(index));
    this.#slots = shards.map((shard) => ({ kind: "loading", shard }));
    this.#loaded = this.#loadAll(shards);
  }

  /** One after another: memory for reading is needed once. */
  async #loadAll(shards: readonly S[]): Promise<void> {
    for (const [index, shard] of shards.entries()) await this.#load(index, shard);
  }

  async #load(index: number, shard: S): Promise<void> {
    const { topic, logger } = this.#options;
    if (!this.#isRunning) return;
    try {
      await shard.load(topic.readAll(index));
      if (this.#isRunning) this.#slots[index] = { kind: "active", shard };
    } catch (cause) {
      logger.error("coordinator's partition not loaded", {
        topic: topic.name,
        partition: index,
        cause: cause as Error,
      });
      if (!this.#isRunning) return;
      this.#slots[index] = { kind: "failed" };
      this.#loadLater(index);
    }
  }

  #loadLater(index: number): void {
    const { runtime, newShard } = this.#options;
    const retry = runtime.timers.after(loadRetryMs, () => {
      this.#retries.delete(retry);
      const shard = newShard(index);
      this.#slots[index] = { kind: "loading", shard };
      this.#loaded = this.#loaded.then(() => this.#load(index, shard));
    });
    this.#retries.add(retry);
  }
}
