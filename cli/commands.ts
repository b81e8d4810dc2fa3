/**
 * The command line: one table of commands. Help is printed from it; a command's code is loaded only when it runs, so that
 * `weir serve` does not wait for what it does not use.
 */

import type { Runtime } from "../runtime/runtime.ts";
import { describeOptions, type Options, UsageError } from "./args.ts";
import { version } from "./version.ts";

export interface Command {
  /** What comes after "weir NAME" in the usage line. */
  readonly usage: string;
  /** One line. */
  readonly summary: string;
  /** More about it. */
  readonly details: string;
  readonly options: Options;
  readonly examples: readonly string[];
  readonly load: () => Promise<{ run(runtime: Runtime, args: readonly string[]): Promise<number> }>;
}

export const serveOptions = {
  config: { short: "c", value: "FILE", text: "read configs from FILE, in the form of Kafka's server.properties" },
  port: { short: "p", value: "PORT", text: "listen on PORT: a short form of listeners" },
  data: { short: "d", value: "DIR", text: "keep the data in DIR: a short form of log.dirs" },
  override: { short: "o", value: "NAME=VALUE", repeats: true, text: "set a config, before all else; may be repeated" },
} as const satisfies Options;

const clientOptions = {
  "bootstrap-server": {
    short: "b",
    value: "HOST:PORT",
    text: "a broker of the cluster, or several with commas (127.0.0.1:9092)",
  },
} as const satisfies Options;

export const produceOptions = {
  ...clientOptions,
  "key-separator": {
    short: "k",
    value: "TEXT",
    text: "what stands between key and value in a line; without one, no key",
  },
} as const satisfies Options;

export const consumeOptions = {
  ...clientOptions,
  group: { short: "g", value: "GROUP", text: "read as a member of GROUP, from its committed offsets on" },
  "from-beginning": { text: "begin with the oldest records, not with those still to come" },
  "max-messages": { short: "n", value: "COUNT", text: "stop after COUNT records" },
  "key-separator": { short: "k", value: "TEXT", text: "print the key too, and TEXT between it and the value" },
} as const satisfies Options;

export const inspectOptions = {
  records: { short: "r", text: "show each record of a segment, with key and value" },
  verify: { short: "v", text: "of a folder: read every byte of every file, and compare indexes with their segments" },
  json: { text: "print a line of JSON per finding" },
} as const satisfies Options;

export const selftestOptions = {
  data: {
    short: "d",
    value: "DIR",
    text: "make the scratch folder in DIR, and so on its disk (the folder for temporary files)",
  },
  policy: { value: "POLICIES", text: "flush policies to test, with commas (group,interval,os)" },
  rounds: { short: "n", value: "COUNT", text: "how often each broker is ended (4)" },
  seed: { value: "NUMBER", text: "what to write and when to end: from a run before" },
  override: { short: "o", value: "NAME=VALUE", repeats: true, text: "set a config of the brokers, before all else" },
  json: { text: "print the outcome as JSON" },
} as const satisfies Options;

