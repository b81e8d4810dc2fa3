/** What `weir help configs` and `weir help NAME` print, from the tables of configs. */

import { brokerConfigs, brokerConfigSubjects } from "../server/config/broker_configs.ts";
import { clientMetricsConfigs } from "../server/config/client_metrics_configs.ts";
import type { ConfigDefinition, UpdateMode } from "../server/config/definition.ts";
import { groupConfigs } from "../server/config/group_configs.ts";
import { topicConfigs } from "../server/config/topic_configs.ts";
import { allowedText, defaultText, documentationText } from "../server/config/values.ts";

type Table = Readonly<Record<string, ConfigDefinition & { readonly brokerName?: string | null }>>;

export const updateModeWords: Record<UpdateMode, string> = {
  "read-only": "at a restart",
  "per-broker": "while running, for one broker",
  "cluster-wide": "while running, for one broker or all",
};

/** All configs of the broker and of topics with their defaults, by subject. */
export function configListText(): string {
  const subjects: readonly (readonly [string, Table])[] = [...brokerConfigSubjects, [
    "Topics, each its own",
    topicConfigs,
  ]];
  return subjects.map(([subject, table]) => {
    const rows = Object.entries(table).filter(([, { isInternal }]) => !isInternal);
    const width = Math.max(...rows.map(([name]) => name.length));
    const lines = rows.map(([name, definition]) => `  ${name.padEnd(width)}  ${inheritedText(definition)}\n`);
    return `${subject}\n${lines.join("")}`;
  }).join("\n");
}

/** null when there is no config of that name. */
export function configHelpText(name: string): string | null {
  const tables: readonly (readonly [string, Table])[] = [
    ["broker", brokerConfigs],
    ["topic", topicConfigs],
    ["group", groupConfigs],
    ["client metrics", clientMetricsConfigs],
  ];
  const found = tables.filter(([, table]) => Object.hasOwn(table, name));
  if (found.length === 0) return null;
  return found.map(([kind, table]) => explain(name, kind, table[name]!)).join("\n");
}

function explain(name: string, kind: string, definition: Table[string]): string {
  const altered = kind === "broker" ? updateModeWords[definition.updateMode] : `for each ${kind}, while running`;
  return `${name} (${kind})\n\n${documentationText(definition)}\n\n` +
    `  type     ${definition.type}\n` +
    `  default  ${inheritedText(definition)}\n` +
    `  allowed  ${allowedText(definition)}\n` +
    `  altered  ${altered}\n`;
}

function inheritedText(definition: Table[string]): string {
  const own = defaultText(definition) || '""';
  return definition.brokerName ? `${own} (the broker's ${definition.brokerName})` : own;
}
