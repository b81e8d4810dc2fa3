/**
 * What an answer can say went wrong: Kafka's codes and names, and whether the same request may succeed when sent again.
 * The messages are ours. A test compares the table with the `kafka-clients` jar.
 */

export interface ErrorInfo {
  readonly code: number;
  /** The same request, sent again later or to the broker that fresh metadata names, may succeed. */
  readonly retriable: boolean;
  readonly message: string;
}

export const errors = {
  UNKNOWN_SERVER_ERROR: { code: -1, retriable: false, message: "The server met an error it did not expect" },
  NONE: { code: 0, retriable: false, message: "No error" },
  OFFSET_OUT_OF_RANGE: { code: 1, retriable: false, message: "The offset is outside what the partition holds" },
  CORRUPT_MESSAGE: {
    code: 2,
    retriable: true,
    message: "A record batch is damaged, too large, or lacks the key that its compacted topic wants",
  },
  UNKNOWN_TOPIC_OR_PARTITION: {
    code: 3,
    retriable: true,
    message: "This broker does not have that topic or partition",
  },
  INVALID_FETCH_SIZE: { code: 4, retriable: false, message: "The fetch size is invalid" },
  LEADER_NOT_AVAILABLE: { code: 5, retriable: true, message: "The partition has no leader at the moment" },
  NOT_LEADER_OR_FOLLOWER: {
    code: 6,
    retriable: true,
    message: "This broker is not the partition's leader, nor the replica that was asked for",
  },
  REQUEST_TIMED_OUT: { code: 7, retriable: true, message: "The request took longer than its timeout" },
  BROKER_NOT_AVAILABLE: { code: 8, retriable: false, message: "The broker is not available" },
  REPLICA_NOT_AVAILABLE: { code: 9, retriable: true, message: "The replica is not available for this partition" },
  MESSAGE_TOO_LARGE: { code: 10, retriable: false, message: "A record or batch is larger than the topic accepts" },
  STALE_CONTROLLER_EPOCH: { code: 11, retriable: false, message: "Another broker became controller" },
  OFFSET_METADATA_TOO_LARGE: {
    code: 12,
    retriable: false,
    message: "The metadata string of the committed offset is too long",
  },
  NETWORK_EXCEPTION: { code: 13, retriable: true, message: "The connection ended before the answer came" },
  COORDINATOR_LOAD_IN_PROGRESS: { code: 14, retriable: true, message: "The coordinator is still loading its state" },
  COORDINATOR_NOT_AVAILABLE: { code: 15, retriable: true, message: "The coordinator is not available" },
  NOT_COORDINATOR: { code: 16, retriable: true, message: "This broker is not the coordinator asked for" },
  INVALID_TOPIC_EXCEPTION: {
    code: 17,
    retriable: false,
    message: "The topic name is not valid, or the topic must not be used this way",
  },
  RECORD_LIST_TOO_LARGE: { code: 18, retriable: false, message: "The batch is larger than a segment may be" },
  NOT_ENOUGH_REPLICAS: { code: 19, retriable: true, message: "Fewer replicas are in sync than the topic requires" },
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: {
    code: 20,
    retriable: true,
    message: "The records were appended, but to fewer in-sync replicas than the topic requires",
  },
  INVALID_REQUIRED_ACKS: { code: 21, retriable: false, message: "The value of acks is not valid" },
  ILLEGAL_GENERATION: { code: 22, retriable: false, message: "The group is in another generation" },
  INCONSISTENT_GROUP_PROTOCOL: {
    code: 23,
    retriable: false,
    message: "The member's protocols do not fit those of the group",
  },
  INVALID_GROUP_ID: { code: 24, retriable: false, message: "The group id is not valid" },
  UNKNOWN_MEMBER_ID: { code: 25, retriable: false, message: "The group has no such member" },
  INVALID_SESSION_TIMEOUT: {
    code: 26,
    retriable: false,
    message: "The session timeout is outside what the broker allows",
  },
  REBALANCE_IN_PROGRESS: { code: 27, retriable: false, message: "The group is rebalancing: join again" },
  INVALID_COMMIT_OFFSET_SIZE: { code: 28, retriable: false, message: "The offset commit is too large" },
  TOPIC_AUTHORIZATION_FAILED: { code: 29, retriable: false, message: "Not authorized for the topic" },
  GROUP_AUTHORIZATION_FAILED: { code: 30, retriable: false, message: "Not authorized for the group" },
  CLUSTER_AUTHORIZATION_FAILED: { code: 31, retriable: false, message: "Not authorized for the cluster" },
  INVALID_TIMESTAMP: { code: 32, retriable: false, message: "A record's timestamp is outside what the topic accepts" },
  UNSUPPORTED_SASL_MECHANISM: { code: 33, retriable: false, message: "The broker does not offer this SASL mechanism" },
  ILLEGAL_SASL_STATE: {
    code: 34,
    retriable: false,
    message: "The request does not fit the state of the SASL exchange",
  },
  UNSUPPORTED_VERSION: { code: 35, retriable: false, message: "The broker does not serve this version of the api" },
  TOPIC_ALREADY_EXISTS: { code: 36, retriable: false, message: "A topic with this name exists" },
  INVALID_PARTITIONS: { code: 37, retriable: false, message: "The number of partitions is not valid" },
  INVALID_REPLICATION_FACTOR: {
    code: 38,
    retriable: false,
    message: "The replication factor is below 1 or above the number of brokers",
  },
  INVALID_REPLICA_ASSIGNMENT: { code: 39, retriable: false, message: "The replica assignment is not valid" },
  INVALID_CONFIG: { code: 40, retriable: false, message: "The configuration is not valid" },
  NOT_CONTROLLER: { code: 41, retriable: true, message: "This broker is not the controller" },
  INVALID_REQUEST: { code: 42, retriable: false, message: "The request contradicts itself or the protocol" },
  UNSUPPORTED_FOR_MESSAGE_FORMAT: {
    code: 43,
    retriable: false,
    message: "The message format of the topic cannot do this",
  },
  POLICY_VIOLATION: { code: 44, retriable: false, message: "A policy of the broker forbids it" },
  OUT_OF_ORDER_SEQUENCE_NUMBER: {
    code: 45,
    retriable: false,
    message: "The producer's sequence number does not follow the last one",
  },
  DUPLICATE_SEQUENCE_NUMBER: { code: 46, retriable: false, message: "The producer's sequence number was used before" },
  INVALID_PRODUCER_EPOCH: { code: 47, retriable: false, message: "The producer's epoch is out of date" },
  INVALID_TXN_STATE: { code: 48, retriable: false, message: "The transaction is in a state that does not allow this" },
  INVALID_PRODUCER_ID_MAPPING: {
    code: 49,
    retriable: false,
    message: "The producer id is not the one assigned to this transactional id",
  },
  INVALID_TRANSACTION_TIMEOUT: {
    code: 50,
    retriable: false,
    message: "The transaction timeout is above what the broker allows",
  },
  CONCURRENT_TRANSACTIONS: { code: 51, retriable: true, message: "Another operation on this transaction is under way" },
  TRANSACTION_COORDINATOR_FENCED: {
    code: 52,
    retriable: false,
    message: "The sender of the marker is no longer the transaction's coordinator",
  },
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: {
    code: 53,
    retriable: false,
    message: "Not authorized for the transactional id",
  },
  SECURITY_DISABLED: { code: 54, retriable: false, message: "Security is switched off" },
  OPERATION_NOT_ATTEMPTED: {
    code: 55,
    retriable: false,
    message: "The operation was not tried, for another one of the same request failed",
  },
  KAFKA_STORAGE_ERROR: { code: 56, retriable: true, message: "The disk failed while a log was used" },
  LOG_DIR_NOT_FOUND: { code: 57, retriable: false, message: "The broker has no such log directory" },
  SASL_AUTHENTICATION_FAILED: { code: 58, retriable: false, message: "Authentication failed" },
  UNKNOWN_PRODUCER_ID: {
    code: 59,
    retriable: false,
    message: "The broker knows nothing of this producer id, for its records expired",
  },
  REASSIGNMENT_IN_PROGRESS: { code: 60, retriable: false, message: "A reassignment of the partition is under way" },
  DELEGATION_TOKEN_AUTH_DISABLED: { code: 61, retriable: false, message: "Delegation tokens are switched off" },
  DELEGATION_TOKEN_NOT_FOUND: { code: 62, retriable: false, message: "There is no such delegation token" },
  DELEGATION_TOKEN_OWNER_MISMATCH: {
    code: 63,
    retriable: false,
    message: "The principal neither owns the delegation token nor may renew it",
  },
  DELEGATION_TOKEN_REQUEST_NOT_ALLOWED: {
    code: 64,
    retriable: false,
    message: "Delegation tokens cannot be asked for on a connection of this kind",
  },
  DELEGATION_TOKEN_AUTHORIZATION_FAILED: {
    code: 65,
    retriable: false,
    message: "Not authorized for the delegation token",
  },
  DELEGATION_TOKEN_EXPIRED: { code: 66, retriable: false, message: "The delegation token expired" },
  INVALID_PRINCIPAL_TYPE: { code: 67, retriable: false, message: "The type of principal is not supported" },
  NON_EMPTY_GROUP: { code: 68, retriable: false, message: "The group still has members" },
  GROUP_ID_NOT_FOUND: { code: 69, retriable: false, message: "There is no such group" },
  FETCH_SESSION_ID_NOT_FOUND: { code: 70, retriable: true, message: "There is no such fetch session" },
  INVALID_FETCH_SESSION_EPOCH: {
    code: 71,
    retriable: true,
    message: "The epoch of the fetch session is not the one expected",
  },
  LISTENER_NOT_FOUND: { code: 72, retriable: true, message: "The partition's leader has no listener of that name" },
  TOPIC_DELETION_DISABLED: { code: 73, retriable: false, message: "Topic deletion is switched off" },
  FENCED_LEADER_EPOCH: {
    code: 74,
    retriable: true,
    message: "The leader epoch in the request is older than the broker's",
  },
  UNKNOWN_LEADER_EPOCH: {
    code: 75,
    retriable: true,
    message: "The leader epoch in the request is newer than the broker's",
  },
  UNSUPPORTED_COMPRESSION_TYPE: {
    code: 76,
    retriable: false,
    message: "The client's version cannot read how these records are compressed",
  },
  STALE_BROKER_EPOCH: { code: 77, retriable: false, message: "The broker's epoch has changed" },
  OFFSET_NOT_AVAILABLE: { code: 78, retriable: true, message: "The new leader does not know the high watermark yet" },
  MEMBER_ID_REQUIRED: { code: 79, retriable: false, message: "Join again with the member id given in this answer" },
  PREFERRED_LEADER_NOT_AVAILABLE: { code: 80, retriable: true, message: "The preferred leader is not available" },
  GROUP_MAX_SIZE_REACHED: { code: 81, retriable: false, message: "The group has as many members as it may" },
  FENCED_INSTANCE_ID: { code: 82, retriable: false, message: "Another member took over this group instance id" },
  ELIGIBLE_LEADERS_NOT_AVAILABLE: { code: 83, retriable: true, message: "No eligible leader is available" },
  ELECTION_NOT_NEEDED: { code: 84, retriable: true, message: "The partition needs no election" },
  NO_REASSIGNMENT_IN_PROGRESS: { code: 85, retriable: false, message: "No reassignment of the partition is under way" },
  GROUP_SUBSCRIBED_TO_TOPIC: {
    code: 86,
    retriable: false,
    message: "The group is subscribed to the topic whose offsets should be deleted",
  },
  INVALID_RECORD: { code: 87, retriable: false, message: "The broker's checks refused a record" },
  UNSTABLE_OFFSET_COMMIT: { code: 88, retriable: true, message: "An open transaction may still change this offset" },
  THROTTLING_QUOTA_EXCEEDED: { code: 89, retriable: true, message: "The quota is used up" },
  PRODUCER_FENCED: { code: 90, retriable: false, message: "A newer producer took over this transactional id" },
  RESOURCE_NOT_FOUND: { code: 91, retriable: false, message: "There is no such resource" },
  DUPLICATE_RESOURCE: { code: 92, retriable: false, message: "The request names a resource twice" },
  UNACCEPTABLE_CREDENTIAL: { code: 93, retriable: false, message: "The credential is not acceptable" },
  INCONSISTENT_VOTER_SET: {
    code: 94,
    retriable: false,
    message: "Sender or receiver is not among the voters expected",
  },
  INVALID_UPDATE_VERSION: { code: 95, retriable: false, message: "The update's version is not valid" },
  FEATURE_UPDATE_FAILED: { code: 96, retriable: false, message: "The features could not be updated" },
  PRINCIPAL_DESERIALIZATION_FAILURE: { code: 97, retriable: false, message: "The forwarded principal cannot be read" },
  SNAPSHOT_NOT_FOUND: { code: 98, retriable: false, message: "There is no such snapshot" },
  POSITION_OUT_OF_RANGE: { code: 99, retriable: false, message: "The position is not inside the snapshot" },
  UNKNOWN_TOPIC_ID: { code: 100, retriable: true, message: "This broker has no topic with that id" },
  DUPLICATE_BROKER_REGISTRATION: { code: 101, retriable: false, message: "The broker id is in use" },
  BROKER_ID_NOT_REGISTERED: { code: 102, retriable: false, message: "No broker is registered under that id" },
  INCONSISTENT_TOPIC_ID: { code: 103, retriable: true, message: "The topic id is not that of the log" },
  INCONSISTENT_CLUSTER_ID: { code: 104, retriable: false, message: "The cluster id is another one" },
  TRANSACTIONAL_ID_NOT_FOUND: { code: 105, retriable: false, message: "There is no such transactional id" },
  FETCH_SESSION_TOPIC_ID_ERROR: {
    code: 106,
    retriable: true,
    message: "The fetch session mixes topics with and without ids",
  },
  INELIGIBLE_REPLICA: { code: 107, retriable: false, message: "A replica of the new ISR may not be in it" },
  NEW_LEADER_ELECTED: { code: 108, retriable: false, message: "The partition was changed, and has another leader now" },
  OFFSET_MOVED_TO_TIERED_STORAGE: { code: 109, retriable: false, message: "The offset was moved to tiered storage" },
  FENCED_MEMBER_EPOCH: {
    code: 110,
    retriable: false,
    message: "The member's epoch is fenced: give up all partitions and join again",
  },
  UNRELEASED_INSTANCE_ID: {
    code: 111,
    retriable: false,
    message: "The instance id still belongs to another member, which must leave first",
  },
  UNSUPPORTED_ASSIGNOR: {
    code: 112,
    retriable: false,
    message: "The group does not support the assignor or its version",
  },
  STALE_MEMBER_EPOCH: {
    code: 113,
    retriable: false,
    message: "The member's epoch is out of date: retry after the next heartbeat",
  },
  MISMATCHED_ENDPOINT_TYPE: {
    code: 114,
    retriable: false,
    message: "The request came to an endpoint of the wrong kind",
  },
  UNSUPPORTED_ENDPOINT_TYPE: { code: 115, retriable: false, message: "This kind of endpoint is not supported" },
  UNKNOWN_CONTROLLER_ID: { code: 116, retriable: false, message: "There is no controller with that id" },
  UNKNOWN_SUBSCRIPTION_ID: {
    code: 117,
    retriable: false,
    message: "The telemetry subscription id is not the current one",
  },
  TELEMETRY_TOO_LARGE: { code: 118, retriable: false, message: "The telemetry is larger than the broker accepts" },
  INVALID_REGISTRATION: { code: 119, retriable: false, message: "The broker's registration is not valid" },
  TRANSACTION_ABORTABLE: {
    code: 120,
    retriable: false,
    message: "The transaction failed: abort it to go on with this transactional id",
  },
  INVALID_RECORD_STATE: {
    code: 121,
    retriable: false,
    message: "The record is not in a state that can be acknowledged so",
  },
  SHARE_SESSION_NOT_FOUND: { code: 122, retriable: true, message: "There is no such share session" },
  INVALID_SHARE_SESSION_EPOCH: {
    code: 123,
    retriable: true,
    message: "The epoch of the share session is not the one expected",
  },
  FENCED_STATE_EPOCH: { code: 124, retriable: false, message: "The state epoch did not match" },
  INVALID_VOTER_KEY: { code: 125, retriable: false, message: "The voter's key is not that of the receiving replica" },
  DUPLICATE_VOTER: { code: 126, retriable: false, message: "The voter is in the set already" },
  VOTER_NOT_FOUND: { code: 127, retriable: false, message: "The voter is not in the set" },
  INVALID_REGULAR_EXPRESSION: { code: 128, retriable: false, message: "The regular expression is not valid" },
  REBOOTSTRAP_REQUIRED: {
    code: 129,
    retriable: false,
    message: "The client's metadata is out of date: start again from the bootstrap servers",
  },
  STREAMS_INVALID_TOPOLOGY: { code: 130, retriable: false, message: "The topology is not valid" },
  STREAMS_INVALID_TOPOLOGY_EPOCH: { code: 131, retriable: false, message: "The epoch of the topology is not valid" },
  STREAMS_TOPOLOGY_FENCED: { code: 132, retriable: false, message: "The epoch of the topology is out of date" },
  SHARE_SESSION_LIMIT_REACHED: {
    code: 133,
    retriable: true,
    message: "There are as many share sessions as there may be",
  },
  GROUP_DELETION_FAILED: {
    code: 134,
    retriable: false,
    message: "The group could not be deleted: its result says why",
  },
  STREAMS_TOPOLOGY_DESCRIPTION_UPDATE_FAILED: {
    code: 135,
    retriable: false,
    message: "The topology description could not be used: the message says why",
  },
  CONTROLLER_ID_NOT_REGISTERED: { code: 136, retriable: false, message: "No controller is registered under that id" },
} as const satisfies Record<string, ErrorInfo>;

