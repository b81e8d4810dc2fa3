/**
 * The state machine of a share group under random events in any order, sensible or not: members that come, go, die, and say
 * what is not true; topics that are made, deleted and enlarged; a share coordinator that is slow, and fails; administrators.
 *
 * After every event:
 *  1. A target has only partitions whose state the share coordinator keeps, or kept when the target was made.
 *  2. No epoch goes back: not the group's, nor that of its assignment, nor a member's while it stays.
 *  3. The log would give the same state back.
 * And once all that is left heartbeat, and the share coordinator answers:
 *  4. Every member is at the assignment's epoch, and every partition of a topic that is subscribed to has a member.
 *  5. Where all subscribe to the same, no member has more than one partition more than another.
 *
 *     SEED=123 bun test tests/simulation/share_group_step_test.ts        the run that failed, again
 */
import { shareGroupLog } from "../../protocol/embedded/share_group_log.ts";
import { ProtocolError } from "../../protocol/errors.ts";
import { shareLogRecord, StoredShareGroup } from "../../server/groups/share/records.ts";
import {
  emptyShareGroup,
  type InitialTopic,
  type ShareGroupEffect,
  type ShareGroupEvent,
  type ShareGroupRules,
  type ShareGroupState,
  type ShareHeartbeatAnswer,
  type ShareHeartbeatEvent,
} from "../../server/groups/share/state.ts";
import { step } from "../../server/groups/share/step.ts";
import { SmallMap } from "../../server/groups/small_map.ts";
import { RandomRun, testRandomRuns } from "../support/random_runs.ts";
import { FakeTopics } from "../unit/server/groups/consumer/topics.ts";

const stepCount = 200;

testRandomRuns("a share group is consistent after any events, and settles", 60, (seed) => new Simulation(seed).run());

interface Client {
  readonly memberId: string;
  epoch: number;
  topics: readonly string[];
}

class Simulation extends RandomRun {
  readonly topics = new FakeTopics({ t0: 4, t1: 7, u0: 1 });
  readonly rules: ShareGroupRules;
  readonly stored = new StoredShareGroup();
  readonly pending: InitialTopic[] = [];
  readonly clients: Client[] = [];
  state: ShareGroupState = emptyShareGroup("g");
  nowMs = 1_000;
  #isLogged = false;
  #nextId = 0;

  constructor(runSeed: number) {
    super(runSeed);
    this.rules = {
      sizeMax: this.pick([3, 100]),
      heartbeatIntervalMs: 5_000,
      sessionTimeoutMs: 45_000,
      assignmentIntervalMs: this.pick([0, 1_000]),
      initializeRetryIntervalMs: 30_000,
    };
  }

  someTopics(): string[] {
    const names = ["t0", "t1", "u0", "nowhere"].filter(() => this.random() < 0.5);
    return names.length > 0 ? names : ["t0"];
  }

  run(): void {
    for (let round = 0; round < stepCount; round++) {
      this.pick(this.#actions)();
      this.check();
    }
    this.settle();
  }

  readonly #actions: readonly (() => void)[] = [
    () => this.join(),
    () => this.someone((client) => this.heartbeat(client)),
    () => this.someone((client) => this.heartbeat(client)),
    () => this.someone((client) => this.heartbeat(client)),
    () => this.someone((client) => this.heartbeat(client, { topics: this.someTopics() })),
    () => this.someone((client) => this.heartbeat(client, { memberEpoch: this.below(10) })),
    () => this.someone((client) => this.leave(client)),
    () => this.someone(({ memberId }) => this.step({ kind: "sessionExpired", memberId })),
    () => this.answerInitialize(this.random() < 0.8),
    () => this.answerInitialize(true),
    () => this.nowMs += this.pick([100, 2_000, 40_000]),
    () => this.random() < 0.2 ? this.changeTopic() : undefined,
    () => this.admin(),
  ];

  // -------------------------------------------------------------------------------------------- members

