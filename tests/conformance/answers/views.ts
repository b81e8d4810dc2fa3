/** Long answers in a line. */

import type { FetchResponse } from "../../../protocol/api/01_fetch.ts";
import type { ProduceResponse } from "../../../protocol/api/00_produce.ts";
import { errorName } from "../../../protocol/errors.ts";

/** By topic and partition, these in order: Kafka has them as they come out of a map. */
export function produced({ responses }: ProduceResponse): unknown {
  return responses.map(({ name, topicId, partitionResponses }) => ({
    ...(name === "" ? { topicId } : { name }),
    partitions: [...partitionResponses].sort((a, b) => a.index - b.index).map((partition) => {
      const { index, errorCode, baseOffset, logAppendTimeMs, logStartOffset, recordErrors } = partition;
      const facts = [`${index}: ${errorName(errorCode)}`, `at ${baseOffset}`, `log start ${logStartOffset}`];
      if (logAppendTimeMs !== -1) facts.push("log append time");
      if (recordErrors.length > 0) facts.push(`records ${recordErrors.map(({ batchIndex }) => batchIndex).join(" ")}`);
      return facts.join(", ");
    }),
  }));
}

/** What one partition has, and how far it goes. */
export function fetched({ responses }: FetchResponse): unknown {
  const partition = responses[0]?.partitions[0];
  if (partition === undefined) return responses;
  const { errorCode, highWatermark, logStartOffset, records } = partition;
  return { errorCode, highWatermark, logStartOffset, records };
}

/** An answer with what it says in words: notes leave out every field that is called a message. */
export function worded(value: unknown): unknown {
  if (value === null || typeof value !== "object" || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(worded);
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => [name === "errorMessage" ? "says" : name, worded(part)]),
  );
}
