/**
 * DescribeQuorum: v0–v2.
 *
 * v1 times of the last fetch · v2 messages, folders, addresses
 *
 * This node is the only voter, and leads; nobody observes. What it wrote is agreed on, so the high watermark is the log's end, and
 * it had all of it just now.
 */
import { describeQuorum, type DescribeQuorumRequest } from "../../protocol/api/55_describe_quorum.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Broker } from "../broker.ts";
import { METADATA_TOPIC } from "../cluster/topic_name.ts";
import { handle } from "../handler.ts";

export const describeQuorumHandler = handle(describeQuorum, [0, 2], ({ topics }, { broker, apiVersion }) => {
  const isQuorum = topics.length === 1 && topics[0]!.topicName === METADATA_TOPIC &&
    topics[0]!.partitions.length === 1 && topics[0]!.partitions[0]!.partitionIndex === 0;
  if (!isQuorum) return unknown(topics);
  const { cluster, runtime } = broker;
  const nowMs = runtime.clock.nowMs();
  const voter = {
    replicaId: broker.voter.id,
    ...(apiVersion < 2 ? {} : { replicaDirectoryId: broker.voter.directoryId }),
    logEndOffset: cluster.version,
    lastFetchTimestamp: nowMs,
    lastCaughtUpTimestamp: nowMs,
  };
  const partition = {
    partitionIndex: 0,
    errorCode: ErrorCode.NONE,
    errorMessage: "",
    leaderId: cluster.controllerId,
    leaderEpoch: cluster.metadataEpoch,
    highWatermark: cluster.version,
    currentVoters: [voter],
    observers: [],
  };
  return {
    errorCode: ErrorCode.NONE,
    errorMessage: "",
    topics: [{ topicName: METADATA_TOPIC, partitions: [partition] }],
    nodes: apiVersion < 2 ? [] : [{ nodeId: cluster.nodeId, listeners: addressesOf(broker) }],
  };
});

/** It has no listener for controllers alone. */
function addressesOf({ listeners }: Broker) {
  return listeners.map(({ name, advertisedHost: host, advertisedPort: port }) => ({ name, host, port }));
}

function unknown(topics: DescribeQuorumRequest["topics"]) {
  const nothing = {
    errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    errorMessage: "This server does not host this topic-partition.",
    leaderId: 0,
    leaderEpoch: 0,
    highWatermark: 0,
    currentVoters: [],
    observers: [],
  };
  return {
    errorCode: ErrorCode.NONE,
    errorMessage: "",
    topics: topics.map(({ topicName, partitions }) => ({
      topicName,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, ...nothing })),
    })),
    nodes: [],
  };
}
