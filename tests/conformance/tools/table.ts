/** What is put to both brokers by Kafka's tools. */

import { administrationScripts } from "./administration.ts";
import { configsScripts } from "./configs.ts";
import { groupsScripts } from "./groups.ts";
import { perfScripts } from "./perf.ts";
import { quotasScripts } from "./quotas.ts";
import { recordsScripts } from "./records.ts";
import type { Scripts } from "./shell.ts";
import { topicsScripts } from "./topics.ts";
import { transactionsScripts } from "./transactions.ts";

export const scripts: Scripts = {
  ...topicsScripts,
  ...configsScripts,
  ...quotasScripts,
  ...recordsScripts,
  ...groupsScripts,
  ...transactionsScripts,
  ...perfScripts,
  ...administrationScripts,
};
