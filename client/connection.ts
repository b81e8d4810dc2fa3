/**
 * One connection to a broker: requests go out as they come, answers are matched by correlation id.
 *
 * 1. Brokers answer in order. A request that waits on the broker (a fetch, a join) holds up those behind it, so callers
 *    use a connection of its own for such (`Client`).
 * 2. A request that was not answered in time ends the connection: nobody knows what its broker will do next.
 * 3. When the connection ends, every open request is rejected, once.
 * 4. At most `inFlightMax` requests are open; one more is refused rather than queued.
 */
import { readInt16, readInt32 } from "../protocol/batch.ts";
import { apiVersions } from "../protocol/api/18_api_versions.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { FrameAssembler, FrameSizeError } from "../protocol/frame_assembler.ts";
import { decodeResponseFrame, encodeRequestFrame } from "../protocol/frame.ts";
import type { AnyApi, Api } from "../protocol/schema.ts";
import { MalformedFrame } from "../protocol/wire.ts";
import { NetworkError, type Runtime, type Socket, type SocketHandler, type Timer } from "../runtime/runtime.ts";
import { BufferFullError, checkErrorCode, ConnectionError, UnsupportedVersionError } from "./errors.ts";

export interface ConnectionOptions {
  readonly runtime: Runtime;
  readonly hostname: string;
  readonly port: number;
  readonly clientId: string;
  readonly connectTimeoutMs: number;
  /** For an answer, unless the request says otherwise. */
  readonly requestTimeoutMs: number;
}

export interface SendOptions {
  /** The highest version to use, where a later one is not wanted. */
  readonly versionMax?: number;
  /** Time the broker may take beyond the connection's own limit: for requests that wait there. */
  readonly extraTimeoutMs?: number;
}

interface OpenRequest {
  readonly decode: (payload: Uint8Array) => unknown;
  readonly resolve: (response: never) => void;
  readonly reject: (error: Error) => void;
  readonly timer: Timer;
}

interface VersionRange {
  readonly minVersion: number;
  readonly maxVersion: number;
}

/** Far above any answer a client asks for (`fetchBytesMax`), far below what hurts. */
const responseBytesMax = 256 * 1024 * 1024;
const inFlightMax = 1000;
/** The newest that the client's own name and version are of use in. */
const apiVersionsVersion = 4;

export class BrokerConnection {
  readonly address: string;
  readonly #options: ConnectionOptions;
  readonly #assembler: FrameAssembler;
  readonly #open = new Map<number, OpenRequest>();
  readonly #versions = new Map<number, VersionRange>();
  #socket: Socket | null = null;
  #correlationId = 0;
  #failure: Error | null = null;

  private constructor(options: ConnectionOptions) {
    this.#options = options;
    this.address = `${options.hostname}:${options.port}`;
    this.#assembler = new FrameAssembler({ sizeBytesMax: responseBytesMax, emit: (frame) => this.#answered(frame) });
  }

  /**
   * Connects and learns which versions the broker speaks.
   * @throws {ConnectionError}
   */
  static async open(options: ConnectionOptions): Promise<BrokerConnection> {
    const connection = new BrokerConnection(options);
    const { hostname, port, connectTimeoutMs: timeoutMs } = options;
    try {
      await options.runtime.network.connect({ hostname, port, timeoutMs }, (socket) => {
        connection.#socket = socket;
        return connection.#handler();
      });
    } catch (cause) {
      if (!(cause instanceof NetworkError)) throw cause;
      throw new ConnectionError(cause.message, { cause });
    }
    try {
      await connection.#negotiate();
    } catch (error) {
      connection.close();
      throw error;
    }
    return connection;
  }

  get isOpen(): boolean {
    return this.#failure === null;
  }

  /**
   * The newest version that both sides know.
   * @throws {UnsupportedVersionError} when there is none
   */
  versionOf(api: AnyApi, versionMax: number = api.versions[1]): number {
    const range = this.#versions.get(api.key);
    const version = Math.min(versionMax, range?.maxVersion ?? -1);
    if (range === undefined || version < range.minVersion || version < api.versions[0]) {
      throw new UnsupportedVersionError(`Cannot send ${api.name} to ${this.address}: it has no version that we know`);
    }
    return version;
  }

  /** Sends a request and gives the answer, whose error codes are the caller's affair. */
  async send<Q, QD, R, RD>(api: Api<Q, QD, R, RD>, draft: QD, options: SendOptions = {}): Promise<R> {
    return await this.#send(api, this.versionOf(api, options.versionMax), draft, options.extraTimeoutMs ?? 0);
  }

