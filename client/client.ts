/**
 * A client of a cluster: the connections and the metadata that producers, consumers and admins made from it share.
 *
 *     const client = new Client({ runtime, brokers: ["127.0.0.1:9092"] });
 *     const producer = client.producer();
 *     await producer.send({ topic: "greetings", value: new TextEncoder().encode("hello") });
 *     await producer.close();
 *     await client.close();
 */
import { findCoordinator } from "../protocol/api/10_find_coordinator.ts";
import { initCrc32c } from "../protocol/crc32c.ts";
import { installZstdWhereMissing } from "../protocol/zstd_wasm.ts";
import { ErrorCode, ProtocolError } from "../protocol/errors.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { Admin } from "./admin.ts";
import { BrokerConnection } from "./connection.ts";
import { Consumer, type ConsumerOptions } from "./consumer.ts";
import { checkErrorCode, ClosedError, ConnectionError, isRetriable } from "./errors.ts";
import { type BrokerAddress, Metadata, type PartitionInfo } from "./metadata.ts";
import { Producer, type ProducerOptions } from "./producer.ts";

export interface ClientOptions {
  readonly runtime: Runtime;
  /** Where to start, as "host:port"; the port is 9092 when left out. */
  readonly brokers: readonly string[];
  /** What brokers call us in their logs. */
  readonly clientId?: string;
  readonly connectTimeoutMs?: number;
  /** For an answer; beyond it the connection is given up. */
  readonly requestTimeoutMs?: number;
}

/** Requests that wait on the broker hold up those behind them, so each kind has a connection of its own. */
export type Purpose = "general" | "produce" | "fetch";

export class Client {
  readonly runtime: Runtime;
  readonly metadata: Metadata;
  readonly requestTimeoutMs: number;
  readonly #bootstrap: readonly { readonly hostname: string; readonly port: number }[];
  readonly #clientId: string;
  readonly #connectTimeoutMs: number;
  /** By node and purpose, or by address before nodes are known. Also while it is being opened. */
  readonly #connections = new Map<string, Promise<BrokerConnection>>();
  readonly #coordinators = new Map<string, Omit<BrokerAddress, "nodeId">>();
  #laneCount = 0;
  #isClosed = false;

  constructor(options: ClientOptions) {
    if (options.brokers.length === 0) throw new TypeError("Cannot make a client without brokers");
    this.runtime = options.runtime;
    this.#bootstrap = options.brokers.map(parseAddress);
    this.#clientId = options.clientId ?? "weir";
    this.#connectTimeoutMs = options.connectTimeoutMs ?? 10_000;
    this.requestTimeoutMs = options.requestTimeoutMs ?? 30_000;
    this.metadata = new Metadata(() => this.anyConnection());
    // Loaded by the time that records arrive.
    void initCrc32c();
    void installZstdWhereMissing();
  }

  producer(options: ProducerOptions = {}): Producer {
    return new Producer(this, options);
  }

  consumer(options: ConsumerOptions = {}): Consumer {
    return new Consumer(this, options);
  }

  admin(): Admin {
    return new Admin(this);
  }

  /** To a broker by its id. @throws {ConnectionError} */
  async connectionTo(nodeId: number, purpose: Purpose = "general"): Promise<BrokerConnection> {
    const address = this.metadata.broker(nodeId);
    if (address === undefined) throw new ConnectionError(`Cannot connect to broker ${nodeId}: it is not known`);
    return await this.#connection(`${purpose} ${nodeId} ${address.hostname}:${address.port}`, address);
  }

  /** To any broker: a known one, else those the client was started with, in turn. @throws {ConnectionError} */
  async anyConnection(): Promise<BrokerConnection> {
    let failure: unknown = null;
    for (const broker of this.metadata.brokers()) {
      try {
        return await this.connectionTo(broker.nodeId);
      } catch (error) {
        if (!(error instanceof ConnectionError)) throw error;
        failure = error;
      }
    }
    for (const address of this.#bootstrap) {
      try {
        return await this.#connection(`${address.hostname}:${address.port}`, address);
      } catch (error) {
        if (!(error instanceof ConnectionError)) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  /** A number under which `onCoordinator` keeps a connection apart: a member that joins holds up all behind it. */
  newLane(): number {
    return ++this.#laneCount;
  }

  /**
   * Runs something on the broker that looks after a group. Where that fails in a way that may be over soon, the
   * coordinator is asked for anew next time.
   */
  async onCoordinator<T>(
    groupId: string,
    run: (connection: BrokerConnection) => Promise<T>,
    lane = 0,
  ): Promise<T> {
    try {
      let address = this.#coordinators.get(groupId);
      if (address === undefined) {
        address = await this.#findCoordinator(groupId);
        this.#coordinators.set(groupId, address);
      }
      return await run(await this.#connection(`group ${lane} ${address.hostname}:${address.port}`, address));
    } catch (error) {
      if (isRetriable(error)) this.#coordinators.delete(groupId);
      throw error;
    }
  }

  async #findCoordinator(groupId: string): Promise<Omit<BrokerAddress, "nodeId">> {
    const connection = await this.anyConnection();
    const what = `Cannot find the coordinator of group "${groupId}"`;
    const response = await connection.send(findCoordinator, { key: groupId, keyType: 0 }, { versionMax: 3 });
    checkErrorCode(response.errorCode, what, response.errorMessage);
    return { hostname: response.host, port: response.port };
  }

  /**
   * The leader of a partition, asked for unless known.
   * @throws {ProtocolError} retriable while there is none
   */
  async leaderOf(topic: string, partition: number): Promise<PartitionInfo> {
    const info = (await this.metadata.topic(topic)).partitions[partition];
    if (info === undefined) {
      throw new ProtocolError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `Topic "${topic}" has no partition ${partition}`);
    }
    if (info.leaderId === -1) {
      this.metadata.forget(topic);
      throw new ProtocolError(ErrorCode.LEADER_NOT_AVAILABLE, `Partition ${partition} of "${topic}" has no leader`);
    }
    return info;
  }

  /** Closes all connections. Close producers and consumers first: what they have not sent is lost. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const connections = [...this.#connections.values()];
    this.#connections.clear();
    for (const result of await Promise.allSettled(connections)) {
      if (result.status === "fulfilled") result.value.close();
    }
  }

  async #connection(key: string, address: Omit<BrokerAddress, "nodeId">): Promise<BrokerConnection> {
    if (this.#isClosed) throw new ClosedError("Cannot connect: the client is closed");
    const known = this.#connections.get(key);
    if (known !== undefined) {
      const connection = await known;
      if (connection.isOpen) return connection;
      // Another caller may have replaced it while we waited.
      if (this.#connections.get(key) !== known) return await this.#connection(key, address);
    }
    const opening = BrokerConnection.open({
      runtime: this.runtime,
      hostname: address.hostname,
      port: address.port,
      clientId: this.#clientId,
      connectTimeoutMs: this.#connectTimeoutMs,
      requestTimeoutMs: this.requestTimeoutMs,
    });
    this.#connections.set(key, opening);
    try {
      const connection = await opening;
      if (!this.#isClosed) return connection;
      connection.close();
      throw new ClosedError("Cannot connect: the client is closed");
    } catch (error) {
      if (this.#connections.get(key) === opening) this.#connections.delete(key);
      throw error;
    }
  }
}

function parseAddress(text: string): { hostname: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(text.trim());
  const port = Number(match?.[3] ?? 9092);
  if (match === null || port < 1 || port > 65_535) {
    throw new TypeError(`Cannot use "${text}" as a broker: host:port is wanted`);
  }
  return { hostname: match[1] ?? match[2]!, port };
}