  join(): void {
    const client = { memberId: `m${this.#nextId++}`, epoch: 0, topics: this.someTopics() };
    this.clients.push(client);
    this.heartbeat(client, { topics: client.topics });
  }

  someone(run: (client: Client) => void): void {
    if (this.clients.length > 0) run(this.pick(this.clients));
  }

  heartbeat(client: Client, said: Partial<ShareHeartbeatEvent> = {}): ShareHeartbeatAnswer {
    const { memberId, epoch } = client;
    const event = { memberEpoch: epoch, rackId: null, topics: null, clientId: "c", clientHost: "/h", ...said };
    const effects = this.step({ kind: "heartbeat", ticket: 1, memberId, ...event });
    const answer = effects.find((effect) => effect.kind === "answer")?.answer;
    assert(answer !== undefined, "a heartbeat is answered");
    if (answer.errorCode === 0) {
      client.epoch = answer.memberEpoch;
      if (said.topics) client.topics = said.topics;
    }
    return answer;
  }

  leave(client: Client): void {
    this.heartbeat(client, { memberEpoch: -1 });
    this.clients.splice(this.clients.indexOf(client), 1);
  }

  // -------------------------------------------------------------------------------------------- the world

  answerInitialize(isInitialized: boolean): void {
    const topic = this.pending.shift();
    if (topic === undefined) return;
    const partitions = new Map([[topic.topicId, topic.partitions.map(({ partition }) => partition)]]);
    this.step({ kind: "initialized", partitions, isInitialized });
  }

  changeTopic(): void {
    const name = this.pick(["t0", "t1", "u0"]);
    const topic = this.topics.topic(name);
    if (topic !== undefined && this.random() < 0.3) {
      this.topics.delete(name);
      this.step({ kind: "topicsDeleted", topicIds: new Set([topic.id]) });
    } else this.topics.put(name, (topic?.partitionCount ?? 0) + 1 + this.below(3));
    this.step({ kind: "topicsChanged" });
  }

