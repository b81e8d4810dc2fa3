/**
 * UnregisterBroker: takes a broker that is gone from the cluster's list (KIP-631).
 *
 * v0   flexible
 */
import { api, type Draft, type Infer, int16, int32, string } from "../schema.ts";

export const unregisterBroker = api(64, "UnregisterBroker", { versions: [0, 0], flexible: 0 }, {
  request: {
    brokerId: int32,
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
  },
});

export type UnregisterBrokerRequest = Infer<typeof unregisterBroker.request>;
export type UnregisterBrokerRequestDraft = Draft<typeof unregisterBroker.request>;
export type UnregisterBrokerResponse = Infer<typeof unregisterBroker.response>;
export type UnregisterBrokerResponseDraft = Draft<typeof unregisterBroker.response>;
