/** Requests of which each is decided on its own merits, and what they came to. */
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import type { MetadataRecord } from "./records.ts";
import { partitionsPerRequestMax } from "./topic_plans.ts";

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

/** Too many partitions in all refuse the whole request, as in Kafka. */
export function bounded<Request>(plans: Planned<Request>[], message: string): Planned<Request>[] {
  const partitionCount = plans.reduce((sum, { records }) => sum + partitionCountOf(records), 0);
  if (partitionCount <= partitionsPerRequestMax) return plans;
  const error = new ProtocolError(ErrorCode.POLICY_VIOLATION, message);
  return plans.map(({ request }) => ({ request, records: [], error }));
}

export function partitionCountOf(records: readonly MetadataRecord[]): number {
  let count = 0;
  for (const { kind } of records) if (kind === "partition") count++;
  return count;
}
