/**
 * Changes to a resource's configs: what an AlterConfigs or IncrementalAlterConfigs request comes to, or why it is
 * refused. Pure: given what is set now, it says what to set and unset.
 *
 * A resource's changes are taken all or none. What is wrong is told in Kafka's order: what no config could be asked, then
 * lists that are none, then the resource's name, then values; whether the topic is there comes last. Kafka tells bad values of
 * brokers, and an interval of client metrics out of bounds, with INVALID_REQUEST, others with INVALID_CONFIG.
 */

import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import { checkTopicName } from "../cluster/topic_plans.ts";
import type { BrokerConfig } from "./broker_config.ts";
import { brokerDefinition, withoutListenerPrefix } from "./broker_configs.ts";
import { clientMetricsDefinition, isClientMatch } from "./client_metrics_configs.ts";
import type { ConfigDefinition } from "./definition.ts";
import { type GroupConfigDefinition, groupDefinition } from "./group_configs.ts";
import { requireName } from "./resource_name.ts";
import { topicConfigs, topicDefinition } from "./topic_configs.ts";
import { ConfigError, formatConfig, parseConfig } from "./values.ts";

export type AlterableKind = "topic" | "broker" | "all-brokers" | "group" | "client-metrics";

/** Kafka's numbers for operations. */
export const ConfigOperation = { SET: 0, DELETE: 1, APPEND: 2, SUBTRACT: 3 } as const;

export interface RequestedChange {
  readonly name: string;
  readonly operation: number;
  readonly value: string | null;
}

/** A text to set, or null to unset. */
export type Changes = ReadonlyMap<string, string | null>;

/** Kafka's limit of a value, in UTF-16 units. */
const valueLengthMax = 32_767;

export interface Situation {
  readonly kind: AlterableKind;
  readonly name: string;
  readonly current: ReadonlyMap<string, string>;
  readonly broker: BrokerConfig;
}

/** What changes that are not odd come to. @throws {ProtocolError} when any of them is refused */
export function planChanges(requested: readonly RequestedChange[], situation: Situation): Changes {
  const changes = new Map<string, string | null>();
  for (const change of requested) {
    changes.set(change.name, change.operation === ConfigOperation.DELETE ? null : newText(change, situation));
  }
  return checked(changes, situation);
}

/** The whole configuration: what is not named is unset. @throws {ProtocolError} when it is refused */
export function planReplacement(
  requested: readonly RequestedChange[],
  situation: Situation,
): Changes {
  const changes = new Map<string, string | null>();
  for (const name of situation.current.keys()) changes.set(name, null);
  for (const { name, value } of requested) changes.set(name, value);
  return checked(changes, situation);
}

/** @throws {ProtocolError} INVALID_REQUEST for what is wrong whatever the configs are */
export function refuseOddRequests(requested: readonly RequestedChange[]): void {
  if (new Set(requested.map(({ name }) => name)).size !== requested.length) {
    throw new ProtocolError(ErrorCode.INVALID_REQUEST, "Error due to duplicate config keys");
  }
  const nulls = requested.filter(({ operation, value }) => operation !== ConfigOperation.DELETE && value === null);
  if (nulls.length > 0) {
    const names = nulls.map(({ name }) => name).join(",");
    throw new ProtocolError(ErrorCode.INVALID_REQUEST, `Null value not supported for : ${names}`);
  }
  const unknown = requested.find(({ operation }) => !Object.values<number>(ConfigOperation).includes(operation));
  if (unknown !== undefined) {
    throw new ProtocolError(ErrorCode.INVALID_REQUEST, `Unknown operation ${unknown.operation} for ${unknown.name}`);
  }
}

/** What may be set for a new topic. @throws {ProtocolError} INVALID_CONFIG */
export function validateTopicConfigs(configs: ReadonlyMap<string, string>): void {
  refuseLongValues(configs);
  checkTopicConfigs(configs);
}

// ---------------------------------------------------------------------------------------------- below: how

function checkTopicConfigs(configs: ReadonlyMap<string, string>): void {
  for (const [name, text] of configs) {
    const definition = topicDefinition(name);
    if (definition === undefined) {
      throw new ProtocolError(ErrorCode.INVALID_CONFIG, `Unknown topic config name: ${name}`);
    }
    parse(name, definition, text, ErrorCode.INVALID_CONFIG);
  }
  const minLagMs = numberOf(configs, "min.compaction.lag.ms");
  const maxLagMs = numberOf(configs, "max.compaction.lag.ms");
  if (minLagMs > maxLagMs) {
    throw new ProtocolError(
      ErrorCode.INVALID_CONFIG,
      `min.compaction.lag.ms (${minLagMs}) must not be above max.compaction.lag.ms (${maxLagMs})`,
    );
  }
  if (/^\s*true\s*$/i.test(configs.get("remote.storage.enable") ?? "")) {
    throw new ProtocolError(
      ErrorCode.INVALID_CONFIG,
      "Tiered storage is not enabled on this broker; remote.storage.enable must be false",
    );
  }
}