  /** Sends a request that has no answer (Produce with acks=0). Resolves once it is with the kernel. */
  sendUnanswered<Q, QD, R, RD>(api: Api<Q, QD, R, RD>, draft: QD, options: SendOptions = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== null) return reject(this.#failure);
      const version = this.versionOf(api, options.versionMax);
      const chunks = encodeRequestFrame(api, version, this.#nextCorrelationId(), this.#options.clientId, draft);
      this.#socket!.write(chunks, () => this.#failure === null ? resolve() : reject(this.#failure));
    });
  }

  /** Ends the connection; open requests are rejected. */
  close(): void {
    this.#fail(new ConnectionError(`Cannot use the connection to ${this.address}: it was closed`));
  }

  // ------------------------------------------------------------------------------------------ inside

  #handler(): SocketHandler {
    return {
      data: (chunk) => this.#guard(() => this.#assembler.data(chunk)),
      target: () => this.#assembler.target(),
      filled: (byteCount) => this.#guard(() => this.#assembler.filled(byteCount)),
      drain: () => {},
      close: (cause) =>
        this.#fail(new ConnectionError(`Cannot use the connection to ${this.address}: the broker ended it`, { cause })),
    };
  }

  /** Asks for the broker's versions; one that does not know ours of this request answers in v0 (KIP-511). */
  async #negotiate(): Promise<void> {
    const draft = { clientSoftwareName: "weir", clientSoftwareVersion: "0.1.0" };
    let response = await this.#send(apiVersions, apiVersionsVersion, draft, 0);
    if (response.errorCode === ErrorCode.UNSUPPORTED_VERSION) {
      const version = response.apiKeys.find(({ apiKey }) => apiKey === apiVersions.key)?.maxVersion ?? 0;
      response = await this.#send(apiVersions, Math.min(version, apiVersionsVersion), draft, 0);
    }
    checkErrorCode(response.errorCode, `Cannot ask ${this.address} for its versions`);
    for (const { apiKey, minVersion, maxVersion } of response.apiKeys) {
      this.#versions.set(apiKey, { minVersion, maxVersion });
    }
  }

  #send<Q, QD, R, RD>(api: Api<Q, QD, R, RD>, version: number, draft: QD, extraTimeoutMs: number): Promise<R> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    if (this.#open.size >= inFlightMax) { // (4)
      return Promise.reject(
        new BufferFullError(`Cannot send ${api.name} to ${this.address}: ${inFlightMax} requests are open`),
      );
    }
    const correlationId = this.#nextCorrelationId();
    const chunks = encodeRequestFrame(api, version, correlationId, this.#options.clientId, draft);
    const timeoutMs = this.#options.requestTimeoutMs + extraTimeoutMs;
    return new Promise((resolve, reject) => {
      const timer = this.#options.runtime.timers.after(timeoutMs, () => {
        this.#fail(
          new ConnectionError(`Cannot use the connection to ${this.address}: ${api.name} took over ${timeoutMs} ms`),
        ); // (2)
      });
      this.#open.set(correlationId, {
        decode: (payload) => decodeResponseFrame(api, isVersionRefused(api, payload) ? 0 : version, payload).response,
        resolve,
        reject,
        timer,
      });
      this.#socket!.write(chunks);
    });
  }

  #answered(payload: Uint8Array): void {
    const correlationId = payload.length < 4 ? -1 : readInt32(payload, 0);
    const request = this.#open.get(correlationId);
    if (request === undefined) throw new MalformedFrame(`an answer to request ${correlationId}, which is not open`);
    const response = request.decode(payload);
    this.#open.delete(correlationId);
    request.timer.cancel();
    request.resolve(response as never);
  }

  /** Bytes that are no answer end the connection: there is no telling where the next one starts. */
  #guard(read: () => void): void {
    try {
      if (this.#failure === null) read();
    } catch (cause) {
      if (!(cause instanceof MalformedFrame || cause instanceof FrameSizeError)) throw cause;
      this.#fail(new ConnectionError(`Cannot read from ${this.address}: ${cause.message}`, { cause }));
    }
  }

  #fail(error: Error): void {
    if (this.#failure !== null) return;
    this.#failure = error;
    this.#socket?.destroy();
    for (const request of this.#open.values()) { // (3)
      request.timer.cancel();
      request.reject(error);
    }
    this.#open.clear();
  }

  #nextCorrelationId(): number {
    this.#correlationId = (this.#correlationId + 1) & 0x7fffffff;
    return this.#correlationId;
  }
}

/** The answer to an ApiVersions request whose version the broker does not know is in v0: see it by its error code. */
function isVersionRefused(api: AnyApi, payload: Uint8Array): boolean {
  return api.key === apiVersions.key && payload.length >= 6 && readInt16(payload, 4) === ErrorCode.UNSUPPORTED_VERSION;
}
