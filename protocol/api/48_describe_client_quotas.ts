/**
 * DescribeClientQuotas: what limits are set for whom (KIP-546).
 *
 * v1   flexible
 */
import { api, array, bool, type Draft, float64, type Infer, int16, int32, int8, string } from "../schema.ts";

export const describeClientQuotas = api(48, "DescribeClientQuotas", { versions: [0, 1], flexible: 1 }, {
  request: {
    /** Match types: 0 the name, 1 the default, 2 any name or the default. */
    components: array({ entityType: string, matchType: int8, match: string.nullable() }),
    strict: bool,
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
    entries: array({
      entity: array({ entityType: string, entityName: string.nullable() }),
      values: array({ key: string, value: float64 }),
    }).nullable(),
  },
});

export type DescribeClientQuotasRequest = Infer<typeof describeClientQuotas.request>;
export type DescribeClientQuotasRequestDraft = Draft<typeof describeClientQuotas.request>;
export type DescribeClientQuotasResponse = Infer<typeof describeClientQuotas.response>;
export type DescribeClientQuotasResponseDraft = Draft<typeof describeClientQuotas.response>;
