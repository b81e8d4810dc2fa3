/**
 * Which configs the product reads, found in its source: what a table says to have no effect must not be read, and the
 * other way round.
 */

import { brokerConfigs } from "../../server/config/broker_configs.ts";
import type { ConfigDefinition } from "../../server/config/definition.ts";
import { clientMetricsConfigs } from "../../server/config/client_metrics_configs.ts";
import { groupConfigs } from "../../server/config/group_configs.ts";
import { topicConfigs } from "../../server/config/topic_configs.ts";
import { type SourceFile, sourceFiles } from "./source.ts";

type Table = Readonly<Record<string, ConfigDefinition & { readonly brokerName?: string | null }>>;

/** Reads a config only to compare it with another. */
const comparing = new Set(["server/config/order.ts", "server/config/alter.ts"]);
/** The rule of the config is its use. */
const usedByRule = ["authorizer.class.name"];
/** Hands a topic's configs on to the log, which may or may not look at them. */
const handingOn = "server/config/topic_config.ts";

/** Names that are read, of each table: directly, or as the default of one that is. */
export function configsInUse(): {
  readonly broker: Set<string>;
  readonly topic: Set<string>;
  readonly group: Set<string>;
  readonly clientMetrics: Set<string>;
} {
  const files = sourceFiles();
  const server = files.filter(({ path, folder }) => folder === "server" && !comparing.has(path) && path !== handingOn);
  const read = new Set(server.flatMap((file) => namesRead(file)));
  const topicRead = new Set([...read, ...namesThatLogsRead(files)]);
  const topic = inTable(topicConfigs, topicRead);
  const group = inTable(groupConfigs, read);
  const broker = inTable(brokerConfigs, new Set([...read, ...usedByRule]));
  for (const [table, used] of [[topicConfigs, topic], [groupConfigs, group]] as [Table, Set<string>][]) {
    for (const name of used) {
      const { brokerName } = table[name]!;
      if (brokerName) broker.add(brokerName);
    }
  }
  // A set grows while it is walked: fallbacks of fallbacks are found too.
  for (const name of broker) {
    const { fallbacks }: ConfigDefinition = brokerConfigs[name as keyof typeof brokerConfigs];
    for (const fallback of fallbacks) broker.add(fallback.name);
  }
  return { broker, topic, group, clientMetrics: inTable(clientMetricsConfigs, read) };
}

function inTable(table: Table, names: ReadonlySet<string>): Set<string> {
  return new Set([...names].filter((name) => Object.hasOwn(table, name)));
}

/** `config.get("name")` and its like; not in comments. */
function namesRead({ text, code }: SourceFile): string[] {
  return [...code.matchAll(/\.\s*(?:get|explicit)\(\s*"/g)].map(({ index, 0: { length } }) =>
    text.slice(index + length, text.indexOf('"', index + length))
  );
}

/** Topic configs that are handed to the log under a name that is mentioned somewhere but where it is declared. */
function namesThatLogsRead(files: readonly SourceFile[]): string[] {
  const source = files.find(({ path }) => path === handingOn)!;
  const readers = files.filter(({ path }) =>
    /^(storage|server\/partitions)\//.test(path) && path !== "storage/log_config.ts"
  );
  const isUsed = (field: string) => readers.some(({ code }) => new RegExp(`\\b${field}\\b`).test(code));
  const names: string[] = [];
  let field = "";
  for (const line of source.text.split("\n")) {
    field = /^ {4}(\w+): /.exec(line)?.[1] ?? field;
    // What is read into a variable first is used under its name: `policy` and `ms`.
    const isVariable = /^ {2}(?:const|return) /.test(line);
    for (const [, name] of line.matchAll(/topic\.get\("([^"]+)"\)/g)) {
      if (isVariable || isUsed(field)) names.push(name!);
    }
  }
  return names;
}
