/**
 * Where the broker listens and what it tells clients to connect to: `listeners`, `advertised.listeners` and
 * `listener.security.protocol.map` in one structure.
 *
 * Listeners of Kafka's controller quorum are left out: there is no such quorum, nothing would answer there.
 */

import type { BrokerConfig } from "./broker_config.ts";
import { listenerPattern, pairs, type SecurityProtocol } from "./rules.ts";
import { ConfigError } from "./values.ts";

export interface Listener {
  /** Upper case, as Kafka keeps it. */
  readonly name: string;
  /** Address to bind; a wildcard is "0.0.0.0". */
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  readonly protocol: SecurityProtocol;
  /** What clients are told: `advertised.listeners`, else the address to bind with this host's name for a wildcard. */
  readonly advertisedHost: string;
  /** 0 is the port that was bound. */
  readonly advertisedPort: number;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/**
 * @param hostname what a wildcard is advertised as
 * @throws {ConfigError} when the configs contradict each other or ask for what is not there
 */
export function readListeners(config: BrokerConfig, hostname: string): Listener[] {
  const protocols = protocolsByName(config);
  const controllerNames = new Set(config.get("controller.listener.names").map((name) => name.toUpperCase()));
  const listeners: Listener[] = [];
  const advertised = parseListeners(config.explicit("advertised.listeners"));
  for (const [name, address] of parseListeners(config.get("listeners"))) {
    if (controllerNames.has(name)) continue;
    const protocol = protocols.get(name);
    if (protocol === undefined) {
      throw new ConfigError(
        "listeners",
        text(config, "listeners"),
        `listeners named in listener.security.protocol.map; ${name} is not`,
      );
    }
    if (protocol !== "PLAINTEXT") {
      throw new ConfigError(
        "listeners",
        text(config, "listeners"),
        `listeners with the protocol PLAINTEXT; ${name} has ${protocol}, which is not supported yet`,
      );
    }
    const { host, port } = advertised.get(name) ?? address;
    listeners.push({
      name,
      host: isWildcard(address.host) ? "0.0.0.0" : address.host,
      port: address.port,
      protocol,
      advertisedHost: isWildcard(host) ? hostname : host,
      advertisedPort: port,
    });
  }
  checkAdvertised(config, advertised, listeners, controllerNames);
  if (listeners.length === 0) {
    throw new ConfigError(
      "listeners",
      text(config, "listeners"),
      "at least one listener that is not in controller.listener.names",
    );
  }
  const between = config.get("inter.broker.listener.name")?.toUpperCase();
  if (between !== undefined && !listeners.some((listener) => listener.name === between)) {
    throw new ConfigError(
      "inter.broker.listener.name",
      between,
      `one of ${listeners.map((listener) => listener.name).join(", ")}`,
    );
  }
  return listeners;
}

/** Listeners by name, in the order given; IPv6 addresses without their brackets. */
export function parseListeners(values: readonly string[] | null): Map<string, Address> {
  const listeners = new Map<string, Address>();
  for (const value of values ?? []) {
    const match = listenerPattern.exec(value);
    if (match === null) continue; // The config's rule has refused it already.
    const [, name = "", host = "", port = ""] = match;
    listeners.set(name.toUpperCase(), { host: host.replace(/^\[(.*)\]$/, "$1"), port: Number(port) });
  }
  return listeners;
}

export function formatListener(name: string, { host, port }: Address): string {
  return `${name}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

export function isWildcard(host: string): boolean {
  return host === "" || host === "0.0.0.0" || host === "::";
}

// ---------------------------------------------------------------------------------------------- below: how

function protocolsByName(config: BrokerConfig): Map<string, SecurityProtocol> {
  const protocols = new Map<string, SecurityProtocol>();
  for (const [name = "", protocol = ""] of pairs(config.get("listener.security.protocol.map"))) {
    protocols.set(name.toUpperCase(), protocol.toUpperCase() as SecurityProtocol);
  }
  return protocols;
}

function checkAdvertised(
  config: BrokerConfig,
  advertised: ReadonlyMap<string, Address>,
  listeners: readonly Listener[],
  controllerNames: ReadonlySet<string>,
): void {
  for (const [name, address] of advertised) {
    if (controllerNames.has(name)) continue;
    if (!listeners.some((listener) => listener.name === name)) {
      const names = listeners.map((listener) => listener.name).join(", ");
      throw new ConfigError(
        "advertised.listeners",
        text(config, "advertised.listeners"),
        `among the names in listeners (${names}); ${name} is not`,
      );
    }
    if (address.host === "0.0.0.0" || address.host === "::") {
      throw new ConfigError(
        "advertised.listeners",
        text(config, "advertised.listeners"),
        `addresses that clients can connect to; ${address.host} is not`,
      );
    }
  }
}

function text(config: BrokerConfig, name: "listeners" | "advertised.listeners"): string {
  return config.get(name).join(",");
}
