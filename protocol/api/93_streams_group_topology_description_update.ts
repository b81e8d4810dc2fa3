/**
 * StreamsGroupTopologyDescriptionUpdate: a member describes its group's topology, for a plugin of the broker to keep
 * (KIP-1331).
 */
import { api, array, type Draft, type Infer, int16, int32, int8, string, struct } from "../schema.ts";

const node = struct({
  name: string,
  nodeType: int8,
  sourceTopics: array(string),
  sinkTopic: string.nullable().default(null),
  stores: array(string),
  successors: array(string),
});

export const streamsGroupTopologyDescriptionUpdate = api(
  93,
  "StreamsGroupTopologyDescriptionUpdate",
  { versions: [0, 0], flexible: 0 },
  {
    request: {
      groupId: string,
      memberId: string,
      topologyEpoch: int32,
      topologyDescription: struct({
        subtopologies: array({ subtopologyId: string, nodes: array(node) }),
        globalStores: array({ source: node, processor: node }),
      }),
    },
    response: {
      throttleTimeMs: int32,
      errorCode: int16,
      errorMessage: string.nullable().default(null),
    },
  },
);

export type StreamsGroupTopologyDescriptionUpdateRequest = Infer<typeof streamsGroupTopologyDescriptionUpdate.request>;
export type StreamsGroupTopologyDescriptionUpdateRequestDraft = Draft<
  typeof streamsGroupTopologyDescriptionUpdate.request
>;
export type StreamsGroupTopologyDescriptionUpdateResponse = Infer<
  typeof streamsGroupTopologyDescriptionUpdate.response
>;
export type StreamsGroupTopologyDescriptionUpdateResponseDraft = Draft<
  typeof streamsGroupTopologyDescriptionUpdate.response
>;
