/**
 * SaslAuthenticate: a step of a login by SASL (KIP-152).
 *
 * v1   answer: how long the login is good for (KIP-368)
 * v2   flexible
 */
import { api, bytes, type Draft, type Infer, int16, int64, string } from "../schema.ts";

export const saslAuthenticate = api(36, "SaslAuthenticate", { versions: [0, 2], flexible: 2 }, {
  request: {
    authBytes: bytes,
  },
  response: {
    errorCode: int16,
    errorMessage: string.nullable(),
    authBytes: bytes,
    sessionLifetimeMs: int64.default(0).since(1).ignorable(),
  },
});

export type SaslAuthenticateRequest = Infer<typeof saslAuthenticate.request>;
export type SaslAuthenticateRequestDraft = Draft<typeof saslAuthenticate.request>;
export type SaslAuthenticateResponse = Infer<typeof saslAuthenticate.response>;
export type SaslAuthenticateResponseDraft = Draft<typeof saslAuthenticate.response>;
