/**
 * DescribeCluster: v0–v2.
 *
 * v1 says whether brokers or controllers are meant (KIP-919) · v2 fenced brokers (KIP-1073)
 *
 * Here brokers answer for brokers. There are no fenced ones: a broker that answers is in service.
 */
import { describeCluster } from "../../protocol/api/60_describe_cluster.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { clusterOperations, operationsNotAsked } from "../cluster/authorized_operations.ts";
import { handle } from "../handler.ts";

const brokers = 1;
const controllers = 2;

export const describeClusterHandler = handle(describeCluster, [0, 2], (request, { broker, connection }) => {
  const { endpointType } = request;
  if (endpointType !== brokers) {
    return {
      throttleTimeMs: 0,
      errorCode: endpointType === controllers
        ? ErrorCode.MISMATCHED_ENDPOINT_TYPE
        : ErrorCode.UNSUPPORTED_ENDPOINT_TYPE,
      errorMessage: endpointType === controllers
        ? "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER"
        : `Unsupported endpoint type ${endpointType}`,
      clusterId: "",
      brokers: [],
    };
  }
  const { cluster } = broker;
  return {
    throttleTimeMs: 0,
    errorCode: ErrorCode.NONE,
    clusterId: cluster.clusterId,
    controllerId: cluster.controllerId,
    brokers: cluster.brokers(connection.listener.name).map(({ id, ...node }) => ({ brokerId: id, ...node })),
    clusterAuthorizedOperations: request.includeClusterAuthorizedOperations ? clusterOperations : operationsNotAsked,
  };
});
