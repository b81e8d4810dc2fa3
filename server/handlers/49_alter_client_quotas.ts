/**
 * AlterClientQuotas: v0–v1.
 *
 * v1 flexible
 *
 * Each entity on its own merits, all or none of what is asked for it; what is done is durable, and holds, when this is
 * answered.
 */
import {
  alterClientQuotas,
  type AlterClientQuotasRequest,
  type AlterClientQuotasResponseDraft,
} from "../../protocol/api/49_alter_client_quotas.ts";
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import type { QuotaAlteration, QuotaOutcome } from "../cluster/client_quota_plans.ts";
import { handle } from "../handler.ts";

export const alterClientQuotasHandler = handle(alterClientQuotas, [0, 1], async (request, { broker }) => {
  const alterations = request.entries.map(alteration);
  const { validateOnly } = request;
  try {
    const outcomes = await broker.cluster.alterClientQuotas(alterations, { validateOnly });
    return { throttleTimeMs: 0, entries: outcomes.map(answer) };
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { throttleTimeMs: 0, entries: alterations.map(({ entity }) => answer({ entity, error })) };
  }
});

/** Of a type that an entity names twice, the last name counts, as in Kafka. */
function alteration({ entity, ops }: AlterClientQuotasRequest["entries"][number]): QuotaAlteration {
  return {
    entity: new Map(entity.map(({ entityType, entityName }) => [entityType, entityName])),
    operations: ops.map(({ key, value, remove }) => ({ key, value: remove ? null : value })),
  };
}

function answer({ entity, error }: QuotaOutcome): AlterClientQuotasResponseDraft["entries"][number] {
  return {
    errorCode: error?.code ?? ErrorCode.NONE,
    errorMessage: error?.message ?? null,
    entity: Array.from(entity, ([entityType, entityName]) => ({ entityType, entityName })),
  };
}
