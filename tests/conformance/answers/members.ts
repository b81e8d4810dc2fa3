/** Being in a classic group: JoinGroup, SyncGroup, Heartbeat, LeaveGroup, and what each says to whom it should not. */

import { heartbeat } from "../../../protocol/api/12_heartbeat.ts";
import { joinGroup, type JoinGroupRequestDraft } from "../../../protocol/api/11_join_group.ts";
import { leaveGroup } from "../../../protocol/api/13_leave_group.ts";
import { syncGroup, type SyncGroupRequestDraft } from "../../../protocol/api/14_sync_group.ts";
import type { Dialogue } from "../../support/dialogue.ts";
import { utf8 } from "./batches.ts";
import { Member, stableGroup, twoProtocols } from "./member.ts";

export async function membersAnswers(dialogue: Dialogue): Promise<void> {
  await refusedJoins(dialogue);
  await firstJoins(dialogue);
  await inAStableGroup(dialogue);
  await rebalance(dialogue);
  await staticMembers(dialogue);
  await leaving(dialogue);
}

async function refusedJoins(dialogue: Dialogue): Promise<void> {
  const groupId = await dialogue.group("refused");
  const draft = (more: Partial<JoinGroupRequestDraft>): JoinGroupRequestDraft => ({
    groupId,
    sessionTimeoutMs: 30_000,
    rebalanceTimeoutMs: 30_000,
    memberId: "",
    protocolType: "consumer",
    protocols: twoProtocols,
    ...more,
  });
  const odd: Record<string, Partial<JoinGroupRequestDraft>> = {
    "an empty group": { groupId: "" },
    "an unknown member": { memberId: "nobody" },
    "an empty group and an unknown member": { groupId: "", memberId: "nobody" },
    "a session timeout of 0": { sessionTimeoutMs: 0 },
    "a session timeout just too short": { sessionTimeoutMs: 5_999 },
    "a session timeout just too long": { sessionTimeoutMs: 1_800_001 },
    "a session timeout too short, an unknown member": { sessionTimeoutMs: 1, memberId: "nobody" },
    "no protocols": { protocols: [] },
    "no protocol type": { protocolType: "" },
    "no protocol type, an unknown member": { protocolType: "", memberId: "nobody" },
    "no protocols, an unknown member": { protocols: [], memberId: "nobody" },
    "no protocols, a session timeout of 0": { protocols: [], sessionTimeoutMs: 0 },
    "no protocols, the empty group": { protocols: [], groupId: "" },
    "a long group": { groupId: "g".repeat(300), memberId: "nobody" },
  };
  for (const [label, more] of Object.entries(odd)) {
    await dialogue.askEach(`join: ${label}`, joinGroup, [0, 9], () => draft(more));
  }
  await dialogue.askEach(
    "join: an unknown instance's member",
    joinGroup,
    [5, 9],
    () => draft({ groupInstanceId: "i", memberId: "nobody" }),
  );
  await dialogue.askEach(
    "join: an instance without protocols",
    joinGroup,
    [5, 9],
    () => draft({ groupInstanceId: "i", protocols: [] }),
  );
  await dialogue.ask("join: an empty instance", joinGroup, 9, draft({ groupInstanceId: "", protocols: [] }));
  const nobody = { groupId, generationId: 1, memberId: "nobody", assignments: [] };
  await dialogue.askEach("sync: an unknown group", syncGroup, [0, 5], () => ({
    ...nobody,
    protocolType: "consumer",
    protocolName: "range",
  }));
  await dialogue.askEach("sync: the empty group", syncGroup, [0, 4], () => ({ ...nobody, groupId: "" }));
  await dialogue.ask("sync: without protocol", syncGroup, 5, nobody);
  await dialogue.ask("sync: without protocol, the empty group", syncGroup, 5, { ...nobody, groupId: "" });
  await dialogue.askEach("heartbeat: an unknown group", heartbeat, [0, 4], () => nobody);
  await dialogue.askEach("heartbeat: the empty group", heartbeat, [0, 4], () => ({ ...nobody, groupId: "" }));
  await dialogue.ask("heartbeat: an unknown instance", heartbeat, 4, { ...nobody, groupInstanceId: "i" });
  await dialogue.askEach(
    "leave: an unknown group",
    leaveGroup,
    [0, 5],
    (version) => version < 3 ? { groupId, memberId: "nobody" } : { groupId, members: [{ memberId: "nobody" }] },
  );
  await dialogue.askEach(
    "leave: the empty group",
    leaveGroup,
    [0, 5],
    (version) => version < 3 ? { groupId: "", memberId: "nobody" } : { groupId: "", members: [{ memberId: "nobody" }] },
  );
  await dialogue.askEach("leave: nobody", leaveGroup, [3, 5], () => ({ groupId, members: [] }));
}

