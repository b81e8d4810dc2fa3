import { expect, test } from "bun:test";
import { ErrorCode } from "../../../../protocol/errors.ts";
import { commitAll } from "../../../../server/groups/commits.ts";
import type { Commit } from "../../../../server/groups/shard.ts";

test("an offset that is to be kept for ever, by the longest retention that a client can name, is kept", async () => {
  const offset = { topic: "orders", topicId: "", partition: 0, offset: 7, leaderEpoch: -1, metadata: null };
  const taken: Commit[] = [];
  const options = { nowMs: 1_700_000_000_000, retentionTimeMs: Number.MAX_SAFE_INTEGER, metadataLengthMax: 10 };
  const errorCodes = await commitAll([offset], options, (commits) => {
    taken.push(...commits);
    return Promise.resolve(ErrorCode.NONE);
  });
  expect(errorCodes).toEqual([ErrorCode.NONE]);
  // Past it no int64 of ours can be written down: the connection was closed instead.
  expect(taken.map(({ committed }) => committed.expireTimestampMs)).toEqual([Number.MAX_SAFE_INTEGER]);
});
