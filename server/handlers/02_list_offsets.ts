/**
 * ListOffsets: v0–v11.
 *
 * v0 a list of offsets (`old_offsets.ts`) · v1 one offset and its timestamp · v2 isolation level · v4 leader epoch · v6 flexible ·
 * v7 max timestamp (KIP-734) · v8 earliest local (KIP-405) · v9 latest tiered · v10 timeout (KIP-1075) ·
 * v11 earliest pending upload
 *
 * Nothing is tiered here: the earliest local offset is the earliest, and of tiered ones there are none (-1).
 */
import { listOffsets, type ListOffsetsRequest } from "../../protocol/api/02_list_offsets.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { StorageError } from "../../storage/errors.ts";
import { handle, type RequestContext } from "../handler.ts";
import { leaderEpochProblem } from "../partitions/leader_epoch.ts";
import { offsetsBefore } from "../partitions/old_offsets.ts";
import type { Partition } from "../partitions/partition.ts";

const LATEST = -1;
const EARLIEST = -2;
const MAX_TIMESTAMP = -3;
const EARLIEST_LOCAL = -4;
const LATEST_TIERED = -5;
const EARLIEST_PENDING_UPLOAD = -6;
const READ_UNCOMMITTED = 0;
const READ_COMMITTED = 1;
const CONSUMER = -1;
/** The version that brought each of the named timestamps. */
const sinceVersion: Readonly<Record<number, number>> = {
  [MAX_TIMESTAMP]: 7,
  [EARLIEST_LOCAL]: 8,
  [LATEST_TIERED]: 9,
  [EARLIEST_PENDING_UPLOAD]: 11,
};

type AskedPartition = ListOffsetsRequest["topics"][number]["partitions"][number];

interface FoundOffset {
  readonly timestamp: number;
  readonly offset: number;
  readonly leaderEpoch: number;
}

interface PartitionAnswer extends FoundOffset {
  readonly partitionIndex: number;
  readonly errorCode: number;
  readonly oldStyleOffsets: readonly number[];
}

const NOTHING: FoundOffset = { timestamp: -1, offset: -1, leaderEpoch: -1 };

export const listOffsetsHandler = handle(listOffsets, [0, 11], async (request, context) => {
  if (request.isolationLevel !== READ_UNCOMMITTED && request.isolationLevel !== READ_COMMITTED) {
    return { topics: request.topics.map(refusedForIsolation) };
  }
  const counts = countsOf(request);
  const topics = new Map<string, PartitionAnswer[]>();
  for (const { name, partitions } of request.topics) {
    for (const asked of partitions) {
      const key = keyOf(name, asked);
      const count = counts.get(key) ?? 0;
      if (!counts.delete(key)) continue;
      const answer = count > 1
        ? failed(asked, ErrorCode.INVALID_REQUEST)
        : await answerOne(name, asked, request, context);
      const answers = topics.get(name);
      if (answers === undefined) topics.set(name, [answer]);
      else answers.push(answer);
    }
  }
  return { topics: Array.from(topics, ([name, partitions]) => ({ name, partitions })) };
});

/** Kafka's answer to an isolation level that it does not know: all that was named, as often as it was. */
function refusedForIsolation({ name, partitions }: ListOffsetsRequest["topics"][number]) {
  return { name, partitions: partitions.map((asked) => failed(asked, ErrorCode.UNKNOWN_SERVER_ERROR)) };
}

async function answerOne(
  topic: string,
  asked: AskedPartition,
  request: ListOffsetsRequest,
  context: RequestContext,
): Promise<PartitionAnswer> {
  const { apiVersion, broker } = context;
  const { timestamp } = asked;
  if (timestamp < EARLIEST_PENDING_UPLOAD || apiVersion < (sinceVersion[timestamp] ?? 0)) {
    return failed(asked, ErrorCode.UNSUPPORTED_VERSION);
  }
  const partition = broker.partitions.get(topic, asked.partitionIndex);
  if (partition === undefined) return failed(asked, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  const problem = leaderEpochProblem(partition, asked.currentLeaderEpoch);
  if (problem !== ErrorCode.NONE) return failed(asked, problem);
  // Where it starts and ends is found out by the next start.
  if (partition.log.isOffline) return failed(asked, ErrorCode.KAFKA_STORAGE_ERROR);
  try {
    if (timestamp !== EARLIEST && timestamp !== EARLIEST_LOCAL) await partition.settled();
    const visibleEnd = visibleEndOf(partition, request);
    if (apiVersion === 0) {
      const nowMs = broker.runtime.clock.nowMs();
      const oldStyleOffsets = offsetsBefore(partition, asked, { nowMs, visibleEnd });
      return { ...failed(asked, ErrorCode.NONE), oldStyleOffsets };
    }
    const found = await find(partition, timestamp, visibleEnd);
    // Kafka's schema does not let earlier versions pass over an epoch in silence.
    const leaderEpoch = apiVersion >= 4 ? found.leaderEpoch : -1;
    return { ...failed(asked, ErrorCode.NONE), ...found, leaderEpoch };
  } catch (error) {
    if (error instanceof StorageError) return failed(asked, ErrorCode.KAFKA_STORAGE_ERROR);
    throw error;
  }
}

/** Who names a replica is no consumer: all that the log has is told to it. */
function visibleEndOf(partition: Partition, { replicaId, isolationLevel }: ListOffsetsRequest): number {
  if (replicaId !== CONSUMER) return partition.log.logEndOffset;
  return isolationLevel === READ_COMMITTED ? partition.lastStableOffset : partition.highWatermark;
}

async function find(partition: Partition, timestamp: number, visibleEnd: number): Promise<FoundOffset> {
  const { log } = partition;
  switch (timestamp) {
    case LATEST:
      return { timestamp: -1, offset: visibleEnd, leaderEpoch: partition.leaderEpoch };
    case EARLIEST:
    case EARLIEST_LOCAL:
      return {
        timestamp: -1,
        offset: partition.logStartOffset,
        leaderEpoch: partition.epochOf(partition.logStartOffset),
      };
    case LATEST_TIERED:
    case EARLIEST_PENDING_UPLOAD:
      return NOTHING;
  }
  const found = timestamp === MAX_TIMESTAMP
    ? await log.offsetOfMaxTimestamp()
    : await log.offsetForTimestamp(timestamp);
  if (found === null || found.offset >= visibleEnd) return NOTHING;
  return { timestamp: found.timestampMs, offset: found.offset, leaderEpoch: found.leaderEpoch };
}

/** How often each partition is named: one named twice is refused, once. */
function countsOf({ topics }: ListOffsetsRequest): Map<string, number> {
  const counts = new Map<string, number>();
  for (const topic of topics) {
    for (const asked of topic.partitions) {
      const key = keyOf(topic.name, asked);
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  return counts;
}

function keyOf(topic: string, { partitionIndex }: AskedPartition): string {
  return `${topic}-${partitionIndex}`;
}

function failed(asked: AskedPartition, errorCode: number): PartitionAnswer {
  return { partitionIndex: asked.partitionIndex, errorCode, oldStyleOffsets: [], ...NOTHING };
}
