/**
 * From a request to change features to the records that carry it out, or the error that refuses all of it. Pure, as
 * `topic_plans.ts`. The order of checks and the words of refusals are Kafka's: its tool prints them.
 */
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import {
  changedMetadata,
  KRAFT_VERSION,
  METADATA_VERSION,
  type SupportedFeature,
  supportedFeatures,
} from "../features.ts";
import type { MetadataRecord } from "./records.ts";

/** Kafka's numbers for which way a feature may go. */
export const UpgradeType = { UPGRADE: 1, SAFE_DOWNGRADE: 2, UNSAFE_DOWNGRADE: 3 } as const;

export interface FeatureUpdate {
  readonly name: string;
  readonly level: number;
  readonly upgradeType: number;
}

/**
 * @param levels of all features, also of those that are no part of the image
 * @throws {ProtocolError} INVALID_UPDATE_VERSION: all are changed, or none
 */
export function planFeatureUpdates(
  levels: ReadonlyMap<string, number>,
  updates: readonly FeatureUpdate[],
  nodeId: number,
): MetadataRecord[] {
  for (const update of updates) {
    const reason = reasonAgainst(update, levels.get(update.name) ?? 0, nodeId);
    if (reason === null) continue;
    throw new ProtocolError(
      ErrorCode.INVALID_UPDATE_VERSION,
      `The update failed for all features since the following feature had an error: ${reason}`,
    );
  }
  // A level that a feature has already is written down once more, as in Kafka.
  return updates.filter(({ name }) => name !== KRAFT_VERSION)
    .map(({ name, level }) => ({ kind: "featureLevel", name, featureLevel: level }));
}

/** What a new cluster goes by. Readers of the log want the version of the metadata to be its first record. */
export function initialFeatures(): MetadataRecord[] {
  const isFirst = ({ name }: SupportedFeature) => name === METADATA_VERSION;
  const inImage = supportedFeatures.filter(({ name }) => name !== KRAFT_VERSION);
  return [...inImage.filter(isFirst), ...inImage.filter((feature) => !isFirst(feature))]
    .map(({ name, initialLevel }) => ({ kind: "featureLevel", name, featureLevel: initialLevel }));
}

// ---------------------------------------------------------------------------------------------- below: how

/** null: nothing speaks against it. */
function reasonAgainst({ name, level, upgradeType }: FeatureUpdate, current: number, nodeId: number): string | null {
  const invalid = (why: string) => `Invalid update version ${level} for feature ${name}. ${why}`;
  const isDowngrade = upgradeType === UpgradeType.SAFE_DOWNGRADE || upgradeType === UpgradeType.UNSAFE_DOWNGRADE;
  if (upgradeType !== UpgradeType.UPGRADE && !isDowngrade) {
    return invalid("The controller does not support the given upgrade type.");
  }
  if (level < 0) return invalid("A feature version cannot be less than 0.");
  const feature = supportedFeatures.find((candidate) => candidate.name === name);
  if (feature === undefined && level === 0) return invalid(`Feature ${name} not found.`);
  if (feature === undefined) return invalid(`Local controller ${nodeId} does not support this feature.`);
  const { minVersion, maxVersion } = feature;
  if (level < minVersion || level > maxVersion) {
    return invalid(`Local controller ${nodeId} only supports versions ${minVersion}-${maxVersion}`);
  }
  if (level < current && !isDowngrade) {
    return invalid(
      "Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe downgrade.",
    );
  }
  if (level > current && isDowngrade) return invalid("Can't downgrade to a newer version.");
  if (name === METADATA_VERSION) return reasonAgainstMetadata(level, current, upgradeType);
  if (name === KRAFT_VERSION && level < current) return invalid("Can't downgrade the version of this feature.");
  if (name === KRAFT_VERSION && level > current) return invalid("Only Kafka's controllers can change how they vote.");
  return null;
}

function reasonAgainstMetadata(level: number, current: number, upgradeType: number): string | null {
  if (!changedMetadata.some((changed) => changed > level && changed <= current)) return null;
  const why = upgradeType === UpgradeType.UNSAFE_DOWNGRADE
    ? "Unsafe metadata downgrade is not supported in this version."
    : "Refusing to perform the requested downgrade because it might delete metadata information.";
  return `Unsupported metadata.version downgrade from ${current} to ${level}. ${why}`;
}
