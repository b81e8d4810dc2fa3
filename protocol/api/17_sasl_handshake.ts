/**
 * SaslHandshake: the client names the SASL mechanism it wants.
 *
 * v0   raw SASL bytes follow on the connection
 * v1   SaslAuthenticate requests follow (KIP-152)
 *
 * Never flexible: old clients take its highest version without looking at what they know themselves.
 */
import { api, array, type Draft, type Infer, int16, string } from "../schema.ts";

export const saslHandshake = api(17, "SaslHandshake", { versions: [0, 1], flexible: null }, {
  request: {
    mechanism: string,
  },
  response: {
    errorCode: int16,
    mechanisms: array(string),
  },
});

export type SaslHandshakeRequest = Infer<typeof saslHandshake.request>;
export type SaslHandshakeRequestDraft = Draft<typeof saslHandshake.request>;
export type SaslHandshakeResponse = Infer<typeof saslHandshake.response>;
export type SaslHandshakeResponseDraft = Draft<typeof saslHandshake.response>;
