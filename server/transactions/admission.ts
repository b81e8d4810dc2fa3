/**
 * Who may write to a partition inside a transaction (KIP-890). Without this check a write that comes late, behind the marker
 * that ends its transaction, would begin one there that nobody ends.
 *
 * Older clients have added the partition before (AddPartitionsToTxn, AddOffsetsToTxn): it is looked up. Newer ones leave that
 * to the broker: it is added, and the write waits until that is in the coordinator's log. While the transaction before is
 * still being ended, which its producer need not know, the addition waits for that, too, but not for long.
 *
 * What was admitted has to be looked up again by whoever waited, in the turn of the event loop in which it writes.
 */
import { ErrorCode } from "../../protocol/errors.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { BrokerConfig } from "../config.ts";
import type { Partition } from "../partitions/partition.ts";
import type { TransactionCoordinator } from "./coordinator.ts";
import { partitionSet, type Place } from "./partition_set.ts";
import type { ProducerIdentity } from "./state.ts";

export interface TransactionalWrite extends ProducerIdentity {
  readonly transactionalId: string;
  readonly places: readonly Place[];
  /** The client has not added the places itself. */
  readonly addsPlaces: boolean;
}

export interface AdmissionOptions {
  readonly runtime: Pick<Runtime, "clock" | "timers">;
  readonly config: Pick<BrokerConfig, "get">;
  readonly coordinator: Pick<TransactionCoordinator, "verifyPartition" | "addPartitions" | "idle">;
}

export class TransactionAdmission {
  readonly #options: AdmissionOptions;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** NONE, or why not, for each place. A promise only where something must be written down first. */
  admit(write: TransactionalWrite): readonly number[] | Promise<readonly number[]> {
    const found = this.#verify(write);
    const isWhole = !write.addsPlaces || found.every((errorCode) => errorCode === ErrorCode.NONE);
    return isWhole ? found : this.#add(write);
  }

  /** What was admitted, and whether it still is. */
  isStillIn(write: TransactionalWrite): boolean {
    return this.#verify(write).every((errorCode) => errorCode === ErrorCode.NONE);
  }

  #verify({ transactionalId, places, addsPlaces, ...producer }: TransactionalWrite): readonly number[] {
    const { config, coordinator } = this.#options;
    if (!addsPlaces && !config.get("transaction.partition.verification.enable")) {
      return places.map(() => ErrorCode.NONE);
    }
    return places.map((place) => coordinator.verifyPartition(transactionalId, producer, place));
  }

  async #add(write: TransactionalWrite): Promise<readonly number[]> {
    const { config, coordinator, runtime: { clock } } = this.#options;
    const { transactionalId, producerId, producerEpoch, places } = write;
    const partitions = partitionSet(places);
    const untilMs = clock.monotonicMs() + config.get("add.partitions.to.txn.retry.backoff.max.ms");
    for (;;) {
      const errorCode = await coordinator.addPartitions({
        transactionalId,
        producerId,
        producerEpoch,
        partitions,
        clientVersion: 2,
      });
      const leftMs = untilMs - clock.monotonicMs();
      if (errorCode !== ErrorCode.CONCURRENT_TRANSACTIONS || leftMs <= 0) return places.map(() => errorCode);
      await coordinator.idle(transactionalId, leftMs);
    }
  }
}

/** Its transaction has begun in this partition: no more need be asked. */
export function isOpenIn({ log }: Partition, { producerId, producerEpoch }: ProducerIdentity): boolean {
  const producer = log.producers().find(producerId);
  return producer !== undefined && producer.currentTransactionFirstOffset >= 0 &&
    producer.producerEpoch === producerEpoch;
}

/** What a producer is told of a place that it may not write to, in words that it knows there. */
export function refusalOf(errorCode: number, options: { readonly knowsAbortable: boolean }): number {
  if (errorCode === ErrorCode.PRODUCER_FENCED) return ErrorCode.INVALID_PRODUCER_EPOCH;
  const isUnknown = errorCode === ErrorCode.TRANSACTION_ABORTABLE && !options.knowsAbortable;
  return isUnknown ? ErrorCode.INVALID_TXN_STATE : errorCode;
}
