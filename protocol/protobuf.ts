/**
 * Protocol Buffers on the wire, for reading: a message is its fields one after the other, each a number, a kind and a value.
 * What a field means is the caller's to know.
 *
 *   kind 0   varint     int32, int64, bool, enums
 *   kind 1   8 bytes    fixed64, sfixed64, double
 *   kind 2   a length and so many bytes: strings, messages, packed numbers
 *   kind 5   4 bytes    fixed32, float
 *
 * 1. Nothing is read past the end, nothing is allocated by a length that was not compared with the bytes left, and a message has
 *    a bound on its fields: an empty one takes two bytes here and a hundred as an object.
 * 2. Bytes are views.
 */
import { MalformedFrame } from "./wire.ts";

const VARINT = 0;
const EIGHT_BYTES = 1;
const LENGTH_DELIMITED = 2;
const FOUR_BYTES = 5;

/** What a client reports of thousands of partitions is far below. */
const FIELDS_MAX = 100_000;

const text = new TextDecoder("utf-8", { ignoreBOM: true });

export class ProtobufField {
  constructor(readonly number: number, readonly kind: number, readonly bytes: Uint8Array, readonly varint: bigint) {}

  /** A string. What is no UTF-8 in it becomes U+FFFD. */
  text(): string {
    return text.decode(this.message());
  }

  /** The bytes of a message, or of a field of type `bytes`. */
  message(): Uint8Array {
    this.#require(LENGTH_DELIMITED);
    return this.bytes;
  }

  bool(): boolean {
    this.#require(VARINT);
    return this.varint !== 0n;
  }

  /** int32, int64 or an enum. Past 2^53 the nearest number that there is. */
  int(): number {
    this.#require(VARINT);
    return Number(BigInt.asIntN(64, this.varint));
  }

  double(): number {
    this.#require(EIGHT_BYTES);
    return viewOf(this.bytes).getFloat64(0, true);
  }

  sfixed64(): bigint {
    this.#require(EIGHT_BYTES);
    return viewOf(this.bytes).getBigInt64(0, true);
  }

  fixed64(): bigint {
    this.#require(EIGHT_BYTES);
    return viewOf(this.bytes).getBigUint64(0, true);
  }

  /** Of a repeated field of doubles: packed, or one of several such fields. */
  doubles(): number[] {
    return Array.from(this.#eights(), (view) => view.getFloat64(0, true));
  }

  fixed64s(): number[] {
    return Array.from(this.#eights(), (view) => Number(view.getBigUint64(0, true)));
  }

  *#eights(): Generator<DataView> {
    if (this.kind !== EIGHT_BYTES) this.#require(LENGTH_DELIMITED);
    if (this.bytes.length % 8 !== 0) {
      throw new MalformedFrame(`Cannot read ${this.bytes.length} bytes as packed numbers`);
    }
    for (let at = 0; at < this.bytes.length; at += 8) yield viewOf(this.bytes.subarray(at, at + 8));
  }

  #require(kind: number): void {
    if (this.kind === kind) return;
    throw new MalformedFrame(`Cannot read field ${this.number} of a message: its kind is ${this.kind}, not ${kind}`);
  }
}

/** @throws {MalformedFrame} as soon as the bytes are no message */
export function* protobufFields(bytes: Uint8Array): Generator<ProtobufField> {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (at >= bytes.length) throw new MalformedFrame("Cannot read a message: it ends inside a number");
      const byte = bytes[at++]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new MalformedFrame("Cannot read a message: a number of more than ten bytes");
  };
  const take = (count: bigint): Uint8Array => {
    if (count > BigInt(bytes.length - at)) {
      throw new MalformedFrame(`Cannot read a message: ${count} bytes are not there`);
    }
    const start = at;
    at += Number(count);
    return bytes.subarray(start, at);
  };
  for (let count = 0; at < bytes.length; count++) {
    if (count === FIELDS_MAX) throw new MalformedFrame(`Cannot read a message: it has more than ${FIELDS_MAX} fields`);
    const tag = varint();
    const number = Number(tag >> 3n);
    const kind = Number(tag & 7n);
    if (number === 0 || tag > 0xffff_ffffn) throw new MalformedFrame(`Cannot read a message: field number ${number}`);
    switch (kind) {
      case VARINT:
        yield new ProtobufField(number, kind, nothing, varint());
        break;
      case EIGHT_BYTES:
        yield new ProtobufField(number, kind, take(8n), 0n);
        break;
      case LENGTH_DELIMITED:
        yield new ProtobufField(number, kind, take(varint()), 0n);
        break;
      case FOUR_BYTES:
        yield new ProtobufField(number, kind, take(4n), 0n);
        break;
      default:
        throw new MalformedFrame(`Cannot read a message: field ${number} is of kind ${kind}`);
    }
  }
}

const nothing = new Uint8Array();

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
