/**
 * From a request to alter client quotas to the records that carry it out, or the errors that refuse it. Pure.
 *
 * The order of checks and the words of refusals are Kafka's. So is this: of an entity that a request names twice the first
 * change is made, and all that is told of it is that it was named twice.
 */
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import { canonicalAddress } from "./client_address.ts";
import type { ClientQuotaRecord } from "./client_quota_record.ts";
import { type ClientQuotas, entityKey, EntityType, type QuotaEntity } from "./client_quotas.ts";
import { checkChangeCount } from "./planned.ts";

export interface QuotaAlteration {
  readonly entity: QuotaEntity;
  readonly operations: readonly QuotaOperation[];
}

export interface QuotaOperation {
  readonly key: string;
  /** null: unset it. */
  readonly value: number | null;
}

export interface QuotaOutcome {
  readonly entity: QuotaEntity;
  readonly error: ProtocolError | null;
}

/** What a quota's number must be, by Kafka's names. */
const userAndClientKeys: ReadonlyMap<string, "LONG" | "DOUBLE"> = new Map([
  ["producer_byte_rate", "LONG"],
  ["consumer_byte_rate", "LONG"],
  ["request_percentage", "DOUBLE"],
  ["controller_mutation_rate", "DOUBLE"],
]);
const addressKeys: ReadonlyMap<string, "INT"> = new Map([["connection_creation_rate", "INT"]]);

const valueMax = { INT: 2 ** 31 - 1, LONG: 2 ** 63, DOUBLE: Infinity };
const entityTypes: ReadonlySet<string> = new Set(Object.values(EntityType));
/** A whole number may be so far from one. */
const fractionMax = 1e-6;

/** @throws {ProtocolError} POLICY_VIOLATION for a request that is too large */
export function planQuotas(
  quotas: ClientQuotas,
  alterations: readonly QuotaAlteration[],
): { readonly records: readonly ClientQuotaRecord[]; readonly outcomes: readonly QuotaOutcome[] } {
  checkChangeCount(alterations.length);
  const records: ClientQuotaRecord[] = [];
  const outcomes = new Map<string, QuotaOutcome>();
  for (const alteration of alterations) {
    const { entity } = alteration;
    const key = entityKey(entity);
    let error: ProtocolError | null = null;
    try {
      const keys = new Set(alteration.operations.map((operation) => operation.key));
      if (outcomes.has(key) || keys.size < alteration.operations.length) {
        throw invalid(`Ignoring duplicate entity ${printed(entity)}`);
      }
      records.push(...planEntity(quotas, alteration));
    } catch (cause) {
      if (!(cause instanceof ProtocolError)) throw cause;
      error = cause;
    }
    outcomes.set(key, { entity, error });
  }
  checkChangeCount(records.length);
  return { records, outcomes: [...outcomes.values()] };
}

function planEntity(quotas: ClientQuotas, { entity, operations }: QuotaAlteration): ClientQuotaRecord[] {
  checkNames(entity);
  const types = keysFor(entity);
  const current = quotas.valuesOf(entity);
  const records: ClientQuotaRecord[] = [];
  for (const { key, value } of operations) {
    if (value !== null) checkValue(key, value, types.get(key));
    // What is unset already, or never was a quota, is unset without a word.
    if (!Object.is(current.get(key) ?? null, value)) records.push({ kind: "clientQuota", entity, key, value });
  }
  return records;
}

function checkNames(entity: QuotaEntity): void {
  if (entity.size === 0) throw invalid("Invalid empty client quota entity");
  for (const [type, name] of entity) {
    if (!entityTypes.has(type)) throw invalid(`Unhandled client quota entity type: ${type}`);
    if (name === "") throw invalid(`Empty ${type} not supported`);
  }
}

function keysFor(entity: QuotaEntity): ReadonlyMap<string, keyof typeof valueMax> {
  const address = entity.get(EntityType.IP);
  if (address === undefined) return userAndClientKeys;
  if (entity.size > 1) {
    throw invalid("Invalid quota entity combination, IP entity shouldnot be combined with User or ClientId");
  }
  if (address !== null && canonicalAddress(address) === null) {
    throw invalid(`${address} is not a valid IP or resolvable host.`);
  }
  return addressKeys;
}

function checkValue(key: string, value: number, type: keyof typeof valueMax | undefined): void {
  if (type === undefined) throw invalid(`Invalid configuration key ${key}`);
  if (!Number.isFinite(value)) throw invalid(`Quota ${key} must be a finite number`);
  if (value <= 0) throw invalid(`Quota ${key} must be greater than 0`);
  if (value > valueMax[type]) {
    throw invalid(`Proposed value for ${key} is too large for ${type === "INT" ? "an" : "a"} ${type}.`);
  }
  if (type !== "DOUBLE" && value % 1 > fractionMax) throw invalid(`${key} cannot be a fractional value.`);
}

function invalid(message: string): ProtocolError {
  return new ProtocolError(ErrorCode.INVALID_REQUEST, message);
}

/** As Kafka's class prints itself. */
function printed(entity: QuotaEntity): string {
  return `ClientQuotaEntity(entries={${Array.from(entity, ([type, name]) => `${type}=${name}`).join(", ")}})`;
}