async function firstJoins(dialogue: Dialogue): Promise<void> {
  for (let version = 0; version <= 9; version++) {
    const groupId = await dialogue.group(`first-${version}`);
    const member = await Member.connect(dialogue, groupId, { clientId: `asker-${version}` });
    if (version >= 4) {
      const given = await dialogue.ask(`first join, v${version}: an id`, joinGroup, version, member.draft(), {
        client: member.client,
      });
      member.memberId = given?.memberId ?? "";
    }
    const joined = await dialogue.ask(`first join, v${version}`, joinGroup, version, member.draft(), {
      client: member.client,
    });
    member.memberId = joined?.memberId ?? "";
    member.generationId = joined?.generationId ?? -1;
    await dialogue.ask(`first sync, v${Math.min(version, 5)} after join v${version}`, syncGroup, Math.min(version, 5), {
      groupId,
      generationId: member.generationId,
      memberId: member.memberId,
      protocolType: "consumer",
      protocolName: "range",
      assignments: [{ memberId: member.memberId, assignment: utf8("everything") }],
    }, { client: member.client });
    await dialogue.ask(`first heartbeat after join v${version}`, heartbeat, Math.min(version, 4), {
      groupId,
      generationId: member.generationId,
      memberId: member.memberId,
    }, { client: member.client });
  }
  const quiet = await Member.connect(dialogue, await dialogue.group("pending"), { clientId: "pending" });
  const given = await dialogue.ask("pending: an id", joinGroup, 9, quiet.draft(), { client: quiet.client });
  const memberId = given?.memberId ?? "";
  const pending = { groupId: quiet.groupId, memberId };
  await dialogue.ask("pending: heartbeat", heartbeat, 4, { ...pending, generationId: 0 });
  await dialogue.ask("pending: heartbeat, generation -1", heartbeat, 4, { ...pending, generationId: -1 });
  await dialogue.ask("pending: sync", syncGroup, 3, { ...pending, generationId: 0, assignments: [] });
  await dialogue.ask("pending: another protocol type", joinGroup, 9, {
    ...quiet.draft(),
    memberId,
    protocolType: "other",
  });
}

async function inAStableGroup(dialogue: Dialogue): Promise<void> {
  const member = await stableGroup(dialogue, "stable");
  const { groupId, memberId, generationId } = member;
  const beat = { groupId, memberId, generationId };
  await dialogue.askEach("stable: heartbeat", heartbeat, [0, 4], () => beat, { client: member.client });
  await dialogue.askEach("stable: an older generation", heartbeat, [0, 4], () => ({ ...beat, generationId: 0 }), {
    client: member.client,
  });
  await dialogue.ask("stable: a newer generation", heartbeat, 4, { ...beat, generationId: 2 }, {
    client: member.client,
  });
  await dialogue.ask("stable: generation -1", heartbeat, 4, { ...beat, generationId: -1 }, { client: member.client });
  await dialogue.ask("stable: an unknown member", heartbeat, 4, { ...beat, memberId: "nobody" }, {
    client: member.client,
  });
  await dialogue.ask("stable: no member", heartbeat, 4, { ...beat, memberId: "" }, { client: member.client });
  await dialogue.ask("stable: an unknown instance", heartbeat, 4, { ...beat, groupInstanceId: "i" }, {
    client: member.client,
  });
  const sync: SyncGroupRequestDraft = { ...beat, protocolType: "consumer", protocolName: "range", assignments: [] };
  const syncs: Record<string, Partial<SyncGroupRequestDraft>> = {
    "once more": {},
    "an older generation": { generationId: 0 },
    "a newer generation": { generationId: 2 },
    "an unknown member": { memberId: "nobody" },
    "another protocol type": { protocolType: "other" },
    "another protocol": { protocolName: "sticky" },
    "an unknown protocol": { protocolName: "unheard of" },
    "no protocol type": { protocolType: null },
    "an unknown instance": { groupInstanceId: "i" },
    "other assignments": { assignments: [{ memberId, assignment: utf8("less") }] },
  };
  for (const [label, more] of Object.entries(syncs)) {
    await dialogue.ask(`stable: sync, ${label}`, syncGroup, 5, { ...sync, ...more }, { client: member.client });
  }
  await dialogue.ask("stable: sync v0 of a newer protocol", syncGroup, 0, sync, { client: member.client });
  const joins: Record<string, Partial<JoinGroupRequestDraft>> = {
    "an unknown member": { memberId: "nobody" },
    "another protocol type": { protocolType: "other" },
    "no common protocol": { protocols: [{ name: "unheard of", metadata: utf8("x") }] },
    "a newcomer of another type": { memberId: "", protocolType: "other" },
    "a newcomer without a common protocol": { memberId: "", protocols: [{ name: "unheard of", metadata: utf8("x") }] },
    "an unknown member without protocols": { memberId: "nobody", protocols: [] },
    "the leader without protocols": { protocols: [] },
    "the leader without protocol type": { protocolType: "" },
    "a newcomer without protocols": { memberId: "", protocols: [] },
    "an unknown instance's member": { memberId: "nobody", groupInstanceId: "i" },
  };
  for (const [label, more] of Object.entries(joins)) {
    await dialogue.ask(`stable: join, ${label}`, joinGroup, 9, member.draft(more), { client: member.client });
  }
  // The leader's joining again starts a rebalance of one.
  await dialogue.ask("stable: the leader joins again", joinGroup, 9, member.draft(), { client: member.client });
  await dialogue.ask("completing: heartbeat", heartbeat, 4, { ...beat, generationId: generationId + 1 }, {
    client: member.client,
  });
  await dialogue.ask("completing: heartbeat of before", heartbeat, 4, beat, { client: member.client });
  await dialogue.ask("completing: sync of before", syncGroup, 3, { ...sync, generationId }, { client: member.client });
  await dialogue.ask("completing: join again, the same", joinGroup, 9, member.draft(), { client: member.client });
  await dialogue.ask("completing: sync", syncGroup, 5, {
    ...sync,
    generationId: generationId + 1,
    assignments: [{ memberId, assignment: utf8("again") }, { memberId: "nobody", assignment: utf8("nothing") }],
  }, { client: member.client });
  await dialogue.ask(
    "stable again: with other metadata",
    joinGroup,
    9,
    member.draft({
      protocols: [{ name: "sticky", metadata: utf8("new") }, { name: "range", metadata: utf8("newer") }],
      sessionTimeoutMs: 20_000,
    }),
    { client: member.client },
  );
  await dialogue.ask("stable again: no assignment for it", syncGroup, 5, {
    ...sync,
    generationId: generationId + 2,
    protocolName: "sticky",
  }, { client: member.client });
}

