/**
 * Finalized features (KIP-584): what a cluster has agreed to use. Clients choose protocols by them (`group.version`,
 * `transaction.version`, `share.version`), so a feature stands here only once the broker serves what it means.
 */
export interface Feature {
  readonly name: string;
  readonly minVersion: number;
  readonly maxVersion: number;
  readonly level: number;
}

/** Levels as in Kafka 4.4: `metadata.version` 7 is 3.3-IV3, 33 is 4.4-IV2. */
export const features: readonly Feature[] = [
  { name: "group.version", minVersion: 0, maxVersion: 1, level: 1 },
  { name: "metadata.version", minVersion: 7, maxVersion: 33, level: 33 },
  { name: "share.version", minVersion: 0, maxVersion: 1, level: 1 },
  { name: "streams.version", minVersion: 0, maxVersion: 1, level: 1 },
  { name: "transaction.version", minVersion: 0, maxVersion: 2, level: 2 },
];

/** Clients ignore features of an epoch below 0. */
export const finalizedFeaturesEpoch = 0;
