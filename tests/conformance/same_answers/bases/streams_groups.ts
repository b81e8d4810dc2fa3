/** Streams groups: members and their tasks, and what is told of them. */

import { streamsGroupDescribe } from "../../../../protocol/api/89_streams_group_describe.ts";
import { streamsGroupHeartbeat } from "../../../../protocol/api/88_streams_group_heartbeat.ts";
import { streamsGroupTopologyDescriptionUpdate } from "../../../../protocol/api/93_streams_group_topology_description_update.ts";
import { StreamsMember, subtopology, type TopologyDraft } from "../../answers/streams_member.ts";
import { type Base, base } from "../base.ts";
import type { Talk } from "../talk.ts";

export const streamsGroupBases: readonly Base[] = [
  base(streamsGroupHeartbeat, "a first member", {
    draft: (_, talk) => ({
      groupId: talk.named("w"),
      memberId: "m",
      memberEpoch: 0,
      endpointInformationEpoch: 0,
      rebalanceTimeoutMs: 60_000,
      topology: topology(talk),
      processId: "p",
      activeTasks: [],
      standbyTasks: [],
      warmupTasks: [],
      clientTags: [{ key: "zone", value: "a" }],
    }),
    probe: (talk) => told(talk, talk.named("w")),
  }),
  base(streamsGroupHeartbeat, "a member that stays", {
    prepare: streaming,
    draft: ({ groupId, memberId, epoch, endpointEpoch, owned }) => ({
      groupId,
      memberId,
      memberEpoch: epoch,
      endpointInformationEpoch: endpointEpoch,
      ...owned,
    }),
    probe: (talk) => told(talk, talk.named("w")),
  }),
  base(streamsGroupHeartbeat, "a member that leaves", {
    prepare: streaming,
    draft: ({ groupId, memberId }) => ({ groupId, memberId, memberEpoch: -1, endpointInformationEpoch: 0 }),
    probe: (talk) => told(talk, talk.named("w")),
  }),
  base(streamsGroupDescribe, "of two kinds", {
    draft: (_, { world, named }) => ({
      groupIds: [world.stable.groupId, named("w")],
      includeAuthorizedOperations: false,
    }),
  }),
  base(streamsGroupTopologyDescriptionUpdate, "of a member", {
    prepare: streaming,
    draft: ({ groupId, memberId }) => ({
      groupId,
      memberId,
      topologyEpoch: 0,
      topologyDescription: { subtopologies: [], globalStores: [] },
    }),
  }),
];

function topology({ world }: Talk): TopologyDraft {
  return { epoch: 0, subtopologies: [subtopology("0", { sourceTopics: [world.plain.name] })] };
}

/** A group of one that has all tasks. */
async function streaming(talk: Talk): Promise<StreamsMember> {
  const member = await StreamsMember.connect(talk.dialogue, talk.named("w"), "m", topology(talk));
  await member.getsTasks(3);
  return member;
}

async function told(talk: Talk, groupId: string): Promise<void> {
  await talk.ask("the group", streamsGroupDescribe, 1, { groupIds: [groupId], includeAuthorizedOperations: false });
}
