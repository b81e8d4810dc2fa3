/**
 * WriteTxnMarkers: v0–v2.
 *
 * v1 flexible · v2 transaction version (KIP-1228)
 *
 * From an administrator who ends a transaction that hangs (`kafka-transactions.sh abort`), or a coordinator elsewhere. The
 * coordinator of this node writes its markers without a request.
 */
import { writeTxnMarkers, type WriteTxnMarkersRequest } from "../../protocol/api/27_write_txn_markers.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Broker } from "../broker.ts";
import { handle } from "../handler.ts";
import type { Place } from "../transactions/partition_set.ts";

type Marker = WriteTxnMarkersRequest["markers"][number];

export const writeTxnMarkersHandler = handle(writeTxnMarkers, [0, 2], async (request, { broker }) => {
  // Markers of one producer are answered together.
  const byProducer = new Map<number, Map<string, Map<number, number>>>();
  await Promise.all(request.markers.flatMap((marker) => {
    const places = placesOf(marker);
    const topics = byProducer.get(marker.producerId) ?? new Map<string, Map<number, number>>();
    if (places.length > 0) byProducer.set(marker.producerId, topics);
    return places.map(async (place) => {
      const partitions = topics.get(place.topic) ?? new Map<number, number>();
      topics.set(place.topic, partitions);
      partitions.set(place.partition, ErrorCode.NONE); // its place in the answer
      partitions.set(place.partition, await writeOne(marker, place, broker));
    });
  }));
  return {
    markers: Array.from(byProducer, ([producerId, topics]) => ({
      producerId,
      topics: Array.from(topics, ([name, partitions]) => ({
        name,
        partitions: Array.from(partitions, ([partitionIndex, errorCode]) => ({ partitionIndex, errorCode })),
      })),
    })),
  };
});

async function writeOne(marker: Marker, place: Place, broker: Broker): Promise<number> {
  const partition = broker.partitions.get(place.topic, place.partition);
  if (partition === undefined || partition.log.isOffline) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  if (marker.producerId < 0 || marker.producerEpoch < 0) return ErrorCode.UNKNOWN_SERVER_ERROR; // as Kafka
  return await broker.transactionMarkers.append(place, {
    producerId: marker.producerId,
    producerEpoch: marker.producerEpoch,
    coordinatorEpoch: marker.coordinatorEpoch,
    outcome: marker.transactionResult ? "commit" : "abort",
    clientVersion: marker.transactionVersion >= 2 ? 2 : 0,
  });
}

function placesOf({ topics }: Marker): Place[] {
  return topics.flatMap(({ name, partitionIndexes }) =>
    partitionIndexes.map((partition) => ({ topic: name, partition }))
  );
}