export const commands: Readonly<Record<string, Command>> = {
  serve: {
    usage: "[--config FILE] [--port PORT] [--data DIR] [--override NAME=VALUE]…",
    summary: "run a broker (also what weir does without a command)",
    details:
      "Configs have Kafka's names. They are taken from --override, then --port and --data, then environment variables\n" +
      "(KAFKA_LOG_RETENTION_MS is log.retention.ms), then --config, then the defaults. Without any, the broker\n" +
      "listens on 127.0.0.1:9092 and keeps its data in ./weir-data.",
    options: serveOptions,
    examples: [
      "weir serve --port 19092 --data /var/lib/weir",
      "weir serve --config server.properties --override log.retention.ms=3600000",
    ],
    load: () => import("./serve.ts"),
  },
  produce: {
    usage: "TOPIC [--key-separator TEXT] [--bootstrap-server HOST:PORT]",
    summary: "send lines of standard input as records",
    details: "Each line is one record. Ends when the input does, once all records are acknowledged.",
    options: produceOptions,
    examples: ["echo hello | weir produce greetings", "echo ada=hello | weir produce greetings --key-separator ="],
    load: () => import("./produce.ts"),
  },
  consume: {
    usage: "TOPIC [--group GROUP] [--from-beginning] [-n COUNT] [--bootstrap-server HOST:PORT]",
    summary: "print records as lines",
    details: "Prints the value of each record as it comes, until it is interrupted or has COUNT.",
    options: consumeOptions,
    examples: ["weir consume greetings --from-beginning", "weir consume greetings --group readers"],
    load: () => import("./consume.ts"),
  },
  inspect: {
    usage: "PATH… [--records] [--verify] [--json]",
    summary: "show what a file or folder of a broker's data holds, and whether it is right",
    details:
      "Reads segments, indexes, snapshots, checkpoints, the folder of a partition, and a whole data folder, of Weir or of\n" +
      "Kafka. Records of the broker's own topics are decoded. Takes no lock and writes nothing, so a broker may run\n" +
      "meanwhile. The exit code is 1 when something is damaged, and a line that begins with ! says what.",
    options: inspectOptions,
    examples: [
      "weir inspect weir-data --verify",
      "weir inspect weir-data/greetings-0",
      "weir inspect weir-data/greetings-0/00000000000000000000.log --records",
    ],
    load: () => import("./inspect.ts"),
  },
  selftest: {
    usage: "durability [--data DIR] [--policy POLICIES] [--rounds COUNT] [--seed NUMBER] [--json]",
    summary: "test what survives a killed process and a power cut, per flush policy",
    details:
      "Starts brokers of its own in a scratch folder, writes to them, ends them in the middle of it, starts them again and\n" +
      "compares what is there with what was acknowledged. Power cuts are simulated, on a disk in memory that loses or\n" +
      "tears what was not synced. Takes one to two minutes, longer on a busy machine; the exit code is 1\n" +
      "when a promise was broken.",
    options: selftestOptions,
    examples: ["weir selftest durability", "weir selftest durability --policy group --rounds 50 --data /var/lib/weir"],
    load: () => import("./selftest.ts"),
  },
};

/** Runs a command line, without the program's name. Gives the exit code. */
export async function runCommandLine(runtime: Runtime, args: readonly string[]): Promise<number> {
  const [first = "serve", ...rest] = args;
  switch (first) {
    case "help":
    case "--help":
    case "-h":
      return await printHelp(runtime, rest[0]);
    case "version":
    case "--version":
    case "-V":
      runtime.process.print(`weir ${version} (${runtime.name} ${runtime.version})\n`);
      return 0;
  }
  // Options alone are for the broker: `weir --port 19092`.
  const [name, its] = first.startsWith("-") ? ["serve", args] : [first, rest];
  const command = findCommand(name);
  if (command === undefined) return refuse(runtime, `Unknown command "${name}"`, "weir help");
  if (its.includes("--help") || its.includes("-h")) return await printHelp(runtime, name);
  try {
    return await (await command.load()).run(runtime, its);
  } catch (error) {
    if (error instanceof UsageError) return refuse(runtime, error.message, `weir help ${name}`);
    throw error;
  }
}

export function helpText(): string {
  const width = Math.max(...Object.keys(commands).map((name) => name.length));
  const lines = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}\n`);
  return `Weir ${version}: an event-streaming broker that speaks the Apache Kafka protocol\n\n` +
    `Usage: weir [COMMAND] [OPTIONS]\n\n${lines.join("")}\n` +
    `weir help COMMAND says more, weir help configs lists the configs, weir help CONFIG explains one.\n`;
}

export function commandHelpText(name: string, command: Command): string {
  return `weir ${name}: ${command.summary}\n\nUsage: weir ${name} ${command.usage}\n\n${command.details}\n\n` +
    `${describeOptions(command.options)}\n${command.examples.map((example) => `  ${example}\n`).join("")}`;
}

// ---------------------------------------------------------------------------------------------- below: how

async function printHelp(runtime: Runtime, name: string | undefined): Promise<number> {
  const text = name === undefined ? helpText() : await helpOn(name);
  if (text === null) return refuse(runtime, `Unknown command or config "${name}"`, "weir help");
  runtime.process.print(text);
  return 0;
}

async function helpOn(name: string): Promise<string | null> {
  const command = findCommand(name);
  if (command !== undefined) return commandHelpText(name, command);
  const { configHelpText, configListText } = await import("./config_help.ts");
  return name === "configs" ? configListText() : configHelpText(name);
}

function refuse(runtime: Runtime, message: string, advice: string): number {
  runtime.process.printError(`weir: ${message}\nTry: ${advice}\n`);
  return 2;
}

function findCommand(name: string): Command | undefined {
  return Object.hasOwn(commands, name) ? commands[name] : undefined;
}
