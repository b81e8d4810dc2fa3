/** Whether Apache Kafka's broker can be run here, to compare with. */

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { brokerJars, java } from "../../bench/kafka/kafka.ts";

/** Why it cannot; null when it can. */
export function whyNoKafka(): string | null {
  if (!existsSync(brokerJars) || !readdirSync(brokerJars).some((name) => /^kafka_2.*\.jar$/.test(name))) {
    return `there are no jars of Kafka's broker in "${brokerJars}": bench/kafka/install puts them there`;
  }
  return spawnSync(java, ["-version"]).status === 0 ? null : `there is no "${java}"`;
}
