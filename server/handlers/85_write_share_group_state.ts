/**
 * WriteShareGroupState: v0–v1.
 *
 * v1 how many records from the start on are done with (KIP-1226)
 */
import { writeShareGroupState } from "../../protocol/api/85_write_share_group_state.ts";
import { handle } from "../handler.ts";
import { asBatch } from "../share/coordinator/share_records.ts";
import { isAboutSomething, ofPartitions } from "../share/coordinator/state_requests.ts";

export const writeShareGroupStateHandler = handle(
  writeShareGroupState,
  [0, 1],
  async (request, { broker: { shareCoordinator } }) => {
    if (!isAboutSomething(request)) return { results: [] };
    const results = await ofPartitions(
      request,
      (key, { stateBatches, ...asked }) =>
        shareCoordinator.write({ ...asked, ...key, batches: stateBatches.map(asBatch) }),
    );
    return { results };
  },
);
