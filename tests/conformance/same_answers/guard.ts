/** A question must not be able to take the machine's memory with it: what would is found by this, and named. */

import type { BrokerProcess } from "../../support/broker.ts";

const lookEveryMs = 200;
/** Ten times what Weir takes in a run. */
const ownBytesMax = 2 * 1024 ** 3;

/** Ends the broker, and calls `found` with what it had, when it takes more than it ever should. */
export function guardMemory(broker: BrokerProcess, found: (sizeBytes: number) => void): { stop(): void } {
  const timer = setInterval(() => {
    if (!broker.isRunning) return;
    const { ownBytes } = broker.memory();
    if (ownBytes <= ownBytesMax) return;
    clearInterval(timer);
    found(ownBytes);
    void broker.kill9();
  }, lookEveryMs);
  return { stop: () => clearInterval(timer) };
}
