/**
 * A whole broker in memory, and connections to it: real server code on a virtual network, disk and clock.
 */

import { initCrc32c } from "../../protocol/crc32c.ts";
import { decodeResponseFrame, encodeRequestFrame } from "../../protocol/frame.ts";
import { FrameAssembler } from "../../protocol/frame_assembler.ts";
import type { Api } from "../../protocol/schema.ts";
import { createMemoryRuntime, type MemoryRuntime } from "../../runtime/memory.ts";
import type { Runtime, Socket } from "../../runtime/runtime.ts";
import { Broker } from "../../server/broker.ts";
import { BrokerConfig } from "../../server/config.ts";
import { type Logger, silentLogger } from "../../server/log.ts";

export interface MemoryBrokerOptions {
  readonly runtime?: MemoryRuntime;
  /** What the broker itself runs on, where that is not all of `runtime`: a process that can be killed. */
  readonly process?: Runtime;
  readonly overrides?: Readonly<Record<string, string>>;
  readonly logger?: Logger;
}

export class MemoryBroker {
  private constructor(readonly runtime: MemoryRuntime, readonly broker: Broker) {}

  static async start(options: MemoryBrokerOptions = {}): Promise<MemoryBroker> {
    const runtime = options.runtime ?? createMemoryRuntime();
    const overrides = { "log.dirs": "/data", "group.initial.rebalance.delay.ms": "0", ...options.overrides };
    const config = BrokerConfig.parse(
      Object.entries(overrides).map(([name, value]) => ({ source: "override", name, value })),
    );
    const logger = options.logger ?? silentLogger;
    await initCrc32c(); // in real time: virtual time does not know of it
    const broker = Broker.start({ runtime: options.process ?? runtime, config, logger });
    return new MemoryBroker(runtime, await runtime.until(broker));
  }

  async connect(clientId = "test"): Promise<MemoryClient> {
    const { host, port } = this.broker.listeners[0]!;
    return await MemoryClient.connect(this.runtime, { hostname: host, port, clientId });
  }

  /** Virtual time passes until the broker has stopped. */
  async stop(): Promise<void> {
    await this.runtime.until(this.broker.stop());
  }
}

/** One connection; requests may be pipelined, answers come in order. */
export class MemoryClient {
  readonly #waiters: { resolve(payload: Uint8Array): void; reject(error: Error): void }[] = [];
  #socket: Socket | null = null;
  #isClosed = false;
  #correlationId = 0;

  private constructor(readonly runtime: MemoryRuntime, readonly clientId: string) {}

  static async connect(
    runtime: MemoryRuntime,
    options: { readonly hostname: string; readonly port: number; readonly clientId: string },
  ): Promise<MemoryClient> {
    const client = new MemoryClient(runtime, options.clientId);
    const assembler = new FrameAssembler({
      sizeBytesMax: 0x7fffffff,
      emit: (payload) => client.#waiters.shift()?.resolve(payload),
    });
    client.#socket = await runtime.until(runtime.network.connect({ ...options, timeoutMs: 1_000 }, () => ({
      data: (chunk) => assembler.data(chunk),
      drain() {},
      close: () => client.#closed(),
    })));
    return client;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** The answer, once virtual time has gone on far enough for it. */
  async send<Request, RequestDraft, Response, ResponseDraft>(
    api: Api<Request, RequestDraft, Response, ResponseDraft>,
    version: number,
    draft: RequestDraft,
  ): Promise<Response> {
    return await this.runtime.until(this.begin(api, version, draft));
  }

  /** The same without letting time pass. */
  async begin<Request, RequestDraft, Response, ResponseDraft>(
    api: Api<Request, RequestDraft, Response, ResponseDraft>,
    version: number,
    draft: RequestDraft,
  ): Promise<Response> {
    const correlationId = ++this.#correlationId;
    const payload = await this.exchange(encodeRequestFrame(api, version, correlationId, this.clientId, draft));
    const answer = decodeResponseFrame(api, version, payload);
    if (answer.correlationId !== correlationId) throw new Error(`Answer ${answer.correlationId} to ${correlationId}`);
    return answer.response;
  }

  /** Sends bytes as they are and gives the payload of the next frame that comes back. */
  exchange(chunks: readonly Uint8Array[]): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) return reject(new Error("The connection is closed"));
      this.#waiters.push({ resolve, reject });
      this.#socket!.write(chunks);
    });
  }

  /** Sends and expects nothing. */
  post(chunks: readonly Uint8Array[]): void {
    this.#socket!.write(chunks);
  }

  /** Reads no more: what the broker sends stays with it. */
  pause(): void {
    this.#socket!.pause();
  }

  close(): void {
    this.#socket!.destroy();
  }

  #closed(): void {
    this.#isClosed = true;
    for (const waiter of this.#waiters.splice(0)) waiter.reject(new Error("The connection was closed"));
  }
}
