/**
 * DescribeClientQuotas: v0–v1.
 *
 * v1 flexible
 *
 * What is set, not what applies to whom: an entity without a limit of its own is not there.
 */
import {
  describeClientQuotas,
  type DescribeClientQuotasResponseDraft,
} from "../../protocol/api/48_describe_client_quotas.ts";
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import { selectQuotas } from "../cluster/client_quota_filter.ts";
import type { EntityQuotas } from "../cluster/client_quotas.ts";
import { handle } from "../handler.ts";

type Entry = NonNullable<DescribeClientQuotasResponseDraft["entries"]>[number];

export const describeClientQuotasHandler = handle(describeClientQuotas, [0, 1], (request, { broker }) => {
  try {
    const entries = selectQuotas(broker.cluster.clientQuotas, request.components, request.strict).map(entry);
    return { throttleTimeMs: 0, errorCode: ErrorCode.NONE, errorMessage: null, entries };
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { throttleTimeMs: 0, errorCode: error.code, errorMessage: error.message, entries: null };
  }
});

function entry({ entity, values }: EntityQuotas): Entry {
  return {
    entity: Array.from(entity, ([entityType, entityName]) => ({ entityType, entityName })),
    values: Array.from(values, ([key, value]) => ({ key, value })),
  };
}
