/**
 * Kafka's own command line tools, run against a broker of ours.
 *
 * The jars are looked for in the `tools` folder of KAFKA_PEER_HOME (~/.cache/kafka-peer), where `bench/kafka/install` puts
 * them. Where they or a JDK are missing, tests are skipped with a line that says so; `WEIR_REQUIRE_MAVEN=1`, which the
 * gate of CI sets, makes that a failure.
 */

import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { withTimeout } from "./broker.ts";

const home = process.env.KAFKA_PEER_HOME ?? join(homedir(), ".cache/kafka-peer");
const java = process.env.JAVA_HOME ? join(process.env.JAVA_HOME, "bin/java") : "java";
const driver = join(dirname(fileURLToPath(import.meta.url)), "KafkaTools.java");
const jars = join(home, "tools");
const toolsJar = /^kafka-tools-\d.*\.jar$/;
const callTimeoutMs = 60_000;

const toolsPackage = "org.apache.kafka.tools.";
/** By the names of their scripts. */
const classes = {
  "acls": `${toolsPackage}AclCommand`,
  "broker-api-versions": `${toolsPackage}BrokerApiVersionsCommand`,
  "client-metrics": `${toolsPackage}ClientMetricsCommand`,
  "cluster": `${toolsPackage}ClusterTool`,
  "configs": "kafka.admin.ConfigCommand",
  "console-consumer": `${toolsPackage}consumer.ConsoleConsumer`,
  "console-producer": `${toolsPackage}ConsoleProducer`,
  "console-share-consumer": `${toolsPackage}consumer.ConsoleShareConsumer`,
  "consumer-groups": `${toolsPackage}consumer.group.ConsumerGroupCommand`,
  "consumer-perf-test": `${toolsPackage}ConsumerPerformance`,
  "delegation-tokens": `${toolsPackage}DelegationTokenCommand`,
  "delete-records": `${toolsPackage}DeleteRecordsCommand`,
  "dump-log": `${toolsPackage}DumpLogSegments`,
  "e2e-latency": `${toolsPackage}EndToEndLatency`,
  "features": `${toolsPackage}FeatureCommand`,
  "get-offsets": `${toolsPackage}GetOffsetShell`,
  "groups": `${toolsPackage}GroupsCommand`,
  "leader-election": `${toolsPackage}LeaderElectionCommand`,
  "log-dirs": `${toolsPackage}LogDirsCommand`,
  "metadata-quorum": `${toolsPackage}MetadataQuorumCommand`,
  "producer-perf-test": `${toolsPackage}ProducerPerformance`,
  "reassign-partitions": `${toolsPackage}reassign.ReassignPartitionsCommand`,
  "replica-verification": `${toolsPackage}ReplicaVerificationTool`,
  "share-consumer-perf-test": `${toolsPackage}ShareConsumerPerformance`,
  "share-groups": `${toolsPackage}consumer.group.ShareGroupCommand`,
  "streams-groups": `${toolsPackage}streams.StreamsGroupCommand`,
  "topics": `${toolsPackage}TopicCommand`,
  "transactional-message-copier": `${toolsPackage}TransactionalMessageCopier`,
  "transactions": `${toolsPackage}TransactionsCommand`,
  "verifiable-consumer": `${toolsPackage}VerifiableConsumer`,
  "verifiable-producer": `${toolsPackage}VerifiableProducer`,
  "verifiable-share-consumer": `${toolsPackage}VerifiableShareConsumer`,
} as const;

export type ToolName = keyof typeof classes;

export interface ToolResult {
  readonly status: number;
  /** What it printed to both outputs. */
  readonly output: string;
  readonly lines: readonly string[];
}

/** Why the tools cannot be run here; null when they can. */
export function whyNoKafkaTools(): string | null {
  const reason = missing();
  if (reason !== null && process.env.WEIR_REQUIRE_MAVEN === "1") throw new Error(reason);
  return reason;
}

/** The command line of a Java program, in its source, that uses what Kafka's tools use. */
export function kafkaToolsCommand(source: string, ...args: readonly string[]): [string, ...string[]] {
  return javaCommand([join(jars, "*")], source, ...args);
}

/** Kafka's tools in a process of their own, which is there as long as this one. */
export class KafkaTools {
  static #shared: KafkaTools | null = null;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #exit: Promise<never>;
  readonly #calls = new Map<string, (answer: ToolResult) => void>();
  #count = 0;
  #errors = "";

  private constructor() {
    // The driver loads the tools themselves.
    const others = readdirSync(jars).filter((name) => !toolsJar.test(name)).map((name) => join(jars, name));
    const tools = readdirSync(jars).find((name) => toolsJar.test(name)) ?? "";
    const [program, ...args] = javaCommand(others, driver, join(jars, tools));
    const child = spawn(program, args, { stdio: "pipe" });
    this.#child = child;
    child.stderr.setEncoding("utf8").on("data", (text: string) => this.#errors += text);
    child.stdin.on("error", () => {}); // its end is told by `#exit`
    this.#exit = new Promise((_, reject) => {
      child.on("error", reject);
      child.on("exit", (code) => reject(new Error(`The tools' process ended with ${code}\n${this.#errors}`)));
    });
    this.#exit.catch(() => {});
    void this.#receive();
  }

  /** The one process for all tests of a run; it ends when its standard input does, with ours. */
  static get(): KafkaTools {
    return KafkaTools.#shared ??= new KafkaTools();
  }

  /** The same, for a file of tests; it stays when they stop it. */
  static start(): KafkaTools {
    return KafkaTools.get();
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }

  /** Runs a tool to its end, as its script would. */
  run(name: ToolName, args: readonly string[], input = ""): Promise<ToolResult> {
    const id = `${++this.#count}`;
    const words = [classes[name], input, ...args].map((word) => Buffer.from(word).toString("base64"));
    const answer = new Promise<ToolResult>((resolve) => this.#calls.set(id, resolve));
    this.#child.stdin.write(`${[id, ...words].join(" ")}\n`);
    const what = () => `"${name} ${args.join(" ")}" did not end`;
    return Promise.race([withTimeout(answer, callTimeoutMs, what), this.#exit]);
  }

  async #receive(): Promise<void> {
    for await (const line of createInterface({ input: this.#child.stdout })) {
      const [id = "", status = "", text = ""] = line.split(" ");
      const output = Buffer.from(text, "base64").toString();
      const lines = output.split("\n").filter((line) => line.trim() !== "");
      this.#calls.get(id)?.({ status: Number(status), output, lines });
      this.#calls.delete(id);
    }
  }
}

function javaCommand(classPath: readonly string[], ...program: readonly string[]): [string, ...string[]] {
  const logging = ["-Dorg.apache.logging.log4j.level=ERROR", "-Dlog4j2.statusLoggerLevel=OFF"];
  const opened = ["--add-opens", "java.base/java.lang=ALL-UNNAMED"]; // the driver looks at its shutdown hooks
  const machine = ["-Xmx512M", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", ...opened];
  return [java, ...machine, ...logging, "-cp", classPath.join(delimiter), ...program];
}

function missing(): string | null {
  if (!existsSync(jars) || !readdirSync(jars).some((name) => toolsJar.test(name))) {
    return `there are no jars of Kafka's tools in "${jars}": bench/kafka/install puts them there`;
  }
  // The JDK's, for the driver is compiled as it is started.
  const { status, stdout } = spawnSync(java, ["--list-modules"], { encoding: "utf8" });
  if (status !== 0) return `there is no "${java}"`;
  return stdout.includes("jdk.compiler") ? null : `"${java}" is not a JDK's`;
}
