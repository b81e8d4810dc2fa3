/**
 * Configs of the broker: transactions.
 * Names, types, defaults and bounds are Kafka's; the notation is explained in `definition.ts`.
 */

import { boolean, clusterWide, int, short, withoutEffect } from "./definition.ts";

export const transactionsConfigs = {
  "transaction.max.timeout.ms": int(
    900_000,
    "Largest transaction timeout, in milliseconds, that a producer may ask for.",
    { min: 1 },
  ),
  "transactional.id.expiration.ms": int(
    604_800_000,
    "Milliseconds without use after which a transactional id is forgotten.",
    { min: 1 },
  ),
  "transaction.state.log.num.partitions": int(
    50,
    "Partitions of __transaction_state. Not to be changed once the topic exists.",
    { min: 1 },
  ),
  "transaction.state.log.replication.factor": short(
    3,
    "Replicas of __transaction_state. One node alone makes do with one.",
    { min: 1 },
  ),
  "transaction.state.log.min.isr": int(2, "In-sync replicas that __transaction_state needs to be written.", { min: 1 }),
  "transaction.state.log.segment.bytes": int(
    104_857_600,
    "Segment size of __transaction_state in bytes; small, so that it is compacted and loaded quickly.",
    { min: 1 },
  ),
  "transaction.state.log.load.buffer.size": int(
    5_242_880,
    "Bytes read at a time when a coordinator loads transactions.",
    { min: 1, ...withoutEffect },
  ),
  "transaction.abort.timed.out.transaction.cleanup.interval.ms": int(
    10_000,
    "Milliseconds between looks for transactions that have run out of time and must be aborted.",
    { min: 1 },
  ),
  "transaction.remove.expired.transaction.cleanup.interval.ms": int(
    3_600_000,
    "Milliseconds between looks for transactional ids to forget.",
    { min: 1 },
  ),
  "transaction.partition.verification.enable": boolean(
    true,
    "Whether a transactional write is checked against the coordinator, so that none comes in after its transaction has ended.",
    clusterWide,
  ),
  "transaction.two.phase.commit.enable": boolean(
    false,
    "Whether a producer may take part in two-phase commit, where its transactions have no timeout.",
    withoutEffect,
  ),
  "add.partitions.to.txn.retry.backoff.ms": int(
    20,
    "Milliseconds before the broker asks the transaction coordinator again to add a partition.",
    { min: 1, ...withoutEffect },
  ),
  "add.partitions.to.txn.retry.backoff.max.ms": int(
    100,
    "Milliseconds that the broker may spend on repeating the request to add a partition to a transaction.",
    { min: 0 },
  ),
};
