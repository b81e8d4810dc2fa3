/**
 * AlterUserScramCredentials: v0.
 *
 * Each user on its own merits: see `cluster/scram_plans.ts`. Nothing of a credential is logged, nor said in an answer.
 */
import { alterUserScramCredentials } from "../../protocol/api/51_alter_user_scram_credentials.ts";
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import { deriveKeys } from "../cluster/scram_keys.ts";
import { planScram, type ScramOutcome } from "../cluster/scram_plans.ts";
import { handle } from "../handler.ts";

export const alterUserScramCredentialsHandler = handle(
  alterUserScramCredentials,
  [0, 0],
  async (request, { broker: { cluster, runtime } }) => {
    let outcome: ScramOutcome;
    try {
      const keys = await deriveKeys(request, runtime);
      outcome = await cluster.change((image) => planScram(image.scram, request, (upsertion) => keys.get(upsertion)!));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      outcome = new Map([...request.deletions, ...request.upsertions].map(({ name }) => [name, error]));
    }
    return {
      throttleTimeMs: 0,
      results: Array.from(outcome, ([user, error]) => ({
        user,
        errorCode: error?.code ?? ErrorCode.NONE,
        errorMessage: error?.detail ?? null,
      })),
    };
  },
);
