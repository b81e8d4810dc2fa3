/** InitializeShareGroupState: v0. Group coordinators ask the share coordinator by it; on one node they ask without a request. */
import { initializeShareGroupState } from "../../protocol/api/83_initialize_share_group_state.ts";
import { handle } from "../handler.ts";
import { isAboutSomething, ofPartitions } from "../share/coordinator/state_requests.ts";

export const initializeShareGroupStateHandler = handle(
  initializeShareGroupState,
  [0, 0],
  async (request, { broker: { shareCoordinator } }) => {
    // Unlike its neighbours it passes over topics without partitions: as Kafka does.
    const asked = { ...request, topics: request.topics.filter(({ partitions }) => partitions.length > 0) };
    if (!isAboutSomething(asked)) return { results: [] };
    return { results: await ofPartitions(asked, (key, state) => shareCoordinator.initialize({ ...state, ...key })) };
  },
);
