/**
 * A consumer group's state machine on a desk: time passes when the test says so, answers are looked up by ticket. After
 * every event the state is checked against itself, and against what the log would give back.
 */
import { consumerGroupLog } from "../../../../../protocol/embedded/consumer_group_log.ts";
import type { GroupState, JoinAnswer, LeaveAnswer, SyncAnswer } from "../../../../../server/groups/classic/state.ts";
import { compilePattern } from "../../../../../server/groups/consumer/patterns/pattern.ts";
import { logRecord, StoredGroup } from "../../../../../server/groups/consumer/records.ts";
import type {
  ClassicHeartbeatEvent,
  ClassicJoinEvent,
  ClassicSyncEvent,
  ConsumerAnswer,
  ConsumerEffect,
  ConsumerEvent,
  ConsumerGroupRules,
  ConsumerGroupState,
  ConsumerMember,
  GroupRecord,
  HeartbeatAnswer,
  HeartbeatEvent,
  HeldPartitions,
  StepContext,
} from "../../../../../server/groups/consumer/state.ts";
import { emptyConsumerGroup, phaseOf } from "../../../../../server/groups/consumer/state.ts";
import { step } from "../../../../../server/groups/consumer/step.ts";
import { FakeTopics } from "./topics.ts";

export const rules: ConsumerGroupRules = {
  sizeMax: 100,
  classicSizeMax: 100,
  heartbeatIntervalMs: 5_000,
  sessionTimeoutMs: 45_000,
  assignmentIntervalMs: 0,
  regexRefreshIntervalMs: 600_000,
  assignors: ["uniform", "range"],
  migration: "bidirectional",
};

export class Machine {
  state: ConsumerGroupState;
  nowMs = 1_000_000;
  rules: ConsumerGroupRules;
  readonly topics: FakeTopics;
  readonly answers = new Map<number, ConsumerAnswer>();
  readonly timers = new Map<string, { readonly dueMs: number; readonly event: ConsumerEvent }>();
  /** What the last event wrote. */
  written: readonly GroupRecord[] = [];
  readonly stored = new StoredGroup();
  /** Patterns that wait to be matched. */
  resolving: readonly string[] | null = null;
  classic: { readonly group: GroupState; readonly rebalanceReason: string | null } | null = null;
  #ticket = 0;

  constructor(
    options: Partial<ConsumerGroupRules> & { readonly topics?: Readonly<Record<string, number>> } = {},
    state: ConsumerGroupState = emptyConsumerGroup("g"),
  ) {
    const { topics, ...others } = options;
    this.rules = { ...rules, ...others };
    this.topics = new FakeTopics(topics ?? { t: 4 });
    this.state = state;
  }

  get context(): StepContext {
    return { nowMs: this.nowMs, rules: this.rules, topics: this.topics };
  }

  get phase(): string {
    return phaseOf(this.state);
  }

  feed(event: ConsumerEvent): void {
    const [state, effects] = step(this.state, event, this.context);
    this.state = state;
    this.written = [];
    this.carryOut(effects);
    this.check();
  }

  carryOut(effects: readonly ConsumerEffect[]): void {
    for (const effect of effects) this.#carryOut(effect);
  }

