/**
 * RemoveRaftVoter: v0.
 *
 * This node votes alone, and goes on doing so: see `cluster/voters.ts`.
 */
import { removeRaftVoter, type RemoveRaftVoterRequest } from "../../protocol/api/81_remove_raft_voter.ts";
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import type { Broker } from "../broker.ts";
import { named, reasonAgainst } from "../cluster/voters.ts";
import { handle } from "../handler.ts";

export const removeRaftVoterHandler = handle(removeRaftVoter, [0, 0], (request, { broker }) => {
  const { code: errorCode, message: errorMessage } = refusal(request, broker);
  return { throttleTimeMs: 0, errorCode, errorMessage };
});

function refusal(request: RemoveRaftVoterRequest, { cluster, voter }: Broker): ProtocolError {
  const reason = reasonAgainst(request, cluster.clusterId, "Remove");
  if (reason !== null) return reason;
  const asked = named({ id: request.voterId, directoryId: request.voterDirectoryId });
  const message = `Cannot remove voter ${asked} from the set of voters [${named(voter)}]`;
  return new ProtocolError(ErrorCode.VOTER_NOT_FOUND, message);
}
