/** Changes of the cluster wait for the disk, and a client says how long it waits for them. */
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import type { Timers } from "../../runtime/runtime.ts";

/**
 * Runs `change` and waits for it up to `timeoutMs`; without time left it does not even begin, as in Kafka. What has begun
 * goes on after the deadline, and may still succeed.
 * @throws {ProtocolError} REQUEST_TIMED_OUT
 */
export function withinDeadline<T>(timers: Timers, timeoutMs: number, change: () => Promise<T>): Promise<T> {
  if (timeoutMs <= 0) return Promise.reject(new ProtocolError(ErrorCode.REQUEST_TIMED_OUT));
  return new Promise((resolve, reject) => {
    const timer = timers.after(timeoutMs, () => reject(new ProtocolError(ErrorCode.REQUEST_TIMED_OUT)));
    change().then(resolve, reject).finally(() => timer.cancel());
  });
}
