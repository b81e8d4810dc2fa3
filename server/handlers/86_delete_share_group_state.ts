/** DeleteShareGroupState: v0. What is not there is deleted. */
import { deleteShareGroupState } from "../../protocol/api/86_delete_share_group_state.ts";
import { handle } from "../handler.ts";
import { isAboutSomething, ofPartitions } from "../share/coordinator/state_requests.ts";

export const deleteShareGroupStateHandler = handle(
  deleteShareGroupState,
  [0, 0],
  async (request, { broker: { shareCoordinator } }) => {
    if (!isAboutSomething(request)) return { results: [] };
    return { results: await ofPartitions(request, (key) => shareCoordinator.delete(key)) };
  },
);