  #carryOut(effect: ConsumerEffect): void {
    switch (effect.kind) {
      case "persist":
        this.written = [...this.written, ...effect.records];
        for (const record of effect.records) {
          const { key, value } = logRecord("g", record);
          const known = consumerGroupLog.decodeKey(key);
          if (known !== null) this.stored.set(known, value);
        }
        break;
      case "answer":
        if (this.answers.has(effect.ticket)) throw new Error(`ticket ${effect.ticket} is answered twice`);
        this.answers.set(effect.ticket, effect.answer);
        break;
      case "startTimer":
        if (effect.isKept && this.timers.has(effect.timer)) break;
        this.timers.set(effect.timer, { dueMs: this.nowMs + effect.delayMs, event: effect.event });
        break;
      case "cancelTimer":
        this.timers.delete(effect.timer);
        break;
      case "resolve":
        if (this.resolving !== null) throw new Error("patterns are being matched already");
        this.resolving = effect.regexes;
        break;
      case "becomeClassic":
        this.classic = effect;
        break;
      case "note":
        break;
    }
  }

  advance(ms: number): void {
    const endMs = this.nowMs + ms;
    for (;;) {
      const [next] = [...this.timers].filter(([, { dueMs }]) => dueMs <= endMs).sort(([, one], [, other]) =>
        one.dueMs - other.dueMs
      );
      if (next === undefined) break;
      const [name, { dueMs, event }] = next;
      this.timers.delete(name);
      this.nowMs = Math.max(this.nowMs, dueMs);
      this.feed(event);
    }
    this.nowMs = endMs;
  }

  /** Matches the patterns that wait for it. */
  resolve(): void {
    const regexes = this.resolving ?? [];
    this.resolving = null;
    const matches = new Map(regexes.map((regex) => {
      const program = compilePattern(regex);
      return [regex, [...this.topics.names()].filter((name) => program.matches(name)).sort()] as const;
    }));
    this.feed({ kind: "regexesResolved", matches, version: this.topics.version, timestampMs: this.nowMs });
  }

  // -------------------------------------------------------------------------------------------- requests

  /** A heartbeat that says nothing new. */
  heartbeat(memberId: string, memberEpoch: number, changes: Partial<HeartbeatEvent> = {}): HeartbeatAnswer {
    const ticket = ++this.#ticket;
    this.feed({
      kind: "heartbeat",
      ticket,
      memberId,
      newMemberId: `new-${ticket}`,
      memberEpoch,
      instanceId: null,
      rackId: null,
      rebalanceTimeoutMs: -1,
      topics: null,
      regex: null,
      assignor: null,
      owned: null,
      clientId: "client",
      clientHost: "/host",
      ...changes,
    });
    return this.answer(ticket) as HeartbeatAnswer;
  }

  /** The first heartbeat of a member. */
  join(memberId: string, changes: Partial<HeartbeatEvent> = {}): HeartbeatAnswer {
    return this.heartbeat(memberId, 0, { rebalanceTimeoutMs: 30_000, topics: ["t"], owned: [], ...changes });
  }

  classicJoin(memberId: string, changes: Partial<ClassicJoinEvent> = {}): JoinAnswer {
    const ticket = ++this.#ticket;
    this.feed({
      kind: "classicJoin",
      ticket,
      memberId,
      newMemberId: `new-${ticket}`,
      instanceId: null,
      clientId: "client",
      clientHost: "/host",
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 30_000,
      protocolType: "consumer",
      protocols: [],
      isMemberIdRequired: false,
      ...changes,
    });
    return this.answer(ticket) as JoinAnswer;
  }

  classicSync(memberId: string, generation: number, changes: Partial<ClassicSyncEvent> = {}): SyncAnswer {
    const ticket = ++this.#ticket;
    this.feed({
      kind: "classicSync",
      ticket,
      memberId,
      instanceId: null,
      generation,
      protocolType: "consumer",
      protocolName: "range",
      ...changes,
    });
    return this.answer(ticket) as SyncAnswer;
  }

  classicHeartbeat(memberId: string, generation: number, changes: Partial<ClassicHeartbeatEvent> = {}): number {
    const ticket = ++this.#ticket;
    this.feed({ kind: "classicHeartbeat", ticket, memberId, instanceId: null, generation, ...changes });
    return this.answer(ticket) as number;
  }

  classicLeave(...members: readonly { readonly memberId: string; readonly instanceId: string | null }[]): LeaveAnswer {
    const ticket = ++this.#ticket;
    this.feed({
      kind: "classicLeave",
      ticket,
      members: members.map((member) => ({ ...member, reason: "test" })),
    });
    return this.answer(ticket) as LeaveAnswer;
  }

  answer(ticket: number): ConsumerAnswer {
    const answer = this.answers.get(ticket);
    if (answer === undefined) throw new Error(`ticket ${ticket} is not answered`);
    return answer;
  }

  member(memberId: string): ConsumerMember {
    const member = this.state.members.get(memberId);
    if (member === undefined) throw new Error(`${memberId} is not a member`);
    return member;
  }

  // -------------------------------------------------------------------------------------------- checks

  check(): void {
    checkCounts(this.state);
    if (this.state.isDead) return;
    const restored = this.stored.restore("g", this.context);
    if (restored === null) {
      if (this.state.members.size > 0) throw new Error("the log does not know the group");
      return;
    }
    sameOrThrow("log", asLogged(restored), asLogged(this.state));
  }
}

