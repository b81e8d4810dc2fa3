/**
 * 128 bits of a key, for the cleaner's table: MurmurHash3, the variant of four 32-bit lanes, from a seed of the process.
 *
 * Two keys with the same hash would be one key to the cleaner, and the older record would go. By accident that takes more keys
 * than there are. On purpose it can be done with this hash as with Kafka's MD5; but whoever may write such a key to a partition
 * may also write the other one, or its tombstone.
 */

const FACTOR_1 = 0x239b961b;
const FACTOR_2 = 0xab0e9789;
const FACTOR_3 = 0x38b34ae5;
const FACTOR_4 = 0xa1e38b93;

/** Puts the hash of `bytes[start, end)` into `target`, four signed numbers. hot: per record */
export function hashKey(bytes: Uint8Array, start: number, end: number, seed: number, target: Int32Array): void {
  let one = seed;
  let two = seed;
  let three = seed;
  let four = seed;
  let at = start;
  for (; at + 16 <= end; at += 16) {
    one ^= scramble(word(bytes, at), FACTOR_1, 15, FACTOR_2);
    one = (Math.imul(rotate(one, 19) + two, 5) + 0x561ccd1b) | 0;
    two ^= scramble(word(bytes, at + 4), FACTOR_2, 16, FACTOR_3);
    two = (Math.imul(rotate(two, 17) + three, 5) + 0x0bcaa747) | 0;
    three ^= scramble(word(bytes, at + 8), FACTOR_3, 17, FACTOR_4);
    three = (Math.imul(rotate(three, 15) + four, 5) + 0x96cd1c35) | 0;
    four ^= scramble(word(bytes, at + 12), FACTOR_4, 18, FACTOR_1);
    four = (Math.imul(rotate(four, 13) + one, 5) + 0x32ac3b17) | 0;
  }
  if (at + 12 < end) four ^= scramble(partOfWord(bytes, at + 12, end), FACTOR_4, 18, FACTOR_1);
  if (at + 8 < end) three ^= scramble(partOfWord(bytes, at + 8, end), FACTOR_3, 17, FACTOR_4);
  if (at + 4 < end) two ^= scramble(partOfWord(bytes, at + 4, end), FACTOR_2, 16, FACTOR_3);
  if (at < end) one ^= scramble(partOfWord(bytes, at, end), FACTOR_1, 15, FACTOR_2);

  const length = end - start;
  one ^= length;
  two ^= length;
  three ^= length;
  four ^= length;
  one = (one + two + three + four) | 0;
  two = (two + one) | 0;
  three = (three + one) | 0;
  four = (four + one) | 0;
  one = avalanche(one);
  two = avalanche(two);
  three = avalanche(three);
  four = avalanche(four);
  one = (one + two + three + four) | 0;
  target[0] = one;
  target[1] = two + one;
  target[2] = three + one;
  target[3] = four + one;
}

function scramble(word: number, factor: number, count: number, secondFactor: number): number {
  return Math.imul(rotate(Math.imul(word, factor), count), secondFactor);
}

function rotate(word: number, count: number): number {
  return (word << count) | (word >>> (32 - count));
}

/** Every bit of the result depends on every bit of `word`. */
function avalanche(word: number): number {
  word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
  return word ^ (word >>> 16);
}

/** Little-endian. */
function word(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function partOfWord(bytes: Uint8Array, at: number, end: number): number {
  let value = 0;
  for (let index = Math.min(at + 4, end) - 1; index >= at; index--) value = (value << 8) | bytes[index]!;
  return value;
}
