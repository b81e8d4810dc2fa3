/**
 * The transaction coordinator: which shard a transactional id lives in, the requests about it, and what time does to it. Answers
 * are the protocol's error codes, never exceptions.
 */
import { Compression } from "../../protocol/compression.ts";
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { Cluster } from "../cluster/cluster.ts";
import type { BrokerConfig } from "../config.ts";
import { Sweeps } from "../coordination/sweeps.ts";
import { type ShardedTopic, TopicShards } from "../coordination/topic_shards.ts";
import { TRANSACTION_VERSION } from "../features.ts";
import type { Logger } from "../log.ts";
import type { ProducerIds } from "../producer_ids.ts";
import type { MarkerWriter } from "./marker_writer.ts";
import type { PartitionSet, Place } from "./partition_set.ts";
import { TransactionShard } from "./shard.ts";
import type {
  ClientVersion,
  Outcome,
  ProducerIdentity,
  Ticket,
  TransactionAnswer,
  TransactionEvent,
  TransactionState,
} from "./state.ts";
import { verifyError } from "./step.ts";

/** `__transaction_state`, as far as the coordinator needs it. */
export interface TransactionsTopic extends ShardedTopic {
  leaderEpochOf(partition: number): number;
  /** Resolves when the batch is durable by the topic's policy. @throws {ProtocolError} */
  write(partition: number, batch: Uint8Array): Promise<void>;
}

export interface TransactionCoordinatorOptions {
  readonly runtime: Pick<Runtime, "clock" | "timers">;
  readonly logger: Logger;
  readonly config: Pick<BrokerConfig, "get">;
  /** Makes the topic when it is missing. */
  readonly cluster: Pick<Cluster, "autoCreateTopics" | "featureLevel">;
  readonly topic: TransactionsTopic;
  readonly producerIds: Pick<ProducerIds, "next">;
  readonly markers: Pick<MarkerWriter, "write" | "stop">;
}

export interface InitRequest {
  readonly transactionalId: string;
  readonly timeoutMs: number;
  /** What the producer had before; null for a new one. */
  readonly expected: ProducerIdentity | null;
}

export interface AddRequest extends ProducerIdentity {
  readonly transactionalId: string;
  readonly partitions: PartitionSet;
  readonly clientVersion: ClientVersion;
}

export interface EndRequest extends ProducerIdentity {
  readonly transactionalId: string;
  readonly outcome: Outcome;
  readonly clientVersion: ClientVersion;
}

/** How long a request waits for its record to be durable. */
const writeTimeoutMs = 5_000;

export class TransactionCoordinator {
  readonly #options: TransactionCoordinatorOptions;
  readonly #shards: TopicShards<TransactionShard>;
  readonly #waiting = new Map<Ticket, (answer: TransactionAnswer) => void>();
  #lastTicket = 0;
  readonly #sweeps: Sweeps;

  constructor(options: TransactionCoordinatorOptions) {
    this.#options = options;
    this.#shards = new TopicShards({ ...options, newShard: (partition) => this.#newShard(partition) });
    this.#sweeps = new Sweeps(options.runtime.timers);
  }

  // -------------------------------------------------------------------------------------------- life

