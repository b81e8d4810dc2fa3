/**
 * Prints docs/configuration.md from the tables that the broker itself uses: bun scripts/configuration.ts
 *
 * A test fails when the page is out of date.
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { updateModeWords } from "../cli/config_help.ts";
import { brokerConfigSubjects } from "../server/config/broker_configs.ts";
import { clientMetricsConfigs } from "../server/config/client_metrics_configs.ts";
import type { ConfigDefinition } from "../server/config/definition.ts";
import { groupConfigs } from "../server/config/group_configs.ts";
import { topicConfigs } from "../server/config/topic_configs.ts";
import { allowedText, defaultText, documentationText } from "../server/config/values.ts";

export const pagePath = fileURLToPath(new URL("../docs/configuration.md", import.meta.url));

type Table = Readonly<Record<string, ConfigDefinition & { readonly brokerName?: string | null }>>;

export function configurationPage(): string {
  return `# Configuration

Printed by \`scripts/configuration.ts\` from the tables in \`server/config/\`; do not edit. \`weir help NAME\` says the same of one
config, and so does DescribeConfigs.

Names are Kafka's, all that a Kafka 4.4 broker has; \`log.flush.policy\`, \`log.open.files.max\`, \`log.scrub.*\`,
\`crc32c.native.enable\` and a topic's \`flush.policy\` are ours. A config that nothing here needs, or not yet, is accepted and shown, and its
text ends by saying so; an unknown name is a warning; a bad value ends the start with exit code 2.

Given at start, the first of these wins:

1. \`--override NAME=VALUE\`
2. \`--port\` and \`--data\`, short forms of \`listeners\` and \`log.dirs\`
3. the environment, by the rule of the apache/kafka image: \`KAFKA_\` and the name in capitals, \`_\` for ".", \`__\` for "_", \`___\` for
   "-"; \`CLUSTER_ID\` for the cluster's id
4. \`--config FILE\`, in the form of \`server.properties\`
5. the default

What is altered while the broker runs (by AlterConfigs, \`kafka-configs\`) is before all of these: first for this broker, then for all
brokers. A topic's or a group's own config is before the broker's.

${brokerConfigSubjects.map(([subject, table]) => brokerSection(subject, table)).join("\n")}
## Topics

${table(topicConfigs, "the broker's", ({ brokerName }) => code(brokerName))}
## Groups

${table(groupConfigs, "the broker's", ({ brokerName }) => code(brokerName))}
## Client metrics subscriptions

${table(clientMetricsConfigs, null, () => "")}`;
}

function brokerSection(subject: string, configs: Table): string {
  return `## ${subject}\n\n${table(configs, "altered", ({ updateMode }) => updateModeWords[updateMode])}`;
}

function table(configs: Table, extraTitle: string | null, extra: (definition: Table[string]) => string): string {
  const titles = ["name", "type", "default", "allowed", ...(extraTitle === null ? [] : [extraTitle]), "meaning"];
  const rows = Object.entries(configs).filter(([, { isInternal }]) => !isInternal).map(([name, definition]) => [
    code(name),
    definition.type,
    code(defaultText(definition)),
    allowedText(definition),
    ...(extraTitle === null ? [] : [extra(definition)]),
    documentationText(definition),
  ]);
  return [titles, titles.map(() => "---"), ...rows].map((cells) => `| ${cells.map(escape).join(" | ")} |\n`).join("");
}

function code(text: string | null | undefined): string {
  return text ? `\`${text}\`` : "";
}

function escape(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;");
}

if (import.meta.main) writeFileSync(pagePath, configurationPage());
