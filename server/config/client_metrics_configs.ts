/** Configs of a client metrics subscription (KIP-714), by name. They have no broker-side defaults. */

import { compilePattern } from "../groups/consumer/patterns/pattern.ts";
import type { Program } from "../groups/consumer/patterns/program.ts";
import { PatternError } from "../groups/consumer/patterns/syntax.ts";
import { type ConfigDefinition, int, list } from "./definition.ts";
import { parseConfig } from "./values.ts";

/** What clients may be chosen by. */
export const selectors = [
  "client_instance_id",
  "client_id",
  "client_software_name",
  "client_software_version",
  "client_source_address",
  "client_source_port",
] as const;
export type Selector = typeof selectors[number];

export const clientMetricsConfigs = {
  "interval.ms": int(300_000, "Milliseconds between two reports of a client.", { min: 100, max: 3_600_000 }),
  "match": list(
    [],
    "Which clients report, as SELECTOR=PATTERN, a regular expression in RE2's syntax for the whole text; of several a client " +
      "must match all, and without any every client reports.",
    {
      satisfies: {
        words: `SELECTOR=PATTERN pairs separated by commas, with the selectors ${selectors.join(", ")}`,
        test: (value) => (value as readonly string[]).every(isClientMatch),
      },
    },
  ),
  "metrics": list([], "Prefixes of the names of metrics to report; * for all."),
};

export type ClientMetricsConfigName = keyof typeof clientMetricsConfigs;
type ClientMetricsConfigValue<Name extends ClientMetricsConfigName> = NonNullable<
  (typeof clientMetricsConfigs)[Name]["value"]
>;

export function clientMetricsDefinition(name: string): ConfigDefinition | undefined {
  return Object.hasOwn(clientMetricsConfigs, name) ? clientMetricsConfigs[name as ClientMetricsConfigName] : undefined;
}

/** The configs of one subscription. */
export class ClientMetricsConfig {
  constructor(readonly overrides: ReadonlyMap<string, string>) {}

  /** @throws {ConfigError} when it was set by another program, which knows values that are none here */
  get<Name extends ClientMetricsConfigName>(name: Name): ClientMetricsConfigValue<Name> {
    const definition: ConfigDefinition = clientMetricsConfigs[name];
    const override = this.overrides.get(name);
    const value = override === undefined ? definition.default : parseConfig(name, definition, override).value;
    return value as ClientMetricsConfigValue<Name>;
  }
}

/** The last of several patterns for one selector counts. */
export function readMatches(texts: readonly string[]): ReadonlyMap<Selector, Program> {
  return new Map(texts.map(readMatch).filter((match) => match !== null));
}

/** null when it is none. Nothing else may be an equals sign. */
function readMatch(text: string): [Selector, Program] | null {
  const [name = "", pattern = "", ...rest] = text.split("=").map((part) => part.trim());
  const selector = selectors.find((known) => known === name);
  if (selector === undefined || pattern === "" || rest.length > 0) return null;
  try {
    return [selector, compilePattern(pattern)];
  } catch (error) {
    if (error instanceof PatternError) return null;
    throw error;
  }
}

/** Whether it is SELECTOR=PATTERN. */
export function isClientMatch(text: string): boolean {
  return readMatch(text) !== null;
}
