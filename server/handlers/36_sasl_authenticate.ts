/**
 * SaslAuthenticate: v0–v2.
 *
 * v1 how long a login is good for · v2 flexible
 *
 * On a listener without SASL nobody logs in: ILLEGAL_SASL_STATE, as in Kafka, and the connection goes on.
 */
import { saslAuthenticate } from "../../protocol/api/36_sasl_authenticate.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { handle } from "../handler.ts";

export const saslAuthenticateHandler = handle(saslAuthenticate, [0, 2], () => ({
  errorCode: ErrorCode.ILLEGAL_SASL_STATE,
  errorMessage: "SaslAuthenticate request received after successful authentication",
  authBytes: new Uint8Array(0),
}));
