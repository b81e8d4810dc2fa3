/**
 * Features (KIP-584): what a cluster has agreed to use. Here is which levels this broker knows, and at which a new cluster
 * begins; the level that holds is in the cluster's metadata. Clients choose protocols by them (`group.version`,
 * `transaction.version`, `share.version`), so a level stands here only once the broker serves what it means.
 */
import { ErrorCode, ProtocolError } from "../protocol/errors.ts";
import type { Cluster } from "./cluster/cluster.ts";
import type { BrokerConfig } from "./config.ts";

/** Of an inner sort: which records the metadata is made of, and how Kafka's controllers agree on them. */
export const METADATA_VERSION = "metadata.version";
export const KRAFT_VERSION = "kraft.version";

export const GROUP_VERSION = "group.version";
export const SHARE_VERSION = "share.version";
export const STREAMS_VERSION = "streams.version";
export const TRANSACTION_VERSION = "transaction.version";

export interface SupportedFeature {
  readonly name: string;
  readonly minVersion: number;
  readonly maxVersion: number;
  /** In a new cluster. */
  readonly initialLevel: number;
}

/** Levels as in Kafka 4.4: `metadata.version` 7 is 3.3-IV3, 33 is 4.4-IV2. */
export const supportedFeatures: readonly SupportedFeature[] = [
  { name: GROUP_VERSION, minVersion: 0, maxVersion: 1, initialLevel: 1 },
  { name: KRAFT_VERSION, minVersion: 0, maxVersion: 1, initialLevel: 1 },
  { name: METADATA_VERSION, minVersion: 7, maxVersion: 33, initialLevel: 33 },
  { name: SHARE_VERSION, minVersion: 0, maxVersion: 1, initialLevel: 1 },
  { name: STREAMS_VERSION, minVersion: 0, maxVersion: 1, initialLevel: 1 },
  { name: TRANSACTION_VERSION, minVersion: 0, maxVersion: 2, initialLevel: 2 },
];

/** Levels of `metadata.version` from which on Kafka's records differ from those before: there is no way back across one. */
export const changedMetadata: readonly number[] = [7, 8, 11, 13, 14, 15, 17, 23, 30, 32, 33];

// ---------------------------------------------------------------------------------------------- which protocols are on

/** What a question about a protocol needs of the broker. */
interface Switches {
  readonly config: BrokerConfig;
  readonly cluster: Pick<Cluster, "featureLevel">;
}

/** Consumer groups of KIP-848. */
export function isConsumerProtocolOn(broker: Switches): boolean {
  return isRebalanceProtocol(broker, "consumer") && broker.cluster.featureLevel(GROUP_VERSION) >= 1;
}

/** Streams groups, KIP-1071. */
export function isStreamsProtocolOn(broker: Switches): boolean {
  return isRebalanceProtocol(broker, "streams") && broker.cluster.featureLevel(STREAMS_VERSION) >= 1;
}

/** Share groups, KIP-932. */
export function isShareProtocolOn({ cluster }: Pick<Switches, "cluster">): boolean {
  return cluster.featureLevel(SHARE_VERSION) >= 1;
}

/** @throws {ProtocolError} UNSUPPORTED_VERSION */
export function requireShareProtocol(broker: Pick<Switches, "cluster">): void {
  if (!isShareProtocolOn(broker)) throw new ProtocolError(ErrorCode.UNSUPPORTED_VERSION);
}

function isRebalanceProtocol({ config }: Pick<Switches, "config">, protocol: string): boolean {
  return config.get("group.coordinator.rebalance.protocols").some((name) => name.toLowerCase() === protocol);
}
