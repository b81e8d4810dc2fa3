/** A config's text to its value and back, by Kafka's rules for each type. */

import type { ConfigDefinition, ConfigType, ConfigValue, Rules } from "./definition.ts";

/** A value with its text in normal form, as DescribeConfigs shows it. */
export interface ParsedConfig {
  readonly value: ConfigValue;
  readonly text: string;
}

/** A config whose value is not one. The message names the config, the value and what is allowed. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  constructor(readonly configName: string, readonly given: string, readonly allowed: string, readonly origin?: string) {
    const from = origin === undefined ? "" : ` (${origin})`;
    super(`Invalid value ${JSON.stringify(given)} for ${configName}${from}: must be ${allowed}`);
  }

  withOrigin(origin: string): ConfigError {
    return new ConfigError(this.configName, this.given, this.allowed, origin);
  }
}

/** @throws {ConfigError} when the text is not a value of the definition's type or breaks its rules */
export function parseConfig(name: string, definition: ConfigDefinition, given: string): ParsedConfig {
  const value = parseType(definition.type, given.trim());
  if (value === null || !isAllowed(definition.rules, value)) {
    throw new ConfigError(name, definition.type === "PASSWORD" ? "(hidden)" : given, allowedText(definition));
  }
  return { value, text: formatConfig(definition.type, value, given.trim()) };
}

/** What is allowed, in words: "a whole number from 1 to 9, or -1". */
export function allowedText({ type, rules }: ConfigDefinition): string {
  if (rules.satisfies !== undefined) return rules.satisfies.words;
  if (rules.oneOf !== undefined) {
    const names = rules.oneOf.join(", ");
    return type === "LIST" ? `a list of ${names}${rules.nonEmpty ? ", not empty" : ""}` : `one of ${names}`;
  }
  if (rules.nonEmpty) return type === "LIST" ? "a list that is not empty" : "a text that is not empty";
  return typeWords[type] + rangeText(type, rules);
}

/** What a config means, and whether it does so here. */
export function documentationText({ documentation, hasEffect }: ConfigDefinition): string {
  return hasEffect ? documentation : `${documentation} Accepted; has no effect in this version.`;
}

/** The default in words: its text, where it comes from, or that there is none. */
export function defaultText({ type, default: value, fallbacks }: ConfigDefinition): string {
  if (value !== null) return formatConfig(type, value);
  return fallbacks.length > 0 ? `from ${fallbacks.map(({ name }) => name).join(", else ")}` : "none";
}

/**
 * The text of a value as Java prints it. `given` is the text it was parsed from, for what a number cannot hold.
 */
export function formatConfig(type: ConfigType, value: ConfigValue, given?: string): string {
  if (typeof value === "number") {
    if (type === "DOUBLE") return formatDouble(value);
    if (Number.isFinite(value)) return String(value);
    return given === undefined ? "9223372036854775807" : BigInt(given.replace("+", "")).toString();
  }
  return typeof value === "object" ? value.join(",") : String(value);
}

// ---------------------------------------------------------------------------------------------- below: how

const typeWords: Record<ConfigType, string> = {
  BOOLEAN: "true or false",
  STRING: "a text",
  INT: "a whole number (INT)",
  SHORT: "a whole number (SHORT)",
  LONG: "a whole number (LONG)",
  DOUBLE: "a number",
  LIST: "a list separated by commas",
  CLASS: "a class name",
  PASSWORD: "a password",
};

const wholeNumberBits = { INT: 32, SHORT: 16, LONG: 64 } as const;

function parseType(type: ConfigType, text: string): ConfigValue | null {
  switch (type) {
    case "BOOLEAN":
      return /^true$/i.test(text) ? true : /^false$/i.test(text) ? false : null;
    case "INT":
    case "SHORT":
    case "LONG":
      return parseWholeNumber(text, wholeNumberBits[type]);
    case "DOUBLE":
      return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : null;
    case "LIST":
      // Not by an expression with spaces in it: that would look at a long run of them from each of them on.
      return text === "" ? [] : text.split(",").map((element) => element.trim());
    default:
      return text;
  }
}

function parseWholeNumber(text: string, bits: number): number | null {
  if (!/^[+-]?\d{1,20}$/.test(text)) return null;
  const value = BigInt(text.replace("+", ""));
  if (BigInt.asIntN(bits, value) !== value) return null;
  return value > Number.MAX_SAFE_INTEGER ? Infinity : Number(value);
}

function isAllowed(rules: Rules, value: ConfigValue): boolean {
  if (typeof value === "number" && value !== rules.or) {
    if (rules.min !== undefined && value < rules.min) return false;
    if (rules.max !== undefined && value > rules.max) return false;
  }
  if (typeof value === "object") {
    if (rules.nonEmpty && value.length === 0) return false;
    if (!rules.emptyElements && value.some((element) => element === "")) return false;
    if (rules.distinct && new Set(value).size !== value.length) return false;
    if (!value.every((element) => isOneOf(rules, element))) return false;
  }
  if (typeof value === "string") {
    if (rules.nonEmpty && value === "") return false;
    if (!isOneOf(rules, value)) return false;
  }
  return rules.satisfies === undefined || rules.satisfies.test(value);
}

function isOneOf({ oneOf, ignoreCase }: Rules, text: string): boolean {
  if (oneOf === undefined) return true;
  return ignoreCase ? oneOf.some((name) => name.toLowerCase() === text.toLowerCase()) : oneOf.includes(text);
}

function rangeText(type: ConfigType, { min, max, or }: Rules): string {
  const show = (value: number) => formatConfig(type, value);
  const orText = or === undefined ? "" : `, or ${show(or)}`;
  if (min !== undefined && max !== undefined) return ` from ${show(min)} to ${show(max)}${orText}`;
  if (min !== undefined) return `, at least ${show(min)}${orText}`;
  if (max !== undefined) return `, at most ${show(max)}${orText}`;
  return "";
}

/** As Java's Double.toString: 1.0, 0.05, 1.7976931348623157E308. */
function formatDouble(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e7) return value.toFixed(1);
  if (Math.abs(value) >= 1e-3 && Math.abs(value) < 1e7) return String(value);
  const [digits = "", exponent = ""] = value.toExponential().split("e");
  return `${digits.includes(".") ? digits : digits + ".0"}E${exponent.replace("+", "")}`;
}
