/**
 * Ends maps a part per turn: the kernel looks at each page that was read through a map, 40 ms for a gigabyte, and nobody is
 * served meanwhile.
 *
 * The addresses of what is not unmapped yet stay taken, so no other map can come to lie there.
 */

import type { NativeMap } from "./native.ts";
import type { Timers } from "./runtime.ts";

/** 0.3 ms when all of it was read. A multiple of every page size. */
export const UNMAPPED_BYTES_MAX = 8 * 1024 * 1024;

export class Unmapper {
  readonly #timers: Timers;
  readonly #waiting: { readonly map: NativeMap; at: number }[] = [];

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** Small ones end at once. */
  unmap(map: NativeMap): void {
    const sizeBytes = map.bytes.length;
    map.unmap(0, Math.min(sizeBytes, UNMAPPED_BYTES_MAX));
    if (sizeBytes <= UNMAPPED_BYTES_MAX) return;
    this.#waiting.push({ map, at: UNMAPPED_BYTES_MAX });
    if (this.#waiting.length === 1) this.#timers.soon(() => this.#go());
  }

  #go(): void {
    const first = this.#waiting[0]!;
    const sizeBytes = first.map.bytes.length;
    const end = Math.min(sizeBytes, first.at + UNMAPPED_BYTES_MAX);
    first.map.unmap(first.at, end);
    first.at = end;
    if (end === sizeBytes) this.#waiting.shift();
    if (this.#waiting.length > 0) this.#timers.soon(() => this.#go());
  }
}
