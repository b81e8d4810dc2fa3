/**
 * Credits that come at a steady rate, and are spent at once (KIP-599): Kafka's own arithmetic.
 *
 * It holds as much as comes in all windows together. Who has any left, or just none, may spend as much as they want; then they
 * wait until the debt is paid.
 */
import type { Windows } from "./windowed_rate.ts";

export class TokenBucket {
  readonly #burstMs: number;
  /** null: full, for nothing was spent yet. */
  #tokens: number | null = null;
  #updatedMs = 0;

  constructor({ count, lengthMs }: Windows) {
    this.#burstMs = count * lengthMs;
  }

  spend(tokens: number, perSecond: number, nowMs: number): void {
    this.#tokens = Math.min(this.#burst(perSecond), this.#refilled(perSecond, nowMs) - tokens);
  }

  /** How long until the debt is paid; 0 when there is none. */
  throttleMs(perSecond: number, nowMs: number): number {
    const tokens = this.#refilled(perSecond, nowMs);
    return tokens < 0 ? Math.round(-tokens / perSecond * 1_000) : 0;
  }

  #refilled(perSecond: number, nowMs: number): number {
    const burst = this.#burst(perSecond);
    const grown = this.#tokens === null ? burst : this.#tokens + perSecond * ((nowMs - this.#updatedMs) / 1_000);
    this.#updatedMs = nowMs;
    return this.#tokens = Math.min(burst, grown);
  }

  #burst(perSecond: number): number {
    return this.#burstMs / 1_000 * perSecond;
  }
}
