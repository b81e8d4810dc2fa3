/**
 * The state machine of a classic group under random events in any order, sensible or not, writes that fail, and time that
 * passes in jumps. After every step the state is checked against itself; at the end nobody may wait.
 *
 *     SEED=123 bun test tests/simulation/groups_step_test.ts        the run that failed, again
 */
import { expect } from "bun:test";
import { ErrorCode } from "../../protocol/errors.ts";
import type { GroupState } from "../../server/groups/classic/state.ts";
import { createPrng } from "../support/prng.ts";
import { testRandomRuns } from "../support/random_runs.ts";
import { Machine, protocol } from "../unit/server/groups/machine.ts";

const stepCount = 250;

testRandomRuns("a group's state is consistent after any events, and nobody waits for ever", 60, simulate);

function simulate(runSeed: number): void {
  const random = createPrng(runSeed);
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)]!;
  const group = new Machine({ sizeMax: pick([2, 4, 100]), initialRebalanceDelayMs: pick([0, 3_000]) });
  const joins: number[] = [];
  const syncs: number[] = [];
  const lists = [["range"], ["range", "sticky"], ["sticky", "range"], ["range", "cooperative"]];
  let nextId = 0;

  /** Mostly somebody who is, or may be, a member; sometimes a stranger. */
  const someone = () => pick([...group.state.members.keys(), ...group.state.pendingMembers, "stranger"]);
  const instanceOf = (memberId: string) =>
    random() < 0.9 ? group.state.members.get(memberId)?.instanceId ?? null : pick([null, "i0", "i1"]);
  const generation = () => random() < 0.85 ? group.state.generation : Math.floor(random() * 5);
  const joinAs = (memberId: string, instanceId: string | null) =>
    joins.push(group.join(memberId, {
      newMemberId: `m${nextId++}`,
      instanceId,
      isMemberIdRequired: random() < 0.5,
      canSkipAssignment: random() < 0.5,
      sessionTimeoutMs: pick([6_000, 30_000]),
      rebalanceTimeoutMs: pick([5_000, 40_000]),
      protocols: pick(lists).map((name) => protocol(name, Math.floor(random() * 2))),
      protocolType: random() < 0.95 ? "consumer" : "connect",
    }));

  /** What clients do when nothing goes wrong: all join, all ask for their assignment. */
  const cooperate = () => {
    if (group.state.phase === "PreparingRebalance") {
      for (const { memberId, instanceId, joinTicket } of group.state.members.values()) {
        if (joinTicket === null) joinAs(memberId, instanceId);
      }
      group.advance(3_000);
    }
    if (group.state.phase !== "CompletingRebalance") return;
    for (const { memberId, instanceId } of group.state.members.values()) {
      if (random() < 0.95) syncs.push(group.sync(memberId, { instanceId }));
    }
    if (random() < 0.9) group.landAll();
  };

  const actions: readonly (() => void)[] = [
    () => joinAs("", random() < 0.4 ? pick(["i0", "i1", "i2"]) : null),
    () => joinAs("", null),
    () => {
      const id = someone();
      joinAs(id, instanceOf(id));
    },
    () => {
      const id = someone();
      const assignments = new Map(
        [...group.state.members.keys()].map((member) => [member, Uint8Array.of(nextId % 256)]),
      );
      syncs.push(group.sync(id, { instanceId: instanceOf(id), generation: generation(), assignments }));
    },
    () => {
      const id = group.state.leaderId ?? someone();
      syncs.push(group.sync(id, { instanceId: instanceOf(id), generation: generation() }));
    },
    () => {
      const id = someone();
      group.heartbeat(id, generation(), instanceOf(id));
    },
    () => {
      if (random() < 0.3) group.leave({ memberId: someone() }, { instanceId: pick(["i0", "i1", "i2"]) });
    },
    () => cooperate(),
    () => cooperate(),
    () => group.feed({ kind: "committed", memberId: someone() }),
    () => group.advance(pick([1, 500, 3_000, 7_000])),
    () => {
      if (group.writes.length > 0) group.land(random() < 0.8 ? ErrorCode.NONE : ErrorCode.COORDINATOR_NOT_AVAILABLE);
    },
  ];

  for (let round = 0; round < stepCount; round++) {
    pick(actions)();
    check(group.state);
  }
  // All clients fall silent: sessions end, and with them the group.
  for (let minute = 0; minute < 10; minute++) {
    group.landAll();
    group.advance(60_000);
    check(group.state);
  }
  group.landAll();
  expect(joins.filter((ticket) => !group.joins.has(ticket))).toEqual([]);
  expect(syncs.filter((ticket) => !group.syncs.has(ticket))).toEqual([]);
  expect(group.state.phase).toBe("Empty");
  expect([...group.timers.keys()]).toEqual([]);
}

function check(state: GroupState): void {
  const { members, instances, pendingMembers, pendingSync, leaderId, phase, protocolName, protocolSupport } = state;
  const all = [...members.values()];
  expect(state.awaitingJoinCount).toBe(all.filter(({ joinTicket }) => joinTicket !== null).length);
  const support = new Map<string, number>();
  for (const { name } of all.flatMap(({ protocols }) => protocols)) support.set(name, (support.get(name) ?? 0) + 1);
  expect(new Map(protocolSupport)).toEqual(support);
  const statics = all.filter(({ instanceId }) => instanceId !== null);
  expect(new Map(instances)).toEqual(new Map(statics.map(({ instanceId, memberId }) => [instanceId!, memberId])));
  expect(leaderId === null ? members.size : members.has(leaderId)).toBe(leaderId === null ? 0 : true);
  expect([...pendingMembers].filter((id) => members.has(id))).toEqual([]);
  expect([...pendingSync].filter((id) => !members.has(id))).toEqual([]);
  if (phase === "Empty") expect(members.size).toBe(0);
  if (phase === "Stable" || phase === "CompletingRebalance") {
    expect(members.size > 0).toBe(true);
    expect(support.get(protocolName ?? "")).toBe(members.size);
  }
  if (phase !== "CompletingRebalance") expect(all.filter(({ syncTicket }) => syncTicket !== null)).toEqual([]);
  if (phase === "CompletingRebalance") expect(state.awaitingJoinCount).toBe(0);
}
