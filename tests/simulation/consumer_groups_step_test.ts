/**
 * The state machine of a consumer group under random events in any order, sensible or not: members of both protocols,
 * static and not, that come, go, die, and say what is not true; topics that change; time that passes in jumps.
 *
 * After every event:
 *  1. A partition is held by one member at most.
 *  2. No epoch goes back: not the group's, nor that of its assignment, nor a member's while it stays.
 *  3. What is counted is what is there, and the log would give the same state back (`Machine.check`).
 *  4. What an honest member thinks it has is part of what the group thinks it has: so no two ever think they have the same.
 *  5. Who lost a partition that another has had since commits nothing for it, as long as it speaks of the epoch it had it in: not when
 *     it has it again, either.
 * And once all that is left heartbeat:
 *  6. Every member comes to its target, and every partition of a topic that is subscribed to has a member.
 *
 *     SEED=123 bun test tests/simulation/consumer_groups_step_test.ts        the run that failed, again
 */
import { decodeAssignment, encodeSubscription } from "../../protocol/embedded/consumer_protocol.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { commitError } from "../../server/groups/consumer/checks.ts";
import type { HeartbeatEvent, OwnedPartitions } from "../../server/groups/consumer/state.ts";
import { phaseOf } from "../../server/groups/consumer/state.ts";
import { RandomRun, testRandomRuns } from "../support/random_runs.ts";
import { Machine } from "../unit/server/groups/consumer/machine.ts";

const stepCount = 200;

testRandomRuns(
  "a consumer group is consistent after any events, and settles",
  40,
  (seed) => new Simulation(seed).run(),
);

class Simulation extends RandomRun {
  readonly group: Machine;
  readonly members: Member[] = [];
  readonly #epochs = new Map<string, number>();
  #groupEpochs: readonly [number, number] = [0, 0];
  #nextId = 0;
  #hasEnded = false;

  constructor(runSeed: number) {
    super(runSeed);
    this.group = new Machine({
      topics: { t0: 4, t1: 7, u0: 3 },
      sizeMax: this.pick([4, 100]),
      assignmentIntervalMs: this.pick([0, 1_000]),
      migration: this.pick(["bidirectional", "upgrade"]),
    });
  }

