/** A group's own value was checked when it was set; the broker's bounds may have become others since. */
export function within(own: string | undefined, otherwise: number, [min, max]: readonly [number, number]): number {
  return own === undefined ? otherwise : Math.min(Math.max(Number(own), min), max);
}
