/**
 * What is kept of a password in place of it (RFC 5802):
 *
 *     saltedPassword   made by the client from password, salt and iterations
 *     storedKey        H(HMAC(saltedPassword, "Client Key"))
 *     serverKey        HMAC(saltedPassword, "Server Key")
 */
import type { Digests, Runtime } from "../../runtime/runtime.ts";
import { Steps } from "../../storage/steps.ts";
import { checkChangeCount } from "./planned.ts";
import { isScramMechanism, type ScramMechanism, scramMechanisms } from "./scram.ts";
import type { ScramRequest, ScramUpsertion } from "./scram_plans.ts";

const clientKeyLabel = new TextEncoder().encode("Client Key");
const serverKeyLabel = new TextEncoder().encode("Server Key");

export interface ScramKeys {
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

/**
 * The keys of all upsertions that can be carried out, made in steps between which others are served.
 * @throws {ProtocolError} POLICY_VIOLATION for a request that is too large
 */
export async function deriveKeys(
  { deletions, upsertions }: ScramRequest,
  runtime: Pick<Runtime, "digests" | "clock" | "timers">,
): Promise<ReadonlyMap<ScramUpsertion, ScramKeys>> {
  checkChangeCount(deletions.length + upsertions.length);
  const keys = new Map<ScramUpsertion, ScramKeys>();
  const steps = new Steps(runtime);
  for (const upsertion of upsertions) {
    if (steps.isOver) await steps.pause();
    if (isScramMechanism(upsertion.mechanism)) keys.set(upsertion, keysOf(upsertion, runtime.digests));
  }
  return keys;
}

export function keysOf({ mechanism, saltedPassword }: ScramUpsertion, digests: Digests): ScramKeys {
  const { hash } = scramMechanisms[mechanism as ScramMechanism];
  return {
    storedKey: digests.hash(hash, digests.hmac(hash, saltedPassword, clientKeyLabel)),
    serverKey: digests.hmac(hash, saltedPassword, serverKeyLabel),
  };
}