/** What is counted from members and expressions is what they add up to. */
export function checkCounts(state: ConsumerGroupState): void {
  const byName = new Map<string, number>();
  const byRegex = new Map<string, number>();
  const counted = { regex: new Map<string, number>(), assignor: new Map<string, number>(), classic: 0 };
  const holders = new Map<string, number>();
  const instances = new Map<string, string>();
  const add = (counts: Map<string, number>, name: string) => counts.set(name, (counts.get(name) ?? 0) + 1);
  for (const member of state.members.values()) {
    for (const topic of member.topics) add(byName, topic);
    if (member.regex !== "") add(counted.regex, member.regex);
    if (member.assignor !== null) add(counted.assignor, member.assignor);
    if (member.classic !== null) counted.classic++;
    if (member.instanceId !== null) instances.set(member.instanceId, member.memberId);
    for (const held of [member.assigned, member.revoking]) {
      for (const [topicId, partitions] of held) {
        for (const partition of partitions.keys()) add(holders, `${topicId} ${partition}`);
      }
    }
  }
  for (const { topics } of state.regexes.values()) for (const topic of topics) add(byRegex, topic);
  const subscribers = new Map<string, unknown>();
  for (const topic of new Set([...byName.keys(), ...byRegex.keys()])) {
    subscribers.set(topic, { byName: byName.get(topic) ?? 0, byRegex: byRegex.get(topic) ?? 0 });
  }
  const held = new Map<string, number>();
  for (const [topicId, counts] of state.holderCounts) {
    for (const [partition, count] of counts.entries()) if (count > 0) held.set(`${topicId} ${partition}`, count);
  }
  sameOrThrow("topics subscribed to", subscribers, state.topicSubscribers);
  sameOrThrow("expressions subscribed to", counted.regex, state.regexSubscribers);
  sameOrThrow("assignors wanted", counted.assignor, state.assignorVotes);
  sameOrThrow("classic members", counted.classic, state.classicMemberCount);
  sameOrThrow("instances", instances, state.instances);
  sameOrThrow("holders", holders, held);
  for (const memberId of state.targets.keys()) {
    if (!state.members.has(memberId)) throw new Error(`${memberId} has a target and is no member`);
  }
}

function asLogged(state: ConsumerGroupState): unknown {
  const { groupEpoch, assignmentEpoch, assignmentTimestampMs, metadataHash, members, targets, regexes } = state;
  return { groupEpoch, assignmentEpoch, assignmentTimestampMs, metadataHash, members, targets, regexes };
}

function sameOrThrow(subject: string, one: unknown, other: unknown): void {
  const [left, right] = [print(one), print(other)];
  if (left !== right) throw new Error(`${subject}: ${left} is not ${right}`);
}

/** A text that is the same for the same content, in whatever order maps are. */
function print(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part === "bigint") return `${part}`;
    if (part instanceof Uint8Array) return [...part];
    if (!(part instanceof Map)) return part;
    return [...part].map(([name, content]) => [name, JSON.parse(print(content))] as const)
      .sort(([one], [another]) => `${one}` < `${another}` ? -1 : 1);
  });
}

/** "t:0,1 u:3" by the names of topics. */
export function heldText(held: HeldPartitions | ReadonlyMap<string, readonly number[]>, topics: FakeTopics): string {
  const parts = [...held].map(([topicId, partitions]) => {
    const list = Array.isArray(partitions) ? partitions : [...(partitions as ReadonlyMap<number, number>).keys()];
    return `${topics.topicById(topicId)?.name ?? topicId}:${[...list].sort((one, other) => one - other).join(",")}`;
  });
  return parts.sort().join(" ");
}
