/** The rule that requests to describe and to alter configs share: only brokers may be left unnamed, for all of them. */

import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";

/** @throws {ProtocolError} with `complaint` when the name is empty */
export function requireName(name: string, complaint: string): void {
  if (name === "") throw new ProtocolError(ErrorCode.INVALID_REQUEST, complaint);
}
