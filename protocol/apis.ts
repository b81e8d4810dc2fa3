/**
 * Every api whose messages we can read and write. What the broker serves, and so what it tells ApiVersions, is the
 * smaller set of those that have a handler.
 */
import { metadata } from "./api/03_metadata.ts";
import type { AnyApi } from "./schema.ts";

/** By key, ascending. */
export const apis: readonly AnyApi[] = [metadata];

const byKey: (AnyApi | undefined)[] = [];
for (const api of apis) byKey[api.key] = api;

export function apiByKey(key: number): AnyApi | undefined {
  return byKey[key];
}
