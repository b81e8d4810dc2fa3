/** What ends a transaction in a partition, and its bytes. */
import { encodeControlBatch } from "../../protocol/record.ts";
import type { Marker } from "./state.ts";

export interface MarkerToWrite extends Marker {
  /** Of the leadership under which the coordinator writes, by which a partition tells an earlier one. */
  readonly coordinatorEpoch: number;
}

export function encodeMarker(marker: MarkerToWrite, timestamp: number): Uint8Array {
  const { outcome, producerId, producerEpoch, coordinatorEpoch } = marker;
  return encodeControlBatch({ kind: outcome, producerId, producerEpoch, coordinatorEpoch, timestamp });
}
