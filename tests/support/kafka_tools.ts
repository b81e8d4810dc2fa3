/**
 * Kafka's own command line tools, run against a broker of ours.
 *
 * The jars are looked for in the `tools` folder of KAFKA_PEER_HOME (~/.cache/kafka-peer), where `bench/kafka/install` puts
 * them. Where they or a JDK are missing, tests are skipped with a line that says so; `WEIR_REQUIRE_MAVEN=1`, which the
 * gate of CI sets, makes that a failure.
 */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { withTimeout } from "./broker.ts";

const home = process.env.KAFKA_PEER_HOME ?? join(homedir(), ".cache/kafka-peer");
const java = process.env.JAVA_HOME ? join(process.env.JAVA_HOME, "bin/java") : "java";
const driver = join(dirname(fileURLToPath(import.meta.url)), "KafkaTools.java");
const callTimeoutMs = 60_000;

const toolsPackage = "org.apache.kafka.tools.";
/** By the names of their scripts. */
const classes = {
  "broker-api-versions": `${toolsPackage}BrokerApiVersionsCommand`,
  "client-metrics": `${toolsPackage}ClientMetricsCommand`,
  "cluster": `${toolsPackage}ClusterTool`,
  "configs": "kafka.admin.ConfigCommand",
  "console-consumer": `${toolsPackage}consumer.ConsoleConsumer`,
  "console-producer": `${toolsPackage}ConsoleProducer`,
  "console-share-consumer": `${toolsPackage}consumer.ConsoleShareConsumer`,
  "consumer-groups": `${toolsPackage}consumer.group.ConsumerGroupCommand`,
  "consumer-perf-test": `${toolsPackage}ConsumerPerformance`,
  "delete-records": `${toolsPackage}DeleteRecordsCommand`,
  "dump-log": `${toolsPackage}DumpLogSegments`,
  "features": `${toolsPackage}FeatureCommand`,
  "get-offsets": `${toolsPackage}GetOffsetShell`,
  "groups": `${toolsPackage}GroupsCommand`,
  "log-dirs": `${toolsPackage}LogDirsCommand`,
  "producer-perf-test": `${toolsPackage}ProducerPerformance`,
  "share-groups": `${toolsPackage}consumer.group.ShareGroupCommand`,
  "streams-groups": `${toolsPackage}streams.StreamsGroupCommand`,
  "topics": `${toolsPackage}TopicCommand`,
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
  const logging = ["-Dorg.apache.logging.log4j.level=ERROR", "-Dlog4j2.statusLoggerLevel=OFF"];
  const machine = ["-Xmx512M", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];
  return [java, ...machine, ...logging, "-cp", join(home, "tools/*"), source, ...args];
}

export class KafkaTools {
  readonly #child: ChildProcess;
  readonly #exit: Promise<never>;
  #answers: AsyncIterator<string>;
  #errors = "";

  private constructor() {
    const [program, ...args] = kafkaToolsCommand(driver);
    const child = spawn(program, args, { stdio: "pipe" });
    this.#child = child;
    this.#answers = linesOf(child.stdout);
    child.stderr.setEncoding("utf8").on("data", (text: string) => this.#errors += text);
    child.stdin.on("error", () => {}); // its end is told by `#exit`
    this.#exit = new Promise((_, reject) => {
      child.on("error", reject);
      child.on("exit", (code) => reject(new Error(`The tools' process ended with ${code}\n${this.#errors}`)));
    });
    this.#exit.catch(() => {});
  }

  static start(): KafkaTools {
    return new KafkaTools();
  }

  /** Runs a tool to its end, as its script would: one at a time. */
  async run(name: ToolName, args: readonly string[], input = ""): Promise<ToolResult> {
    const words = [classes[name], input, ...args].map((word) => Buffer.from(word).toString("base64"));
    this.#child.stdin?.write(`${words.join(" ")}\n`);
    const answer = withTimeout(this.#answers.next(), callTimeoutMs, () => `"${name} ${args.join(" ")}" did not end`);
    const { value } = await Promise.race([answer, this.#exit]);
    const [status = "", text = ""] = String(value).split(" ");
    const output = Buffer.from(text, "base64").toString();
    return { status: Number(status), output, lines: output.split("\n").filter((line) => line.trim() !== "") };
  }

  async stop(): Promise<void> {
    this.#child.stdin?.end();
    await withTimeout(this.#exit.catch(() => {}), callTimeoutMs, () => "The tools' process did not end")
      .catch(() => this.#child.kill("SIGKILL"));
  }
}

function missing(): string | null {
  const jars = join(home, "tools");
  if (!existsSync(jars) || !readdirSync(jars).some((name) => /^kafka-tools-\d.*\.jar$/.test(name))) {
    return `there are no jars of Kafka's tools in "${jars}": bench/kafka/install puts them there`;
  }
  // The JDK's, for the driver is compiled as it is started.
  const { status, stdout } = spawnSync(java, ["--list-modules"], { encoding: "utf8" });
  if (status !== 0) return `there is no "${java}"`;
  return stdout.includes("jdk.compiler") ? null : `"${java}" is not a JDK's`;
}

async function* linesOf(stream: NodeJS.ReadableStream): AsyncGenerator<string, string> {
  let rest = "";
  for await (const chunk of stream.setEncoding("utf8")) {
    const parts = (rest + chunk).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
  return rest;
}
