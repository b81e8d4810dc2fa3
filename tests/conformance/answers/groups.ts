/** Groups from outside: DescribeGroups, ListGroups, DeleteGroups. */

import { deleteGroups } from "../../../protocol/api/42_delete_groups.ts";
import { describeGroups } from "../../../protocol/api/15_describe_groups.ts";
import { joinGroup } from "../../../protocol/api/11_join_group.ts";
import { leaveGroup } from "../../../protocol/api/13_leave_group.ts";
import { listGroups, type ListGroupsResponse } from "../../../protocol/api/16_list_groups.ts";
import { offsetCommit } from "../../../protocol/api/08_offset_commit.ts";
import type { Dialogue } from "../../support/dialogue.ts";
import { Member, stableGroup } from "./member.ts";

export async function groupsAnswers(dialogue: Dialogue): Promise<void> {
  const topic = await dialogue.topic("of-groups");
  const stable = await stableGroup(dialogue, "g-stable", { clientId: "a-client" });
  const fixed = await stableGroup(dialogue, "g-static", {
    clientId: "",
    groupInstanceId: "i1",
    protocolType: "connect",
  });
  const empty = await stableGroup(dialogue, "g-empty");
  await empty.client.send(leaveGroup, 3, { groupId: empty.groupId, members: [{ memberId: empty.memberId }] });
  const simple = await dialogue.group("g-simple");
  await (await dialogue.main()).send(offsetCommit, 9, {
    groupId: simple,
    memberId: "",
    topics: [{ name: topic.name, partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: null }] }],
  });
  const completing = await Member.connect(dialogue, await dialogue.group("g-completing"), { clientId: "b-client" });
  await (await completing.join()).answer;
  const preparing = await stableGroup(dialogue, "g-preparing");
  const newcomer = await Member.connect(dialogue, preparing.groupId, { clientId: "newcomer" });
  const joining = await newcomer.join();
  await preparing.seesRebalance();
  const pending = await Member.connect(dialogue, await dialogue.group("g-pending"), { clientId: "pending" });
  await pending.client.send(joinGroup, 9, pending.draft());

  const names = [stable, fixed, empty, completing, preparing, pending].map(({ groupId }) => groupId);
  await describing(dialogue, [...names, simple]);
  await listing(dialogue, [...names, simple]);
  await deleting(dialogue, { stable, empty, simple, pending });
  await (await preparing.join()).answer;
  await joining.answer;
}

async function describing(dialogue: Dialogue, groups: readonly string[]): Promise<void> {
  const nobody = await dialogue.group("g-nobody");
  for (const groupId of groups) {
    await dialogue.askEach(`describe: ${groupId.split(".")[0]}`, describeGroups, [0, 6], () => ({ groups: [groupId] }));
  }
  await dialogue.askEach("describe: an unknown group", describeGroups, [0, 6], () => ({ groups: [nobody] }));
  await dialogue.askEach("describe: the empty group", describeGroups, [0, 6], () => ({ groups: [""] }));
  await dialogue.askEach("describe: none", describeGroups, [0, 6], () => ({ groups: [] }));
  await dialogue.askEach("describe: operations", describeGroups, [3, 6], () => ({
    groups: [groups[2]!, nobody],
    includeAuthorizedOperations: true,
  }));
  await dialogue.ask("describe: one twice", describeGroups, 5, { groups: [groups[2]!, groups[2]!] });
}

async function listing(dialogue: Dialogue, groups: readonly string[]): Promise<void> {
  const own = {
    view: (response: ListGroupsResponse) => ({
      ...response,
      groups: response.groups.filter(({ groupId }) => groups.includes(groupId)),
    }),
  };
  await dialogue.askEach("list: all", listGroups, [0, 5], () => ({}), own);
  const states = [["Stable"], ["stable"], ["Empty"], ["PreparingRebalance"], ["Dead"], ["Stable", "Empty"], [
    "Unknown",
  ]];
  for (const statesFilter of [...states, ["unheard of"], [""], ["CompletingRebalance", "unheard of"], ["Assigning"]]) {
    await dialogue.askEach(`list: ${statesFilter.join(" and ")}`, listGroups, [4, 5], () => ({ statesFilter }), own);
  }
  const types = [["classic"], ["Classic"], ["CLASSIC"], ["consumer"], ["share"], ["unknown"], ["unheard of"], [""]];
  for (const typesFilter of [...types, ["classic", "consumer"]]) {
    await dialogue.ask(`list: type ${typesFilter.join(" and ")}`, listGroups, 5, { typesFilter }, own);
  }
  await dialogue.ask("list: by both", listGroups, 5, { statesFilter: ["Empty"], typesFilter: ["classic"] }, own);
}

async function deleting(
  dialogue: Dialogue,
  groups: { readonly stable: Member; readonly empty: Member; readonly simple: string; readonly pending: Member },
): Promise<void> {
  const nobody = await dialogue.group("g-nobody");
  const { stable, empty, simple, pending } = groups;
  const byName = {
    view: ({ results }: { results: readonly { groupId: string; errorCode: number }[] }) => ({ groups: results }),
  };
  await dialogue.askEach("delete: an unknown group", deleteGroups, [0, 3], () => ({ groupsNames: [nobody] }), byName);
  await dialogue.askEach("delete: the empty group", deleteGroups, [0, 3], () => ({ groupsNames: [""] }), byName);
  await dialogue.askEach("delete: a group with members", deleteGroups, [0, 3], () => ({
    groupsNames: [stable.groupId],
  }), byName);
  await dialogue.ask("delete: none", deleteGroups, 3, { groupsNames: [] }, byName);
  await dialogue.ask(
    "delete: a group with a pending member",
    deleteGroups,
    3,
    { groupsNames: [pending.groupId] },
    byName,
  );
  await dialogue.ask("delete: several, one twice", deleteGroups, 3, {
    groupsNames: [simple, stable.groupId, empty.groupId, empty.groupId, nobody],
  }, byName);
  await dialogue.ask("delete: again", deleteGroups, 3, { groupsNames: [simple, empty.groupId] }, byName);
  await dialogue.ask("describe: a deleted group", describeGroups, 6, { groups: [empty.groupId] });
}
