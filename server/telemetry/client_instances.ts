/**
 * The clients that have asked which metrics are wanted, by the id that each was given or brought.
 *
 * An entry goes with the connection that made it, when its client has been quiet for three intervals, and when there
 * are too many: the one that was quiet for longest. A client that comes again after that begins anew, which costs it one request.
 */
import type { ClientInstance } from "./client_instance.ts";

/** Kafka's number. */
export const INSTANCES_MAX = 16_384;
const QUIET_INTERVALS_MAX = 3;
const QUIET_MS_MIN = 60_000;

interface Entry {
  instance: ClientInstance;
  expiresMs: number;
  readonly forgetClose: () => void;
}

export class ClientInstances {
  /** In the order in which they were last heard of. */
  readonly #entries = new Map<string, Entry>();
  readonly #countMax: number;

  constructor(options: { readonly countMax?: number } = {}) {
    this.#countMax = options.countMax ?? INSTANCES_MAX;
  }

  get count(): number {
    return this.#entries.size;
  }

  get(id: string, nowMs: number): ClientInstance | undefined {
    const entry = this.#entries.get(id);
    if (entry !== undefined && entry.expiresMs <= nowMs) this.#remove(id);
    return this.#entries.get(id)?.instance;
  }

  /** @param onClose of the connection, which a new entry goes with */
  put(id: string, instance: ClientInstance, nowMs: number, onClose: (run: () => void) => () => void): void {
    const expiresMs = nowMs + Math.max(QUIET_MS_MIN, QUIET_INTERVALS_MAX * instance.intervalMs);
    let entry = this.#entries.get(id);
    this.#entries.delete(id);
    if (entry === undefined) {
      const forgetClose = onClose(() => this.#entries.get(id) === entry && this.#remove(id));
      entry = { instance, expiresMs, forgetClose };
    } else {
      entry.instance = instance;
      entry.expiresMs = expiresMs;
    }
    this.#entries.set(id, entry);
    for (const [oldest, { expiresMs }] of this.#entries) {
      if (this.#entries.size <= this.#countMax && expiresMs > nowMs) break;
      this.#remove(oldest);
    }
  }

  #remove(id: string): void {
    this.#entries.get(id)?.forgetClose();
    this.#entries.delete(id);
  }
}
