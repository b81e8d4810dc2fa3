/**
 * The broker's open ports and the connections on them: limits, idleness, the end.
 *
 * A newcomer beyond a limit is closed at once (`connection_limits.ts`); `connections.max.idle.ms` closes who has been silent.
 */
import type { Listener as OpenPort, Socket, SocketHandler, Timer } from "../runtime/runtime.ts";
import type { Broker } from "./broker.ts";
import type { Listener } from "./config/listeners.ts";
import { Connection } from "./connection.ts";
import { ConnectionLimits } from "./connection_limits.ts";
import { HeldSockets } from "./held_sockets.ts";

/** How often idle connections are looked for; how late one may be closed. */
const IDLE_SWEEP_MS = 10_000;

/** How long a connection that was cut may take to be gone. */
const CUT_WITHIN_MS = 1_000;

const ignoreEverything: SocketHandler = { data() {}, drain() {}, close() {} };

export class Listeners {
  readonly #broker: Broker;
  readonly #ports: OpenPort[] = [];
  readonly #connections = new Set<Connection>();
  readonly #limits: ConnectionLimits;
  readonly #countByHost = new Map<string, number>();
  readonly #held: HeldSockets;
  #nextId = 1;
  #sweep: Timer | null = null;

  constructor(broker: Broker) {
    this.#broker = broker;
    this.#limits = new ConnectionLimits(broker.config, broker.runtime.clock);
    this.#held = new HeldSockets(broker.runtime.timers);
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  /**
   * Binds one listener. `bound` is told of it, with the port taken where 0 was asked for, before the first connection
   * is accepted.
   * @throws {NetworkError}
   */
  async open(listener: Listener, bound: (listener: Listener) => void): Promise<Listener> {
    const { network, timers } = this.#broker.runtime;
    let opened = listener;
    const port = await network.listen(
      { hostname: listener.host, port: listener.port },
      (socket) => this.#accept(opened, socket),
    );
    this.#ports.push(port);
    opened = { ...listener, port: port.port, advertisedPort: listener.advertisedPort || port.port };
    bound(opened);
    this.#sweep ??= timers.after(IDLE_SWEEP_MS, this.#closeIdle);
    return opened;
  }

  /** No new connections; those that are open go on. */
  stopAccepting(): void {
    for (const port of this.#ports.splice(0)) port.close();
    this.#held.closeAll();
    this.#sweep?.cancel();
    this.#sweep = null;
  }

  /** Lets every connection answer what it has at work, and closes it; those left after `withinMs` are cut. */
  async finish(withinMs: number): Promise<void> {
    if (this.#connections.size === 0) return;
    await new Promise<void>((resolve) => {
      const { timers } = this.#broker.runtime;
      let timer = timers.after(withinMs, () => {
        for (const connection of this.#connections) connection.destroy();
        timer = timers.after(CUT_WITHIN_MS, resolve); // Their views of logs are given back before the logs are closed.
      });
      this.#whenEmpty = () => {
        timer.cancel();
        resolve();
      };
      for (const connection of this.#connections) connection.finish();
    });
  }

  #whenEmpty: (() => void) | null = null;

  #accept(listener: Listener, socket: Socket): SocketHandler {
    const { logger, quotas, runtime } = this.#broker;
    const host = socket.remoteHostname;
    const heldMs = quotas.connections.admit(host, quotas.nowMs());
    if (heldMs > 0) {
      logger.warn("connection refused", { remote: `${host}:${socket.remotePort}`, reason: "connects too often" });
      return this.#held.hold(socket, heldMs);
    }
    const countOfHost = this.#countByHost.get(host) ?? 0;
    const admission = this.#limits.admit(host, { count: this.#connections.size, countOfHost });
    if (admission.kind === "refused") {
      logger.warn("connection refused", {
        remote: `${host}:${socket.remotePort}`,
        reason: admission.reason,
        ofHost: countOfHost,
      });
      socket.destroy();
      return ignoreEverything;
    }
    if (admission.waitMs > 0) {
      socket.pause();
      runtime.timers.after(admission.waitMs, () => socket.resume());
    }
    const connection = new Connection(this.#broker, listener, socket, this.#nextId++);
    this.#connections.add(connection);
    this.#countByHost.set(host, countOfHost + 1);
    connection.onClose(this.#closed);
    return connection;
  }

  /** The same for all connections: one of its own would be memory of each. */
  readonly #closed = (connection: Connection): void => {
    this.#connections.delete(connection);
    const host = connection.remoteHostname;
    const left = this.#countByHost.get(host)! - 1;
    if (left === 0) this.#countByHost.delete(host);
    else this.#countByHost.set(host, left);
    if (this.#connections.size === 0) this.#whenEmpty?.();
  };

  readonly #closeIdle = (): void => {
    const { config, runtime } = this.#broker;
    const limitMs = config.get("connections.max.idle.ms");
    const nowMs = runtime.clock.monotonicMs();
    for (const connection of this.#connections) {
      // One that rests does not read, and so would not notice that its client has gone.
      const isIdle = connection.isIdle || connection.isResting;
      if (limitMs >= 0 && isIdle && nowMs - connection.lastActiveMs > limitMs) connection.destroy();
    }
    this.#sweep = runtime.timers.after(IDLE_SWEEP_MS, this.#closeIdle);
  };
}
