/**
 * Frames: four bytes of length, a header, a message.
 *
 * Which header a message has follows from its api and version: requests have v1 and from their first flexible version
 * on v2 (v1 and tagged fields), responses v0 and v1. Two exceptions, both flags in a schema: the client id keeps its
 * classic form in v2, and the ApiVersions response always has v0, so that a client can read the answer to a version
 * that we do not know (KIP-511).
 */
import { apiByKey } from "./apis.ts";
import { codecFor, wireCodec } from "./codec.ts";
import { isFlexible } from "./field_rules.ts";
import { type AnyApi, type Api, int16, int32, message, string } from "./schema.ts";
import { MalformedFrame, Reader, Writer } from "./wire.ts";

/** v0 is ControlledShutdown's alone, and gone from Kafka 4. */
export const requestHeader = message("RequestHeader", { versions: [0, 2], flexible: 2 }, {
  requestApiKey: int16,
  requestApiVersion: int16,
  correlationId: int32,
  clientId: string.nullable(1).since(1).neverCompact(),
});

export const responseHeader = message("ResponseHeader", { versions: [0, 1], flexible: 1 }, { correlationId: int32 });

/** What the headers of all versions say. */
export interface RequestHeader {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string | null;
}

/** Bytes of the length that precedes every frame. */
export const LENGTH_BYTES = 4;

export function requestHeaderVersion(api: AnyApi, version: number): number {
  return isFlexible(api, version) ? 2 : 1;
}

export function responseHeaderVersion(api: AnyApi, version: number): number {
  return isFlexible(api, version) && !api.hasPlainResponseHeader ? 1 : 0;
}

/**
 * Reads the header and leaves the reader at the message. Of an unknown api only key, version and correlation id are
 * sure; its client id is read where it would be, and is null when nothing sensible is there.
 * @throws {MalformedFrame}
 */
export function decodeRequestHeader(reader: Reader): RequestHeader {
  const start = reader.position;
  if (reader.remaining < 8) throw new MalformedFrame(`Cannot read a request header in ${reader.remaining} bytes`);
  const apiKey = reader.int16();
  const apiVersion = reader.int16();
  const correlationId = reader.int32();
  const api = apiByKey(apiKey);
  if (api === undefined || apiVersion < 0) {
    return { apiKey, apiVersion, correlationId, clientId: clientIdOrNull(reader, start) };
  }
  reader.position = start;
  const { clientId } = wireCodec(requestHeader, requestHeaderVersion(api, apiVersion)).read(reader);
  return { apiKey, apiVersion, correlationId, clientId };
}

function clientIdOrNull(reader: Reader, start: number): string | null {
  try {
    reader.position = start;
    return wireCodec(requestHeader, 1).read(reader).clientId;
  } catch (error) {
    if (error instanceof MalformedFrame) return null;
    throw error;
  }
}

/** A whole request as it goes to the socket, its length in front. */
export function encodeRequestFrame<Q, QD, R, RD>(
  api: Api<Q, QD, R, RD>,
  version: number,
  correlationId: number,
  clientId: string | null,
  draft: QD,
): Uint8Array[] {
  const writer = new Writer();
  writer.int32(0);
  wireCodec(requestHeader, requestHeaderVersion(api, version)).write(writer, {
    requestApiKey: api.key,
    requestApiVersion: version,
    correlationId,
    clientId,
  });
  codecFor(api, version).encodeRequest(writer, draft);
  return finishFrame(writer);
}

/** A whole response as it goes to the socket, its length in front. hot: per response */
export function encodeResponseFrame<Q, QD, R, RD>(
  api: Api<Q, QD, R, RD>,
  version: number,
  correlationId: number,
  draft: RD,
): Uint8Array[] {
  const writer = new Writer();
  writer.int32(0);
  writer.int32(correlationId);
  if (responseHeaderVersion(api, version) === 1) writer.uvarint(0); // no tagged fields
  codecFor(api, version).encodeResponse(writer, draft);
  return finishFrame(writer);
}

/** A response that was encoded because its size had to be known. */
export class EncodedResponse {
  private constructor(readonly frame: readonly Uint8Array[], readonly headerBytes: number) {}

  static of<Q, QD, R, RD>(
    api: Api<Q, QD, R, RD>,
    { version, correlationId }: { readonly version: number; readonly correlationId: number },
    draft: RD,
  ): EncodedResponse {
    const headerBytes = 4 + responseHeaderVersion(api, version);
    return new EncodedResponse(encodeResponseFrame(api, version, correlationId, draft), headerBytes);
  }

  /** Of message and length, as Kafka counts for quotas: without the header. */
  get sizeBytes(): number {
    return this.frame.reduce((sum, chunk) => sum + chunk.length, 0) - this.headerBytes;
  }

  /** Puts another value into the message's first field. */
  patchFirstInt32(value: number): void {
    const [first] = this.frame; // a frame's first 64 bytes are in one piece
    new DataView(first!.buffer, first!.byteOffset).setInt32(LENGTH_BYTES + this.headerBytes, value);
  }
}

/** Reads what follows the length. @throws {MalformedFrame} */
export function decodeResponseFrame<Q, QD, R, RD>(
  api: Api<Q, QD, R, RD>,
  version: number,
  payload: Uint8Array,
): { correlationId: number; response: R } {
  const reader = new Reader(payload);
  const { correlationId } = wireCodec(responseHeader, responseHeaderVersion(api, version)).read(reader);
  return { correlationId, response: codecFor(api, version).decodeResponse(reader) };
}

function finishFrame(writer: Writer): Uint8Array[] {
  writer.patchInt32AtStart(writer.size - LENGTH_BYTES);
  return writer.finish();
}
