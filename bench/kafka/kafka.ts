/**
 * Apache Kafka, as a rival in benchmarks and as the judge of what black-box tests expect: one node, KRaft, plaintext.
 * Jars come from `bench/kafka/install`.
 */

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const home = process.env.KAFKA_PEER_HOME ?? join(homedir(), ".cache/kafka-peer");
export const java = process.env.JAVA_HOME ? join(process.env.JAVA_HOME, "bin/java") : "java";

export const brokerJars = join(home, "broker");

export interface KafkaOptions {
  readonly port: number;
  readonly dataDirectory: string;
  readonly config?: Readonly<Record<string, string | number | boolean>>;
}

/** Puts Kafka's jars in place, unless they are there. */
export function installKafka(): void {
  run(join(here, "install"));
}

/** The command line of a broker; formats the folder when it is new. The controller listens on the next port. */
export function kafkaCommand({ port, dataDirectory, config = {} }: KafkaOptions): [string, ...string[]] {
  installKafka();
  mkdirSync(dataDirectory, { recursive: true });
  const file = join(dataDirectory, "server.properties");
  const settings = { ...stockConfig(port, dataDirectory), ...config };
  writeFileSync(file, Object.entries(settings).map(([name, value]) => `${name}=${value}\n`).join(""));
  const classPath = join(brokerJars, "*");
  if (!existsSync(join(dataDirectory, "log/meta.properties"))) {
    const format = ["format", "--standalone", "--cluster-id", "weir-bench-cluster-AAA", "--config", file];
    run(
      java,
      "-Xmx256M",
      "-XX:TieredStopAtLevel=1",
      "-XX:+UseSerialGC",
      ...logging("error"),
      "-cp",
      classPath,
      "kafka.tools.StorageTool",
      ...format,
    );
  }
  // Kafka's own start script: 1 GiB of heap, G1.
  const machine = ["-Xmx1G", "-Xms1G", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"];
  return [java, ...machine, ...logging("warn"), "-cp", classPath, "kafka.Kafka", file];
}

/** The command line of one of Kafka's tools, by its class. */
export function kafkaToolCommand(className: string, ...args: readonly string[]): [string, ...string[]] {
  installKafka();
  return [java, "-Xmx512M", "-XX:+UseSerialGC", ...logging("error"), "-cp", join(home, "tools/*"), className, ...args];
}

/** What the distribution's own server.properties says. */
function stockConfig(port: number, dataDirectory: string): Record<string, string | number> {
  const listeners = `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${port + 1}`;
  return {
    "process.roles": "broker,controller",
    "node.id": 1,
    "controller.quorum.bootstrap.servers": `127.0.0.1:${port + 1}`,
    "listeners": listeners,
    "advertised.listeners": listeners,
    "inter.broker.listener.name": "PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "log.dirs": join(dataDirectory, "log"),
    "offsets.topic.replication.factor": 1,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
  };
}

function logging(level: string): string[] {
  return [`-Dorg.apache.logging.log4j.level=${level.toUpperCase()}`, "-Dlog4j2.statusLoggerLevel=OFF"];
}

function run(command: string, ...args: readonly string[]): void {
  const { status, stderr, stdout, error } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`"${command} ${args.join(" ")}" failed: ${error?.message ?? ""}${stdout}${stderr}`);
}
