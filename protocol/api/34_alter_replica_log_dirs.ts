/**
 * AlterReplicaLogDirs: moves replicas of a broker to another of its data folders (KIP-113).
 *
 * v1   a throttled answer is sent before the broker pauses (KIP-219)
 * v2   flexible
 */
import { api, array, type Draft, type Infer, int16, int32, string } from "../schema.ts";

export const alterReplicaLogDirs = api(34, "AlterReplicaLogDirs", { versions: [0, 2], flexible: 2 }, {
  request: {
    dirs: array({
      path: string,
      topics: array({ name: string, partitions: array(int32) }),
    }),
  },
  response: {
    throttleTimeMs: int32,
    results: array({
      topicName: string,
      partitions: array({ partitionIndex: int32, errorCode: int16 }),
    }),
  },
});

export type AlterReplicaLogDirsRequest = Infer<typeof alterReplicaLogDirs.request>;
export type AlterReplicaLogDirsRequestDraft = Draft<typeof alterReplicaLogDirs.request>;
export type AlterReplicaLogDirsResponse = Infer<typeof alterReplicaLogDirs.response>;
export type AlterReplicaLogDirsResponseDraft = Draft<typeof alterReplicaLogDirs.response>;
