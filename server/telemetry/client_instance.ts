/**
 * What the broker remembers of one client that asks which metrics are wanted, and reports them (KIP-714). Pure.
 *
 *   event   accepted when                                                          else
 *   ask     an interval has passed since the last request, or the last report      THROTTLING_QUOTA_EXCEEDED
 *           was refused for what a new answer mends
 *   push    the client has not said that it ends                                   INVALID_REQUEST
 *           it asked since its last report, or an interval has passed since that,  THROTTLING_QUOTA_EXCEEDED
 *           or this is its last report
 *           it goes by the subscription it was told                                UNKNOWN_SUBSCRIPTION_ID
 *           its compression exists                                                 UNSUPPORTED_COMPRESSION_TYPE
 *           it has no more bytes than a report may have                            TELEMETRY_TOO_LARGE
 *
 * Clients wait for between half and one and a half intervals before their first report; hence the rule that one may follow an
 * answer at once.
 */
import { compressionName } from "../../protocol/compression.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Wanted } from "./subscriptions.ts";

export interface ClientInstance extends Wanted {
  /** Of the subscriptions that `metrics` and `intervalMs` follow from. */
  readonly subscriptionsVersion: number;
  /** By which a client says what it goes by. */
  readonly subscriptionId: number;
  readonly lastAskMs: number;
  readonly lastPushMs: number;
  readonly isEnding: boolean;
  /** Of the last report, or of none since it was told what is wanted. */
  readonly lastError: number;
}

export interface Push {
  readonly subscriptionId: number;
  readonly isLast: boolean;
  readonly compression: number;
  readonly sizeBytes: number;
}

export type Outcome = readonly [after: ClientInstance, errorCode: number];

export function newInstance(wanted: Wanted, subscriptionsVersion: number, subscriptionId: number): ClientInstance {
  return {
    ...wanted,
    subscriptionsVersion,
    subscriptionId,
    lastAskMs: -Infinity,
    lastPushMs: -Infinity,
    isEnding: false,
    lastError: ErrorCode.NONE,
  };
}

/** Errors after which a client asks again at once, and is to be answered. */
const mended: ReadonlySet<number> = new Set([
  ErrorCode.UNKNOWN_SUBSCRIPTION_ID,
  ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
]);

export function ask(instance: ClientInstance, nowMs: number): Outcome {
  const { lastAskMs, lastPushMs, intervalMs, lastError } = instance;
  const isDue = nowMs - Math.max(lastAskMs, lastPushMs) >= intervalMs;
  if (!isDue && !mended.has(lastError)) return [instance, ErrorCode.THROTTLING_QUOTA_EXCEEDED];
  return [{ ...instance, lastAskMs: isDue ? nowMs : lastAskMs, lastError: ErrorCode.NONE }, ErrorCode.NONE];
}

export function push(instance: ClientInstance, report: Push, nowMs: number, sizeBytesMax: number): Outcome {
  const { lastAskMs, lastPushMs, intervalMs, isEnding } = instance;
  const isDue = lastAskMs > lastPushMs || nowMs - lastPushMs >= intervalMs;
  const isLooked = !isEnding && isDue;
  const errorCode = isEnding
    ? ErrorCode.INVALID_REQUEST
    : !isDue && !report.isLast
    ? ErrorCode.THROTTLING_QUOTA_EXCEEDED
    : report.subscriptionId !== instance.subscriptionId
    ? ErrorCode.UNKNOWN_SUBSCRIPTION_ID
    : compressionName(report.compression) === String(report.compression)
    ? ErrorCode.UNSUPPORTED_COMPRESSION_TYPE
    : report.sizeBytes > sizeBytesMax
    ? ErrorCode.TELEMETRY_TOO_LARGE
    : ErrorCode.NONE;
  const after = {
    ...instance,
    lastPushMs: isLooked ? nowMs : lastPushMs,
    isEnding: report.isLast,
    lastError: errorCode,
  };
  return [after, errorCode];
}
