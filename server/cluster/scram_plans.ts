/**
 * Changes of SCRAM credentials (KIP-554), decided on those there are. A user may be named once in a request, with one mechanism;
 * what is wrong with one user keeps no other from being changed.
 */
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import type { MetadataRecord } from "./records.ts";
import { isScramMechanism, type ScramCredentials } from "./scram.ts";
import type { ScramKeys } from "./scram_keys.ts";

const iterationsMin = 4096;
const iterationsMax = 16_384;

export interface ScramDeletion {
  readonly name: string;
  readonly mechanism: number;
}

export interface ScramUpsertion extends ScramDeletion {
  readonly iterations: number;
  readonly salt: Uint8Array;
  readonly saltedPassword: Uint8Array;
}

export interface ScramRequest {
  readonly deletions: readonly ScramDeletion[];
  readonly upsertions: readonly ScramUpsertion[];
}

/** What became of each user of the request. */
export type ScramOutcome = ReadonlyMap<string, ProtocolError | null>;

/** @param keysOf of an upsertion that can be carried out */
export function planScram(
  credentials: ScramCredentials,
  { deletions, upsertions }: ScramRequest,
  keysOf: (upsertion: ScramUpsertion) => ScramKeys,
): { readonly records: readonly MetadataRecord[]; readonly outcome: ScramOutcome } {
  const planned = new Map<string, MetadataRecord>();
  const errors = new Map<string, ProtocolError>();
  const plan = (name: string, recordOf: () => MetadataRecord) => {
    if (errors.has(name)) return;
    try {
      if (planned.delete(name)) {
        throw new ProtocolError(
          ErrorCode.DUPLICATE_RESOURCE,
          "A user credential cannot be altered twice in the same request",
        );
      }
      planned.set(name, recordOf());
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      errors.set(name, error);
    }
  };
  for (const deletion of deletions) plan(deletion.name, () => removed(credentials, deletion));
  for (const upsertion of upsertions) plan(upsertion.name, () => put(upsertion, keysOf));
  const outcome = new Map<string, ProtocolError | null>(errors);
  for (const name of planned.keys()) outcome.set(name, null);
  return { records: [...planned.values()], outcome };
}

/** @throws {ProtocolError} */
function removed(credentials: ScramCredentials, { name, mechanism }: ScramDeletion): MetadataRecord {
  checkMechanism(name, mechanism);
  if (credentials.of(name, mechanism) === undefined) {
    throw new ProtocolError(
      ErrorCode.RESOURCE_NOT_FOUND,
      "Attempt to delete a user credential that does not exist",
    );
  }
  return { kind: "removeScramCredential", name, mechanism };
}

/** @throws {ProtocolError} */
function put(upsertion: ScramUpsertion, keysOf: (upsertion: ScramUpsertion) => ScramKeys): MetadataRecord {
  const { name, mechanism, iterations, salt, saltedPassword } = upsertion;
  checkMechanism(name, mechanism);
  if (iterations < iterationsMin) throw unacceptable("Too few iterations");
  if (iterations > iterationsMax) throw unacceptable("Too many iterations");
  if (saltedPassword.length === 0) throw unacceptable("Salted password must not be empty");
  return {
    kind: "scramCredential",
    name,
    mechanism,
    salt: salt.slice(), // what came is a view of a frame
    ...keysOf(upsertion),
    iterations,
  };
}

/** @throws {ProtocolError} */
function checkMechanism(name: string, mechanism: number): void {
  if (name === "") throw unacceptable("Username must not be empty");
  if (isScramMechanism(mechanism)) return;
  throw new ProtocolError(ErrorCode.UNSUPPORTED_SASL_MECHANISM, "Unknown SCRAM mechanism");
}

function unacceptable(message: string): ProtocolError {
  return new ProtocolError(ErrorCode.UNACCEPTABLE_CREDENTIAL, message);
}
