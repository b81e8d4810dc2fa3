/** ReadShareGroupState: v0. A partition's leader takes over by it. */
import { readShareGroupState } from "../../protocol/api/84_read_share_group_state.ts";
import { handle } from "../handler.ts";
import { asStored } from "../share/coordinator/share_records.ts";
import { isAboutSomething, ofPartitions } from "../share/coordinator/state_requests.ts";

export const readShareGroupStateHandler = handle(
  readShareGroupState,
  [0, 0],
  async (request, { broker: { shareCoordinator } }) => {
    if (!isAboutSomething(request)) return { results: [] };
    const results = await ofPartitions(request, async (key, { leaderEpoch }) => {
      const { errorCode, errorMessage, state } = await shareCoordinator.read({ ...key, leaderEpoch });
      return {
        errorCode,
        errorMessage,
        stateEpoch: state?.stateEpoch ?? 0,
        startOffset: state?.startOffset ?? 0,
        stateBatches: state?.batches.map(asStored) ?? [],
      };
    });
    return { results };
  },
);
