/**
 * A map that mostly has an entry or two, and may have many: the members of a group, the partitions of a member. There are tens of
 * thousands of them, so a few entries are an array, and only more become a `Map`. Bytes, in JavaScriptCore:
 *
 *     entries     0    1     2     3     5     8     9
 *     SmallMap    32   80    112   112   160   272   944
 *     Map         32   256   256   256   912   912   912
 *
 * Entries are in the order in which they came, as in a `Map`. Keys are strings or whole numbers.
 */

/** More entries than these are a `Map`. */
const fewMax = 8;

/** What all have that have none: not to be changed. */
const nothing: never[] = [];

export class SmallMap<K extends string | number, V> implements ReadonlyMap<K, V> {
  /**
   * key, value, key, value, …; or a map. The only field: another, or a private method, makes each of them larger by 16 bytes. Not `#held`:
   * what compares objects, as tests do, is to look into it.
   */
  private held: (K | V)[] | Map<K, V> = nothing;

  constructor(entries?: Iterable<readonly [K, V]>) {
    if (entries instanceof SmallMap) SmallMap.#copy(entries, this);
    else if (entries !== undefined) { for (const [key, value] of entries) this.set(key, value); }
  }

  get size(): number {
    const held = this.held;
    return isFew(held) ? held.length >> 1 : held.size;
  }

  get(key: K): V | undefined {
    const held = this.held;
    if (!isFew(held)) return held.get(key);
    const at = placeOf(key, held);
    return at < 0 ? undefined : held[at + 1] as V;
  }

  has(key: K): boolean {
    const held = this.held;
    return isFew(held) ? placeOf(key, held) >= 0 : held.has(key);
  }

  set(key: K, value: V): this {
    const held = this.held;
    if (!isFew(held)) {
      held.set(key, value);
      return this;
    }
    const at = placeOf(key, held);
    if (at >= 0) held[at + 1] = value;
    else if (held.length === 0) this.held = [key, value];
    else if (held.length < 2 * fewMax) held.push(key, value);
    else this.held = new Map(pairsOf<K, V>(held)).set(key, value);
    return this;
  }

  delete(key: K): boolean {
    const held = this.held;
    if (!isFew(held)) return held.delete(key);
    const at = placeOf(key, held);
    if (at < 0) return false;
    if (held.length === 2) this.held = nothing;
    else held.splice(at, 2);
    return true;
  }

  clear(): void {
    this.held = nothing;
  }

  forEach(run: (value: V, key: K, map: ReadonlyMap<K, V>) => void): void {
    for (const [key, value] of this) run(value, key, this);
  }

  keys(): MapIterator<K> {
    const held = this.held;
    return isFew(held) ? (held.filter((_, index) => index % 2 === 0) as K[]).values() : held.keys();
  }

  values(): MapIterator<V> {
    const held = this.held;
    return isFew(held) ? (held.filter((_, index) => index % 2 === 1) as V[]).values() : held.values();
  }

  entries(): MapIterator<[K, V]> {
    const held = this.held;
    return isFew(held) ? pairsOf<K, V>(held).values() : held.entries();
  }

  [Symbol.iterator](): MapIterator<[K, V]> {
    return this.entries();
  }

  static #copy<K extends string | number, V>(from: SmallMap<K, V>, to: SmallMap<K, V>): void {
    const held = from.held;
    if (!isFew(held) && held.size > fewMax) to.held = new Map(held);
    else if (!isFew(held)) { for (const [key, value] of held) to.set(key, value); }
    else if (held.length > 0) to.held = held.slice();
  }
}

const empty = new SmallMap<never, never>();

/** One for all: to be copied, not changed. */
export function noEntries<K, V>(): ReadonlyMap<K, V> {
  return empty as unknown as ReadonlyMap<K, V>;
}

function isFew<K, V>(held: (K | V)[] | Map<K, V>): held is (K | V)[] {
  return Array.isArray(held);
}

/** Where the key is; -1: nowhere. hot: per request */
function placeOf(key: unknown, few: readonly unknown[]): number {
  for (let at = 0; at < few.length; at += 2) if (few[at] === key) return at;
  return -1;
}

function pairsOf<K, V>(few: readonly (K | V)[]): [K, V][] {
  const pairs: [K, V][] = [];
  for (let at = 0; at < few.length; at += 2) pairs.push([few[at] as K, few[at + 1] as V]);
  return pairs;
}
