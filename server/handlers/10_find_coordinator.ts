/**
 * FindCoordinator: v0–v6.
 *
 * v0 groups only · v1 key type, throttle, error message · v3 flexible · v4 several keys (KIP-699) · v5
 * TRANSACTION_ABORTABLE · v6 share partitions, by "group:topic id:partition"
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
const FIRST_SHARE_VERSION = 6;

interface Found {
  readonly errorCode: number;
  readonly errorMessage: string;
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
}

export const findCoordinatorHandler = handle(findCoordinator, [0, 6], async (request, context) => {
  const { keyType, coordinatorKeys } = request;
  const found = await find(keyType, coordinatorKeys, context);
  if (context.apiVersion >= 4) {
    const coordinators = coordinatorKeys.map((key) => {
      const isWrong = keyType === SHARE && !isShareKey(key);
      return { key, ...(isWrong ? notFound(ErrorCode.INVALID_REQUEST, "") : found) };
    });
    return { coordinators };
  }
  // Kafka's one answer and its many differ in what they say beside the code.
  const { errorCode } = found;
  return { ...found, errorMessage: errorCode === ErrorCode.NONE ? "NONE" : errorInfo(errorCode).message };
});

async function find(
  keyType: number,
  keys: readonly string[],
  { broker, connection, apiVersion }: RequestContext,
): Promise<Found> {
  if (keyType === SHARE && (apiVersion < FIRST_SHARE_VERSION || !keys.some(isShareKey))) {
    return notFound(ErrorCode.INVALID_REQUEST, "");
  }
  if (keyType !== GROUP && keyType !== TRANSACTION && keyType !== SHARE) {
    return notFound(ErrorCode.INVALID_REQUEST, errorInfo(ErrorCode.INVALID_REQUEST).message);
  }
  let errorCode: number = ErrorCode.NONE;
  if (keyType === GROUP) errorCode = await broker.groups.prepare();
  if (keyType === SHARE) errorCode = await broker.shareCoordinator.prepare();
  if (keyType === TRANSACTION) errorCode = await broker.transactions.prepare();
  const { cluster } = broker;
  const node = cluster.brokers(connection.listener.name).find(({ id }) => id === cluster.nodeId);
  if (errorCode !== ErrorCode.NONE || node === undefined) return notFound(ErrorCode.COORDINATOR_NOT_AVAILABLE, "");
  return { errorCode: ErrorCode.NONE, errorMessage: "", nodeId: node.id, host: node.host, port: node.port };
}

/** A group, a topic id and a partition. */
function isShareKey(key: string): boolean {
  return /^.+:[A-Za-z0-9_-]{22}:\d{1,9}$/s.test(key);
}

function notFound(errorCode: number, errorMessage: string): Found {
  return { errorCode, errorMessage, nodeId: -1, host: "", port: -1 };
}
