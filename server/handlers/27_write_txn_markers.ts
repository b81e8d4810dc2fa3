/**
 * WriteTxnMarkers: v0–v2.
 *
 * v1 flexible · v2 transaction version (KIP-1228)
 *
 * From an administrator who ends a transaction that hangs (`kafka-transactions.sh abort`), or a coordinator elsewhere. The
 * coordinator of this node writes its markers without a request.
 *
 * A marker without a producer (id or epoch -1) for a partition that is here fails all of the request, after those before it were
 * written: as in Kafka.
 */
import { writeTxnMarkers, type WriteTxnMarkersRequest } from "../../protocol/api/27_write_txn_markers.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Broker } from "../broker.ts";
import { OFFSETS_TOPIC } from "../cluster/topic_name.ts";
import { handle } from "../handler.ts";
import type { Place } from "../transactions/partition_set.ts";

type Marker = WriteTxnMarkersRequest["markers"][number];

export const writeTxnMarkersHandler = handle(writeTxnMarkers, [0, 2], async (request, { broker }) => {
  const { markers } = request;
  const answers = new Answers();
  const firstBroken = markers.findIndex((marker) => isBroken(marker, broker));
  const toWrite = firstBroken === -1 ? markers : markers.slice(0, firstBroken);
  await Promise.all(toWrite.flatMap((marker) =>
    placesOf(marker).map(async (place) => {
      answers.set(marker, place, ErrorCode.NONE); // its place in the answer
      answers.set(marker, place, await writeOne(marker, place, broker));
    })
  ));
  if (firstBroken === -1) return answers.all;
  const failed = new Answers();
  for (const marker of markers) {
    failed.begin(marker);
    for (const place of placesOf(marker)) failed.set(marker, place, ErrorCode.UNKNOWN_SERVER_ERROR);
  }
  return failed.all;
});

/** By producer: markers of one are answered together. */
class Answers {
  readonly #byProducer = new Map<number, Map<string, Map<number, number>>>();

  begin({ producerId }: Marker): Map<string, Map<number, number>> {
    const topics = this.#byProducer.get(producerId) ?? new Map<string, Map<number, number>>();
    this.#byProducer.set(producerId, topics);
    return topics;
  }

  set(marker: Marker, { topic, partition }: Place, errorCode: number): void {
    const topics = this.begin(marker);
    const partitions = topics.get(topic) ?? new Map<number, number>();
    topics.set(topic, partitions.set(partition, errorCode));
  }

  get all() {
    return {
      markers: Array.from(this.#byProducer, ([producerId, topics]) => ({
        producerId,
        topics: Array.from(topics, ([name, partitions]) => ({
          name,
          partitions: Array.from(partitions, ([partitionIndex, errorCode]) => ({ partitionIndex, errorCode })),
        })),
      })),
    };
  }
}

/** No batch can be made of it. Markers of offsets are no batches of the request's: their owner looks at them. */
function isBroken(marker: Marker, broker: Broker): boolean {
  if (marker.producerId !== -1 && marker.producerEpoch !== -1) return false;
  return placesOf(marker).some((place) => place.topic !== OFFSETS_TOPIC && isHere(place, broker));
}

function isHere({ topic, partition: index }: Place, broker: Broker): boolean {
  const partition = broker.partitions.get(topic, index);
  return partition !== undefined && !partition.log.isOffline;
}

async function writeOne(marker: Marker, place: Place, broker: Broker): Promise<number> {
  if (!isHere(place, broker)) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  if (marker.producerId === -1 || marker.producerEpoch === -1) return ErrorCode.UNKNOWN_SERVER_ERROR;
  const errorCode = marker.producerId < 0 ? ErrorCode.NONE : epochError(marker); // ids below -1 stand for no producer, as in Kafka
  if (errorCode !== ErrorCode.NONE) return errorCode;
  return await broker.transactionMarkers.append(place, {
    producerId: marker.producerId,
    producerEpoch: marker.producerEpoch,
    coordinatorEpoch: marker.coordinatorEpoch,
    outcome: marker.transactionResult ? "commit" : "abort",
    clientVersion: marker.transactionVersion >= 2 ? 2 : 0,
  });
}

/** As Kafka: a marker must be of some version of transactions, and is held against its producer's last one in the partition (-1 for none). */
function epochError({ transactionVersion, producerEpoch, coordinatorEpoch }: Marker): number {
  if (transactionVersion === -1) return ErrorCode.UNKNOWN_SERVER_ERROR;
  if (producerEpoch < 0) return ErrorCode.INVALID_PRODUCER_EPOCH;
  return coordinatorEpoch < -1 ? ErrorCode.TRANSACTION_COORDINATOR_FENCED : ErrorCode.NONE;
}

function placesOf({ topics }: Marker): Place[] {
  return topics.flatMap(({ name, partitionIndexes }) =>
    partitionIndexes.map((partition) => ({ topic: name, partition }))
  );
}
