/**
 * OffsetCommit: v0–v10.
 *
 * v0 neither member nor generation · v1 both, and a timestamp of the client's, which is not used · v2 retention · v3
 * throttle · v5 no retention · v6 leader epoch · v7 static membership · v8 flexible · v9 GROUP_ID_NOT_FOUND in place of
 * ILLEGAL_GENERATION for a missing group; member epochs of consumer groups, STALE_MEMBER_EPOCH (KIP-848) · v10 topic ids
 *
 * A partition that does not exist is refused by itself; the rest is committed. Offsets are not compared with the log, nor
 * with those committed before: a group may go back. v0, which went to ZooKeeper once, is kept like the others.
 */
import { offsetCommit } from "../../protocol/api/08_offset_commit.ts";
import { commitTopics } from "../groups/commit_requests.ts";
import { handle } from "../handler.ts";

const FIRST_TOPIC_ID_VERSION = 10;

export const offsetCommitHandler = handle(offsetCommit, [0, 10], async (request, { broker, apiVersion }) => {
  const { cluster, groups } = broker;
  const topics = await commitTopics(
    request.topics,
    { cluster, isById: apiVersion >= FIRST_TOPIC_ID_VERSION },
    (offsets) =>
      groups.commitOffsets({
        groupId: request.groupId,
        memberId: request.memberId,
        instanceId: request.groupInstanceId,
        generation: request.generationIdOrMemberEpoch,
        apiVersion,
        retentionTimeMs: request.retentionTimeMs,
        offsets,
      }),
  );
  return { topics };
});
