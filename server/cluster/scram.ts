/**
 * What users log in with by SCRAM (RFC 5802), as part of the cluster's metadata: neither passwords nor what could stand for them,
 * but the keys by which both sides prove to each other that they know one. Whoever has a stored key can guess passwords at
 * leisure, so none of this is logged or told: of a credential, only its user, its mechanism and its iterations are.
 */
import type { MetadataRecord } from "./records.ts";

/** By Kafka's numbers. */
export const scramMechanisms = {
  1: { name: "SCRAM-SHA-256", hash: "SHA-256" },
  2: { name: "SCRAM-SHA-512", hash: "SHA-512" },
} as const;

export type ScramMechanism = keyof typeof scramMechanisms;

export function isScramMechanism(mechanism: number): mechanism is ScramMechanism {
  return Object.hasOwn(scramMechanisms, mechanism);
}

export interface ScramCredential {
  readonly salt: Uint8Array;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
  readonly iterations: number;
}

export class ScramCredentials {
  readonly #byUser = new Map<string, Map<number, ScramCredential>>();

  of(user: string, mechanism: number): ScramCredential | undefined {
    return this.#byUser.get(user)?.get(mechanism);
  }

  /** Those of one user, by mechanism ascending; empty when there is none. */
  ofUser(user: string): readonly (readonly [mechanism: number, credential: ScramCredential])[] {
    return [...this.#byUser.get(user) ?? []].sort(([one], [other]) => one - other);
  }

  /** Who has any. */
  users(): Iterable<string> {
    return this.#byUser.keys();
  }

  put({ kind: _, name, mechanism, ...credential }: MetadataRecord & { readonly kind: "scramCredential" }): void {
    let own = this.#byUser.get(name);
    if (own === undefined) this.#byUser.set(name, own = new Map());
    own.set(mechanism, credential);
  }

  /** Whether it was there. */
  remove(name: string, mechanism: number): boolean {
    const own = this.#byUser.get(name);
    const wasThere = own?.delete(mechanism) ?? false;
    if (own?.size === 0) this.#byUser.delete(name);
    return wasThere;
  }

  /** What makes them anew: for a snapshot. */
  *records(): Generator<MetadataRecord> {
    for (const [name, own] of this.#byUser) {
      for (const [mechanism, credential] of own) yield { kind: "scramCredential", name, mechanism, ...credential };
    }
  }
}
