/**
 * Turns schemas into functions: one decoder and one encoder for each api, version and direction, made of closures when
 * first asked for and kept.
 *
 * 1. A field that the version lacks decodes to its default. Encoding a value into a version that lacks it throws,
 *    unless the value is the default or the field is ignorable.
 * 2. A tagged field is written only when it differs from its default. Unknown tags are stepped over.
 * 3. A count or length is compared with the bytes left before anything is allocated by it.
 * 4. An int64 is a number, and refused beyond 2^53.
 * 5. Oddities of single messages are flags in their schema; these files know no message by name.
 * 6. `records` are handed out as a view and passed on as chunks: their bytes are copied in neither direction.
 * 7. Strings are interned (`wire.ts`).
 * 8. Every value of one schema has all its fields, in the schema's order, in every version: one shape for the engine.
 * 9. A struct that may be null has a byte before it: 1, or for null -1, among tagged fields 0.
 *
 * The work is done in `decoder.ts` and `encoder.ts`, with what both need to know of a field in `field_rules.ts`.
 * Why closures and not generated code: docs/decisions/0001. What they cost: bench/codec.ts.
 */
import { structDecoder } from "./decoder.ts";
import { structEncoder } from "./encoder.ts";
import { type Context, type Decode, type Encode, isFlexible } from "./field_rules.ts";
import type { AnyMessage, Api, Message } from "./schema.ts";
import { MalformedFrame, Reader, Writer } from "./wire.ts";

export interface Codec<Q, QD, R, RD> {
  decodeRequest(reader: Reader): Q;
  encodeRequest(writer: Writer, draft: QD): void;
  decodeResponse(reader: Reader): R;
  encodeResponse(writer: Writer, draft: RD): void;
}

/** A codec for a message that stands alone inside other bytes, without the version that often precedes it. */
export interface MessageCodec<T, D> {
  decode(bytes: Uint8Array): T;
  encode(draft: D): Uint8Array;
}

const codecs = new WeakMap<object, CompiledCodec[]>();
const messageCodecs = new WeakMap<object, CompiledMessage[]>();

/** @throws {RangeError} for a version that the api does not have */
export function codecFor<Q, QD, R, RD>(api: Api<Q, QD, R, RD>, version: number): Codec<Q, QD, R, RD> {
  let ofApi = codecs.get(api);
  if (ofApi === undefined) codecs.set(api, ofApi = []);
  const codec = ofApi[version] ??= new CompiledCodec(api, version);
  return codec as Codec<Q, QD, R, RD>;
}

/** @throws {RangeError} for a version that the message does not have */
export function messageCodec<T, D>(message: Message<T, D>, version: number): MessageCodec<T, D> {
  return compiledMessage(message, version) as unknown as MessageCodec<T, D>;
}

/** A message straight from and to the wire, for what is neither alone nor half of an api: headers. */
export function wireCodec<T, D>(message: Message<T, D>, version: number): WireCodec<T, D> {
  return compiledMessage(message, version) as unknown as WireCodec<T, D>;
}

export interface WireCodec<T, D> {
  read(reader: Reader): T;
  write(writer: Writer, draft: D): void;
}

function compiledMessage(message: AnyMessage, version: number): CompiledMessage {
  let ofMessage = messageCodecs.get(message);
  if (ofMessage === undefined) messageCodecs.set(message, ofMessage = []);
  return ofMessage[version] ??= new CompiledMessage(message, version);
}

class CompiledCodec implements Codec<unknown, unknown, unknown, unknown> {
  private readonly request: CompiledMessage;
  private readonly response: CompiledMessage;

  constructor(api: Api<unknown, unknown, unknown, unknown>, version: number) {
    this.request = compiledMessage(api.request, version);
    this.response = compiledMessage(api.response, version);
  }

  decodeRequest(reader: Reader): unknown {
    return this.request.read(reader);
  }

  encodeRequest(writer: Writer, draft: unknown): void {
    this.request.write(writer, draft);
  }

  decodeResponse(reader: Reader): unknown {
    return this.response.read(reader);
  }

  encodeResponse(writer: Writer, draft: unknown): void {
    this.response.write(writer, draft);
  }
}

/** One message in one version, each direction compiled when first used. */
class CompiledMessage implements MessageCodec<unknown, unknown>, WireCodec<unknown, unknown> {
  private decoder: Decode | null = null;
  private encoder: Encode | null = null;

  constructor(private readonly message: AnyMessage, private readonly version: number) {
    const [first, last] = message.versions;
    if (!Number.isInteger(version) || version < first || version > last) {
      throw new RangeError(`Cannot make a codec for ${message.name} v${version}: versions are ${first} to ${last}`);
    }
  }

  read(reader: Reader): unknown {
    this.decoder ??= structDecoder(this.message.fields, this.context());
    try {
      return this.decoder(reader);
    } catch (error) {
      if (!(error instanceof MalformedFrame)) throw error;
      throw new MalformedFrame(`${this.message.name} v${this.version}: ${error.message}`, { cause: error });
    }
  }

  write(writer: Writer, draft: unknown): void {
    this.encoder ??= structEncoder(this.message.fields, this.context());
    this.encoder(writer, draft);
  }

  decode(bytes: Uint8Array): unknown {
    return this.read(new Reader(bytes));
  }

  encode(draft: unknown): Uint8Array {
    const writer = new Writer();
    this.write(writer, draft);
    return writer.finishWhole();
  }

  private context(): Context {
    return { version: this.version, isFlexible: isFlexible(this.message, this.version), path: this.message.name };
  }
}