export type ErrorName = keyof typeof errors;

/** Code by name: `ErrorCode.NOT_LEADER_OR_FOLLOWER` is 6. */
export const ErrorCode: { readonly [N in ErrorName]: (typeof errors)[N]["code"] } = Object.fromEntries(
  Object.entries(errors).map(([name, { code }]) => [name, code]),
) as { [N in ErrorName]: (typeof errors)[N]["code"] };

const names: ReadonlyMap<number, ErrorName> = new Map(
  Object.entries(errors).map(([name, { code }]) => [code, name as ErrorName]),
);

/** Kafka's name of a code, `UNKNOWN_SERVER_ERROR` for one that has none. */
export function errorName(code: number): ErrorName {
  return names.get(code) ?? "UNKNOWN_SERVER_ERROR";
}

/** What the table says about a code. */
export function errorInfo(code: number): ErrorInfo {
  return errors[errorName(code)];
}

/** Thrown where a request cannot be granted: the handler answers with its code, and with its message where it can. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";

  constructor(readonly code: number, message?: string, options?: ErrorOptions) {
    super(message ?? errorInfo(code).message, options);
  }

  get isRetriable(): boolean {
    return errorInfo(this.code).retriable;
  }

  /** What it says beyond its code, for an answer; null: nothing. */
  get detail(): string | null {
    return this.message === errorInfo(this.code).message ? null : this.message;
  }
}
