/**
 * FindCoordinator: which broker looks after a group or a transactional id.
 *
 * v0   groups only
 * v1   kind of key: 0 group, 1 transaction; answer: message, throttle time (KIP-98)
 * v2   a throttled answer is sent before the broker pauses (KIP-219)
 * v3   flexible
 * v4   several keys at once, an answer for each (KIP-699)
 * v5   may answer TRANSACTION_ABORTABLE (KIP-890)
 * v6   kind of key 2: share group, as "group:topic id:partition" (KIP-932)
 */
import { api, array, type Draft, type Infer, int16, int32, int8, string } from "../schema.ts";

export const findCoordinator = api(10, "FindCoordinator", { versions: [0, 6], flexible: 3 }, {
  request: {
    key: string.until(3),
    keyType: int8.default(0).since(1),
    coordinatorKeys: array(string).since(4),
  },
  response: {
    throttleTimeMs: int32.since(1).ignorable(),
    errorCode: int16.until(3),
    errorMessage: string.nullable().between(1, 3).ignorable(),
    nodeId: int32.until(3),
    host: string.until(3),
    port: int32.until(3),
    coordinators: array({
      key: string,
      nodeId: int32,
      host: string,
      port: int32,
      errorCode: int16,
      errorMessage: string.nullable().ignorable(),
    }).since(4),
  },
});

export type FindCoordinatorRequest = Infer<typeof findCoordinator.request>;
export type FindCoordinatorRequestDraft = Draft<typeof findCoordinator.request>;
export type FindCoordinatorResponse = Infer<typeof findCoordinator.response>;
export type FindCoordinatorResponseDraft = Draft<typeof findCoordinator.response>;
