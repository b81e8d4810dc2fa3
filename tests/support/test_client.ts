/**
 * One connection to a broker, on our own codecs and node:net: for tests, the kill driver and the benches.
 *
 * Requests may be pipelined; answers come in order. `sendBytes` and `nextFrame` go under the protocol, for bad input.
 */

import { Socket } from "node:net";
import { decodeResponseFrame, encodeRequestFrame } from "../../protocol/frame.ts";
import type { Api } from "../../protocol/schema.ts";
import { withTimeout } from "./broker.ts";

/** The connection ended before the answer came. */
export class ConnectionClosed extends Error {
  override readonly name = "ConnectionClosed";
}

interface Waiter {
  resolve(payload: Uint8Array): void;
  reject(error: Error): void;
}

const connectTimeoutMs = 10_000;
const answerTimeoutMsDefault = 30_000;

export class TestClient {
  /** Resolves when the connection is gone, by either side. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #waiters: Waiter[] = [];
  readonly #unasked: Uint8Array[] = [];
  #assembler = new FrameCutter();
  #isClosed = false;
  #correlationId = 0;

  private constructor(socket: Socket, readonly clientId: string) {
    this.#socket = socket;
    socket.on("data", (chunk: Uint8Array) => this.#assembler.push(chunk, (payload) => this.#receive(payload)));
    socket.on("error", () => {}); // "close" follows
    this.closed = new Promise((resolve) => {
      socket.on("close", () => {
        this.#isClosed = true;
        resolve();
        for (const waiter of this.#waiters.splice(0)) {
          waiter.reject(new ConnectionClosed("The connection was closed before the answer"));
        }
      });
    });
  }

  static async connect(port: number, { hostname = "127.0.0.1", clientId = "test" } = {}): Promise<TestClient> {
    const socket = new Socket();
    socket.setNoDelay(true);
    const connected = new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.connect(port, hostname, () => {
        socket.off("error", reject);
        resolve();
      });
    });
    await withTimeout(connected, connectTimeoutMs, () => `Cannot connect to ${hostname}:${port}`);
    return new TestClient(socket, clientId);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** The port of our end, by which the broker's log names us. */
  get localPort(): number {
    return this.#socket.localPort ?? 0;
  }

  async send<Request, RequestDraft, Response, ResponseDraft>(
    api: Api<Request, RequestDraft, Response, ResponseDraft>,
    version: number,
    draft: RequestDraft,
    { timeoutMs = answerTimeoutMsDefault } = {},
  ): Promise<Response> {
    const correlationId = ++this.#correlationId;
    this.#write(encodeRequestFrame(api, version, correlationId, this.clientId, draft));
    const payload = await withTimeout(this.nextFrame(), timeoutMs, () => `No answer to ${api.name}`);
    const answer = decodeResponseFrame(api, version, payload);
    if (answer.correlationId !== correlationId) {
      throw new Error(`Asked ${api.name} as ${correlationId} and was answered as ${answer.correlationId}`);
    }
    return answer.response;
  }

  /** Sends a request that is not answered. */
  post<Request, RequestDraft, Response, ResponseDraft>(
    api: Api<Request, RequestDraft, Response, ResponseDraft>,
    version: number,
    draft: RequestDraft,
  ): void {
    this.#write(encodeRequestFrame(api, version, ++this.#correlationId, this.clientId, draft));
  }

  /** Bytes as they are, no length in front. */
  sendBytes(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** The payload of the next frame, its length taken off. */
  nextFrame(): Promise<Uint8Array> {
    const payload = this.#unasked.shift();
    if (payload) return Promise.resolve(payload);
    if (this.#isClosed) return Promise.reject(new ConnectionClosed("The connection is closed"));
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  /** Resolves when our bytes are with the kernel and our side is shut. */
  end(): Promise<void> {
    return new Promise((resolve) => this.#socket.end(() => resolve()));
  }

  close(): void {
    this.#socket.destroy();
  }

  #write(chunks: readonly Uint8Array[]): void {
    this.#socket.cork();
    for (const chunk of chunks) this.#socket.write(chunk);
    this.#socket.uncork();
  }

  #receive(payload: Uint8Array): void {
    const waiter = this.#waiters.shift();
    if (waiter) waiter.resolve(payload);
    else this.#unasked.push(payload);
  }
}

/** Cuts a stream into frames: four bytes of length, then the payload. */
class FrameCutter {
  #chunks: Uint8Array[] = [];
  #size = 0;

  push(chunk: Uint8Array, emit: (payload: Uint8Array) => void): void {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    while (this.#size >= 4) {
      const length = this.#length();
      if (this.#size < 4 + length) return;
      emit(this.#take(4 + length).subarray(4));
    }
  }

  #length(): number {
    if ((this.#chunks[0] as Uint8Array).length < 4) {
      const whole = this.#take(this.#size);
      this.#chunks = [whole];
      this.#size = whole.length;
    }
    const { buffer, byteOffset } = this.#chunks[0] as Uint8Array;
    return new DataView(buffer, byteOffset).getInt32(0);
  }

  /** The first `size` bytes, in one array of their own. */
  #take(size: number): Uint8Array {
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size;) {
      const chunk = this.#chunks[0] as Uint8Array;
      const part = chunk.subarray(0, size - at);
      bytes.set(part, at);
      at += part.length;
      if (part.length === chunk.length) this.#chunks.shift();
      else this.#chunks[0] = chunk.subarray(part.length);
    }
    this.#size -= size;
    return bytes;
  }
}
