/**
 * AlterClientQuotas: sets and unsets limits of users, client ids and addresses (KIP-546, KIP-612).
 *
 * v1   flexible
 */
import { api, array, bool, type Draft, float64, type Infer, int16, int32, string } from "../schema.ts";

export const alterClientQuotas = api(49, "AlterClientQuotas", { versions: [0, 1], flexible: 1 }, {
  request: {
    entries: array({
      entity: array({ entityType: string, entityName: string.nullable() }),
      ops: array({ key: string, value: float64, remove: bool }),
    }),
    validateOnly: bool,
  },
  response: {
    throttleTimeMs: int32,
    entries: array({
      errorCode: int16,
      errorMessage: string.nullable(),
      entity: array({ entityType: string, entityName: string.nullable() }),
    }),
  },
});

export type AlterClientQuotasRequest = Infer<typeof alterClientQuotas.request>;
export type AlterClientQuotasRequestDraft = Draft<typeof alterClientQuotas.request>;
export type AlterClientQuotasResponse = Infer<typeof alterClientQuotas.response>;
export type AlterClientQuotasResponseDraft = Draft<typeof alterClientQuotas.response>;
