/**
 * The notation of the configuration tables: one entry is a config's type, default, bounds, who may change it while the
 * broker runs, what it means, and whether it does anything here. Parsing, `--help`, docs and DescribeConfigs are printed from the entries.
 *
 *     "log.segment.bytes": int(1_073_741_824, "Size of a segment file, in bytes, …", { min: 1_048_576, ...clusterWide }),
 */

export type ConfigType = "BOOLEAN" | "STRING" | "INT" | "SHORT" | "LONG" | "DOUBLE" | "LIST" | "CLASS" | "PASSWORD";

/** What a config's text becomes. A LONG above 2^53 is Infinity: it says "no limit" in every config there is. */
export type ConfigValue = boolean | string | number | readonly string[];

/**
 * How a config of the broker can be changed while it runs (Kafka's "dynamic update mode"): not at all, by a value for
 * all brokers that one broker may override, or by one for a single broker only.
 */
export type UpdateMode = "read-only" | "cluster-wide" | "per-broker";

/** `Value` is what `get` gives: without null where there is a default or something to derive the value from. */
export interface ConfigDefinition<Value extends ConfigValue | null = ConfigValue | null> {
  readonly type: ConfigType;
  readonly default: ConfigValue | null;
  readonly documentation: string;
  readonly updateMode: UpdateMode;
  /** Accepted, but not shown by DescribeConfigs. */
  readonly isInternal: boolean;
  /** Nothing here reads it yet: accepted, kept and shown, and said to do nothing. A test holds this to the source. */
  readonly hasEffect: boolean;
  readonly rules: Rules;
  /** Coarser configs that give the value when this one is not set, first set one first. */
  readonly fallbacks: readonly Fallback[];
  /** Never there at run time: carries the type. */
  readonly value?: Value;
}

/** What is allowed beyond the type. */
export interface Rules {
  readonly min?: number;
  readonly max?: number;
  /** Allowed though outside of `min` and `max`. */
  readonly or?: number;
  readonly oneOf?: readonly string[];
  readonly ignoreCase?: boolean;
  /** For lists: each element at most once. */
  readonly distinct?: boolean;
  /** For lists: elements may be empty. */
  readonly emptyElements?: boolean;
  readonly nonEmpty?: boolean;
  /** The rule in words and as a function, for what the others cannot say. */
  readonly satisfies?: { readonly words: string; readonly test: (value: ConfigValue) => boolean };
}

export interface Fallback {
  readonly name: string;
  /** What one unit there is here: 3,600,000 for hours when this config is in milliseconds. */
  readonly factor: number;
}

export interface Traits extends Rules {
  readonly updateMode?: UpdateMode;
  readonly internal?: boolean;
  readonly effect?: "none";
}

export const clusterWide = { updateMode: "cluster-wide" } as const;
export const perBroker = { updateMode: "per-broker" } as const;
export const internal = { internal: true } as const;
export const withoutEffect = { effect: "none" } as const;

/** Java's Long.MAX_VALUE, with which Kafka says "no limit". Its text is 9223372036854775807. */
export const longMax = Infinity;
export const intMax = 2_147_483_647;

type Nullable<Given, Value> = Given extends null ? Value | null : Value;

export function boolean<Given extends boolean | null>(
  fallback: Given,
  documentation: string,
  traits: Traits = {},
): ConfigDefinition<Nullable<Given, boolean>> {
  return define("BOOLEAN", fallback, documentation, traits);
}

export function int<Given extends number | null>(
  fallback: Given,
  documentation: string,
  traits: Traits = {},
): ConfigDefinition<Nullable<Given, number>> {
  return define("INT", fallback, documentation, traits);
}

export function short<Given extends number | null>(
  fallback: Given,
  documentation: string,
  traits: Traits = {},
): ConfigDefinition<Nullable<Given, number>> {
  return define("SHORT", fallback, documentation, traits);
}

export function long<Given extends number | null>(
  fallback: Given,
  documentation: string,
  traits: Traits = {},
): ConfigDefinition<Nullable<Given, number>> {
  return define("LONG", fallback, documentation, traits);
}

export function double<Given extends number | null>(
  fallback: Given,
  documentation: string,
  traits: Traits = {},
): ConfigDefinition<Nullable<Given, number>> {
  return define("DOUBLE", fallback, documentation, traits);
}

export function string<Given extends string | null>(
  fallback: Given,
  documentation: string,
  traits: Traits = {},
): ConfigDefinition<Nullable<Given, string>> {
  return define("STRING", fallback, documentation, traits);
}

export function list<Given extends readonly string[] | null>(
  fallback: Given,
  documentation: string,
  traits: Traits = {},
): ConfigDefinition<Nullable<Given, readonly string[]>> {
  return define("LIST", fallback, documentation, traits);
}

/** The name of a Java class in Kafka. We load none: known names select what we have built in, others are reported. */
export function javaClass<Given extends string | null>(
  fallback: Given,
  documentation: string,
  traits: Traits = {},
): ConfigDefinition<Nullable<Given, string>> {
  return define("CLASS", fallback, documentation, traits);
}

/** Never shown: described as null, logged as "(hidden)". */
export function password(documentation: string, traits: Traits = {}): ConfigDefinition<string | null> {
  return define("PASSWORD", null, documentation, traits);
}

/** A config without a default that takes its value from a coarser one: milliseconds from minutes, else from hours. */
export function derived<Value extends ConfigValue>(
  definition: ConfigDefinition<Value | null>,
  ...fallbacks: readonly (readonly [name: string, factor: number])[]
): ConfigDefinition<Value> {
  return { ...definition, fallbacks: fallbacks.map(([name, factor]) => ({ name, factor })) } as ConfigDefinition<Value>;
}

function define<Value extends ConfigValue | null>(
  type: ConfigType,
  fallback: ConfigValue | null,
  documentation: string,
  traits: Traits,
): ConfigDefinition<Value> {
  const { updateMode = "read-only", internal = false, effect, ...rules } = traits;
  const hasEffect = effect !== "none";
  return { type, default: fallback, documentation, updateMode, isInternal: internal, hasEffect, rules, fallbacks: [] };
}
