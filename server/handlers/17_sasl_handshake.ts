/**
 * SaslHandshake: v0–v1.
 *
 * v1 SaslAuthenticate follows
 *
 * On a listener without SASL nobody logs in: ILLEGAL_SASL_STATE, as in Kafka, and the connection goes on.
 */
import { saslHandshake } from "../../protocol/api/17_sasl_handshake.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { handle } from "../handler.ts";

export const saslHandshakeHandler = handle(saslHandshake, [0, 1], () => ({
  errorCode: ErrorCode.ILLEGAL_SASL_STATE,
  mechanisms: [],
}));
