/**
 * A topic of the broker's own, as its coordinators use it: append a batch and know that it is durable; read everything
 * back at start.
 */
import { batches, type BatchView } from "../../protocol/batch.ts";
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import { StorageError } from "../../storage/errors.ts";
import { ColdRead } from "../../storage/log.ts";
import type { Timers } from "../../runtime/runtime.ts";
import type { Partition } from "./partition.ts";
import type { Partitions } from "./partitions.ts";

/** What one step of reading back holds in memory. */
const READ_BYTES_MAX = 1024 * 1024;

export class InternalTopic {
  readonly name: string;
  readonly #partitions: Partitions;
  readonly #timers: Timers;

  constructor(options: { readonly name: string; readonly partitions: Partitions; readonly timers: Timers }) {
    this.name = options.name;
    this.#partitions = options.partitions;
    this.#timers = options.timers;
  }

  /** 0 until the topic is there, with all its partitions: with fewer, keys would be looked for in the wrong ones. */
  get partitionCount(): number {
    return this.#partitions.completeCountOf(this.name);
  }

  /** Of the leadership under which this broker writes to a partition; -1 where there is none. */
  leaderEpochOf(index: number): number {
    return this.#partitions.get(this.name, index)?.leaderEpoch ?? -1;
  }

  /**
   * Appends one encoded batch; resolves when it is as durable as acks=all makes it on this topic.
   * @param transactionVersion of a marker: see `ProducerCheck`
   * @throws {ProtocolError} COORDINATOR_NOT_AVAILABLE when the topic is not there or its disk fails
   */
  async write(index: number, batch: Uint8Array, transactionVersion?: number): Promise<void> {
    const partition = this.#partition(index);
    try {
      const { result, durable } = partition.append(batch, { acks: -1, origin: "coordinator", transactionVersion });
      if (result.kind === "rejected") throw new ProtocolError(result.errorCode);
      if (durable !== null) await durable;
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      throw new ProtocolError(ErrorCode.COORDINATOR_NOT_AVAILABLE, error.message, { cause: error });
    }
  }

  /**
   * Every batch of a partition in order, a turn of the event loop between steps. Views hold until the next step.
   * @throws {ProtocolError | StorageError} when the partition is not there, or cannot be read
   */
  async *readAll(index: number): AsyncIterable<BatchView> {
    const partition = this.#partition(index);
    // One that could not be opened has no records to show, which is not to have none.
    if (partition.log.offlineCause !== null) throw partition.log.offlineCause;
    let offset = partition.logStartOffset;
    const end = partition.log.logEndOffset;
    while (offset < end) {
      const read = partition.log.tryRead(offset, { maxBytes: READ_BYTES_MAX, upToOffset: end, atLeastOneBatch: true });
      if (read instanceof ColdRead) {
        const error = await read.loaded;
        if (error !== null) throw error;
        continue;
      }
      try {
        for (const chunk of read.chunks) {
          for (const batch of batches(chunk)) {
            offset = batch.nextOffset;
            yield batch;
          }
        }
      } finally {
        read.release();
      }
      await new Promise<void>((resolve) => this.#timers.soon(resolve));
    }
  }

  /** The offset that the next record gets; 0 when the partition is not there. */
  logEndOffset(index: number): number {
    return this.#partitions.get(this.name, index)?.log.logEndOffset ?? 0;
  }

  /** What nobody needs to read back any more. */
  async deleteRecordsBefore(index: number, offset: number): Promise<void> {
    const partition = this.#partition(index);
    if (offset > partition.logStartOffset) await partition.deleteRecordsBefore(offset);
  }

  #partition(index: number): Partition {
    const partition = this.#partitions.get(this.name, index);
    if (partition === undefined) {
      throw new ProtocolError(
        ErrorCode.COORDINATOR_NOT_AVAILABLE,
        `Partition ${index} of the internal topic "${this.name}" is not there`,
      );
    }
    return partition;
  }
}
