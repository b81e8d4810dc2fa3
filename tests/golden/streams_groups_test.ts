/** Against what Kafka's own group coordinator makes of the same streams groups: `tests/golden/java_streams/`. */
import { describe, expect, test } from "bun:test";
import { ProtocolError } from "../../protocol/errors.ts";
import { assignSticky } from "../../server/groups/streams/assignor.ts";
import { configureTopology } from "../../server/groups/streams/configure.ts";
import { reconciled } from "../../server/groups/streams/reconcile.ts";
import { type MemberPhase, newMember } from "../../server/groups/streams/state.ts";
import { type HeldTasks, type Task, taskOf, type Tasks } from "../../server/groups/streams/tasks.ts";
import type { StreamsTopology } from "../../server/groups/streams/topology.ts";
import { FakeTopics } from "../unit/server/groups/consumer/topics.ts";
import { tasksText } from "../unit/server/groups/streams/machine.ts";
import vectors from "./java_streams/vectors.json" with { type: "json" };

type BySubtopology = Readonly<Record<string, readonly number[]>>;

function tasksIn(parts: BySubtopology): Set<Task> {
  return new Set(Object.entries(parts).flatMap(([id, partitions]) => partitions.map((one) => taskOf(id, one))));
}

describe("assignments", () => {
  interface Vector {
    readonly standbyReplicas: number;
    readonly subtopologies: Readonly<Record<string, { readonly taskCount: number; readonly isStateful: boolean }>>;
    readonly members: Readonly<
      Record<string, {
        readonly processId: string;
        readonly active: BySubtopology;
        readonly standby: BySubtopology;
        readonly offsets: Readonly<Record<string, Readonly<Record<string, number>>>>;
      }>
    >;
    readonly given: Readonly<Record<string, { readonly active: BySubtopology; readonly standby: BySubtopology }>>;
  }

  test("are Kafka's", () => {
    for (const [index, vector] of (vectors.assignments as unknown as Vector[]).entries()) {
      const given = assignSticky({
        standbyReplicas: vector.standbyReplicas,
        subtopologies: Object.entries(vector.subtopologies).map(([subtopologyId, one]) => ({ subtopologyId, ...one })),
        members: Object.entries(vector.members).map(([memberId, { processId, active, standby, offsets }]) => ({
          memberId,
          processId,
          active: tasksIn(active),
          standby: tasksIn(standby),
          offsets: new Map(
            Object.entries(offsets).flatMap(([id, parts]) =>
              Object.entries(parts).map(([partition, offset]) => [taskOf(id, Number(partition)), offset] as const)
            ),
          ),
        })),
      });
      const texts = [...given].map(([memberId, one]) => [memberId, tasksText(one.active), tasksText(one.standby)]);
      const expected = Object.entries(vector.given).map((
        [memberId, { active, standby }],
      ) => [memberId, tasksText(tasksIn(active)), tasksText(tasksIn(standby))]);
      expect([index, texts]).toEqual([index, expected]);
    }
  });
});

