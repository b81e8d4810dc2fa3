/**
 * Makes kafka_configs.json anew: starts Kafka, asks it for its configs, stops it.
 *
 *     bun tests/golden/java_configs/make.ts PORT        needs Java and the jars of bench/kafka/install
 */

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { kafkaCommand } from "../../../bench/kafka/kafka.ts";
import { parseProperties } from "../../../server/config/properties.ts";
import { BrokerProcess } from "../../support/broker.ts";

const here = dirname(fileURLToPath(import.meta.url));
const port = Number(process.argv[2]);
if (!(port > 0 && port < 65_535)) {
  throw new RangeError("Give the port that Kafka may listen on; it takes the next one too");
}

const dataDirectory = mkdtempSync(join(tmpdir(), "kafka-configs-"));
const broker = await BrokerProcess.start({ target: "kafka", port, dataDirectory });
try {
  const [java, ...options] = kafkaCommand({ port, dataDirectory });
  const classPath = options[options.indexOf("-cp") + 1]!;
  const made = spawnSync(java, ["-cp", classPath, join(here, "KafkaConfigs.java"), `127.0.0.1:${port}`], {
    encoding: "utf8",
    maxBuffer: 16 * 1024 * 1024,
  });
  if (made.status !== 0) throw new Error(`KafkaConfigs failed: ${made.stderr}`);
  const properties = parseProperties(readFileSync(join(dataDirectory, "server.properties"), "utf8"));
  const given = Object.fromEntries(properties.map(({ name, value }) => [name, value]));
  const text = `{"given":${JSON.stringify(given)},\n${made.stdout.trim().slice(1)}\n`;
  writeFileSync(join(here, "kafka_configs.json"), text.replaceAll(dataDirectory, "/kafka"));
} finally {
  await broker.dispose();
  rmSync(dataDirectory, { recursive: true, force: true });
}
