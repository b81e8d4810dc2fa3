/**
 * What tests need that put the same to Weir and to Apache Kafka and compare: a Kafka, started once for all of them.
 *
 * It has heard of what the tests before did, Weir has not: names are a test's own, and lists are compared row by row of those.
 */

import { spawn } from "node:child_process";
import { BrokerProcess, target } from "./broker.ts";
import { whyNoKafkaTools } from "./kafka_tools.ts";

/** Of both brokers, beside their defaults: few partitions of internal topics, and nothing waited for. */
export const pairConfig = {
  "node.id": 1,
  "group.initial.rebalance.delay.ms": 0,
  "offsets.topic.num.partitions": 5,
  // A group's assignment is made with the request that calls for it, so that answers do not depend on when they are asked for.
  "group.consumer.assignment.interval.ms": 0,
  "group.consumer.assignor.offload.enable": false,
  "group.share.assignment.interval.ms": 0,
  "group.share.min.heartbeat.interval.ms": 500,
  "group.share.heartbeat.interval.ms": 500,
  "group.share.assignor.offload.enable": false,
  "group.streams.initial.rebalance.delay.ms": 0,
  "group.streams.assignment.interval.ms": 0,
  "group.streams.assignor.offload.enable": false,
  "share.coordinator.state.topic.num.partitions": 3,
  "share.coordinator.state.topic.replication.factor": 1,
  "share.coordinator.state.topic.min.isr": 1,
  "share.coordinator.snapshot.update.records.per.snapshot": 2,
  "transaction.state.log.num.partitions": 5,
  "transaction.abort.timed.out.transaction.cleanup.interval.ms": 100,
};

/** Against hanging, while all of it starts at once. */
export const pairTimeoutMs = 180_000;

let kafka: Promise<BrokerProcess> | null = null;

/** The one Kafka of a run; it ends with this process. */
export function sharedKafka(): Promise<BrokerProcess> {
  return kafka ??= startKafka();
}

async function startKafka(): Promise<BrokerProcess> {
  const broker = await BrokerProcess.start({ target: "kafka", config: pairConfig, readyTimeoutMs: pairTimeoutMs });
  // Nothing tells the last test of a run: what reads from this process sees it end.
  const watch = 'cat; kill -9 "$0"; while kill -0 "$0" 2>&1; do sleep 0.1; done; rm -rf "$1"';
  spawn("sh", ["-c", watch, `${broker.pid}`, broker.dataDirectory], { stdio: ["pipe", "ignore", "ignore"] });
  return broker;
}

/**
 * Why a test does not compare what Kafka's tools say of both; null when it does. What they say does not depend on the
 * runtime, so it is compared on one: `WEIR_BESIDE_KAFKA=1` has it compared on any.
 */
export function whyNotBesideKafka(): string | null {
  if (target === "kafka") return "it is the rival";
  if (target !== "bun" && process.env.WEIR_BESIDE_KAFKA !== "1") {
    return `"${target}" says what "bun" says, unless WEIR_BESIDE_KAFKA=1`;
  }
  return whyNoKafkaTools();
}
