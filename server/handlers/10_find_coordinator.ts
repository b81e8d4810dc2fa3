/**
 * FindCoordinator: v0–v6.
 *
 * v0 groups only · v1 key type, throttle, error message · v3 flexible · v4 several keys (KIP-699) · v5
 * TRANSACTION_ABORTABLE · v6 share groups, which are not served: INVALID_REQUEST
 *
 * This node coordinates everything. The first question about a group makes `__consumer_offsets`, the first about a transactional
 * id `__transaction_state`, and is answered when the topic is there. (Kafka answers COORDINATOR_NOT_AVAILABLE, and the client
 * asks again.)
 */
import { findCoordinator } from "../../protocol/api/10_find_coordinator.ts";
import { ErrorCode, errorInfo } from "../../protocol/errors.ts";
import { handle, type RequestContext } from "../handler.ts";

const GROUP = 0;
const TRANSACTION = 1;
const SHARE = 2;

interface Found {
  readonly errorCode: number;
  readonly errorMessage: string;
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
}

export const findCoordinatorHandler = handle(findCoordinator, [0, 6], async (request, context) => {
  const found = await find(request.keyType, context);
  if (context.apiVersion >= 4) return { coordinators: request.coordinatorKeys.map((key) => ({ key, ...found })) };
  // Kafka's one answer and its many differ in what they say beside the code.
  const { errorCode } = found;
  return { ...found, errorMessage: errorCode === ErrorCode.NONE ? "NONE" : errorInfo(errorCode).message };
});

async function find(keyType: number, { broker, connection }: RequestContext): Promise<Found> {
  if (keyType === SHARE) return notFound(ErrorCode.INVALID_REQUEST, "");
  if (keyType !== GROUP && keyType !== TRANSACTION) {
    return notFound(ErrorCode.INVALID_REQUEST, errorInfo(ErrorCode.INVALID_REQUEST).message);
  }
  const errorCode = await (keyType === GROUP ? broker.groups : broker.transactions).prepare();
  const { cluster } = broker;
  const node = cluster.brokers(connection.listener.name).find(({ id }) => id === cluster.nodeId);
  if (errorCode !== ErrorCode.NONE || node === undefined) return notFound(ErrorCode.COORDINATOR_NOT_AVAILABLE, "");
  return { errorCode: ErrorCode.NONE, errorMessage: "", nodeId: node.id, host: node.host, port: node.port };
}

function notFound(errorCode: number, errorMessage: string): Found {
  return { errorCode, errorMessage, nodeId: -1, host: "", port: -1 };
}
