/** Requests of which each is decided on its own merits, and what they came to. */
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import type { Topic } from "./image.ts";
import type { MetadataRecord } from "./records.ts";

/** Kafka's bound on what one request may change. */
export const changesPerRequestMax = 10_000;

/** What a request came to: records, or why there are none. */
export interface Planned<Request> {
  readonly request: Request;
  readonly records: readonly MetadataRecord[];
  readonly error: ProtocolError | null;
}

export function planned<Request>(request: Request, plan: () => readonly MetadataRecord[]): Planned<Request> {
  try {
    return { request, records: plan(), error: null };
  } catch (error) {
    if (error instanceof ProtocolError) return { request, records: [], error };
    throw error;
  }
}

/**
 * Refuses more than that by their number, before anything is made of them: an error for each would take more than the request.
 * @throws {ProtocolError} POLICY_VIOLATION
 */
export function checkChangeCount(count: number): void {
  if (count > changesPerRequestMax) throw tooManyChanges();
}

/**
 * The same for partitions that are named: all there are may be, most of which are then as they should be.
 * @throws {ProtocolError} POLICY_VIOLATION
 */
export function checkNamedPartitions(namedCount: number, topics: readonly Topic[]): void {
  const count = topics.reduce((sum, { partitions }) => sum + partitions.length, 0);
  if (namedCount > Math.max(count, changesPerRequestMax)) throw tooManyChanges();
}

function tooManyChanges(): ProtocolError {
  return new ProtocolError(ErrorCode.POLICY_VIOLATION, "Unable to perform excessively large batch operation.");
}

/** What became of a partition that was named. */
export interface PartitionOutcome {
  readonly index: number;
  readonly error: ProtocolError | null;
}

/** Partitions that are changed one by one. Of one that is named twice both changes are the same, and made once. */
export class PartitionChanges {
  readonly records: MetadataRecord[] = [];
  readonly #changed = new Set<string>();

  /** @param decide null: it is so already */
  plan(topic: string, index: number, decide: () => MetadataRecord | null): PartitionOutcome {
    try {
      const record = decide();
      const key = `${topic}-${index}`;
      if (record !== null && !this.#changed.has(key)) this.records.push(record);
      this.#changed.add(key);
      return { index, error: null };
    } catch (error) {
      if (error instanceof ProtocolError) return { index, error };
      throw error;
    }
  }
}

export function partitionCountOf(records: readonly MetadataRecord[]): number {
  let count = 0;
  for (const { kind } of records) if (kind === "partition") count++;
  return count;
}
