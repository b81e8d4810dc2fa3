/**
 * From a frame to its answer: header, version check, decode, handler, encode.
 *
 * A request the broker cannot read is answered as Kafka does: an unknown version of ApiVersions in version 0 with
 * UNSUPPORTED_VERSION and the range that is served (KIP-511), anything else by closing the connection.
 */
import { codecFor } from "../protocol/codec.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { decodeRequestHeader, EncodedResponse, encodeResponseFrame } from "../protocol/frame.ts";
import { Reader } from "../protocol/wire.ts";
import type { Broker } from "./broker.ts";
import type { Connection } from "./connection.ts";
import type { Handler, RequestContext } from "./handler.ts";
import { handlerFor } from "./handlers/table.ts";
import { RequestMeter } from "./quotas/request_meter.ts";

/** The request is well-formed but nothing we serve; the connection closes with one line. */
export class RequestRefused extends Error {
  override readonly name = "RequestRefused";
}

export interface Dispatched {
  /** The answer's chunks, none when the request has no answer. */
  readonly answer: readonly Uint8Array[] | Promise<readonly Uint8Array[]>;
  readonly isPipelined: boolean;
  /** Of a pipelined request whose ordered part is still to come: resolves when that is done. */
  readonly ordered: Promise<void> | null;
}

const apiVersionsKey = 18;
const noChunks: readonly Uint8Array[] = [];

/**
 * hot: per request
 * @throws {RequestRefused | MalformedFrame} when the connection cannot go on
 */
export function dispatch(
  broker: Broker,
  connection: Connection,
  frame: Uint8Array,
  onSent: (run: () => void) => void,
): Dispatched {
  const reader = new Reader(frame);
  const { apiKey, apiVersion, correlationId, clientId } = decodeRequestHeader(reader);
  const handler = handlerFor(apiKey);
  if (handler === undefined) {
    throw new RequestRefused(`Cannot serve API key ${apiKey} version ${apiVersion}: the API is unknown here`);
  }
  if (apiVersion < handler.minVersion || apiVersion > handler.maxVersion) {
    if (apiKey !== apiVersionsKey) {
      throw new RequestRefused(
        `Cannot serve ${handler.api.name} version ${apiVersion}: ` +
          `versions ${handler.minVersion} to ${handler.maxVersion} are served`,
      );
    }
    return { answer: unsupportedApiVersions(handler, correlationId), isPipelined: false, ordered: null };
  }
  const meter = broker.quotas.isActive ? meterOf(broker, connection, clientId, frame) : null;
  const request = codecFor(handler.api, apiVersion).decodeRequest(reader);
  const context: RequestContext = {
    broker,
    connection,
    apiVersion,
    correlationId,
    clientId,
    meter,
    onSent,
    ordered: null,
  };
  const response = handler.run(request, context);
  if (meter !== null) meter.handled();
  const answer = response instanceof Promise
    ? response.then((value) => encode(handler, apiVersion, correlationId, value, meter))
    : encode(handler, apiVersion, correlationId, response, meter);
  return { answer, isPipelined: handler.isPipelined, ordered: context.ordered };
}

function encode(
  handler: Handler,
  version: number,
  correlationId: number,
  response: unknown,
  meter: RequestMeter | null,
): readonly Uint8Array[] {
  if (response === null) return noChunks;
  if (response instanceof EncodedResponse) {
    meter?.answeredEncoded(response);
    return response.frame;
  }
  const value = response as Record<string, unknown>;
  if (meter === null) return encodeResponseFrame(handler.api, version, correlationId, value);
  return meter.answered(
    value,
    { api: handler.api, version },
    (metered) => encodeResponseFrame(handler.api, version, correlationId, metered),
  );
}

function meterOf(broker: Broker, connection: Connection, clientId: string | null, frame: Uint8Array): RequestMeter {
  const client = { user: connection.principalName, clientId: clientId ?? "", sizeBytes: frame.length };
  return new RequestMeter(broker.quotas, connection, client);
}

function unsupportedApiVersions(handler: Handler, correlationId: number): readonly Uint8Array[] {
  return encodeResponseFrame(handler.api, 0, correlationId, {
    errorCode: ErrorCode.UNSUPPORTED_VERSION,
    apiKeys: [{ apiKey: apiVersionsKey, minVersion: handler.minVersion, maxVersion: handler.maxVersion }],
  });
}
