/**
 * Ends transactions in the partitions they wrote to: a marker in each, commit or abort. The decision is in the coordinator's log
 * by then, so a marker is tried until it is in its partition for good, or never can be.
 *
 *  1. A partition is told of as marked once its marker is as durable as acks=all makes it.
 *  2. A partition that is gone, or that knows a later epoch of the producer, or of the coordinator, needs no marker.
 */
import { ErrorCode, errorName, ProtocolError } from "../../protocol/errors.ts";
import type { Clock, Timer, Timers } from "../../runtime/runtime.ts";
import { StorageError } from "../../storage/errors.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { OFFSETS_TOPIC } from "../cluster/topic_name.ts";
import type { Logger } from "../log.ts";
import type { Partitions } from "../partitions/partitions.ts";
import { encodeMarker, type MarkerToWrite } from "./marker.ts";
import { type PartitionSet, partitionSet, type Place, placesOf } from "./partition_set.ts";
import type { Marker } from "./state.ts";

/** How soon a marker that could not be written is tried again; then twice as long, and so on up to the most. */
const retryMsMin = 50;
const retryMsMax = 1_000;

export interface MarkerTask {
  readonly transactionalId: string;
  readonly marker: Marker;
  readonly partitions: PartitionSet;
  readonly coordinatorEpoch: number;
}

/** The owner of `__consumer_offsets`, where a marker also says what becomes of offsets. */
export interface OffsetMarkers {
  /** Resolves when the marker is durable and what it says of offsets has been done. NONE, or why not. */
  endTransaction(partition: number, marker: MarkerToWrite): Promise<number>;
}

export interface MarkerWriterOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  readonly partitions: Partitions;
  readonly cluster: Pick<Cluster, "topic">;
  readonly offsets: OffsetMarkers;
}

export class MarkerWriter {
  readonly #options: MarkerWriterOptions;
  readonly #pauses = new Map<Timer, () => void>();
  #isStopped = false;

  constructor(options: MarkerWriterOptions) {
    this.#options = options;
  }

  /** Calls `marked` for all partitions, once for each, several at a time; unless it is stopped before. */
  write(task: MarkerTask, marked: (places: PartitionSet) => void): void {
    const marker = { ...task.marker, coordinatorEpoch: task.coordinatorEpoch };
    const places = [...placesOf(task.partitions)];
    const done: Place[] = [];
    let openCount = places.length;
    const tell = () => {
      if (done.length > 0 && !this.#isStopped) marked(partitionSet(done.splice(0)));
    };
    for (const place of places) {
      void this.#writeOne(place, marker, task.transactionalId).then((isMarked) => {
        if (!isMarked) return;
        openCount--;
        if (done.push(place) === 1 && openCount > 0) this.#options.timers.soon(tell);
        else if (openCount === 0) tell();
      });
    }
  }

  /** One attempt. NONE when the marker is in the partition for good; else why not. */
  async append({ topic, partition: index }: Place, marker: MarkerToWrite): Promise<number> {
    if (topic === OFFSETS_TOPIC) return await this.#options.offsets.endTransaction(index, marker);
    const partition = this.#options.partitions.get(topic, index);
    if (partition === undefined) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    if (partition.log.isOffline) return ErrorCode.KAFKA_STORAGE_ERROR;
    try {
      const { result, durable } = partition.append(encodeMarker(marker, this.#options.clock.nowMs()), {
        acks: -1,
        origin: "coordinator",
        transactionVersion: marker.clientVersion,
      });
      if (result.kind === "rejected") return result.errorCode;
      if (durable !== null) await durable; // (1)
      return ErrorCode.NONE;
    } catch (error) {
      if (error instanceof StorageError) return ErrorCode.KAFKA_STORAGE_ERROR;
      if (error instanceof ProtocolError) return error.code;
      throw error;
    }
  }

  /** What is left to write is in the log: the next start goes on with it. */
  stop(): void {
    this.#isStopped = true;
    for (const [timer, resume] of [...this.#pauses]) {
      timer.cancel();
      resume();
    }
    this.#pauses.clear();
  }

  /** False when it was stopped before. */
  async #writeOne(place: Place, marker: MarkerToWrite, transactionalId: string): Promise<boolean> {
    for (let retryMs = retryMsMin; !this.#isStopped; retryMs = Math.min(retryMs * 2, retryMsMax)) {
      const errorCode = await this.append(place, marker);
      if (this.#isStopped) return false;
      if (errorCode === ErrorCode.NONE || this.#isGone(place)) return true;
      const { topic, partition } = place;
      const facts = { transactionalId, partition: `${topic}-${partition}`, reason: errorName(errorCode) };
      if (isFinal(errorCode)) {
        this.#options.logger.warn("transaction marker refused", facts);
        return true; // (2)
      }
      this.#options.logger.warn("transaction marker not written", facts);
      await this.#pause(retryMs);
    }
    return false;
  }

  /** Not only not here yet: the topic was deleted, or never had so many partitions. */
  #isGone({ topic, partition }: Place): boolean {
    return this.#options.cluster.topic(topic)?.partitions[partition] === undefined;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#options.timers.after(ms, () => {
        this.#pauses.delete(timer);
        resolve();
      });
      this.#pauses.set(timer, resolve);
    });
  }
}

function isFinal(errorCode: number): boolean {
  return errorCode === ErrorCode.INVALID_PRODUCER_EPOCH || errorCode === ErrorCode.TRANSACTION_COORDINATOR_FENCED;
}
