/**
 * A broker that says what a test tells it to, on a memory network: for answers that a real one gives only on a bad day.
 * Node 1, topic "t" with two partitions, unless the script says otherwise.
 */
import { apis } from "../../protocol/apis.ts";
import { codecFor } from "../../protocol/codec.ts";
import { decodeRequestHeader, encodeResponseFrame } from "../../protocol/frame.ts";
import { FrameAssembler } from "../../protocol/frame_assembler.ts";
import type { AnyApi, Api } from "../../protocol/schema.ts";
import { Reader } from "../../protocol/wire.ts";
import type { MemoryRuntime } from "../../runtime/memory.ts";
import type { Listener, Socket } from "../../runtime/runtime.ts";

/** Instead of an answer: none at all, or the end of the connection. */
export type Silence = "silence" | "hang up";
type Answer = { readonly draft: unknown } | Silence;

export interface SeenRequest {
  readonly name: string;
  readonly version: number;
  // deno-lint-ignore no-explicit-any -- of any api: tests know which
  readonly request: any;
}

const port = 9092;

export class ScriptedBroker {
  readonly seen: SeenRequest[] = [];
  readonly #runtime: MemoryRuntime;
  readonly #scripts = new Map<string, (request: SeenRequest) => Answer>();
  readonly #sockets = new Set<Socket>();
  #listener: Listener | null = null;

  constructor(runtime: MemoryRuntime) {
    this.#runtime = runtime;
    this.#default("ApiVersions", () => ({
      errorCode: 0,
      apiKeys: apis.map(({ key, versions: [minVersion, maxVersion] }) => ({ apiKey: key, minVersion, maxVersion })),
    }));
    this.#default("Metadata", () => ({
      brokers: [{ nodeId: 1, host: "127.0.0.1", port }],
      clusterId: "scripted",
      topics: [{ errorCode: 0, name: "t", partitions: [partition(0), partition(1)] }],
    }));
    this.#default(
      "InitProducerId",
      () => ({ errorCode: 0, producerId: 70 + this.count("InitProducerId"), producerEpoch: 0 }),
    );
  }

  async start(): Promise<this> {
    const options = { hostname: "127.0.0.1", port };
    this.#listener = await this.#runtime.network.listen(options, (socket) => this.#accept(socket));
    return this;
  }

  /** No listener and no connection is left. */
  stop(): void {
    this.#listener?.close();
    this.hangUp();
  }

  hangUp(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  /** Answers all requests of an api from now on. */
  on<Q, QD, R, RD>(api: Api<Q, QD, R, RD>, answer: (request: Q, version: number) => RD | Silence): void {
    this.#scripts.set(api.name, ({ request, version }) => {
      const given: unknown = answer(request, version);
      return given === "silence" || given === "hang up" ? given : { draft: given };
    });
  }

  /** How many requests of this name came so far. */
  count(name: string): number {
    return this.seen.filter((request) => request.name === name).length;
  }

  #default(name: string, draft: () => unknown): void {
    this.#scripts.set(name, () => ({ draft: draft() }));
  }

  #accept(socket: Socket) {
    this.#sockets.add(socket);
    const assembler = new FrameAssembler({ sizeBytesMax: 1e8, emit: (frame) => this.#receive(socket, frame) });
    return {
      data: (chunk: Uint8Array) => assembler.data(chunk),
      drain() {},
      close: () => void this.#sockets.delete(socket),
    };
  }

  #receive(socket: Socket, frame: Uint8Array): void {
    const reader = new Reader(frame);
    const { apiKey, apiVersion: version, correlationId } = decodeRequestHeader(reader);
    const api = apis.find(({ key }) => key === apiKey) as AnyApi;
    const seen = { name: api.name, version, request: codecFor(api, version).decodeRequest(reader) };
    this.seen.push(seen);
    const answer = this.#scripts.get(api.name)?.(seen) ?? "hang up";
    if (answer === "hang up") socket.destroy();
    else if (answer !== "silence") {
      // A version of ApiVersions that a broker does not know is answered in v0 (KIP-511).
      const isRefusal = api.name === "ApiVersions" && (answer.draft as { errorCode: number }).errorCode === 35;
      socket.write(encodeResponseFrame(api, isRefusal ? 0 : version, correlationId, answer.draft));
    }
  }
}

function partition(partitionIndex: number) {
  return { errorCode: 0, partitionIndex, leaderId: 1, leaderEpoch: 0, replicaNodes: [1], isrNodes: [1] };
}
