/** A client's connection in the simulated world. */

import { decodeResponseFrame, encodeRequestFrame } from "../../../protocol/frame.ts";
import { FrameAssembler } from "../../../protocol/frame_assembler.ts";
import type { Api } from "../../../protocol/schema.ts";
import type { Socket } from "../../../runtime/runtime.ts";
import { Broken } from "./history.ts";
import { HOSTNAME, PORT, type World } from "./world.ts";
import { joined } from "../../../protocol/bytes.ts";

/** The broker is not there, went away, or took too long. */
export class LinkBroken extends Error {
  override readonly name = "LinkBroken";
}

interface Waiter {
  readonly resolve: (payload: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

/** A client's connection, made when it is needed. Requests may be pipelined; answers come in order. */
export class Link {
  readonly #world: World;
  readonly #name: string;
  #socket: Socket | null = null;
  #opening: Promise<Socket> | null = null;
  #waiters: Waiter[] = [];
  #unsent: Uint8Array[] = [];
  #correlationId = 0;

  constructor(world: World, name: string) {
    this.#world = world;
    this.#name = name;
  }

  async open(): Promise<void> {
    if (this.#socket !== null) return;
    await (this.#opening ??= this.#connect().finally(() => this.#opening = null));
  }

  /** Sends now, on the open connection. @throws {LinkBroken} */
  async send<Request, RequestDraft, Response, ResponseDraft>(
    api: Api<Request, RequestDraft, Response, ResponseDraft>,
    version: number,
    draft: RequestDraft,
    timeoutMs = 15_000,
  ): Promise<Response> {
    const socket = this.#socket;
    if (socket === null) throw new LinkBroken("not connected");
    const correlationId = ++this.#correlationId;
    const timer = this.#world.runtime.timers.after(timeoutMs, () => {
      this.#world.note(`${this.#name}: no answer to ${api.name} in ${timeoutMs} ms`);
      this.close();
    });
    try {
      const payload = await new Promise<Uint8Array>((resolve, reject) => {
        this.#waiters.push({ resolve, reject });
        this.#write(socket, encodeRequestFrame(api, version, correlationId, this.#name, draft));
      });
      const answer = decodeResponseFrame(api, version, payload);
      if (answer.correlationId !== correlationId) {
        throw new Broken(`answer ${answer.correlationId} came to request ${correlationId}`);
      }
      return answer.response;
    } finally {
      timer.cancel();
    }
  }

  /** Connects first where that is needed. @throws {LinkBroken} */
  async ask<Request, RequestDraft, Response, ResponseDraft>(
    api: Api<Request, RequestDraft, Response, ResponseDraft>,
    version: number,
    draft: RequestDraft,
  ): Promise<Response> {
    await this.open();
    return await this.send(api, version, draft);
  }

  /** At once, or on a bad network in pieces. */
  #write(socket: Socket, chunks: readonly Uint8Array[]): void {
    if (!this.#world.troubles.hasBadNetwork) return socket.write(chunks);
    // Where the codec cuts depends on what it has encoded before in this process, which a seed does not repeat.
    this.#unsent.push(joined(chunks));
    if (this.#unsent.length === 1) this.#sendPiece(socket);
  }

  #sendPiece(socket: Socket): void {
    const [chunk, ...others] = this.#unsent;
    if (chunk === undefined || this.#socket !== socket) return;
    const byteCount = this.#world.chance(0.8) ? chunk.length : this.#world.int(chunk.length + 1);
    socket.write([chunk.slice(0, byteCount)]);
    this.#unsent = byteCount === chunk.length ? others : [chunk.subarray(byteCount), ...others];
    this.#world.runtime.timers.after(this.#world.chance(0.9) ? 0 : this.#world.int(20), () => this.#sendPiece(socket));
  }

  /** Reads nothing for a while: what the broker sends stays with it. */
  stall(ms: number): void {
    const socket = this.#socket;
    socket?.pause();
    this.#world.runtime.timers.after(ms, () => socket?.resume());
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = null;
    for (const waiter of this.#waiters.splice(0)) waiter.reject(new LinkBroken("closed"));
  }

  async #connect(): Promise<Socket> {
    const { network } = this.#world.runtime;
    try {
      return this.#socket = await network.connect({ hostname: HOSTNAME, port: PORT, timeoutMs: 1_000 }, (socket) => {
        const waiters: Waiter[] = this.#waiters = [];
        this.#unsent = [];
        const assembler = new FrameAssembler({
          sizeBytesMax: 0x7fffffff,
          emit: (payload) => waiters.shift()?.resolve(payload),
        });
        return {
          data: (chunk) => assembler.data(chunk),
          drain() {},
          close: () => {
            if (this.#socket === socket) this.#socket = null;
            for (const waiter of waiters.splice(0)) waiter.reject(new LinkBroken("closed by the broker"));
          },
        };
      });
    } catch (cause) {
      throw new LinkBroken("refused", { cause });
    }
  }
}
