/**
 * XXH3 of 64 bits, seed 0: by it Kafka notices that the topics of a group have changed.
 *
 * In BigInt, so slow (about 100 ns a byte): for a few kilobytes now and then.
 */

const SECRET_HEX = "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f" +
  "cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c" +
  "3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8" +
  "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364" +
  "eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e" +
  "2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e";

const PRIME32_1 = 0x9e3779b1n;
const PRIME32_2 = 0x85ebca77n;
const PRIME32_3 = 0xc2b2ae3dn;
const PRIME64_1 = 0x9e3779b185ebca87n;
const PRIME64_2 = 0xc2b2ae3d27d4eb4fn;
const PRIME64_3 = 0x165667b19e3779f9n;
const PRIME64_4 = 0x85ebca77c2b2ae63n;
const PRIME64_5 = 0x27d4eb2f165667c5n;
const PRIME_MIX_1 = 0x165667919e3779f9n;
const PRIME_MIX_2 = 0x9fb21c651e98df25n;
const LOW_32 = 0xffffffffn;

const STRIPE_BYTES = 64;
/** The secret moves on by 8 bytes a stripe until it is used up. */
const STRIPES_PER_BLOCK = 16;

let secretOnce: DataView | null = null;
const secret = () => secretOnce ??= viewOf(Uint8Array.from(SECRET_HEX.match(/../g)!, (pair) => parseInt(pair, 16)));

/** Hash of the bytes, unsigned. */
export function xxh3(bytes: Uint8Array): bigint {
  const input = viewOf(bytes);
  const { length } = bytes;
  if (length === 0) return avalanche64(key64(56) ^ key64(64));
  if (length <= 3) return hashUpTo3(bytes);
  if (length <= 8) return hashUpTo8(input);
  if (length <= 16) return hashUpTo16(input);
  if (length <= 128) return hashUpTo128(input);
  return length <= 240 ? hashUpTo240(input) : hashLong(input);
}

function hashUpTo3(bytes: Uint8Array): bigint {
  const { length } = bytes;
  const first = bytes[0]!;
  const middle = bytes[length >> 1]!;
  const last = bytes[length - 1]!;
  const combined = (BigInt(first) << 16n) | (BigInt(middle) << 24n) | BigInt(last) | (BigInt(length) << 8n);
  return avalanche64(combined ^ BigInt(secret().getUint32(0, true) ^ secret().getUint32(4, true)) & LOW_32);
}

function hashUpTo8(input: DataView): bigint {
  const length = BigInt(input.byteLength);
  const first = BigInt(input.getUint32(0, true));
  const last = BigInt(input.getUint32(input.byteLength - 4, true));
  let hash = (last + (first << 32n)) ^ (key64(8) ^ key64(16));
  hash ^= rotate(hash, 49n) ^ rotate(hash, 24n);
  hash = wrap(hash * PRIME_MIX_2);
  hash ^= wrap((hash >> 35n) + length);
  hash = wrap(hash * PRIME_MIX_2);
  return hash ^ (hash >> 28n);
}

function hashUpTo16(input: DataView): bigint {
  const length = input.byteLength;
  const low = word(input, 0) ^ (key64(24) ^ key64(32));
  const high = word(input, length - 8) ^ (key64(40) ^ key64(48));
  return avalanche(wrap(BigInt(length) + swapBytes(low) + high + foldedProduct(low, high)));
}

function hashUpTo128(input: DataView): bigint {
  const length = input.byteLength;
  let sum = BigInt(length) * PRIME64_1;
  for (let pair = Math.floor((length - 1) / 32); pair >= 0; pair--) {
    sum += mix(input, 16 * pair, 32 * pair);
    sum += mix(input, length - 16 * (pair + 1), 32 * pair + 16);
  }
  return avalanche(wrap(sum));
}

function hashUpTo240(input: DataView): bigint {
  const length = input.byteLength;
  let sum = BigInt(length) * PRIME64_1;
  for (let round = 0; round < 8; round++) sum += mix(input, 16 * round, 16 * round);
  sum = avalanche(wrap(sum));
  const roundCount = Math.floor(length / 16);
  for (let round = 8; round < roundCount; round++) sum += mix(input, 16 * round, 16 * (round - 8) + 3);
  sum += mix(input, length - 16, 119);
  return avalanche(wrap(sum));
}

function hashLong(input: DataView): bigint {
  const length = input.byteLength;
  const lanes = [PRIME32_3, PRIME64_1, PRIME64_2, PRIME64_3, PRIME64_4, PRIME32_2, PRIME64_5, PRIME32_1];
  const stripeCount = Math.floor((length - 1) / STRIPE_BYTES);
  for (let stripe = 0; stripe < stripeCount; stripe++) {
    const index = stripe % STRIPES_PER_BLOCK;
    accumulate(lanes, input, STRIPE_BYTES * stripe, 8 * index);
    if (index === STRIPES_PER_BLOCK - 1) scramble(lanes);
  }
  accumulate(lanes, input, length - STRIPE_BYTES, 121);

  let sum = BigInt(length) * PRIME64_1;
  for (let pair = 0; pair < 4; pair++) {
    const at = 11 + 16 * pair;
    sum += foldedProduct(lanes[2 * pair]! ^ key64(at), lanes[2 * pair + 1]! ^ key64(at + 8));
  }
  return avalanche(wrap(sum));
}

function accumulate(lanes: bigint[], input: DataView, at: number, keyAt: number): void {
  for (let lane = 0; lane < 8; lane++) {
    const value = word(input, at + 8 * lane);
    const keyed = value ^ key64(keyAt + 8 * lane);
    lanes[lane ^ 1] = wrap(lanes[lane ^ 1]! + value);
    lanes[lane] = wrap(lanes[lane]! + (keyed & LOW_32) * (keyed >> 32n));
  }
}

function scramble(lanes: bigint[]): void {
  for (let lane = 0; lane < 8; lane++) {
    const value = lanes[lane]!;
    lanes[lane] = wrap((value ^ (value >> 47n) ^ key64(128 + 8 * lane)) * PRIME32_1);
  }
}

function mix(input: DataView, at: number, keyAt: number): bigint {
  return foldedProduct(word(input, at) ^ key64(keyAt), word(input, at + 8) ^ key64(keyAt + 8));
}

/** The two halves of a product of 128 bits, one upon the other. */
function foldedProduct(left: bigint, right: bigint): bigint {
  const product = left * right;
  return wrap(product) ^ (product >> 64n);
}

function avalanche(hash: bigint): bigint {
  const mixed = wrap((hash ^ (hash >> 37n)) * PRIME_MIX_1);
  return mixed ^ (mixed >> 32n);
}

/** The older one, of XXH64. */
function avalanche64(hash: bigint): bigint {
  let mixed = wrap((hash ^ (hash >> 33n)) * PRIME64_2);
  mixed = wrap((mixed ^ (mixed >> 29n)) * PRIME64_3);
  return mixed ^ (mixed >> 32n);
}

function wrap(value: bigint): bigint {
  return BigInt.asUintN(64, value);
}

function rotate(value: bigint, by: bigint): bigint {
  return wrap(value << by) | (value >> (64n - by));
}

function swapBytes(value: bigint): bigint {
  let swapped = 0n;
  for (let index = 0n; index < 64n; index += 8n) swapped = (swapped << 8n) | ((value >> index) & 0xffn);
  return swapped;
}

function word(view: DataView, at: number): bigint {
  return view.getBigUint64(at, true);
}

function key64(at: number): bigint {
  return secret().getBigUint64(at, true);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
