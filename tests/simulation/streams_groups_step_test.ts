/**
 * The state machine of a streams group under random events in any order, sensible or not: members, static and not, several
 * to a process, that come, go, die, and say what is not true; topics that come, grow and go; configs that change; a broker
 * that starts again from its log; time that passes in jumps.
 *
 * After every event:
 *  1. A task is active on one member at most, those that are still to give it up included.
 *  2. A process has a task on one of its members at most, in whatever role.
 *  3. No epoch goes back: not the group's, nor that of its assignment, nor a member's while it stays.
 *  4. Who has what is what members have, and the log would give the same state back (`Machine.check`).
 *  5. What an honest member thinks it has active is part of what the group thinks it has: so no two ever think they have
 *     the same.
 *  6. Who lost a task that another has had active since commits nothing for its input, as long as it speaks of the epoch it had it
 *     in: not when it has it again, either.
 * And once all that is left heartbeat:
 *  7. Every member comes to its target, every task is active somewhere, and its copies are in processes of their own.
 *
 *     SEED=123 bun test tests/simulation/streams_groups_step_test.ts        the run that failed, again
 */
import { ErrorCode } from "../../protocol/errors.ts";
import { commitError } from "../../server/groups/streams/checks.ts";
import type { HeartbeatEvent, StreamsAnswer } from "../../server/groups/streams/state.ts";
import { phaseOf } from "../../server/groups/streams/state.ts";
import { NO_TASKS, partsOf, type Task, type Tasks } from "../../server/groups/streams/tasks.ts";
import type { StreamsTopology } from "../../server/groups/streams/topology.ts";
import { RandomRun, testRandomRuns } from "../support/random_runs.ts";
import { asOwned, Machine, subtopology, tasks, topicInfo } from "../unit/server/groups/streams/machine.ts";

const stepCount = 200;

testRandomRuns("a streams group is consistent after any events, and settles", 15, (seed) => new Simulation(seed).run());

/** Reads `t`, writes to a repartition topic, and counts what is in that. */
const topology: StreamsTopology = {
  epoch: 0,
  subtopologies: [
    subtopology("0", { sourceTopics: ["t"], repartitionSinkTopics: ["r"] }),
    subtopology("1", { repartitionSourceTopics: [topicInfo("r")], stateChangelogTopics: [topicInfo("c")] }),
  ],
};

class Simulation extends RandomRun {
  readonly group: Machine;
  readonly members: Member[] = [];
  readonly #epochs = new Map<string, number>();
  #groupEpochs: readonly [number, number] = [0, 0];
  #nextId = 0;

  constructor(runSeed: number) {
    super(runSeed);
    this.group = new Machine({
      topics: this.pick([{ t: 3 }, { t: 3, r: 3, c: 3 }, {}]),
      sizeMax: this.pick([4, 100]),
      assignmentIntervalMs: this.pick([0, 1_000]),
      initialRebalanceDelayMs: this.pick([0, 3_000]),
      standbyReplicas: this.pick([0, 1, 2]),
    });
  }

  run(): void {
    for (let round = 0; round < stepCount; round++) {
      this.pick(this.#actions)();
      this.check();
    }
    this.settle();
  }

  readonly #actions: readonly (() => void)[] = [
    () => this.visit(),
    () => this.join(),
    () => this.join(),
    () => this.someone((member) => member.heartbeat()),
    () => this.someone((member) => member.heartbeat()),
    () => this.someone((member) => member.heartbeat()),
    () => this.someone((member) => member.heartbeat()),
    () => this.someone((member) => member.heartbeat({ tags: new Map([["zone", this.pick(["x", "y"])]]) })),
    () => this.someone((member) => member.leave()),
    () => this.someone((member) => this.forget(member)), // dies without a word
    () => this.someone((member) => member.lie()),
    () => this.changeTopics(),
    () => this.changeRules(),
    () => this.group.advance(this.below(4_000)),
    () => this.group.advance(this.below(60_000)),
    () => this.random() < 0.3 && this.group.restart(),
  ];

  join(): void {
    const id = `m${this.#nextId++}`;
    const instanceId = this.random() < 0.3 ? this.pick(["i0", "i1"]) : null;
    const member = new Member(
      this,
      id,
      instanceId,
      instanceId === null ? this.pick(["p0", "p1", "p2"]) : `p-${instanceId}`,
    );
    if (member.join()) this.members.push(member);
  }

