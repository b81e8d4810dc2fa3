/**
 * DescribeCluster: the brokers, or the controllers (KIP-700).
 *
 * v1   which of the two, as some clients talk to controllers (KIP-919)
 * v2   fenced brokers too, when asked for (KIP-1073)
 */
import { api, array, bool, type Draft, type Infer, int16, int32, int8, string } from "../schema.ts";

export const describeCluster = api(60, "DescribeCluster", { versions: [0, 2], flexible: 0 }, {
  request: {
    includeClusterAuthorizedOperations: bool,
    endpointType: int8.default(1).since(1),
    includeFencedBrokers: bool.since(2),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().default(null),
    endpointType: int8.default(1).since(1),
    clusterId: string,
    controllerId: int32.default(-1),
    brokers: array({
      brokerId: int32,
      host: string,
      port: int32,
      rack: string.nullable().default(null),
      isFenced: bool.since(2),
    }),
    clusterAuthorizedOperations: int32.default(-2147483648),
  },
});

export type DescribeClusterRequest = Infer<typeof describeCluster.request>;
export type DescribeClusterRequestDraft = Draft<typeof describeCluster.request>;
export type DescribeClusterResponse = Infer<typeof describeCluster.response>;
export type DescribeClusterResponseDraft = Draft<typeof describeCluster.response>;
