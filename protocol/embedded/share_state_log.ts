/**
 * Keys and values of the records in `__share_group_state` (KIP-932), as Kafka 4.4's share coordinator writes them. A
 * snapshot is all that is known of a share partition; updates after it say what has changed since. A snapshot without a
 * value forgets the partition.
 */
import { array, int16, int32, int64, int8, message, string, uuid } from "../schema.ts";
import { CoordinatorLogCodec, keyVersions, valueVersions } from "./coordinator_log.ts";

const partitionKey = { groupId: string, topicId: uuid, partition: int32 };
/** -1 where Kafka before 4.2 wrote it (KIP-1226). */
const deliveryCompleteCount = int32.default(-1).tagged(0, 0);
const stateBatches = array({ firstOffset: int64, lastOffset: int64, deliveryState: int8, deliveryCount: int16 });

export const shareStateRecords = {
  snapshot: {
    type: 0,
    key: message("ShareSnapshotKey", keyVersions, partitionKey),
    value: message("ShareSnapshotValue", valueVersions, {
      snapshotEpoch: int32,
      stateEpoch: int32,
      leaderEpoch: int32,
      startOffset: int64,
      deliveryCompleteCount,
      createTimestamp: int64,
      writeTimestamp: int64,
      stateBatches,
    }),
  },
  update: {
    type: 1,
    key: message("ShareUpdateKey", keyVersions, partitionKey),
    value: message("ShareUpdateValue", valueVersions, {
      snapshotEpoch: int32,
      leaderEpoch: int32,
      startOffset: int64,
      deliveryCompleteCount,
      stateBatches,
    }),
  },
} as const;

export const shareStateLog = new CoordinatorLogCodec(shareStateRecords);
