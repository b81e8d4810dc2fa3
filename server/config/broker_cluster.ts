/**
 * Configs of the broker: the node, its cluster, and Kafka's controller quorum (accepted, without effect).
 * Names, types, defaults and bounds are Kafka's; the notation is explained in `definition.ts`.
 */

import { boolean, int, internal, list, long, longMax, string, withoutEffect } from "./definition.ts";

export const clusterConfigs = {
  "cluster.id": string(null, "Id of the cluster, given to a new data folder. When not set, a random one.", {
    nonEmpty: true,
    ...internal,
  }),
  "node.id": int(1, "Number of this node, unique in its cluster.", { min: 0 }),
  "broker.id": int(-1, "Older name of node.id."),
  "broker.rack": string(
    null,
    "Rack or availability zone of this broker, by which replicas are spread and consumers find a near one.",
  ),
  "process.roles": list(
    ["broker", "controller"],
    "Roles that Kafka gives to this process. A node does both.",
    { oneOf: ["broker", "controller"], nonEmpty: true, distinct: true, ...withoutEffect },
  ),
  "broker.heartbeat.interval.ms": int(
    2000,
    "Milliseconds between signs of life that a broker sends to its cluster.",
    withoutEffect,
  ),
  "broker.session.timeout.ms": int(
    9000,
    "Milliseconds without a sign of life after which a broker is taken for dead.",
    withoutEffect,
  ),
  "initial.broker.registration.timeout.ms": int(
    60_000,
    "Milliseconds that a starting broker tries to register with its cluster before it gives up.",
    withoutEffect,
  ),
  "server.max.startup.time.ms": long(longMax, "Milliseconds that the broker may take to start before it gives up.", {
    min: 0,
    ...internal,
    ...withoutEffect,
  }),
  "controller.listener.names": list([], "Listeners for the controller quorum of Kafka; they are not opened here."),
  "controller.quorum.voters": list(
    [],
    "Voters of Kafka's controller quorum, as ID@HOST:PORT. There is no such quorum here.",
    withoutEffect,
  ),
  "controller.quorum.bootstrap.servers": list(
    [],
    "Addresses at which Kafka's controller quorum is found. There is no such quorum here.",
    withoutEffect,
  ),
  "controller.quorum.auto.join.enable": boolean(
    false,
    "Whether a controller joins Kafka's quorum by itself. There is no such quorum here.",
    withoutEffect,
  ),
  "controller.quorum.append.linger.ms": int(
    25,
    "Milliseconds that the leader of Kafka's quorum collects records before it writes them.",
    { min: 0, ...withoutEffect },
  ),
  "controller.quorum.election.backoff.max.ms": int(
    1000,
    "Most milliseconds before a candidate of Kafka's quorum starts a new election.",
    { min: 0, ...withoutEffect },
  ),
  "controller.quorum.election.timeout.ms": int(
    1000,
    "Milliseconds without a leader before Kafka's quorum holds an election.",
    { min: 0, ...withoutEffect },
  ),
  "controller.quorum.fetch.max.bytes": int(
    1_048_576,
    "Bytes that a fetch within Kafka's quorum returns.",
    { min: 1, ...withoutEffect },
  ),
  "controller.quorum.fetch.snapshot.max.bytes": int(
    1_048_576,
    "Bytes of a snapshot that a fetch within Kafka's quorum returns.",
    { min: 1, ...withoutEffect },
  ),
  "controller.quorum.fetch.timeout.ms": int(
    2000,
    "Milliseconds without a fetch from its leader before a voter of Kafka's quorum becomes a candidate.",
    { min: 0, ...withoutEffect },
  ),
  "controller.quorum.request.timeout.ms": int(
    2000,
    "Milliseconds that a request within Kafka's quorum may take.",
    { min: 0, ...withoutEffect },
  ),
  "controller.quorum.retry.backoff.ms": int(
    20,
    "Milliseconds before a request within Kafka's quorum is repeated.",
    { min: 0, ...withoutEffect },
  ),
  "controller.socket.timeout.ms": int(30_000, "Milliseconds that a request to the controller may take.", withoutEffect),
  "controller.performance.always.log.threshold.ms": long(
    2000,
    "Milliseconds beyond which a slow event of Kafka's controller is always logged.",
    { min: 0, ...internal, ...withoutEffect },
  ),
  "controller.performance.sample.period.ms": long(
    60_000,
    "Milliseconds between logged samples of slow events of Kafka's controller.",
    { min: 100, ...internal, ...withoutEffect },
  ),
  "metadata.log.dir": string(
    null,
    "Directory of the cluster's metadata; the first of log.dirs when not set.",
    withoutEffect,
  ),
  "metadata.log.segment.bytes": int(1_073_741_824, "Size of a segment of the metadata log in bytes.", {
    min: 8_388_608,
    ...withoutEffect,
  }),
  "metadata.log.segment.ms": long(
    604_800_000,
    "Age of a segment of the metadata log, in milliseconds, at which the next one is begun.",
    withoutEffect,
  ),
  "metadata.log.max.record.bytes.between.snapshots": long(
    20_971_520,
    "Bytes of metadata records between two snapshots of the metadata, at most; here never more than 1 MiB.",
    { min: 1 },
  ),
  "metadata.log.max.snapshot.interval.ms": long(
    3_600_000,
    "Milliseconds between two snapshots of the metadata when records came in; 0 makes none by time.",
    { min: 0, ...withoutEffect },
  ),
  "metadata.max.retention.bytes": long(
    104_857_600,
    "Bytes that the metadata log and its snapshots may take before old ones are removed.",
    withoutEffect,
  ),
  "metadata.max.retention.ms": long(
    604_800_000,
    "Milliseconds that old segments and snapshots of the metadata are kept.",
    withoutEffect,
  ),
  "metadata.max.idle.interval.ms": int(
    500,
    "Milliseconds between no-op records of an idle controller of Kafka's quorum; 0 writes none.",
    { min: 0, ...withoutEffect },
  ),
  "internal.metadata.delete.delay.millis": long(
    60_000,
    "Milliseconds before files of the metadata log are removed after being marked as deleted.",
    { ...internal, ...withoutEffect },
  ),
  "internal.metadata.log.segment.bytes": int(
    null,
    "Size of a segment of the metadata log in bytes, for tests.",
    { ...internal, ...withoutEffect },
  ),
  "internal.metadata.max.batch.size.in.bytes": int(8_388_608, "Largest batch of the metadata log in bytes.", {
    ...internal,
    ...withoutEffect,
  }),
  "unstable.api.versions.enable": boolean(
    false,
    "Whether versions of requests that are still in development are served.",
    { ...internal, ...withoutEffect },
  ),
  "unstable.feature.versions.enable": boolean(
    false,
    "Whether versions of features that are still in development can be used.",
    { ...internal, ...withoutEffect },
  ),
};
