/**
 * The limits that are set for clients, as of one point in the cluster's history: the part of the image that
 * ClientQuotaRecord changes.
 *
 * An entity is one user, one client id, both together, or one address. In place of a name, null is the default: all of the
 * type that have no limit of their own.
 *
 * (1) An entity is here only while something is set for it.
 * (2) What was given out does not change: a changed entity is a new object.
 */
import type { ClientQuotaRecord } from "./client_quota_record.ts";

/** Kafka's names for the types. */
export const EntityType = { USER: "user", CLIENT_ID: "client-id", IP: "ip" } as const;

/** Names by type. */
export type QuotaEntity = ReadonlyMap<string, string | null>;

export interface EntityQuotas {
  readonly entity: QuotaEntity;
  readonly values: ReadonlyMap<string, number>;
}

const nothing: ReadonlyMap<string, number> = new Map();

export class ClientQuotas {
  readonly #entities = new Map<string, EntityQuotas>();

  /** In the order in which they came to be. */
  entities(): Iterable<EntityQuotas> {
    return this.#entities.values();
  }

  /** Empty when nothing is set. */
  valuesOf(entity: QuotaEntity): ReadonlyMap<string, number> {
    return this.#entities.get(entityKey(entity))?.values ?? nothing;
  }

  apply({ entity, key, value }: ClientQuotaRecord): void {
    const place = entityKey(entity);
    const values = new Map(this.#entities.get(place)?.values);
    if (value === null) values.delete(key);
    else values.set(key, value);
    if (values.size === 0) this.#entities.delete(place);
    else this.#entities.set(place, { entity, values });
  }

  /** Records that lead from nothing to this. */
  *records(): Generator<ClientQuotaRecord> {
    for (const { entity, values } of this.#entities.values()) {
      for (const [key, value] of values) yield { kind: "clientQuota", entity, key, value };
    }
  }
}

/** The same for the same entity, whatever the order of its types. */
export function entityKey(entity: QuotaEntity): string {
  return JSON.stringify([...entity].sort(([one], [other]) => one < other ? -1 : 1));
}
