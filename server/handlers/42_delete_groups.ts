/**
 * DeleteGroups: v0–v3.
 *
 * v2 flexible · v3 a message, which no error of ours has
 *
 * A group goes with its offsets, and only while it has no members. A group named twice is deleted once.
 */
import { deleteGroups } from "../../protocol/api/42_delete_groups.ts";
import { handle } from "../handler.ts";

export const deleteGroupsHandler = handle(deleteGroups, [0, 3], async (request, { broker }) => {
  const groupIds = [...new Set(request.groupsNames)];
  const results = await Promise.all(groupIds.map(async (groupId) => ({
    groupId,
    errorCode: await broker.groups.deleteGroup(groupId),
  })));
  return { throttleTimeMs: 0, results };
});