/** Three members, of which the third speaks only one protocol; nobody gives up. */
async function rebalance(dialogue: Dialogue): Promise<void> {
  const one = await stableGroup(dialogue, "rebalanced", { clientId: "one" });
  const two = await Member.connect(dialogue, one.groupId, { clientId: "two" });
  const three = await Member.connect(dialogue, one.groupId, {
    clientId: "three",
    protocols: [{ name: "sticky", metadata: utf8("only") }],
  });
  const secondJoin = await two.join(5);
  await one.seesRebalance();
  await dialogue.ask("preparing: sync", syncGroup, 3, {
    groupId: one.groupId,
    memberId: one.memberId,
    generationId: one.generationId,
    assignments: [],
  }, { client: one.client });
  await dialogue.ask("preparing: heartbeat of the newcomer", heartbeat, 4, {
    groupId: one.groupId,
    memberId: two.memberId,
    generationId: 1,
  });
  const thirdJoin = await three.join();
  const firstJoin = await one.join();
  dialogue.note("rebalanced: the leader", await firstJoin.answer);
  dialogue.note("rebalanced: the second", await secondJoin.answer);
  dialogue.note("rebalanced: the third", await thirdJoin.answer);
  const sync = (member: Member) => ({
    groupId: member.groupId,
    generationId: member.generationId,
    memberId: member.memberId,
    protocolType: "consumer",
    protocolName: "sticky",
  });
  const secondSync = two.client.send(syncGroup, 5, { ...sync(two), assignments: [] });
  const leads = {
    ...sync(one),
    assignments: [one, two].map(({ memberId }) => ({ memberId, assignment: utf8("part") })),
  };
  await dialogue.ask("rebalanced: the leader's sync", syncGroup, 5, leads, { client: one.client });
  dialogue.note("rebalanced: the second's sync", await secondSync);
  await dialogue.ask("rebalanced: the third's sync, late", syncGroup, 5, { ...sync(three), assignments: [] }, {
    client: three.client,
  });
  await dialogue.ask("rebalanced: a follower joins again, the same", joinGroup, 9, two.draft(), { client: two.client });
  await dialogue.ask("rebalanced: a follower joins again in v4", joinGroup, 4, two.draft(), { client: two.client });
  const changed = two.client.send(
    joinGroup,
    9,
    two.draft({ protocols: [{ name: "sticky", metadata: utf8("other") }] }),
  );
  await one.seesRebalance();
  const [first, third] = [await one.join(), await three.join()];
  dialogue.note("changed metadata: the follower", await changed);
  dialogue.note("changed metadata: the leader", await first.answer);
  dialogue.note("changed metadata: the third", await third.answer);
}

