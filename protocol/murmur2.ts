/**
 * MurmurHash2, 32 bits, seeded as Kafka's clients seed it: what chooses a partition for a key. Two clients that disagree
 * here put the same key into different partitions, so it is checked against the Java client's numbers.
 */

const SEED = 0x9747b28c | 0;
const MULTIPLIER = 0x5bd1e995;

/** Hash of `bytes`, signed as in Java. */
export function murmur2(bytes: Uint8Array): number {
  const length = bytes.length;
  let hash = SEED ^ length;
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    let word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    word = Math.imul(word, MULTIPLIER);
    word ^= word >>> 24;
    word = Math.imul(word, MULTIPLIER);
    hash = Math.imul(hash, MULTIPLIER) ^ word;
  }
  if (at < length) {
    let tail = 0;
    for (let byte = length - 1; byte >= at; byte--) tail = (tail << 8) | bytes[byte]!;
    hash = Math.imul(hash ^ tail, MULTIPLIER);
  }
  hash ^= hash >>> 13;
  hash = Math.imul(hash, MULTIPLIER);
  return hash ^ (hash >>> 15);
}

/** The partition a keyed record goes to when nobody says otherwise. */
export function partitionForKey(key: Uint8Array, partitionCount: number): number {
  return (murmur2(key) & 0x7fffffff) % partitionCount;
}
