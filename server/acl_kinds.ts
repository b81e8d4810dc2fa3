/** Kinds in access rules, by Kafka's numbers: of resources, of patterns, of operations and of permissions. */
import { MalformedFrame } from "../protocol/wire.ts";

/** What a newer client means by it nobody knows. */
const unknownKind = 0;

/** @throws {MalformedFrame} as in Kafka, which reads no such request */
export function checkAclKinds(kinds: readonly number[]): void {
  if (kinds.includes(unknownKind)) throw new MalformedFrame("Cannot read access rules: a kind of theirs is unknown");
}

/** @throws {MalformedFrame} */
export function checkAclFilter(filter: {
  readonly resourceTypeFilter: number;
  readonly patternTypeFilter: number;
  readonly operation: number;
  readonly permissionType: number;
}): void {
  const { resourceTypeFilter, patternTypeFilter, operation, permissionType } = filter;
  checkAclKinds([resourceTypeFilter, patternTypeFilter, operation, permissionType]);
}
