/** Trying again: with growing pauses that differ from client to client, until it works or its time is over. */
import type { Runtime } from "../runtime/runtime.ts";
import { isRetriable, TimeoutError } from "./errors.ts";

const backoffMsMin = 50;
const backoffMsMax = 1000;

/** How long to wait before try number `tryCount` (1 is the first repetition): doubling, give or take a fifth. */
export function backoffMs(runtime: Runtime, tryCount: number): number {
  const plainMs = Math.min(backoffMsMax, backoffMsMin * 2 ** Math.min(tryCount - 1, 10));
  return plainMs * (0.8 + 0.4 * runtime.random.next());
}

export function pause(runtime: Runtime, durationMs: number): Promise<void> {
  return new Promise((resolve) => runtime.timers.after(durationMs, resolve));
}

export interface RetryOptions {
  readonly runtime: Runtime;
  readonly timeoutMs: number;
  /** What is tried, for the message: "Cannot create a topic". */
  readonly what: string;
}

/**
 * Runs `attempt` until it succeeds or fails for good.
 * @throws {TimeoutError} when the next try would come too late; its cause is the last failure
 */
export async function retrying<T>({ runtime, timeoutMs, what }: RetryOptions, attempt: () => Promise<T>): Promise<T> {
  const deadlineMs = runtime.clock.monotonicMs() + timeoutMs;
  for (let tryCount = 1;; tryCount++) {
    try {
      return await attempt();
    } catch (cause) {
      if (!isRetriable(cause)) throw cause;
      const pauseMs = backoffMs(runtime, tryCount);
      if (runtime.clock.monotonicMs() + pauseMs > deadlineMs) {
        const reason = cause instanceof Error ? cause.message : String(cause);
        throw new TimeoutError(`${what}: not done within ${timeoutMs} ms; the last try: ${reason}`, { cause });
      }
      await pause(runtime, pauseMs);
    }
  }
}
