/**
 * ElectLeaders: v0–v2.
 *
 * v1 preferred or unclean, an error for the whole · v2 flexible
 *
 * Null asks for an election in every partition; those that need none are then not told of. v0 knows the preferred one alone.
 * Who names more partitions than there are, and than one request may change, is not told of each: that would take twenty times
 * the memory of the request.
 */
import { electLeaders, type ElectLeadersResponseDraft } from "../../protocol/api/43_elect_leaders.ts";
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import { withinDeadline } from "../cluster/deadline.ts";
import { checkNamedPartitions } from "../cluster/planned.ts";
import { planElections } from "../cluster/elections.ts";
import { RequestRefused } from "../dispatch.ts";
import { handle } from "../handler.ts";

type Results = ElectLeadersResponseDraft["replicaElectionResults"];

export const electLeadersHandler = handle(electLeaders, [0, 2], async (request, { broker, apiVersion }) => {
  const { electionType, topicPartitions, timeoutMs } = request;
  if (topicPartitions?.length === 0) return answer([]);
  const { cluster, runtime } = broker;
  try {
    const namedCount = (topicPartitions ?? []).reduce((sum, { partitions }) => sum + partitions.length, 0);
    checkNamedPartitions(namedCount, cluster.topics());
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    if (apiVersion === 0) throw new RequestRefused(`Cannot elect leaders: ${error.message}`); // it has no error for the whole
    return { ...answer([]), errorCode: error.code };
  }
  try {
    const outcome = await withinDeadline(
      runtime.timers,
      timeoutMs,
      () => cluster.change((image) => planElections(image, electionType, topicPartitions, cluster.brokerIds())),
    );
    return answer(outcome.map(({ topic, partitions }) => ({
      topic,
      partitionResult: partitions.map(({ index, error }) => result(index, error)),
    })));
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    const refused = (topicPartitions ?? []).map(({ topic, partitions }) => ({
      topic,
      partitionResult: partitions.map((index) => result(index, error)),
    }));
    return { ...answer(refused), ...(apiVersion === 0 ? {} : { errorCode: error.code }) };
  }
});

function answer(replicaElectionResults: Results) {
  return { throttleTimeMs: 0, replicaElectionResults };
}

function result(partitionId: number, error: ProtocolError | null) {
  return { partitionId, errorCode: error?.code ?? ErrorCode.NONE, errorMessage: error?.detail ?? null };
}
