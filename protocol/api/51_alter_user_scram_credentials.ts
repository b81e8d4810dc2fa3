/**
 * AlterUserScramCredentials: sets and removes what users log in with (KIP-554). Passwords come salted and hashed.
 *
 * v0   flexible
 */
import { api, array, bytes, type Draft, type Infer, int16, int32, int8, string } from "../schema.ts";

export const alterUserScramCredentials = api(51, "AlterUserScramCredentials", { versions: [0, 0], flexible: 0 }, {
  request: {
    deletions: array({ name: string, mechanism: int8 }),
    upsertions: array({ name: string, mechanism: int8, iterations: int32, salt: bytes, saltedPassword: bytes }),
  },
  response: {
    throttleTimeMs: int32,
    results: array({ user: string, errorCode: int16, errorMessage: string.nullable() }),
  },
});

export type AlterUserScramCredentialsRequest = Infer<typeof alterUserScramCredentials.request>;
export type AlterUserScramCredentialsRequestDraft = Draft<typeof alterUserScramCredentials.request>;
export type AlterUserScramCredentialsResponse = Infer<typeof alterUserScramCredentials.response>;
export type AlterUserScramCredentialsResponseDraft = Draft<typeof alterUserScramCredentials.response>;