  admin(): void {
    const topic = this.topics.topic(this.pick(["t0", "t1", "u0"]));
    if (topic === undefined || !this.#isLogged) return; // of a group that is not there nobody asks this
    const wanted = { topicId: topic.id, name: topic.name, partitions: [{ partition: 0, startOffset: 3 }] };
    const event = this.pick<ShareGroupEvent>([
      { kind: "alterOffsets", topics: [wanted] },
      { kind: "deleteState", topicIds: [topic.id] },
      { kind: "stateDeleted", topicIds: [topic.id] },
    ]);
    const before = this.state;
    try {
      this.step(event);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      assert(before.members.size > 0 && this.state === before, "what is refused changes nothing");
      return;
    }
    assert(event.kind === "stateDeleted" || before.members.size === 0, "a group with members is left alone");
  }

  settle(): void {
    for (const client of [...this.clients]) {
      if (!this.state.members.has(client.memberId)) this.clients.splice(this.clients.indexOf(client), 1);
    }
    for (const client of this.clients) client.epoch = this.state.members.get(client.memberId)!.epoch;
    // In some runs all come to want the same, so that (5) is to be seen.
    if (this.chance(0.5)) { for (const client of this.clients) this.heartbeat(client, { topics: ["t0", "t1"] }); }
    for (let round = 0; round < 12; round++) {
      for (const client of this.clients) {
        this.heartbeat(client);
        this.check();
        while (this.pending.length > 0) this.answerInitialize(true);
      }
      this.nowMs += 40_000;
    }
    const { members, targets, assignmentEpoch, groupEpoch, statePartitions } = this.state;
    if (members.size === 0) return;
    assert(assignmentEpoch === groupEpoch, "the assignment is of the group's epoch");
    for (const { memberId, epoch } of members.values()) {
      assert(epoch === assignmentEpoch, `${memberId} is in epoch ${epoch}, not ${assignmentEpoch}`); // (4)
    }
    for (const { topics: names } of members.values()) {
      for (const name of names) {
        const topic = this.topics.topic(name);
        if (topic === undefined) continue;
        const known = statePartitions.initialized.get(topic.id)?.partitions ?? [];
        assert(known.length === topic.partitionCount, `${name} is not known to the share coordinator`);
        for (const partition of known) {
          const isTaken = [...members.values()].some(({ assigned }) => assigned.get(topic.id)?.includes(partition));
          assert(isTaken, `${name}-${partition} has no member`);
        }
      }
    }
    const subscriptions = new Set([...members.values()].map(({ topics: names }) => names.join()));
    if (subscriptions.size > 1) return;
    const sizes = [...targets.values()].map((target) =>
      [...target.values()].reduce((sum, { length }) => sum + length, 0)
    );
    assert(Math.max(...sizes) - Math.min(...sizes) <= 1, `not even: ${sizes}`); // (5)
  }

  // -------------------------------------------------------------------------------------------- below: how

  step(event: ShareGroupEvent): readonly ShareGroupEffect[] {
    const before = this.state;
    const context = { nowMs: this.nowMs, rules: this.rules, topics: this.topics };
    const [state, effects] = step(before, event, context);
    assert(state.groupEpoch >= before.groupEpoch, "the group's epoch goes back"); // (2)
    assert(state.assignmentEpoch >= before.assignmentEpoch, "the assignment's epoch goes back");
    assert(state.assignmentEpoch <= state.groupEpoch, "the assignment is of an epoch to come");
    for (const { memberId, epoch } of state.members.values()) {
      assert(epoch >= (before.members.get(memberId)?.epoch ?? 0), `${memberId} goes back`);
    }
    for (const [memberId, target] of state.targets) {
      if (before.targets.get(memberId) === target) continue;
      for (const [topicId, partitions] of target) {
        const known = before.statePartitions.initialized.get(topicId)?.partitions ?? [];
        const isKept = partitions.every((partition) => known.includes(partition));
        assert(isKept, `${memberId} is given ${partitions} of a topic of which ${known} is kept`); // (1)
      }
    }
    this.state = state;
    for (const effect of effects) {
      if (effect.kind === "initialize") this.pending.push(...effect.topics);
      if (effect.kind !== "persist") continue;
      for (const record of effect.records) {
        const { key, value } = shareLogRecord("g", record);
        this.stored.set(shareGroupLog.decodeKey(key)!, value);
        this.#isLogged = true;
      }
    }
    return effects;
  }

  check(): void {
    const { members, targets, statePartitions, assignmentEpoch, groupEpoch } = this.state;
    for (const memberId of targets.keys()) assert(members.has(memberId), `${memberId} is gone, and has a target`);
    if (assignmentEpoch === groupEpoch && statePartitions.deleting.size === 0) {
      for (const { assigned } of members.values()) {
        for (const partitions of assigned.values()) assert(new Set(partitions).size === partitions.length, "had twice");
      }
    }
    if (!this.#isLogged) return;
    const restored = this.stored.restore("g");
    assert(restored !== null, "the log has nothing of it");
    const same = (one: ShareGroupState) => JSON.stringify(plain(one));
    assert(same(restored) === same(this.state), `the log says\n${same(restored)}\nnot\n${same(this.state)}`); // (3)
  }
}

/** What the log keeps, in an order of its own. */
function plain({ isRefreshDue: _, initializedAtMs: __, ...state }: ShareGroupState): unknown {
  const sorted = (value: unknown): unknown => {
    if (typeof value === "bigint") return `${value}`;
    if (value instanceof Map || value instanceof SmallMap) {
      return [...value].map(([key, inner]) => [key, sorted(inner)]).sort();
    }
    if (Array.isArray(value)) return value.map(sorted);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, sorted(inner)]));
  };
  return sorted(state);
}

function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message);
}
