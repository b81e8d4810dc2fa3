/**
 * Which limit of one kind applies to whom, and with whom it is shared. Kafka's order, the first that is set:
 *
 *     user and client id · user and any client id · user ·
 *     any user and client id · any user and any client id · any user · client id · any client id
 *
 * One for "any" is nobody's alone: every user, client id or pair that it applies to has as much. One for a user is shared by
 * all client ids of the user. Whom none applies to is measured too, as a user, client id or pair by what others have limits
 * for: a limit that is set next counts what was done before.
 */
import { type EntityQuotas, EntityType } from "../cluster/client_quotas.ts";

export interface Limit {
  /** The same for those who share it. */
  readonly key: string;
  readonly value: number;
}

const NONE = Infinity;

/** By name; null is any. */
type ByName = Map<string | null, number>;

export class Limits {
  readonly #pairs = new Map<string | null, ByName>();
  readonly #users: ByName = new Map();
  readonly #clientIds: ByName = new Map();

  /** Those of `name` among all that is set. */
  constructor(quotas: Iterable<EntityQuotas>, name: string) {
    for (const { entity, values } of quotas) {
      const value = values.get(name);
      const [user, clientId] = [entity.get(EntityType.USER), entity.get(EntityType.CLIENT_ID)];
      if (value === undefined || !Number.isFinite(value)) continue; // an older Kafka let it be anything
      if (user !== undefined && clientId !== undefined) this.#pairsOf(user).set(clientId, value);
      else if (user !== undefined) this.#users.set(user, value);
      else if (clientId !== undefined) this.#clientIds.set(clientId, value);
    }
  }

  get isEmpty(): boolean {
    return this.#pairs.size === 0 && this.#users.size === 0 && this.#clientIds.size === 0;
  }

  /** A value of Infinity: there is none. */
  find(user: string, clientId: string): Limit {
    if (clientId === "") return this.#withoutClientId(user);
    const pairKey = `p${user.length}:${user}${clientId}`;
    return shared(pairKey, ofOne(this.#pairs.get(user), clientId)) ??
      shared(`u${user}`, this.#users.get(user)) ??
      shared(pairKey, ofOne(this.#pairs.get(null), clientId)) ??
      shared(`u${user}`, this.#users.get(null)) ??
      shared(`c${clientId}`, ofOne(this.#clientIds, clientId)) ??
      { key: this.#keyWithoutLimit(pairKey, user, clientId), value: NONE };
  }

  #keyWithoutLimit(pairKey: string, user: string, clientId: string): string {
    if (this.#clientIds.size === 0 && this.#users.size === 0) return pairKey;
    return this.#clientIds.size === 0 && this.#pairs.size === 0 ? `u${user}` : `c${clientId}`;
  }

  /** As in Kafka, who gives no client id has only what users have, though what pairs have may decide that. */
  #withoutClientId(user: string): Limit {
    const isUser = this.#users.has(user) || this.#users.has(null) ||
      this.#pairs.get(user)?.has(null) === true || this.#pairs.get(null)?.has(null) === true ||
      (this.#clientIds.size === 0 && (this.#users.size === 0 || this.#pairs.size === 0));
    return isUser ? { key: `u${user}`, value: ofOne(this.#users, user) ?? NONE } : { key: "c", value: NONE };
  }

  #pairsOf(user: string | null): ByName {
    let pairs = this.#pairs.get(user);
    if (pairs === undefined) this.#pairs.set(user, pairs = new Map());
    return pairs;
  }
}

function ofOne(values: ByName | undefined, name: string): number | undefined {
  return values?.get(name) ?? values?.get(null);
}

function shared(key: string, value: number | undefined): Limit | null {
  return value === undefined ? null : { key, value };
}