  /** All speak in turn: what one gives up another gets. */
  round(): void {
    for (const member of [...this.members]) {
      member.heartbeat();
      this.check();
    }
    this.group.advance(1_000);
  }

  /** Somebody comes, and goes once it has its part: what the others lose they get again, which they seldom do by chance. */
  visit(): void {
    const before = this.members.length;
    this.join();
    const guest = this.members[before];
    for (let count = 0; count < 3; count++) this.round();
    if (guest !== undefined && this.members.includes(guest)) guest.leave();
    for (let count = 0; count < 3; count++) this.round();
  }

  someone(act: (member: Member) => void): void {
    if (this.members.length > 0) act(this.pick(this.members));
  }

  forget(member: Member): void {
    const at = this.members.indexOf(member);
    if (at >= 0) this.members.splice(at, 1);
  }

  changeTopics(): void {
    const { topics } = this.group;
    const count = topics.topic("t")?.partitionCount ?? 0;
    const change = this.below(6);
    if (change === 0) topics.delete(this.pick(["t", "r", "c"]));
    else if (change === 1) topics.put("t", Math.min(count + 1, 6));
    else this.makeWhole();
    this.group.feed({ kind: "topicsChanged" });
  }

  /** All topics are there, and fit each other. */
  makeWhole(): void {
    const { topics } = this.group;
    const count = Math.max(1, ...["t", "r", "c"].map((name) => topics.topic(name)?.partitionCount ?? 0));
    for (const name of ["t", "r", "c"]) topics.put(name, count);
    this.group.feed({ kind: "topicsChanged" });
  }

  changeRules(): void {
    this.group.rules = { ...this.group.rules, standbyReplicas: this.below(3) };
  }

  check(): void {
    const { state } = this.group;
    const holders = new Map<string, string>();
    for (const [task, { active }] of state.holders) {
      if (active.length > 1) throw new Error(`${active.length} members have ${task} active`); // (1)
    }
    for (const { memberId, processId, assigned, revoking } of state.members.values()) {
      for (const held of [assigned, revoking]) {
        for (const task of [...held.active.keys(), ...held.standby, ...held.warmup]) {
          const other = holders.get(`${processId} ${task}`) ?? memberId;
          if (other !== memberId) throw new Error(`${memberId} and ${other} of ${processId} both have ${task}`); // (2)
          holders.set(`${processId} ${task}`, memberId);
        }
      }
    }
    const [groupEpoch, assignmentEpoch] = this.#groupEpochs;
    if (state.groupEpoch < groupEpoch || state.assignmentEpoch < assignmentEpoch) throw new Error("an epoch went back");
    this.#groupEpochs = [state.groupEpoch, state.assignmentEpoch];
    for (const [memberId, { epoch }] of state.members) {
      const before = this.#epochs.get(memberId) ?? 0;
      if (epoch < before && epoch !== -2) throw new Error(`${memberId} went from epoch ${before} to ${epoch}`); // (3)
      if (epoch > state.assignmentEpoch) throw new Error(`${memberId} is in epoch ${epoch}, which is not yet`);
      this.#epochs.set(memberId, epoch);
    }
    for (const member of this.members) {
      member.checkOwned();
      member.checkCommits();
    }
  }

  /** (7) */
  settle(): void {
    this.makeWhole();
    for (let round = 0; round < 60; round++) {
      for (const member of [...this.members]) {
        member.heartbeat();
        this.check();
      }
      this.group.advance(4_000);
    }
    const { state, topics } = this.group;
    if (this.members.length === 0 || state.members.size === 0) return;
    if (phaseOf(state) !== "Stable") throw new Error(`the group is ${phaseOf(state)}`);
    const count = topics.topic("t")!.partitionCount;
    for (const subtopologyId of ["0", "1"]) {
      for (let partition = 0; partition < count; partition++) {
        const held = state.holders.get(`${partition}:${subtopologyId}`);
        if (held?.active.length !== 1) throw new Error(`task ${subtopologyId}_${partition} is active nowhere`);
        const processes = [...held.active, ...held.standby];
        if (new Set(processes).size !== processes.length) {
          throw new Error(`${subtopologyId}_${partition} twice in a process`);
        }
        const others = new Set([...state.members.values()].map(({ processId }) => processId)).size - 1;
        const wanted = subtopologyId === "0" ? 0 : Math.min(this.group.rules.standbyReplicas, others);
        if (held.standby.length !== wanted) {
          throw new Error(`${subtopologyId}_${partition} has ${held.standby.length} copies and not ${wanted}`);
        }
      }
    }
  }
}

