/**
 * Classic groups of any members, with subscriptions and assignments that their own assignors made, or somebody damaged, become
 * consumer groups: as the log gives them back, no partition in two targets, none that is not there; or they are refused and stay.
 *
 *     SEED=123 ROUNDS=1 bun test tests/fuzz/group_conversion_fuzz_test.ts   the run that failed, again
 */
import { describe, expect } from "bun:test";
import { encodeAssignment, encodeSubscription } from "../../protocol/embedded/consumer_protocol.ts";
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import { emptyGroup, type GroupState, type Member } from "../../server/groups/classic/state.ts";
import { fromClassic } from "../../server/groups/consumer/conversion.ts";
import { Machine } from "../unit/server/groups/consumer/machine.ts";
import type { Chance } from "./damage.ts";
import { roundsOf } from "./rounds.ts";

const eachRound = roundsOf("group conversion", 200);
const partitionCounts = { t: 4, u: 2 };

function topicPartitions(chance: Chance) {
  return Array.from({ length: chance.below(3) }, () => ({
    topic: chance.pick(["t", "t", "u", "absent", ""]),
    partitions: Array.from({ length: chance.below(4) }, () => chance.pick([0, 1, 2, 3, 4, -1, 2_147_483_647])),
  }));
}

function bytesOf(chance: Chance, bytes: Uint8Array): Uint8Array {
  const isDamaged = chance.below(40) === 0;
  return isDamaged ? chance.damage(bytes, bytes) : bytes;
}

function memberOf(chance: Chance, memberId: string): Member {
  const version = chance.below(4);
  const topics = Array.from({ length: chance.below(3) }, () => chance.pick(["t", "u", "absent"]));
  const subscription = encodeSubscription(
    { topics, ownedPartitions: version === 0 ? [] : topicPartitions(chance) },
    version,
  );
  const assignment = encodeAssignment({
    assignedPartitions: topicPartitions(chance),
    userData: chance.below(40) === 0 ? Uint8Array.of(1) : null,
  });
  return {
    memberId,
    instanceId: chance.below(3) === 0 ? `instance-of-${memberId}` : null,
    clientId: "client",
    clientHost: "/host",
    rebalanceTimeoutMs: 30_000,
    sessionTimeoutMs: 10_000,
    protocols: ["range", "own"].slice(chance.below(2)).map((name) => ({
      name,
      metadata: bytesOf(chance, subscription),
    })),
    assignment: chance.below(6) === 0 ? new Uint8Array(0) : bytesOf(chance, assignment),
    isNew: false,
    joinTicket: null,
    syncTicket: null,
  };
}

function classicGroup(chance: Chance): GroupState {
  const members = Array.from({ length: 1 + chance.below(5) }, (_, index) => memberOf(chance, `m${index}`));
  return {
    ...emptyGroup("g", 1_000_000),
    phase: "Stable",
    generation: chance.pick([0, 1, 7, 2_147_483_000]),
    protocolType: chance.below(30) === 0 ? "connect" : "consumer",
    protocolName: chance.pick(["range", "own", null]),
    members: new Map(members.map((member) => [member.memberId, member])),
  };
}

describe("a classic group", () => {
  eachRound("becomes a consumer group that is consistent, and goes on; or is refused", (chance) => {
    const classic = classicGroup(chance);
    const machine = new Machine({ topics: partitionCounts, sizeMax: chance.pick([4, 100]) });
    try {
      const [state, effects] = fromClassic(classic, machine.context);
      machine.state = state;
      machine.carryOutAll(effects);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      expect([error.code, error.message.startsWith("Cannot upgrade classic group g to consumer group because ")])
        .toEqual([ErrorCode.GROUP_ID_NOT_FOUND, true]);
      return;
    }
    machine.check();
    expect([...machine.state.members.keys()].sort()).toEqual([...classic.members.keys()].sort());
    const taken = new Set<string>();
    for (const [memberId, target] of machine.state.targets) {
      for (const [topicId, partitions] of target) {
        const topic = machine.topics.topicById(topicId)!;
        for (const partition of partitions) {
          expect(partition >= 0 && partition < topic.partitionCount).toBe(true);
          expect([memberId, topicId, partition, taken.has(`${topicId}-${partition}`)]).toEqual([
            memberId,
            topicId,
            partition,
            false,
          ]);
          taken.add(`${topicId}-${partition}`);
        }
      }
    }
    // The others say nothing more, and their sessions end: all is the newcomer's then. (`Machine` checks the state after each event.)
    let answer = machine.join("new", { topics: ["t", "u"] });
    if (answer.errorCode !== ErrorCode.NONE) {
      expect(answer.errorCode).toBe(ErrorCode.GROUP_MAX_SIZE_REACHED);
      return;
    }
    let owned = answer.assignment;
    for (let round = 0; round < 6; round++) {
      machine.advance(6_000);
      answer = machine.heartbeat("new", answer.memberEpoch);
      expect(answer.errorCode).toBe(ErrorCode.NONE);
      owned = answer.assignment ?? owned;
    }
    const ownedCount = [...owned?.values() ?? []].flat().length;
    expect([machine.phase, ownedCount]).toEqual(["Stable", partitionCounts.t + partitionCounts.u]);
  });
});