function newText({ name, operation, value }: RequestedChange, situation: Situation): string {
  if (operation === ConfigOperation.SET) return value!;
  const definition = listDefinition(name, situation.kind);
  if (definition === null) {
    const verb = operation === ConfigOperation.APPEND ? "append to" : "subtract from";
    throw new ProtocolError(ErrorCode.INVALID_CONFIG, `Cannot ${verb} ${name}: it is not a list`);
  }
  const current = situation.current.get(name) ?? inheritedText(name, definition, situation);
  const elements = current.split(",").filter((element) => element !== "");
  for (const given of splitAsJava(value!)) {
    const index = elements.indexOf(given);
    if (operation === ConfigOperation.APPEND && index < 0) elements.push(given);
    if (operation === ConfigOperation.SUBTRACT && index >= 0) elements.splice(index, 1);
  }
  return elements.join(",");
}

/** As Java does: nothing is one empty element, and empty ones at the end are none. */
function splitAsJava(text: string): string[] {
  if (text === "") return [""];
  const filled = text.replace(/,+$/, "");
  return filled === "" ? [] : filled.split(",");
}

function inheritedText(name: string, definition: ConfigDefinition, { kind, broker }: Situation): string {
  const brokerName = kind === "topic" ? topicDefinition(name)?.brokerName : null;
  const inherited = brokerName ? broker.get(brokerName) : kind === "topic" ? null : broker.valueOf(name);
  return inherited === null ? formatConfig("LIST", definition.default ?? []) : formatConfig("LIST", inherited);
}

function checked(changes: Changes, situation: Situation): Changes {
  const result = new Map(situation.current);
  const set = new Map<string, string>();
  for (const [name, text] of changes) {
    if (text === null) result.delete(name);
    else {
      result.set(name, text);
      set.set(name, text);
    }
  }
  refuseLongValues(set);
  checkName(situation);
  switch (situation.kind) {
    case "topic":
      checkTopicConfigs(result);
      break;
    case "group":
      validateGroupConfigs(result, situation.broker);
      break;
    case "client-metrics":
      validateClientMetrics(result);
      break;
    default:
      validateBrokerConfigs(set, result, situation);
  }
  return changes;
}

/** A broker's name is checked before anything else is (`alter_resource.ts`). */
function checkName({ kind, name }: Situation): void {
  switch (kind) {
    case "topic":
      requireName(name, "Default topic resources are not allowed.");
      return checkTopicName(name);
    case "group":
      return requireName(name, "Default group resources are not allowed.");
    case "client-metrics":
      return requireName(name, "Subscription name can't be empty");
  }
}

function refuseLongValues(configs: ReadonlyMap<string, string>): void {
  for (const [name, text] of configs) {
    if (text.length <= valueLengthMax) continue;
    throw new ProtocolError(
      ErrorCode.INVALID_CONFIG,
      `The value of ${name} is ${text.length} characters long: ${valueLengthMax} are allowed`,
    );
  }
}

/** Only what is set now is held against the update modes: what was set before may be left as it is. */
function validateBrokerConfigs(
  set: ReadonlyMap<string, string>,
  result: ReadonlyMap<string, string>,
  { kind, broker }: Situation,
): void {
  const names = [...set.keys()];
  refuseNames(
    names,
    "Cannot update these configs dynamically",
    (name) => brokerDefinition(name)?.updateMode === "read-only",
  );
  refuseNames(
    names,
    "These security configs can be dynamically updated only per-listener using the listener prefix",
    (name) => /^(ssl|sasl)\./.test(name) && brokerDefinition(name)?.updateMode === "per-broker",
  );
  if (kind === "all-brokers") {
    refuseNames(
      names,
      "Cannot update these configs at default cluster level, broker id must be specified",
      (name) => name !== withoutListenerPrefix(name) || brokerDefinition(name)?.updateMode === "per-broker",
    );
  }
  for (const [name, text] of set) {
    const definition = brokerDefinition(name);
    // Kafka keeps names it does not know, for plugins; so do we, without effect.
    if (definition !== undefined) parse(name, definition, text, ErrorCode.INVALID_REQUEST);
  }
  try {
    broker.checkDynamicConfigs(kind === "all-brokers" ? "all-brokers" : "this-broker", result);
  } catch (error) {
    throw asProtocolError(error, ErrorCode.INVALID_REQUEST);
  }
}

