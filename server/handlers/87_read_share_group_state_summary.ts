/**
 * ReadShareGroupStateSummary: v0–v1.
 *
 * v1 how many records from the start on are done with (KIP-1226)
 */
import { readShareGroupStateSummary } from "../../protocol/api/87_read_share_group_state_summary.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { handle } from "../handler.ts";
import { isAboutSomething, ofPartitions } from "../share/coordinator/state_requests.ts";

/** Kafka's start offset of what was never initialized. */
const NOT_KNOWN = -1;

export const readShareGroupStateSummaryHandler = handle(
  readShareGroupStateSummary,
  [0, 1],
  async (request, { broker: { shareCoordinator } }) => {
    if (!isAboutSomething(request)) return { results: [] };
    const results = await ofPartitions(request, (key) => {
      const { errorCode, errorMessage, state } = shareCoordinator.readSummary(key);
      return Promise.resolve({
        errorCode,
        errorMessage,
        stateEpoch: state?.stateEpoch ?? 0,
        leaderEpoch: state?.leaderEpoch ?? 0,
        startOffset: state?.startOffset ?? (errorCode === ErrorCode.NONE ? NOT_KNOWN : 0),
        deliveryCompleteCount: state?.deliveryCompleteCount ?? -1,
      });
    });
    return { results };
  },
);
