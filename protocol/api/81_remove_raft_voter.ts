/**
 * RemoveRaftVoter: a controller votes no more (KIP-853).
 *
 * v0   flexible
 */
import { api, type Draft, type Infer, int16, int32, string, uuid } from "../schema.ts";

export const removeRaftVoter = api(81, "RemoveRaftVoter", { versions: [0, 0], flexible: 0 }, {
  request: {
    clusterId: string.nullable(),
    voterId: int32,
    voterDirectoryId: uuid,
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().ignorable(),
  },
});

export type RemoveRaftVoterRequest = Infer<typeof removeRaftVoter.request>;
export type RemoveRaftVoterRequestDraft = Draft<typeof removeRaftVoter.request>;
export type RemoveRaftVoterResponse = Infer<typeof removeRaftVoter.response>;
export type RemoveRaftVoterResponseDraft = Draft<typeof removeRaftVoter.response>;