function validateGroupConfigs(configs: ReadonlyMap<string, string>, broker: BrokerConfig): void {
  for (const [name, text] of configs) {
    const definition = groupDefinition(name);
    if (definition === undefined) {
      throw new ProtocolError(ErrorCode.INVALID_CONFIG, `Unknown group config name: ${name}`);
    }
    const value = parse(name, definition, text, ErrorCode.INVALID_CONFIG);
    if (typeof value === "number") refuseOutside(name, value, definition, broker);
  }
  refuseShortSessions(configs, broker);
}

function refuseOutside(
  name: string,
  value: number,
  { bounds: [min, max] }: GroupConfigDefinition,
  broker: BrokerConfig,
): void {
  const low = min === null ? -Infinity : broker.get(min) as number;
  const high = max === null ? Infinity : broker.get(max) as number;
  if (value >= low && value <= high) return;
  const words = min === null
    ? `less than or equal to ${high}`
    : max === null
    ? `greater than or equal to ${low}`
    : `in the range ${low} to ${high} inclusive.`;
  throw new ProtocolError(ErrorCode.INVALID_CONFIG, `${name} must be ${words}`);
}

/** A member must be able to say that it is there before it is taken for dead. */
function refuseShortSessions(configs: ReadonlyMap<string, string>, broker: BrokerConfig): void {
  for (const kind of ["consumer", "share", "streams"]) {
    const [session, heartbeat] = [`${kind}.session.timeout.ms`, `${kind}.heartbeat.interval.ms`];
    if (!configs.has(session) && !configs.has(heartbeat)) continue;
    const [sessionMs, heartbeatMs] = [session, heartbeat].map((name) =>
      Number(configs.get(name) ?? broker.get(groupDefinition(name)!.brokerName!))
    );
    if (sessionMs! > heartbeatMs!) continue;
    throw new ProtocolError(ErrorCode.INVALID_CONFIG, `${session} must be greater than ${heartbeat}`);
  }
}

function validateClientMetrics(configs: ReadonlyMap<string, string>): void {
  for (const [name, text] of configs) {
    const definition = clientMetricsDefinition(name);
    if (definition === undefined) {
      throw new ProtocolError(ErrorCode.INVALID_REQUEST, `Unknown client metrics configuration: ${name}`);
    }
    try {
      parseConfig(name, definition, text);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      throw refusedClientMetrics(name, text, error);
    }
  }
}

/** In Kafka's words: its tool prints them. */
function refusedClientMetrics(name: string, text: string, cause: ConfigError): ProtocolError {
  if (name === "match") {
    const illegal = text.split(",").map((part) => part.trim()).find((part) => !isClientMatch(part)) ?? text;
    return new ProtocolError(ErrorCode.INVALID_CONFIG, `Illegal client matching pattern: ${illegal}`, { cause });
  }
  if (name !== "interval.ms" || !isInt(text)) {
    return new ProtocolError(ErrorCode.INVALID_CONFIG, cause.message, { cause });
  }
  return new ProtocolError(
    ErrorCode.INVALID_REQUEST,
    `Invalid value ${text.trim()} for ${name}, interval must be between 100 and 3600000 (1 hour)`,
    { cause },
  );
}

/** Only lists of topics and brokers are appended to and subtracted from, as in Kafka. */
function listDefinition(name: string, kind: AlterableKind): ConfigDefinition | null {
  if (kind === "group" || kind === "client-metrics") return null;
  const definition = kind === "topic" ? topicDefinition(name) : brokerDefinition(name);
  return definition?.type === "LIST" ? definition : null;
}

function isInt(text: string): boolean {
  return /^[+-]?\d+$/.test(text.trim()) && Number(text) === (Number(text) | 0);
}

function refuseNames(names: readonly string[], complaint: string, isRefused: (name: string) => boolean): void {
  const refused = names.filter(isRefused);
  if (refused.length > 0) throw new ProtocolError(ErrorCode.INVALID_REQUEST, `${complaint}: [${refused.join(", ")}]`);
}

function parse(name: string, definition: ConfigDefinition, text: string, code: number) {
  try {
    return parseConfig(name, definition, text).value;
  } catch (error) {
    throw asProtocolError(error, code);
  }
}

function asProtocolError(error: unknown, code: number): unknown {
  return error instanceof ConfigError ? new ProtocolError(code, error.message, { cause: error }) : error;
}

function numberOf(
  configs: ReadonlyMap<string, string>,
  name: "min.compaction.lag.ms" | "max.compaction.lag.ms",
): number {
  const text = configs.get(name);
  const definition = topicConfigs[name];
  return text === undefined ? definition.default as number : parseConfig(name, definition, text).value as number;
}