  start(): void {
    this.#shards.start();
    const { config } = this.#options;
    this.#sweep(
      "timeouts",
      () => config.get("transaction.abort.timed.out.transaction.cleanup.interval.ms"),
      () => this.#abortTimedOut(),
    );
    this.#sweep(
      "expiry",
      () => config.get("transaction.remove.expired.transaction.cleanup.interval.ms"),
      () => this.#expire(),
    );
  }

  /** Resolves when nothing is left to load. */
  get loaded(): Promise<void> {
    return this.#shards.loaded;
  }

  async stop(): Promise<void> {
    this.#sweeps.stop();
    this.#options.markers.stop();
    await this.#shards.stop();
  }

  /** Makes `__transaction_state` when it is missing. NONE when transactional ids can be asked about from now on. */
  prepare(): Promise<number> {
    return this.#shards.prepare();
  }

  #newShard(partition: number): TransactionShard {
    const { runtime: { clock, timers }, logger, cluster, topic, markers } = this.#options;
    return new TransactionShard({
      clock,
      timers,
      logger,
      log: {
        write: (batch) => topic.write(partition, batch),
        compression: Compression.none,
        timeoutMs: writeTimeoutMs,
      },
      recordVersion: () => cluster.featureLevel(TRANSACTION_VERSION) >= 1 ? 1 : 0,
      coordinatorEpoch: () => topic.leaderEpochOf(partition),
      writeMarkers: (task, marked) => markers.write(task, marked),
      answer: (ticket, answer) => this.#answer(ticket, answer),
    });
  }

  // -------------------------------------------------------------------------------------------- requests

  async initProducerId({ transactionalId, timeoutMs, expected }: InitRequest): Promise<TransactionAnswer> {
    if (timeoutMs <= 0 || timeoutMs > this.#options.config.get("transaction.max.timeout.ms")) {
      return refused(ErrorCode.INVALID_TRANSACTION_TIMEOUT);
    }
    return await this.#ask(
      transactionalId,
      (ticket, freshProducerId) => ({ kind: "init", ticket, timeoutMs, expected, freshProducerId }),
    );
  }

  /** NONE once the partitions are in the transaction for good. */
  async addPartitions({ transactionalId, ...request }: AddRequest): Promise<number> {
    if (transactionalId === "") return ErrorCode.INVALID_REQUEST;
    const answer = await this.#ask(transactionalId, (ticket) => ({ kind: "add", ticket, ...request }));
    return answer.errorCode;
  }

  /** Whether a partition is in the open transaction of this producer. */
  verifyPartition(transactionalId: string, producer: ProducerIdentity, place: Place): number {
    if (transactionalId === "") return ErrorCode.INVALID_REQUEST;
    const shard = this.#shards.of(transactionalId);
    if (typeof shard === "number") return shard;
    const state = shard.get(transactionalId);
    return state === undefined ? ErrorCode.INVALID_PRODUCER_ID_MAPPING : verifyError(state, producer, place);
  }

  /** Resolves once nothing is under way for the id, or after `withinMs`. */
  idle(transactionalId: string, withinMs: number): Promise<void> {
    const shard = this.#shards.of(transactionalId);
    return new Promise((resolve) => {
      const timer = this.#options.runtime.timers.after(withinMs, resolve);
      if (typeof shard === "number") return;
      shard.whenIdle(transactionalId, () => {
        timer.cancel();
        resolve();
      });
    });
  }

  async endTransaction({ transactionalId, ...request }: EndRequest): Promise<TransactionAnswer> {
    if (transactionalId === "") return refused(ErrorCode.INVALID_REQUEST);
    return await this.#ask(
      transactionalId,
      (ticket, freshProducerId) => ({ kind: "end", ticket, freshProducerId, ...request }),
    );
  }

  /** The state of an id, undefined when it is not known; or the error. */
  describe(transactionalId: string): TransactionState | undefined | number {
    if (!this.#shards.isRunning) return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    if (transactionalId === "") return ErrorCode.INVALID_REQUEST;
    const shard = this.#shards.of(transactionalId);
    return typeof shard === "number" ? shard : shard.get(transactionalId);
  }

  /** All ids that can be asked about; or why there are none. */
  list(): Iterable<TransactionState> | number {
    if (!this.#shards.isRunning) return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    return this.#shards.isLoading ? ErrorCode.COORDINATOR_LOAD_IN_PROGRESS : this.#states();
  }

  // -------------------------------------------------------------------------------------------- below: how

  *#states(): Generator<TransactionState> {
    for (const shard of this.#shards.active()) yield* shard.states();
  }

  /** Feeds an event and waits for its answer. An id that the event may need is had before; the world may change meanwhile. */
  async #ask(
    transactionalId: string,
    eventOf: (ticket: Ticket, freshProducerId: number | null) => TransactionEvent,
  ): Promise<TransactionAnswer> {
    const ticket = ++this.#lastTicket;
    for (let freshProducerId: number | null = null;;) {
      const shard = this.#shards.of(transactionalId);
      if (typeof shard === "number") return refused(shard);
      const event = eventOf(ticket, freshProducerId);
      if (freshProducerId === null && shard.needsProducerId(transactionalId, event)) {
        freshProducerId = await this.#nextProducerId();
        if (freshProducerId === null) return refused(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
        continue;
      }
      return await new Promise<TransactionAnswer>((resolve) => {
        this.#waiting.set(ticket, resolve);
        shard.feed(transactionalId, event);
      });
    }
  }

  /** null when no new block of ids can be written down now. The client is told what Kafka says then, and tries again. */
  async #nextProducerId(): Promise<number | null> {
    try {
      return await this.#options.producerIds.next();
    } catch (error) {
      if (error instanceof ProtocolError) return null;
      throw error;
    }
  }

  #answer(ticket: Ticket, answer: TransactionAnswer): void {
    const resolve = this.#waiting.get(ticket);
    this.#waiting.delete(ticket);
    resolve?.(answer);
  }

  #sweep(name: "timeouts" | "expiry", intervalMs: () => number, run: () => Promise<void>): void {
    const { logger } = this.#options;
    const onFailed = (cause: Error) => logger.error("transactions not looked through", { sweep: name, cause });
    this.#sweeps.begin({ intervalMs, run, onFailed });
  }

  async #abortTimedOut(): Promise<void> {
    const nowMs = this.#options.runtime.clock.nowMs();
    for (const shard of this.#shards.active()) {
      for (const state of [...shard.states()]) {
        const { transactionalId, phase, startMs, timeoutMs } = state;
        if (phase !== "Ongoing" || state.pending !== null || startMs + timeoutMs >= nowMs) continue;
        let freshProducerId: number | null = null;
        if (shard.needsProducerId(transactionalId, { kind: "timedOut", freshProducerId })) {
          freshProducerId = await this.#nextProducerId();
          if (freshProducerId === null) continue; // in the next sweep
          // Meanwhile it may have ended, and another begun.
          if (shard.get(transactionalId) !== state) continue;
        }
        shard.feed(transactionalId, { kind: "timedOut", freshProducerId });
      }
    }
  }

  /** Shard by shard, a turn of the event loop between them: there may be many ids. */
  async #expire(): Promise<void> {
    const { runtime: { clock, timers }, config, logger } = this.#options;
    const beforeMs = clock.nowMs() - config.get("transactional.id.expiration.ms");
    let count = 0;
    for (const shard of this.#shards.active()) {
      for (const { transactionalId, phase, pending, updatedMs } of [...shard.states()]) {
        const isUnused = phase === "Empty" || phase === "CompleteCommit" || phase === "CompleteAbort";
        if (!isUnused || pending !== null || updatedMs > beforeMs) continue;
        shard.feed(transactionalId, { kind: "expired" });
        count++;
      }
      await new Promise<void>((resolve) => timers.soon(resolve));
    }
    if (count > 0) logger.info("transactional ids expired", { count });
  }
}

function refused(errorCode: number): TransactionAnswer {
  return { errorCode, producerId: -1, producerEpoch: -1 };
}
