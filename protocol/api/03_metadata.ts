import { api, array, bool, type Draft, type Infer, int32, string, uuid } from "../schema.ts";
export const metadata = api(3, "Metadata", { versions: [0, 13], flexible: 9 }, {
  request: {
    topics: array({ topicId: uuid.since(10).ignorable(), name: string.nullable(10) }).nullable(1),
    allowAutoTopicCreation: bool.default(true).since(4),
    includeClusterAuthorizedOperations: bool.between(8, 10),
    includeTopicAuthorizedOperations: bool.since(8),
  },
  response: { throttleTimeMs: int32.since(3).ignorable() },
});
export type MetadataRequest = Infer<typeof metadata.request>;
export type MetadataRequestDraft = Draft<typeof metadata.request>;
