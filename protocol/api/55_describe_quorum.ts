/**
 * DescribeQuorum: who votes on the cluster's metadata, who leads, and how far each has come (KIP-595).
 *
 * v0   flexible
 * v1   answer: when each fetched last, and had all (KIP-836)
 * v2   answer: messages of errors, folders of the voters, and their addresses (KIP-853)
 */
import { api, array, type Draft, type Infer, int16, int32, int64, string, uint16, uuid } from "../schema.ts";

const replicaState = {
  replicaId: int32,
  replicaDirectoryId: uuid.since(2),
  logEndOffset: int64,
  lastFetchTimestamp: int64.default(-1).since(1).ignorable(),
  lastCaughtUpTimestamp: int64.default(-1).since(1).ignorable(),
};

export const describeQuorum = api(55, "DescribeQuorum", { versions: [0, 2], flexible: 0 }, {
  request: {
    topics: array({ topicName: string, partitions: array({ partitionIndex: int32 }) }),
  },
  response: {
    errorCode: int16,
    errorMessage: string.nullable(2).since(2).ignorable(),
    topics: array({
      topicName: string,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        errorMessage: string.nullable(2).since(2).ignorable(),
        leaderId: int32,
        leaderEpoch: int32,
        highWatermark: int64,
        currentVoters: array(replicaState),
        observers: array(replicaState),
      }),
    }),
    nodes: array({
      nodeId: int32,
      listeners: array({ name: string, host: string, port: uint16 }),
    }).since(2),
  },
});

export type DescribeQuorumRequest = Infer<typeof describeQuorum.request>;
export type DescribeQuorumRequestDraft = Draft<typeof describeQuorum.request>;
export type DescribeQuorumResponse = Infer<typeof describeQuorum.response>;
export type DescribeQuorumResponseDraft = Draft<typeof describeQuorum.response>;
