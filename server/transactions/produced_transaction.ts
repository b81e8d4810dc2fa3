/**
 * The transaction that a Produce request writes to: whose it is, and which of its partitions may be written to. Asked before the
 * first batch is appended, and where that took time, once more as each is.
 */
import type { ProduceRequest } from "../../protocol/api/00_produce.ts";
import { BATCH_HEADER_BYTES, batchProblem, BatchView, readInt16, TRANSACTIONAL_FLAG } from "../../protocol/batch.ts";
import { ErrorCode, errorInfo } from "../../protocol/errors.ts";
import type { RequestContext } from "../handler.ts";
import type { Partition } from "../partitions/partition.ts";
import { isOpenIn, refusalOf, type TransactionAdmission, type TransactionalWrite } from "./admission.ts";
import type { ProducerIdentity } from "./state.ts";

/** TRANSACTION_ABORTABLE is known to clients from v11 on; those of v12 leave it to the broker to add partitions. */
const FIRST_ABORTABLE_VERSION = 11;
const FIRST_ADDING_VERSION = 12;
const FIRST_TOPIC_ID_VERSION = 13;
const ATTRIBUTES_AT = 21;

export class ProducedTransaction {
  /** What has to be waited for before anything is appended; null when nothing has. */
  readonly admitted: Promise<void> | null;
  /** Each epoch begins at sequence 0, so a producer that nothing is known of does. */
  readonly startsAtZero: boolean;
  readonly #write: TransactionalWrite;
  readonly #admission: TransactionAdmission;
  readonly #knowsAbortable: boolean;
  #errorCodes: readonly number[] = [];

  constructor(admission: TransactionAdmission, write: TransactionalWrite, apiVersion: number) {
    this.#admission = admission;
    this.#write = write;
    this.#knowsAbortable = apiVersion >= FIRST_ABORTABLE_VERSION;
    this.startsAtZero = write.addsPlaces;
    const verdict = write.places.length === 0 ? [] : admission.admit(write);
    if (verdict instanceof Promise) {
      this.admitted = verdict.then((errorCodes) => {
        this.#errorCodes = errorCodes;
      });
    } else {
      this.#errorCodes = verdict;
      this.admitted = null;
    }
  }

  /** NONE, or what a batch of the transaction is refused with in this partition now. */
  refusalOf(partition: Partition, records: Uint8Array): number {
    if (partition.log.isOffline) return ErrorCode.NONE; // It is refused for that.
    const errorCode = this.#errorOf(partition);
    // It will come again: those behind it may not take its place.
    if (errorInfo(errorCode).retriable) partition.log.producers().missed(new BatchView(records, 0));
    return errorCode;
  }

  #errorOf(partition: Partition): number {
    if (isOpenIn(partition, this.#write)) return ErrorCode.NONE;
    const { topic, index } = partition;
    const at = this.#write.places.findIndex((place) => place.topic === topic && place.partition === index);
    const errorCode = this.#errorCodes[at] ?? ErrorCode.INVALID_TXN_STATE;
    if (errorCode !== ErrorCode.NONE) return this.#inWords(errorCode);
    // While it was written down the transaction may have ended.
    const isStillIn = this.admitted === null ||
      this.#admission.isStillIn({ ...this.#write, places: [{ topic, partition: index }] });
    return isStillIn ? ErrorCode.NONE : ErrorCode.INVALID_TXN_STATE;
  }

  /** Where a retry may help it is a word with which every client tries again, and does not look for another leader. */
  #inWords(errorCode: number): number {
    switch (errorCode) {
      case ErrorCode.CONCURRENT_TRANSACTIONS:
        return this.#write.addsPlaces ? errorCode : ErrorCode.NOT_ENOUGH_REPLICAS;
      case ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:
      case ErrorCode.COORDINATOR_NOT_AVAILABLE:
      case ErrorCode.NOT_COORDINATOR:
        return ErrorCode.NOT_ENOUGH_REPLICAS;
      default:
        return refusalOf(errorCode, { knowsAbortable: this.#knowsAbortable });
    }
  }
}

/** hot: per request */
export function hasTransactionalRecords({ topicData }: ProduceRequest): boolean {
  for (const { partitionData } of topicData) {
    for (const { records } of partitionData) if (records !== null && isTransactionalBatch(records)) return true;
  }
  return false;
}

/** The transaction of a request that has records of one, or the error for all of it. */
export function beginTransactional(
  request: ProduceRequest,
  { apiVersion, broker }: Pick<RequestContext, "apiVersion" | "broker">,
): ProducedTransaction | number {
  const { transactionalId } = request;
  if (transactionalId === null) return ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
  const partitions: Partition[] = [];
  let producer: ProducerIdentity | null = null;
  for (const { name, topicId, partitionData } of request.topicData) {
    const topic = apiVersion >= FIRST_TOPIC_ID_VERSION ? broker.cluster.topicById(topicId)?.name : name;
    for (const { index, records } of partitionData) {
      const partition = topic === undefined ? undefined : broker.partitions.get(topic, index);
      if (partition === undefined || records === null || !isTransactionalBatch(records)) continue;
      const { producerId, producerEpoch, hasProducerId } = new BatchView(records, 0);
      if (!hasProducerId) continue; // refused as a batch
      const own = { producerId, producerEpoch };
      producer ??= own;
      if (own.producerId !== producer.producerId || own.producerEpoch !== producer.producerEpoch) {
        return ErrorCode.INVALID_PRODUCER_ID_MAPPING;
      }
      if (!partition.log.isOffline && !isOpenIn(partition, own)) partitions.push(partition);
    }
  }
  const places = partitions.map(({ topic, index: partition }) => ({ topic, partition }));
  const { producerId, producerEpoch } = producer ?? { producerId: -1, producerEpoch: -1 };
  const addsPlaces = apiVersion >= FIRST_ADDING_VERSION;
  const write = { transactionalId, producerId, producerEpoch, places, addsPlaces };
  return new ProducedTransaction(broker.transactionAdmission, write, apiVersion);
}

/** By a header that nobody has checked yet. */
export function isTransactionalBatch(records: Uint8Array): boolean {
  return records.length >= BATCH_HEADER_BYTES && (readInt16(records, ATTRIBUTES_AT) & TRANSACTIONAL_FLAG) !== 0 &&
    batchProblem(records, 0) === null;
}
