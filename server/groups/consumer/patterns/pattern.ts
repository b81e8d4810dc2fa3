/** Regular expressions that members subscribe with: in RE2's syntax, matched with whole names of topics. */
import { ErrorCode, ProtocolError } from "../../../../protocol/errors.ts";
import { Program } from "./program.ts";
import { parsePattern, PatternError } from "./syntax.ts";

/** @throws {PatternError} */
export function compilePattern(regex: string): Program {
  return new Program(parsePattern(regex));
}

/** @throws {ProtocolError} INVALID_REGULAR_EXPRESSION */
export function checkPattern(regex: string): void {
  try {
    compilePattern(regex);
  } catch (cause) {
    if (!(cause instanceof PatternError)) throw cause;
    throw new ProtocolError(
      ErrorCode.INVALID_REGULAR_EXPRESSION,
      `SubscribedTopicRegex \`${regex}\` is not a valid regular expression: ${cause.message}.`,
      { cause },
    );
  }
}
