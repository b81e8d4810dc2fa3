/**
 * CreatePartitions: v0–v3.
 *
 * v1 throttling after the answer · v2 flexible · v3 may answer THROTTLING_QUOTA_EXCEEDED
 *
 * Each topic on its own merits; the new partitions take records when this is answered. What refuses all of them (no time left,
 * too many partitions) is told of every topic as it was asked for.
 */
import { createPartitions, type CreatePartitionsResponseDraft } from "../../protocol/api/37_create_partitions.ts";
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import { withinDeadline } from "../cluster/deadline.ts";
import { handle } from "../handler.ts";

type Result = CreatePartitionsResponseDraft["results"][number];

export const createPartitionsHandler = handle(
  createPartitions,
  [0, 3],
  async (request, { broker, apiVersion, meter }) => {
    const seen = new Set<string>();
    const twice = new Set<string>();
    for (const { name } of request.topics) (seen.has(name) ? twice : seen).add(name);
    const duplicate = new ProtocolError(ErrorCode.INVALID_REQUEST, "Duplicate topic name.");
    const results = [...twice].map((name) => result(name, duplicate));
    const wanted = request.topics.filter(({ name }) => !twice.has(name)).map(({ name, count, assignments }) => ({
      name,
      count,
      assignments: assignments?.map(({ brokerIds }) => brokerIds) ?? null,
    }));
    if (wanted.length === 0) return { throttleTimeMs: 0, results };
    const admission = meter?.mutations({ isStrict: apiVersion >= 3 });
    try {
      const errors = await withinDeadline(
        broker.runtime.timers,
        request.timeoutMs,
        () => broker.cluster.createPartitions(wanted, { validateOnly: request.validateOnly, admission }),
      );
      wanted.forEach(({ name }, index) => results.push(result(name, errors[index] ?? null)));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return { throttleTimeMs: 0, results: request.topics.map(({ name }) => result(name, error)) };
    }
    return { throttleTimeMs: 0, results };
  },
);

function result(name: string, error: ProtocolError | null): Result {
  return { name, errorCode: error?.code ?? ErrorCode.NONE, errorMessage: error?.message ?? null };
}
