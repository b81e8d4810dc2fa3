/**
 * AddRaftVoter: one more controller votes on the cluster's metadata (KIP-853).
 *
 * v0   flexible
 * v1   whether the answer waits until the new voters are agreed on (KIP-1186)
 */
import { api, array, bool, type Draft, type Infer, int16, int32, string, uint16, uuid } from "../schema.ts";

export const addRaftVoter = api(80, "AddRaftVoter", { versions: [0, 1], flexible: 0 }, {
  request: {
    clusterId: string.nullable(),
    timeoutMs: int32,
    voterId: int32,
    voterDirectoryId: uuid,
    listeners: array({ name: string, host: string, port: uint16 }),
    ackWhenCommitted: bool.default(true).since(1),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().ignorable(),
  },
});

export type AddRaftVoterRequest = Infer<typeof addRaftVoter.request>;
export type AddRaftVoterRequestDraft = Draft<typeof addRaftVoter.request>;
export type AddRaftVoterResponse = Infer<typeof addRaftVoter.response>;
export type AddRaftVoterResponseDraft = Draft<typeof addRaftVoter.response>;
