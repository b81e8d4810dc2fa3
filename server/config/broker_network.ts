/**
 * Configs of the broker: where the broker is reached, and the bounds on connections and requests.
 * Names, types, defaults and bounds are Kafka's; the notation is explained in `definition.ts`.
 */

import { clusterWide, derived, int, intMax, list, long, perBroker, string, withoutEffect } from "./definition.ts";
import { isCountPerHost, isListenerList, isProtocolMap } from "./rules.ts";

export const networkConfigs = {
  "listeners": list(
    ["PLAINTEXT://127.0.0.1:9092"],
    "Addresses to accept clients on, as NAME://HOST:PORT separated by commas. An empty host or 0.0.0.0 means all interfaces; names that are not security protocols are mapped by listener.security.protocol.map.",
    { nonEmpty: true, satisfies: isListenerList, ...perBroker },
  ),
  "advertised.listeners": derived(
    list(
      null,
      "Addresses that clients are told to connect to, as NAME://HOST:PORT separated by commas. When not set, those of listeners, with the name of this host in place of a wildcard.",
      { nonEmpty: true, satisfies: isListenerList },
    ),
    ["listeners", 1],
  ),
  "listener.security.protocol.map": string(
    "SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT",
    "The security protocol of each listener name, as NAME:PROTOCOL separated by commas.",
    { satisfies: isProtocolMap, ...perBroker },
  ),
  "inter.broker.listener.name": string(
    null,
    "Name of the listener that brokers use among themselves. When not set, the one whose protocol is security.inter.broker.protocol.",
  ),
  "security.inter.broker.protocol": string(
    "PLAINTEXT",
    "Security protocol that brokers use among themselves when inter.broker.listener.name is not set.",
    { oneOf: ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"], ...withoutEffect },
  ),
  "early.start.listeners": list(
    null,
    "Listeners that may be opened before the broker has finished starting.",
    withoutEffect,
  ),
  "socket.send.buffer.bytes": int(
    102_400,
    "Size of a connection's send buffer (SO_SNDBUF) in bytes; -1 leaves it to the operating system.",
    withoutEffect,
  ),
  "socket.receive.buffer.bytes": int(
    102_400,
    "Size of a connection's receive buffer (SO_RCVBUF) in bytes; -1 leaves it to the operating system.",
    withoutEffect,
  ),
  "socket.request.max.bytes": int(
    104_857_600,
    "Largest request accepted, in bytes. A connection that announces a larger one is closed before memory is taken for it.",
    { min: 1 },
  ),
  "socket.listen.backlog.size": int(
    50,
    "Connections that the operating system may hold ready before the broker accepts them.",
    { min: 1, ...withoutEffect },
  ),
  "socket.connection.setup.timeout.ms": long(
    10_000,
    "Milliseconds to wait for a connection to another broker to be set up, at the first attempt; it doubles with each failure.",
    withoutEffect,
  ),
  "socket.connection.setup.timeout.max.ms": long(
    30_000,
    "Upper bound, in milliseconds, of the growing wait for a connection to another broker.",
    withoutEffect,
  ),
  "max.connections": int(
    intMax,
    "Connections open at the same time on this broker, all listeners together. At the limit new ones are closed at once.",
    { min: 0, ...clusterWide },
  ),
  "max.connections.per.ip": int(
    intMax,
    "Connections open at the same time from one address; more are closed at once.",
    { min: 0, ...clusterWide },
  ),
  "max.connections.per.ip.overrides": string(
    "",
    "Exceptions to max.connections.per.ip, as HOST:COUNT separated by commas; HOST is an address or localhost.",
    { satisfies: isCountPerHost, ...clusterWide },
  ),
  "max.connection.creation.rate": int(
    intMax,
    "New connections per second on this broker. Those beyond wait, and are closed when they would wait more than 10 seconds.",
    { min: 0, ...clusterWide },
  ),
  "connections.max.idle.ms": long(600_000, "A connection without a request for so many milliseconds is closed."),
  "connections.max.reauth.ms": long(
    0,
    "Milliseconds after which a SASL connection must authenticate again or is closed; 0 never.",
    withoutEffect,
  ),
  "connection.failed.authentication.delay.ms": int(
    100,
    "Milliseconds to wait before a connection that failed to authenticate is closed, to slow down guessing.",
    { min: 0, ...withoutEffect },
  ),
  "request.timeout.ms": int(
    30_000,
    "Milliseconds that a request of this broker to another may take before it is repeated or fails.",
    withoutEffect,
  ),
  "queued.max.requests": int(500, "Requests read from connections and not yet handled, beyond which reading pauses.", {
    min: 1,
    ...withoutEffect,
  }),
  "queued.max.request.bytes": long(
    -1,
    "Bytes of requests read from connections and not yet answered, beyond which reading pauses; -1 leaves the bound to the broker.",
  ),
  "num.network.threads": int(
    3,
    "Number of threads that read and write connections. One event loop serves all of them.",
    { min: 1, ...clusterWide, ...withoutEffect },
  ),
  "num.io.threads": int(
    8,
    "Number of threads that handle requests. One event loop serves all of them.",
    { min: 1, ...clusterWide, ...withoutEffect },
  ),
  "background.threads": int(
    10,
    "Number of threads for housekeeping. Timers on the event loop do it.",
    { min: 1, ...clusterWide, ...withoutEffect },
  ),
  "fetch.max.bytes": int(
    57_671_680,
    "Largest answer to a fetch request, in bytes, whatever the client asks for. The first batch is sent even when it is larger.",
    { min: 1024 },
  ),
  "max.incremental.fetch.session.cache.slots": int(
    1000,
    "Incremental fetch sessions kept; beyond that a client gets full answers.",
    { min: 0 },
  ),
  "max.request.partition.size.limit": int(
    2000,
    "Partitions listed in one answer to DescribeTopicPartitions; the rest comes with the next page.",
    { min: 1 },
  ),
  "fetch.purgatory.purge.interval.requests": int(
    1000,
    "Completed fetches that may wait in the purgatory before it is cleaned. They leave at once.",
    withoutEffect,
  ),
  "producer.purgatory.purge.interval.requests": int(
    1000,
    "Completed produce requests that may wait in the purgatory before it is cleaned. They leave at once.",
    withoutEffect,
  ),
  "delete.records.purgatory.purge.interval.requests": int(
    1,
    "Completed DeleteRecords requests that may wait in the purgatory before it is cleaned. They leave at once.",
    withoutEffect,
  ),
  "share.fetch.purgatory.purge.interval.requests": int(
    1000,
    "Completed share fetches that may wait in the purgatory before it is cleaned. They leave at once.",
    withoutEffect,
  ),
};