async function staticMembers(dialogue: Dialogue): Promise<void> {
  const groupId = await dialogue.group("static");
  const connect = (clientId: string, groupInstanceId: string) =>
    Member.connect(dialogue, groupId, { clientId, groupInstanceId });
  const one = await connect("static-one", "i1");
  const first = await dialogue.ask("static: first join", joinGroup, 9, one.draft(), { client: one.client });
  one.memberId = first?.memberId ?? "";
  one.generationId = first?.generationId ?? -1;
  await one.sync([[one, "all"]]);
  const again = await connect("static-one", "i1");
  const returned = await dialogue.ask("static: a leader that comes back", joinGroup, 9, again.draft(), {
    client: again.client,
  });
  again.memberId = returned?.memberId ?? "";
  again.generationId = returned?.generationId ?? -1;
  await dialogue.ask("static: its sync", syncGroup, 5, {
    groupId,
    generationId: again.generationId,
    memberId: again.memberId,
    groupInstanceId: "i1",
    protocolType: "consumer",
    protocolName: "range",
    assignments: [],
  }, { client: again.client });
  const old = { groupId, memberId: one.memberId, groupInstanceId: "i1", generationId: one.generationId };
  await dialogue.askEach("static: heartbeat of the one before", heartbeat, [3, 4], () => old);
  await dialogue.ask("static: heartbeat of the one before, no instance", heartbeat, 4, {
    ...old,
    groupInstanceId: null,
  });
  await dialogue.ask("static: sync of the one before", syncGroup, 3, { ...old, assignments: [] });
  await dialogue.ask("static: join of the one before", joinGroup, 9, one.draft());
  await dialogue.ask("static: heartbeat", heartbeat, 4, { ...old, memberId: again.memberId });
  await dialogue.ask("static: heartbeat without instance", heartbeat, 4, {
    ...old,
    memberId: again.memberId,
    groupInstanceId: null,
  });
  await dialogue.ask("static: a leader that comes back in v8", joinGroup, 8, { ...again.draft(), memberId: "" }, {
    client: again.client,
  });
  await dialogue.ask("static: leave by a wrong member id", leaveGroup, 5, {
    groupId,
    members: [{ memberId: one.memberId, groupInstanceId: "i1" }],
  });
  await dialogue.ask("static: leave by an unknown instance", leaveGroup, 5, {
    groupId,
    members: [{ memberId: "", groupInstanceId: "i9" }],
  });
  await dialogue.ask("static: leave by neither", leaveGroup, 5, { groupId, members: [{ memberId: "" }] });
  await dialogue.ask("static: leave by instance", leaveGroup, 5, {
    groupId,
    members: [{ memberId: "", groupInstanceId: "i1" }],
  });
  await dialogue.ask("static: leave by instance twice", leaveGroup, 5, {
    groupId,
    members: [{ memberId: "", groupInstanceId: "i1" }],
  });
}

async function leaving(dialogue: Dialogue): Promise<void> {
  for (let version = 0; version <= 5; version++) {
    const member = await stableGroup(dialogue, `left-${version}`);
    const { groupId, memberId } = member;
    const other = version < 3 ? { groupId, memberId: "nobody" } : { groupId, members: [{ memberId: "nobody" }] };
    await dialogue.ask(`leave, v${version}: an unknown member`, leaveGroup, version, other);
    const self = version < 3 ? { groupId, memberId } : { groupId, members: [{ memberId }] };
    await dialogue.ask(`leave, v${version}`, leaveGroup, version, self);
    await dialogue.ask(`leave, v${version}: twice`, leaveGroup, version, self);
    await dialogue.ask(`leave, v${version}: heartbeat after`, heartbeat, 0, { groupId, memberId, generationId: 1 });
    await dialogue.ask(`leave, v${version}: sync after`, syncGroup, 0, {
      groupId,
      memberId,
      generationId: 1,
      assignments: [],
    });
    await dialogue.ask(`leave, v${version}: join after`, joinGroup, 3, member.draft());
  }
  const member = await stableGroup(dialogue, "left-several");
  const { groupId, memberId } = member;
  const pending = await Member.connect(dialogue, groupId, { clientId: "pending" });
  const given = await pending.client.send(joinGroup, 9, pending.draft());
  await dialogue.ask("leave: several", leaveGroup, 4, {
    groupId,
    members: [
      { memberId: "nobody" },
      { memberId: given.memberId },
      { memberId },
      { memberId },
      { memberId, groupInstanceId: "i" },
    ],
  });
}
