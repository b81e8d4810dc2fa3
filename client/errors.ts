/**
 * What can go wrong between a client and its brokers, besides an error code in an answer (`ProtocolError`).
 * `isRetriable` says whether trying again, perhaps elsewhere, can help.
 */
import { ProtocolError } from "../protocol/errors.ts";

/** No connection could be made, it ended before the answer came, or the answer did not come in time. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
  readonly isRetriable = true;
}

/** Broker and client have no version of a request in common. */
export class UnsupportedVersionError extends Error {
  override readonly name = "UnsupportedVersionError";
  readonly isRetriable = false;
}

/** It was not done within the time it was given; `cause` is the last failure. */
export class TimeoutError extends Error {
  override readonly name = "TimeoutError";
  readonly isRetriable = false;
}

/** More was asked for than the client is willing to hold: wait for what is under way. */
export class BufferFullError extends Error {
  override readonly name = "BufferFullError";
  readonly isRetriable = true;
}

/** The client, producer or consumer was closed. */
export class ClosedError extends Error {
  override readonly name = "ClosedError";
  readonly isRetriable = false;
}

/** A batch came with a wrong checksum, or cannot be decoded. */
export class CorruptRecordsError extends Error {
  override readonly name = "CorruptRecordsError";
  readonly isRetriable = false;
}

/** True when the same call may succeed a little later, or on the broker that fresh metadata names. */
export function isRetriable(error: unknown): boolean {
  return (error instanceof ConnectionError || error instanceof ProtocolError) && error.isRetriable;
}

/** Throws when an answer carries an error code: `what` is the action that failed. */
export function checkErrorCode(code: number, what: string, brokerMessage?: string | null): void {
  if (code === 0) return;
  const plain = new ProtocolError(code);
  throw new ProtocolError(code, `${what}: ${brokerMessage ?? plain.message}`);
}
