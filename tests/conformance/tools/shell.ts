/**
 * What Kafka's tools print at one broker, noted so that two brokers can be compared: what comes up by chance (ports, folders,
 * ids, times) is replaced by labels.
 */

import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type BrokerProcess, until, withTimeout } from "../../support/broker.ts";
import { Dialogue } from "../../support/dialogue.ts";
import { KafkaTools, type ToolName, type ToolResult } from "../../support/kafka_tools.ts";

export interface Note {
  readonly command: string;
  readonly status: number;
  readonly lines: readonly string[];
}

/** Runs at both brokers at once, so that what takes time takes it once. */
export type Script = (shell: Shell) => Promise<void>;
export type Scripts = Readonly<Record<string, Script>>;

export interface RunOptions {
  /** What the tool reads as its standard input. */
  readonly input?: string;
  /** Only rows like this are noted: others are of other tests, or of the moment. */
  readonly rows?: RegExp;
  /** They come in the order of a hash map, or of several threads. */
  readonly isSorted?: boolean;
  /** Columns of a table, by their headings, that have something else each time. */
  readonly without?: readonly string[];
  /** More that is replaced. */
  readonly mask?: readonly (readonly [RegExp, string])[];
  /** The tool ends with another status than 0. What it says of why is compared too. */
  readonly isRefused?: boolean;
}

/** Tools whose first word is a command of theirs, which has the address among its own options. */
const commandFirst: ReadonlySet<string> = new Set<ToolName>(["cluster"]);
/** And those that call it otherwise. */
const addressOptions: Readonly<Record<string, string>> = {
  "transactional-message-copier": "--broker-list",
  "replica-verification": "--broker-list",
};

export class Shell {
  readonly notes: Note[] = [];
  /** For what tools cannot do: to hold a transaction open, say. */
  readonly dialogue: Dialogue;
  /** Where the broker keeps its logs. */
  readonly logDirectory: string;

  constructor(
    readonly broker: BrokerProcess,
    /** Ends the names that the dialogue uses. */
    suffix: string,
    /** For files that tools read. */
    readonly scratch = join(broker.dataDirectory, "no-scratch-folder"),
  ) {
    const kafkas = join(broker.dataDirectory, "log");
    this.logDirectory = existsSync(kafkas) ? kafkas : broker.dataDirectory;
    this.dialogue = new Dialogue(broker.port, suffix);
  }

  /** Runs commands, a line each, and notes what they print; gives what the last one did. */
  async run(commands: string, options: RunOptions = {}): Promise<ToolResult> {
    let result: ToolResult = { status: 0, output: "", lines: [] };
    for (const command of commands.split("\n").map((line) => line.trim()).filter((line) => line !== "")) {
      result = await this.#run(command, options);
      const isRefused = options.isRefused ?? false;
      if ((result.status !== 0) === isRefused) continue;
      throw new Error(`"${command}" ended with status ${result.status}\n${result.output.slice(0, 500)}`);
    }
    return result;
  }

  /** The same with commands that the broker, or the tool, refuses. */
  refuses(commands: string, options: RunOptions = {}): Promise<ToolResult> {
    return this.run(commands, { ...options, isRefused: true });
  }

  /** Runs a command until a row is like this: some brokers take a setting in a while after they have agreed to it. */
  async runUntil(row: RegExp, command: string, options: RunOptions = {}): Promise<void> {
    const count = this.notes.length;
    await until(async () => {
      this.notes.length = count;
      const { lines } = await this.run(command, options);
      return lines.some((line) => row.test(line));
    }, { what: `${row} of "${command}"`, timeoutMs: 20_000 });
  }

  /**
   * Makes a topic, whose partitions all have leaders then. Kafka may refuse the first batch for a new one (NOT_LEADER_OR_FOLLOWER) and
   * take the second; the first is out of order from then on, and its producer asks for ever.
   */
  async topic(name: string, partitionCount = 1): Promise<void> {
    await this.run(`topics --create --topic ${name} --partitions ${partitionCount}\n get-offsets --topic ${name}`);
  }

  /** What a command prints, whether it ends well or not. */
  async says(command: string, options: RunOptions = {}): Promise<Note> {
    await this.#run(command, options);
    return this.notes.at(-1)!;
  }

  /** A file for tools to read; gives its path. */
  file(name: string, content: unknown): string {
    mkdirSync(this.scratch, { recursive: true });
    const path = join(this.scratch, name);
    writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
    return path;
  }

  /** Keys and values in the first segments of an internal topic, as the dump tool prints them. */
  async dump(topic: string, decoder: string): Promise<[key: string, value: string][]> {
    const files = readdirSync(this.logDirectory).filter((name) => name.startsWith(`${topic}-`))
      .map((name) => join(this.logDirectory, name, `${"0".repeat(20)}.log`)).filter((path) => existsSync(path));
    const { status, output, lines } = await KafkaTools.get().run("dump-log", [decoder, "--files", files.join(",")]);
    if (status !== 0) throw new Error(`dump-log ended with status ${status}\n${output}`);
    return lines.flatMap((line): [string, string][] => {
      const [, key, value] = / key: (\{.*\}) payload: (.*)$/.exec(line) ?? [];
      return key === undefined || value === undefined ? [] : [[key, value]];
    });
  }