  run(): void {
    for (let round = 0; round < stepCount && !this.#hasEnded; round++) {
      this.pick(this.#actions)();
      this.#hasEnded = this.group.classic !== null;
      if (!this.#hasEnded) this.check();
    }
    if (!this.#hasEnded) this.settle();
  }

  readonly #actions: readonly (() => void)[] = [
    () => this.visit(),
    () => this.join(),
    () => this.someone((member) => member.heartbeat()),
    () => this.someone((member) => member.heartbeat()),
    () => this.someone((member) => member.heartbeat()),
    () => this.someone((member) => member.heartbeat({ ...this.subscription(), owned: member.owned })),
    () => this.someone((member) => member.leave()),
    () => this.someone((member) => this.forget(member)), // dies without a word
    () => this.someone((member) => member.lie()),
    () => this.changeTopics(),
    () => this.group.advance(this.below(4_000)),
    () => this.group.advance(this.below(60_000)),
    () => this.group.resolving !== null && this.group.resolve(),
  ];

  join(): void {
    const id = `m${this.#nextId++}`;
    const instanceId = this.random() < 0.3 ? this.pick(["i0", "i1"]) : null;
    const member = this.random() < 0.3
      ? new ClassicMember(this, id, instanceId)
      : new NewMember(this, id, instanceId, this.subscription());
    if (member.join()) this.members.push(member);
  }

  subscription(): Partial<HeartbeatEvent> {
    const dice = this.random();
    if (dice < 0.2) return { topics: null, regex: this.pick(["t.*", "u.*", "nothing"]) };
    const topics = ["t0", "t1", "u0", "absent"].filter(() => this.random() < 0.5);
    return { topics, regex: "", assignor: this.pick(["uniform", "range", null]) };
  }

  /** All speak in turn: what one gives up another gets. */
  round(): void {
    for (const member of [...this.members]) {
      if (this.group.classic !== null) return;
      member.heartbeat();
      if (this.group.classic !== null) return;
      this.check();
    }
    if (this.group.classic === null) this.group.advance(1_000);
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
    const name = this.pick(["t0", "t1", "t2", "u0", "u1"]);
    const known = topics.topic(name);
    if (known !== undefined && this.random() < 0.3) topics.delete(name);
    else topics.put(name, Math.min((known?.partitionCount ?? 0) + 1 + this.below(3), 12));
    if (this.group.state.topicSubscribers.has(name)) this.group.feed({ kind: "topicsChanged" });
  }

  check(): void {
    const { state } = this.group;
    for (const [topicId, counts] of state.holderCounts) {
      for (const [partition, count] of counts.entries()) {
        if (count > 1) throw new Error(`${count} members hold partition ${partition} of ${topicId}`); // (1)
      }
    }
    const [groupEpoch, assignmentEpoch] = this.#groupEpochs;
    if (state.groupEpoch < groupEpoch || state.assignmentEpoch < assignmentEpoch) throw new Error("an epoch went back");
    this.#groupEpochs = [state.groupEpoch, state.assignmentEpoch];
    for (const [memberId, { epoch }] of state.members) {
      const before = this.#epochs.get(memberId) ?? 0;
      if (epoch < before && epoch !== -2) throw new Error(`${memberId} went from epoch ${before} to ${epoch}`); // (2)
      this.#epochs.set(memberId, epoch);
    }
    for (const member of this.members) {
      if (!(member instanceof NewMember)) continue;
      member.checkOwned();
      member.checkCommits();
    }
  }

  /** (6) */
  settle(): void {
    for (let round = 0; round < 40; round++) {
      for (const member of [...this.members]) {
        member.heartbeat();
        if (this.group.classic !== null) return;
        this.check();
      }
      if (this.group.resolving !== null) this.group.resolve();
      this.group.advance(4_000);
      if (this.group.classic !== null) return;
    }
    const { state, topics } = this.group;
    if (this.members.length === 0 || state.members.size === 0) return;
    if (phaseOf(state) !== "Stable") throw new Error(`the group is ${phaseOf(state)}`);
    for (const [name] of state.topicSubscribers) {
      const topic = topics.topic(name);
      if (topic === undefined) continue;
      const counts = state.holderCounts.get(topic.id);
      for (let partition = 0; partition < topic.partitionCount; partition++) {
        if (counts?.[partition] !== 1) throw new Error(`nobody has partition ${partition} of ${name}`);
      }
    }
  }
}

type Member = NewMember | ClassicMember;

/** What a member was told to give up. */
interface Lost {
  readonly topicId: string;
  readonly partition: number;
  /** In which it had it. */
  readonly epoch: number;
  isAnothersSince: boolean;
}

/** Speaks the consumer protocol. Its answers are lost at times. */
class NewMember {
  epoch = 0;
  #owned: OwnedPartitions[] = [];
  readonly #lost = new Map<string, Lost>();
  /** What it last said it has, if that came to be heard; then it need not be said again. */
  #ownedSaid = "";
  #isHonest = true;
  readonly #simulation: Simulation;
  readonly #id: string;
  readonly #instanceId: string | null;
  #said: Partial<HeartbeatEvent>;

  constructor(simulation: Simulation, id: string, instanceId: string | null, said: Partial<HeartbeatEvent>) {
    this.#simulation = simulation;
    this.#id = id;
    this.#instanceId = instanceId;
    this.#said = said;
  }

  get owned(): readonly OwnedPartitions[] {
    return this.#owned;
  }

  join(): boolean {
    this.#owned = [];
    this.#isHonest = true;
    const answer = this.#simulation.group.join(this.#id, { instanceId: this.#instanceId, ...this.#said });
    if (answer.errorCode !== 0) return false;
    this.#take(answer.memberEpoch, answer.assignment);
    return true;
  }

  heartbeat(changes: Partial<HeartbeatEvent> = {}): void {
    const { group, random } = this.#simulation;
    this.#said = { ...this.#said, ...changes, owned: [] };
    const owned = JSON.stringify(this.#owned);
    const answer = group.heartbeat(this.#id, this.epoch, {
      instanceId: this.#instanceId,
      owned: owned === this.#ownedSaid ? null : this.#owned,
      ...changes,
    });
    this.#ownedSaid = owned;
    if (answer.errorCode !== 0) {
      // Another is it now: a client goes.
      const isFenced = answer.errorCode === ErrorCode.FENCED_INSTANCE_ID;
      if (isFenced || !this.join()) this.#simulation.forget(this);
    } else if (random() < 0.9) this.#take(answer.memberEpoch, answer.assignment);
    else this.#ownedSaid = "";
  }

  /** (4) */
  checkOwned(): void {
    const member = this.#simulation.group.state.members.get(this.#id);
    if (member === undefined || member.classic !== null || !this.#isHonest) return;
    for (const { topicId, partitions } of this.#owned) {
      const held = partitions.every((partition) =>
        member.assigned.get(topicId)?.has(partition) || member.revoking.get(topicId)?.has(partition)
      );
      if (!held) throw new Error(`${this.#id} has more of ${topicId} than the group thinks`);
    }
  }

  /** (5) */
  checkCommits(): void {
    const { state } = this.#simulation.group;
    const member = state.members.get(this.#id);
    for (const lost of this.#lost.values()) {
      const { topicId, partition, epoch: generation } = lost;
      lost.isAnothersSince ||= [...state.members.values()].some(({ memberId, assigned }) =>
        memberId !== this.#id && assigned.get(topicId)?.has(partition)
      );
      if (!lost.isAnothersSince || !this.#isHonest || member?.epoch === generation) continue; // Nobody could tell.
      const claim = { memberId: this.#id, instanceId: this.#instanceId, generation };
      const places = [{ topicId, partition }];
      const errorCode = commitError(state, claim, { apiVersion: 9, isTransactional: false, places });
      if (errorCode !== ErrorCode.NONE) continue;
      throw new Error(
        `${this.#id} may commit for ${topicId}-${partition} by epoch ${generation}, since when another had it`,
      );
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
    const { group, below } = this.#simulation;
    const topic = group.topics.topic("t0");
    const epoch = this.epoch + below.call(this.#simulation, 3) - 1;
    const owned = topic === undefined ? [] : [{ topicId: topic.id, partitions: [0, 1, 99] }];
    group.heartbeat(this.#id, Math.max(epoch, 1), { instanceId: this.#instanceId, owned });
  }

  #take(epoch: number, assignment: ReadonlyMap<string, readonly number[]> | null): void {
    const before = this.epoch;
    this.epoch = epoch;
    if (assignment === null) return;
    this.#ownedSaid = "";
    for (const { topicId, partitions } of this.#owned) {
      for (const partition of partitions) {
        if (assignment.get(topicId)?.includes(partition)) continue;
        this.#lost.set(`${topicId}-${partition}`, { topicId, partition, epoch: before, isAnothersSince: false });
      }
    }
    this.#owned = Array.from(assignment, ([topicId, partitions]) => ({ topicId, partitions }));
  }
}

/** Speaks the classic protocol, cooperatively. */
class ClassicMember {
  readonly owned = null;
  #memberId = "";
  #generation = -1;
  #ownedPartitions: { topic: string; partitions: number[] }[] = [];
  readonly #simulation: Simulation;
  readonly #id: string;
  readonly #instanceId: string | null;

  constructor(simulation: Simulation, id: string, instanceId: string | null) {
    this.#simulation = simulation;
    this.#id = id;
    this.#instanceId = instanceId;
  }

  join(): boolean {
    const { group, random } = this.#simulation;
    // A classic member that joins an empty group makes it a classic one, which is not this machine's affair.
    if (group.state.members.size === 0) return false;
    const metadata = encodeSubscription({ topics: ["t0", "t1"], ownedPartitions: this.#ownedPartitions }, 1);
    const joined = group.classicJoin(this.#memberId, {
      newMemberId: this.#id,
      instanceId: this.#instanceId,
      protocols: [{ name: "range", metadata }],
      sessionTimeoutMs: 45_000,
      rebalanceTimeoutMs: 60_000,
    });
    if (joined.errorCode !== 0 || group.classic !== null) return false;
    this.#memberId = joined.memberId;
    this.#generation = joined.generation;
    if (random() < 0.9) this.#sync();
    return true;
  }

  heartbeat(): void {
    const { group } = this.#simulation;
    const errorCode = group.classicHeartbeat(this.#memberId, this.#generation, { instanceId: this.#instanceId });
    if (errorCode === 0) return this.#sync();
    if (group.state.members.get(this.#memberId)?.classic == null) {
      this.#memberId = "";
      this.#ownedPartitions = [];
    }
    if (errorCode === ErrorCode.FENCED_INSTANCE_ID || !this.join()) this.#simulation.forget(this);
  }

  leave(): void {
    this.#simulation.group.classicLeave({ memberId: this.#memberId, instanceId: this.#instanceId });
    this.#simulation.forget(this);
  }

  lie(): void {
    this.#simulation.group.classicHeartbeat(this.#memberId, this.#generation + 1, { instanceId: this.#instanceId });
    this.#simulation.group.classicSync(this.#memberId, this.#generation, { instanceId: "strange" });
  }

  #sync(): void {
    const { group } = this.#simulation;
    const { errorCode, assignment } = group.classicSync(this.#memberId, this.#generation, {
      instanceId: this.#instanceId,
    });
    if (errorCode === 0) this.#ownedPartitions = decodeAssignment(assignment).assignedPartitions;
  }
}
