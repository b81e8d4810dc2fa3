/**
 * What a request handler is: an API, the versions it serves, and a function from request to response.
 *
 * The list of handlers (`handlers/table.ts`) *is* what the broker supports: ApiVersions is computed from it, so it
 * cannot promise what is not there.
 */
import type { EncodedResponse } from "../protocol/frame.ts";
import type { AnyApi, Api } from "../protocol/schema.ts";
import type { Broker } from "./broker.ts";
import type { Connection } from "./connection.ts";
import type { RequestMeter } from "./quotas/request_meter.ts";

/** What a handler may know of the request besides its content. */
export interface RequestContext {
  readonly broker: Broker;
  readonly connection: Connection;
  readonly apiVersion: number;
  readonly correlationId: number;
  /** As sent; null when the client gave none. */
  readonly clientId: string | null;
  /** What the request uses of its client's limits; null while none are set. */
  readonly meter: RequestMeter | null;
  /**
   * Calls `run` once the response has been handed to the kernel or the connection is gone: the moment when views
   * that the response points to may be released.
   */
  onSent(run: () => void): void;
  /**
   * To be set by a pipelined handler whose ordered part is not done when its call returns: resolves when it is. Until then the
   * connection does not look at its next request, and the frame keeps its memory.
   */
  ordered: Promise<void> | null;
}

/** null: there is no answer (Produce with acks=0). */
export type Answer<Response> = Response | EncodedResponse | null | Promise<Response | EncodedResponse | null>;

export interface Handler {
  readonly api: AnyApi;
  readonly minVersion: number;
  readonly maxVersion: number;
  /**
   * The handler's ordered part is done when its call returns (but see `ordered`); the connection goes on to the next request while the
   * answer is awaited, and the memory of the frame is used again: nothing may keep a view of the request. All other
   * requests of a connection run one at a time, and own their frame.
   */
  readonly isPipelined: boolean;
  readonly run: (request: unknown, context: RequestContext) => Answer<unknown>;
}

/** Declares a handler of `api` for `[min, max]`; the function's types are those of the API's schema. */
export function handle<Request, RequestDraft, Response, ResponseDraft>(
  api: Api<Request, RequestDraft, Response, ResponseDraft>,
  versions: readonly [min: number, max: number],
  run: (request: Request, context: RequestContext) => Answer<ResponseDraft>,
  options: { readonly isPipelined?: boolean } = {},
): Handler {
  return {
    api: api as unknown as AnyApi,
    minVersion: versions[0],
    maxVersion: versions[1],
    isPipelined: options.isPipelined ?? false,
    run: run as Handler["run"],
  };
}