describe("a member on its way", () => {
  type Held = readonly [Readonly<Record<string, number>>, readonly number[], readonly number[]];
  interface Vector {
    readonly state: string;
    readonly epoch: number;
    readonly targetEpoch: number;
    readonly assigned: Held;
    readonly revoking: Held;
    readonly target: readonly (readonly number[])[];
    readonly owned: readonly (readonly number[])[] | null;
    readonly active: Readonly<Record<string, string>>;
    readonly standby: Readonly<Record<string, readonly string[]>>;
    readonly warmup: Readonly<Record<string, readonly string[]>>;
    readonly next?: {
      readonly state: string;
      readonly epoch: number;
      readonly previousEpoch: number;
      readonly assigned: Held;
      readonly revoking: Held;
    };
    readonly error?: string;
  }
  const phases: Readonly<Record<string, MemberPhase>> = {
    STABLE: "stable",
    UNREVOKED_TASKS: "unrevoked",
    UNRELEASED_TASKS: "unreleased",
    UNKNOWN: "unknown",
  };
  const setOf = (partitions: readonly number[] = []) => new Set(partitions.map((one) => taskOf("0", one)));
  const tasksOf = ([active, standby, warmup]: readonly (readonly number[])[]): Tasks => ({
    active: setOf(active),
    standby: setOf(standby),
    warmup: setOf(warmup),
  });
  const heldOf = ([active, standby, warmup]: Held): HeldTasks => ({
    active: new Map(Object.entries(active).map(([task, epoch]) => [taskOf("0", Number(task)), epoch])),
    standby: setOf(standby),
    warmup: setOf(warmup),
  });
  const textOf = ({ active, standby, warmup }: HeldTasks) =>
    [[...active].map(([task, epoch]) => `${task}@${epoch}`).sort().join(" "), tasksText(standby), tasksText(warmup)]
      .join(" | ");

  test("goes as in Kafka", () => {
    for (const [index, vector] of (vectors.reconciliations as unknown as Vector[]).entries()) {
      const member = {
        ...newMember("m"),
        processId: "p",
        phase: phases[vector.state]!,
        epoch: vector.epoch,
        previousEpoch: vector.epoch - 1,
        assigned: heldOf(vector.assigned),
        revoking: heldOf(vector.revoking),
      };
      const step = () => {
        const next = reconciled(member, {
          target: tasksOf(vector.target),
          targetEpoch: vector.targetEpoch,
          owned: vector.owned && tasksOf(vector.owned),
          holders: (task) => {
            const partition = task.split(":")[0]!;
            const active = vector.active[partition];
            return {
              active: active === undefined ? [] : [active],
              standby: vector.standby[partition] ?? [],
              warmup: vector.warmup[partition] ?? [],
            };
          },
        });
        return [next.phase, next.epoch, next.previousEpoch, textOf(next.assigned), textOf(next.revoking)];
      };
      const { next, error } = vector;
      if (next === undefined) expect(step).toThrow(error);
      else {
        expect([index, ...step()]).toEqual([
          index,
          phases[next.state]!,
          next.epoch,
          next.previousEpoch,
          textOf(heldOf(next.assigned)),
          textOf(heldOf(next.revoking)),
        ]);
      }
    }
  });
});

describe("a topology against topics", () => {
  interface Vector {
    readonly topology: StreamsTopology;
    readonly topics: Readonly<Record<string, number>>;
    readonly configured?: {
      readonly status?: number;
      readonly detail?: string;
      readonly tasks?: Readonly<Record<string, number>>;
      readonly internal?: Readonly<Record<string, number>>;
      readonly toMake: readonly string[];
    };
    readonly error?: string;
    readonly message?: string;
  }

  test("is configured as in Kafka", () => {
    for (
      const [index, { topology, topics, configured, error, message }] of (vectors.topologies as unknown as Vector[])
        .entries()
    ) {
      let found: unknown;
      try {
        const { subtopologies, topicsToMake, trouble } = configureTopology(topology, new FakeTopics(topics));
        const all = [...subtopologies?.values() ?? []].flatMap((one) => [
          ...one.repartitionSourceTopics,
          ...one.stateChangelogTopics,
        ]);
        found = {
          status: trouble?.code,
          detail: trouble?.detail,
          tasks: subtopologies && Object.fromEntries([...subtopologies].map(([id, { taskCount }]) => [id, taskCount])),
          internal: subtopologies && Object.fromEntries(all.map(({ name, partitionCount }) => [name, partitionCount])),
          toMake: topicsToMake.map(({ name }) => name),
        };
      } catch (cause) {
        if (!(cause instanceof ProtocolError)) throw cause;
        found = cause.message;
      }
      const { status, detail, tasks = null, internal = null, toMake } = configured ?? { toMake: [] };
      const expected = error === undefined ? { status, detail, tasks, internal, toMake } : message;
      expect([index, found]).toEqual([index, expected]);
    }
  });
});