  async #run(command: string, options: RunOptions): Promise<ToolResult> {
    const [name, ...words] = command.split(/\s+/);
    const at = [addressOptions[name!] ?? "--bootstrap-server", this.broker.address];
    const args = commandFirst.has(name!) ? [words[0] ?? "", ...at, ...words.slice(1)] : [...at, ...words];
    const result = await KafkaTools.get().run(name as ToolName, args, options.input);
    const { status, lines } = result;
    const masked = (options.mask ?? []).reduce((text, [pattern, label]) => text.replaceAll(pattern, label), command);
    this.notes.push({ command: this.#plain(masked), status, lines: this.#noted(lines, options) });
    return result;
  }

  #noted(lines: readonly string[], options: RunOptions): string[] {
    const { rows = /^/, isSorted = false, without = [], mask = [] } = options;
    const plain = lines.filter((line) => !/^\s+at |^\s*\.\.\. \d+ more|^SLF4J/.test(line))
      .map((line) => mask.reduce((text, [pattern, label]) => text.replaceAll(pattern, label), this.#plain(line)));
    const noted = withoutColumns(plain, without).filter((line) => rows.test(line));
    return isSorted ? noted.sort() : noted;
  }

  #plain(line: string): string {
    return line.replaceAll(this.logDirectory, "<logs>").replaceAll(this.scratch, "<scratch>")
      .replaceAll(this.broker.dataDirectory, "<data>")
      .replaceAll(`${this.broker.port}`, "<port>").replaceAll(`${this.broker.port + 1}`, "<controller's port>")
      .replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "<uuid>")
      .replaceAll(/(\w*[iI]d: ?|[iI]d=|ID: |id )[\w-]{22}(?![\w-])/g, "$1<id>")
      .replaceAll(/\b20\d\d[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.:,]\d+)?Z?/g, "<time>")
      .replaceAll(/(?<![.\d])1[5-9]\d{11}(?![.\d])/g, "<time>").replaceAll(/\badminclient-\d+/g, "adminclient")
      .replaceAll(/\s+/g, " ").trim();
  }
}

/** The first line that the brokers have differently; null when there is none. */
export function difference(weir: readonly Note[], kafka: readonly Note[]): string | null {
  for (let index = 0; index < Math.max(weir.length, kafka.length); index++) {
    const [ours, theirs] = [weir[index], kafka[index]];
    const command = theirs?.command ?? ours?.command;
    if (ours?.command !== theirs?.command) return `only one was asked: ${command}`;
    const [here, there] = [linesOf(ours), linesOf(theirs)];
    const line = there.findIndex((text, at) => text !== here[at]);
    const at = line >= 0 ? line : there.length;
    if (here[at] === there[at]) continue;
    return `${command}\nline ${at + 1} differs:\n  Weir:  ${here[at] ?? "(none)"}\n  Kafka: ${there[at] ?? "(none)"}`;
  }
  return null;
}

/** Puts a script to both, and throws what differs first. */
export async function compare(script: Script, weir: Shell, kafka: Shell): Promise<void> {
  const ended = await withTimeout(
    Promise.allSettled([script(weir), script(kafka)]),
    scriptTimeoutMs,
    () => `Only this was done: ${[weir, kafka].map(({ notes }) => notes.at(-1)?.command).join(" · ")}`,
  ).finally(() => [weir, kafka].forEach(({ dialogue }) => dialogue.close()));
  const errors = ended.flatMap((end) => end.status === "rejected" ? [end.reason as Error] : []);
  // One that was given up tells of less than the other; what both told comes first.
  const count = errors.length === 0 ? Infinity : Math.min(weir.notes.length, kafka.notes.length);
  const found = difference(weir.notes.slice(0, count), kafka.notes.slice(0, count));
  if (found !== null) throw new Error([found, ...errors.map(({ message }) => message)].join("\n\n"));
  if (errors.length > 0) throw errors[0];
}

const scriptTimeoutMs = 110_000;

function linesOf(note: Note | undefined): string[] {
  return note === undefined ? [] : [`status ${note.status}`, ...note.lines];
}

/** A row with the columns that the first row calls so replaced. */
function withoutColumns(lines: readonly string[], names: readonly string[]): string[] {
  if (names.length === 0) return [...lines];
  const separator = /,? /;
  const headings = lines.findIndex((line) => names.some((name) => line.split(separator).includes(name)));
  if (headings < 0) return [...lines];
  const columns = lines[headings]!.split(separator);
  return lines.map((line, row) => {
    const cells = line.split(separator);
    if (row <= headings) return line;
    return cells.map((cell, column) => names.includes(columns[column] ?? "") ? "<other>" : cell).join(" ");
  });
}
