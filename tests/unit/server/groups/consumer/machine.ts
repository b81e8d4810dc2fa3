/** A consumer group's state machine on a desk. */
import { consumerGroupLog } from "../../../../../protocol/embedded/consumer_group_log.ts";
import type { GroupState, JoinAnswer, LeaveAnswer, SyncAnswer } from "../../../../../server/groups/classic/state.ts";
import { compilePattern } from "../../../../../server/groups/consumer/patterns/pattern.ts";
import { logRecord, StoredGroup } from "../../../../../server/groups/consumer/records.ts";
import type {
  ClassicHeartbeatEvent,
  ClassicJoinEvent,
  ClassicSyncEvent,
  ConsumerEffect,
  ConsumerEvent,
  ConsumerGroupRules,
  ConsumerGroupState,
  GroupRecord,
  HeartbeatAnswer,
  HeartbeatEvent,
  HeldPartitions,
} from "../../../../../server/groups/consumer/state.ts";
import { emptyConsumerGroup, phaseOf } from "../../../../../server/groups/consumer/state.ts";
import { step } from "../../../../../server/groups/consumer/step.ts";
import type { ConsumerWords } from "../../../../../server/groups/consumer_groups.ts";
import { ModernMachine, sameOrThrow } from "../modern_machine.ts";
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

export class Machine extends ModernMachine<ConsumerWords> {
  readonly stored = new StoredGroup();
  /** Patterns that wait to be matched. */
  resolving: readonly string[] | null = null;
  classic: { readonly group: GroupState; readonly rebalanceReason: string | null } | null = null;

  constructor(
    options: Partial<ConsumerGroupRules> & { readonly topics?: Readonly<Record<string, number>> } = {},
    state: ConsumerGroupState = emptyConsumerGroup("g"),
  ) {
    const { topics, ...others } = options;
    super(state, { ...rules, ...others }, new FakeTopics(topics ?? { t: 4 }));
  }

  get phase(): string {
    return phaseOf(this.state);
  }

  protected override step(event: ConsumerEvent) {
    return step(this.state, event, this.context);
  }

  protected override carryOut(effect: ConsumerEffect): void {
    switch (effect.kind) {
      case "resolve":
        if (this.resolving !== null) throw new Error("patterns are being matched already");
        this.resolving = effect.regexes;
        break;
      case "becomeClassic":
        this.classic = effect;
        break;
      default:
        this.carryOutCommon(effect);
    }
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
    const ticket = this.newTicket();
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
    const ticket = this.newTicket();
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
    const ticket = this.newTicket();
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
    const ticket = this.newTicket();
    this.feed({ kind: "classicHeartbeat", ticket, memberId, instanceId: null, generation, ...changes });
    return this.answer(ticket) as number;
  }

  classicLeave(...members: readonly { readonly memberId: string; readonly instanceId: string | null }[]): LeaveAnswer {
    const ticket = this.newTicket();
    this.feed({
      kind: "classicLeave",
      ticket,
      members: members.map((member) => ({ ...member, reason: "test" })),
    });
    return this.answer(ticket) as LeaveAnswer;
  }

  // -------------------------------------------------------------------------------------------- checks

  protected override checkCounts(): void {
    checkCounts(this.state);
  }

  protected override store(part: GroupRecord): void {
    const { key, value } = logRecord("g", part);
    const known = consumerGroupLog.decodeKey(key);
    if (known !== null) this.stored.set(known, value);
  }

  protected override restored(): ConsumerGroupState | null {
    return this.stored.restore("g", this.context);
  }

  protected override asLogged(state: ConsumerGroupState): unknown {
    const { groupEpoch, assignmentEpoch, assignmentTimestampMs, metadataHash, members, targets, regexes } = state;
    return { groupEpoch, assignmentEpoch, assignmentTimestampMs, metadataHash, members, targets, regexes };
  }
}

/** What is counted from members and expressions is what they add up to. */
function checkCounts(state: ConsumerGroupState): void {
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

/** "t:0,1 u:3" by the names of topics. */
export function heldText(held: HeldPartitions | ReadonlyMap<string, readonly number[]>, topics: FakeTopics): string {
  const parts = [...held].map(([topicId, partitions]) => {
    const list = Array.isArray(partitions) ? partitions : [...(partitions as ReadonlyMap<number, number>).keys()];
    return `${topics.topicById(topicId)?.name ?? topicId}:${[...list].sort((one, other) => one - other).join(",")}`;
  });
  return parts.sort().join(" ");
}