/** A thread of the application. Its answers are lost at times. */
class Member {
  epoch = 0;
  #owned: Tasks = NO_TASKS;
  /** What was taken from it, and the epoch it had it in. */
  readonly #lost = new Map<Task, { readonly epoch: number; isAnothersSince: boolean }>();
  #isHonest = true;
  readonly #simulation: Simulation;
  readonly #id: string;
  readonly #instanceId: string | null;
  readonly #processId: string;

  constructor(simulation: Simulation, id: string, instanceId: string | null, processId: string) {
    this.#simulation = simulation;
    this.#id = id;
    this.#instanceId = instanceId;
    this.#processId = processId;
  }

  join(): boolean {
    this.#owned = NO_TASKS;
    this.#isHonest = true;
    const answer = this.#simulation.group.join(this.#id, {
      topology,
      instanceId: this.#instanceId,
      processId: this.#processId,
    });
    if (answer.errorCode !== 0) return false;
    this.#take(answer);
    return true;
  }

  heartbeat(changes: Partial<HeartbeatEvent> = {}): void {
    const { group, random } = this.#simulation;
    const isSaid = random() < 0.7;
    const answer = group.heartbeat(this.#id, this.epoch, {
      instanceId: this.#instanceId,
      owned: isSaid ? this.#owned : null,
      ...changes,
    });
    if (answer.errorCode !== 0) {
      // Another is it now: a client goes.
      const isFenced = answer.errorCode === ErrorCode.FENCED_INSTANCE_ID;
      if (isFenced || !this.join()) this.#simulation.forget(this);
    } else if (random() < 0.9) this.#take(answer);
  }

  /** (5) */
  checkOwned(): void {
    const member = this.#simulation.group.state.members.get(this.#id);
    if (member === undefined || !this.#isHonest) return;
    for (const task of this.#owned.active) {
      const isKnown = member.assigned.active.has(task) || member.revoking.active.has(task);
      if (!isKnown) throw new Error(`${this.#id} has ${task} active and the group does not think so`);
    }
  }

  /** (6) */
  checkCommits(): void {
    const { state } = this.#simulation.group;
    const member = state.members.get(this.#id);
    for (const [task, lost] of this.#lost) {
      const { epoch: generation } = lost;
      lost.isAnothersSince ||= [...state.members.values()].some(({ memberId, assigned }) =>
        memberId !== this.#id && assigned.active.has(task)
      );
      if (!lost.isAnothersSince || !this.#isHonest || member?.epoch === generation) continue; // Nobody could tell.
      const { partition, subtopologyId } = partsOf(task);
      const errorCode = commitError(state, { memberId: this.#id, instanceId: this.#instanceId, generation }, {
        apiVersion: 9,
        isTransactional: false,
        places: [{ topic: subtopologyId === "0" ? "t" : "r", partition }],
      });
      if (errorCode !== ErrorCode.NONE) continue;
      throw new Error(`${this.#id} may commit for ${task} by epoch ${generation}, since when another had it`);
    }
  }

  leave(): void {
    const epoch = this.#instanceId !== null && this.#simulation.random() < 0.6 ? -2 : -1;
    this.#simulation.group.heartbeat(this.#id, epoch, { instanceId: this.#instanceId });
    this.#simulation.forget(this);
  }

  /** Says it has what it has not, or is where it is not. */
  lie(): void {
    this.#isHonest = false;
    const epoch = this.epoch + this.#simulation.below(3) - 1;
    const owned = this.#simulation.pick([tasks([0, 1], [2]), tasks([99]), NO_TASKS]);
    this.#simulation.group.heartbeat(this.#id, Math.max(epoch, 1), { instanceId: this.#instanceId, owned });
  }

  #take({ memberEpoch, tasks: given }: StreamsAnswer): void {
    const [had, before] = [this.#owned.active, this.epoch];
    this.epoch = memberEpoch;
    // Tasks that it is not to have any more it has given up by the next heartbeat.
    if (given !== null) this.#owned = asOwned(given);
    for (const task of had) {
      if (!this.#owned.active.has(task)) this.#lost.set(task, { epoch: before, isAnothersSince: false });
    }
  }
}
