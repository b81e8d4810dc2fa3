/**
 * AddRaftVoter: v0–v1.
 *
 * v1 whether the answer waits for agreement
 *
 * This node votes alone, and there is no other that could be reached: see `cluster/voters.ts`.
 */
import { addRaftVoter, type AddRaftVoterRequest } from "../../protocol/api/80_add_raft_voter.ts";
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import type { Broker } from "../broker.ts";
import { named, reasonAgainst } from "../cluster/voters.ts";
import { handle } from "../handler.ts";

export const addRaftVoterHandler = handle(addRaftVoter, [0, 1], (request, { broker }) => {
  const { code: errorCode, message: errorMessage } = refusal(request, broker);
  return { throttleTimeMs: 0, errorCode, errorMessage };
});

function refusal(request: AddRaftVoterRequest, { cluster, voter }: Broker): ProtocolError {
  const reason = reasonAgainst(request, cluster.clusterId, "Add");
  if (reason !== null) return reason;
  const asked = named({ id: request.voterId, directoryId: request.voterDirectoryId });
  if (request.listeners.length === 0) {
    const message = "Add voter request didn't include the endpoint for the default listener";
    return new ProtocolError(ErrorCode.INVALID_REQUEST, message);
  }
  if (request.voterId === voter.id) {
    const message = `The voter id for ${asked} is already part of the set of voters [${named(voter)}].`;
    return new ProtocolError(ErrorCode.DUPLICATE_VOTER, message);
  }
  return new ProtocolError(ErrorCode.REQUEST_TIMED_OUT, `New voter ${asked} is not ready to receive requests`);
}
