/**
 * What was measured of late of each client: kept for an hour after it was last used, as in Kafka, and of so many clients at
 * most, so that one that connects under ever new names does not fill the memory. Who is forgotten for want of room begins
 * anew, as after an hour.
 */

/** Kafka's. */
const IDLE_MS_MAX = 3_600_000;
/** About 40 MB, all windows of all of them in use. */
export const SENSORS_MAX = 50_000;
/** A client id may have 32,767 characters. */
export const KEY_CHARACTERS_MAX = 8 * 1024 * 1024;

interface Entry<Sensor> {
  readonly sensor: Sensor;
  usedMs: number;
}

export class Sensors<Sensor> {
  readonly #make: () => Sensor;
  /** The one that was used last is the last one. */
  readonly #entries = new Map<string, Entry<Sensor>>();
  #keyCharacters = 0;

  constructor(make: () => Sensor) {
    this.#make = make;
  }

  get count(): number {
    return this.#entries.size;
  }

  /** The client's own, from now on if need be. */
  get(key: string, nowMs: number): Sensor {
    let entry = this.#entries.get(key);
    if (entry === undefined || nowMs - entry.usedMs > IDLE_MS_MAX) {
      this.#forget(key);
      this.#makeRoom(key.length, nowMs);
      entry = { sensor: this.#make(), usedMs: nowMs };
      this.#keyCharacters += key.length;
    } else {
      this.#entries.delete(key);
      entry.usedMs = nowMs;
    }
    this.#entries.set(key, entry);
    return entry.sensor;
  }

  #makeRoom(keyLength: number, nowMs: number): void {
    for (const [key, { usedMs }] of this.#entries) {
      const isFull = this.#entries.size >= SENSORS_MAX || this.#keyCharacters + keyLength > KEY_CHARACTERS_MAX;
      if (!isFull && nowMs - usedMs <= IDLE_MS_MAX) return;
      this.#forget(key);
    }
  }

  #forget(key: string): void {
    if (this.#entries.delete(key)) this.#keyCharacters -= key.length;
  }
}
