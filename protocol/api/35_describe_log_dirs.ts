/**
 * DescribeLogDirs: the broker's data folders and what lies in them (KIP-113).
 *
 * v1   a throttled answer is sent before the broker pauses (KIP-219)
 * v2   flexible
 * v3   answer: an error for the whole (KIP-784)
 * v4   answer: size of the volume and what is free (KIP-827)
 * v5   answer: whether the folder takes no new partitions (KIP-1066)
 */
import { api, array, bool, type Draft, type Infer, int16, int32, int64, string } from "../schema.ts";

export const describeLogDirs = api(35, "DescribeLogDirs", { versions: [0, 5], flexible: 2 }, {
  request: {
    topics: array({ topic: string, partitions: array(int32) }).nullable(),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16.since(3).ignorable(),
    results: array({
      errorCode: int16,
      logDir: string,
      topics: array({
        name: string,
        partitions: array({
          partitionIndex: int32,
          partitionSize: int64,
          offsetLag: int64,
          isFutureKey: bool,
        }),
      }),
      totalBytes: int64.default(-1).since(4).ignorable(),
      usableBytes: int64.default(-1).since(4).ignorable(),
      isCordoned: bool.default(false).since(5).ignorable(),
    }),
  },
});

export type DescribeLogDirsRequest = Infer<typeof describeLogDirs.request>;
export type DescribeLogDirsRequestDraft = Draft<typeof describeLogDirs.request>;
export type DescribeLogDirsResponse = Infer<typeof describeLogDirs.response>;
export type DescribeLogDirsResponseDraft = Draft<typeof describeLogDirs.response>;
