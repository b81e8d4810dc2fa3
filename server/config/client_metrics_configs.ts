/** Configs of a client metrics subscription (KIP-714), by name. They have no broker-side defaults. */

import { type ConfigDefinition, int, list, withoutEffect } from "./definition.ts";

export const clientMetricsConfigs = {
  "interval.ms": int(300_000, "Milliseconds between two reports of a client.", {
    min: 100,
    max: 3_600_000,
    ...withoutEffect,
  }),
  "match": list(
    [],
    "Which clients report, as SELECTOR=PATTERN; a client must match all, and every client matches none.",
    {
      satisfies: {
        words:
          "SELECTOR=PATTERN pairs separated by commas, with the selectors client_instance_id, client_id, client_software_name, client_software_version, client_source_address, client_source_port",
        test: (value) => (value as readonly string[]).every(isMatch),
      },
      ...withoutEffect,
    },
  ),
  "metrics": list([], "Prefixes of the names of metrics to report; * for all.", withoutEffect),
};

export type ClientMetricsConfigName = keyof typeof clientMetricsConfigs;

export function clientMetricsDefinition(name: string): ConfigDefinition | undefined {
  return Object.hasOwn(clientMetricsConfigs, name) ? clientMetricsConfigs[name as ClientMetricsConfigName] : undefined;
}

const selector =
  /^(client_instance_id|client_id|client_software_name|client_software_version|client_source_address|client_source_port)=(.+)$/;

function isMatch(text: string): boolean {
  const pattern = selector.exec(text)?.[2];
  if (pattern === undefined) return false;
  try {
    new RegExp(pattern);
    return true;
  } catch {
    return false;
  }
}
