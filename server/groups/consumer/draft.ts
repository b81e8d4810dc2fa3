/**
 * A step's working copy of a group: what the step changes it copies first, so the state that it was given stays as it
 * was; what is to be written, and done, is gathered on the way.
 *
 *  1. Members and regular expressions change by `put`, `drop` and `setRegex` only, which keep all that is counted from
 *     them in step.
 *  2. What changes a part that the log keeps writes the record with it: memory and log say the same.
 *  3. A step refuses by throwing a `ProtocolError`, and then it has not happened.
 */
import type {
  ConsumerAnswer,
  ConsumerEffect,
  ConsumerEvent,
  ConsumerGroupRules,
  ConsumerGroupState,
  ConsumerMember,
  GroupRecord,
  GroupTopics,
  HeldPartitions,
  ResolvedRegex,
  StepContext,
  Ticket,
  TimerName,
  TopicPartitions,
  TopicSubscribers,
} from "./state.ts";
import { NO_PARTITIONS } from "./state.ts";

const noSubscribers: TopicSubscribers = { byName: 0, byRegex: 0 };

export class Draft {
  readonly nowMs: number;
  readonly rules: ConsumerGroupRules;
  readonly topics: GroupTopics;
  /** The state that the step was given. */
  readonly before: ConsumerGroupState;
  readonly #effects: ConsumerEffect[] = [];
  readonly #records: GroupRecord[] = [];
  readonly #ownHolders = new Set<string>();
  #state: ConsumerGroupState;

  constructor(state: ConsumerGroupState, context: StepContext) {
    this.before = state;
    this.#state = state;
    this.nowMs = context.nowMs;
    this.rules = context.rules;
    this.topics = context.topics;
  }

  get state(): ConsumerGroupState {
    return this.#state;
  }

  /** What is to be written comes before what waits for it. */
  get effects(): readonly ConsumerEffect[] {
    if (this.#records.length === 0) return this.#effects;
    return [{ kind: "persist", records: this.#records }, ...this.#effects];
  }

  update(changes: Partial<ConsumerGroupState>): void {
    this.#state = { ...this.#state, ...changes };
  }

  write(record: GroupRecord): void {
    this.#records.push(record);
  }

  do(effect: ConsumerEffect): void {
    this.#effects.push(effect);
  }

  answer(ticket: Ticket, answer: ConsumerAnswer): void {
    this.do({ kind: "answer", ticket, answer });
  }

  note(event: string, facts: Record<string, string | number>): void {
    this.do({ kind: "note", event, facts: { group: this.#state.groupId, ...facts } });
  }

  startTimer(timer: TimerName, delayMs: number, event: ConsumerEvent, isKept = false): void {
    this.do({ kind: "startTimer", timer, delayMs, event, isKept });
  }

  cancelTimer(timer: TimerName): void {
    this.do({ kind: "cancelTimer", timer });
  }

  cancelTimersOf(memberId: string): void {
    for (const name of ["session", "revocation", "join", "sync"] as const) this.cancelTimer(`${name}:${memberId}`);
  }

  // -------------------------------------------------------------------------------------------- members

  /** Adds the member, or puts it in place of what it was. Whoever calls writes what of it has changed. */
  put(member: ConsumerMember): void {
    const old = this.#state.members.get(member.memberId);
    const members = this.#ownMembers();
    members.set(member.memberId, member);
    this.#recount(old, member);
    if (old?.instanceId === member.instanceId && old?.memberId === member.memberId) return;
    const instances = new Map(this.#state.instances);
    if (old !== undefined && old.instanceId !== null) instances.delete(old.instanceId);
    if (member.instanceId !== null) instances.set(member.instanceId, member.memberId);
    this.update({ instances });
  }

  /** Takes the member out, with its target. */
  drop(memberId: string): void {
    const old = this.#state.members.get(memberId);
    if (old === undefined) return;
    this.#ownMembers().delete(memberId);
    this.#recount(old, null);
    if (old.instanceId !== null && this.#state.instances.get(old.instanceId) === memberId) {
      const instances = new Map(this.#state.instances);
      instances.delete(old.instanceId);
      this.update({ instances });
    }
    if (this.#state.targets.has(memberId)) this.#ownTargets().delete(memberId);
    // In this order, as Kafka wants to read them: what a member has, its target, the member.
    this.write({ kind: "memberCurrent", memberId, value: null });
    this.write({ kind: "memberTarget", memberId, value: null });
    this.write({ kind: "member", memberId, value: null });
  }

  // -------------------------------------------------------------------------------------------- epochs, targets

  setGroupEpoch(epoch: number, metadataHash: bigint): void {
    this.update({ groupEpoch: epoch, metadataHash });
    this.write({ kind: "group", value: { epoch, metadataHash } });
  }

  setAssignmentEpoch(epoch: number, timestampMs: number): void {
    this.update({ assignmentEpoch: epoch, assignmentTimestampMs: timestampMs });
    this.write({ kind: "target", value: { epoch, timestampMs } });
  }

  targetOf(memberId: string): TopicPartitions {
    return this.#state.targets.get(memberId) ?? NO_PARTITIONS;
  }

  setTarget(memberId: string, value: TopicPartitions): void {
    this.#ownTargets().set(memberId, value);
    this.write({ kind: "memberTarget", memberId, value });
  }

  // -------------------------------------------------------------------------------------------- regular expressions

  /** null: nobody subscribes to it any more. */
  setRegex(regex: string, value: ResolvedRegex | null): void {
    const old = this.#state.regexes.get(regex);
    const regexes = new Map(this.#state.regexes);
    if (value === null) regexes.delete(regex);
    else regexes.set(regex, value);
    const subscribers = new Map(this.#state.topicSubscribers);
    for (const topic of old?.topics ?? []) countTopic(subscribers, topic, { byName: 0, byRegex: -1 });
    for (const topic of value?.topics ?? []) countTopic(subscribers, topic, { byName: 0, byRegex: 1 });
    this.update({ regexes, topicSubscribers: subscribers });
    this.write({ kind: "regex", regex, value });
  }

  // -------------------------------------------------------------------------------------------- below: how

  #ownMembers(): Map<string, ConsumerMember> {
    if (this.#state.members === this.before.members) this.update({ members: new Map(this.before.members) });
    return this.#state.members as Map<string, ConsumerMember>;
  }

  #ownTargets(): Map<string, TopicPartitions> {
    if (this.#state.targets === this.before.targets) this.update({ targets: new Map(this.before.targets) });
    return this.#state.targets as Map<string, TopicPartitions>;
  }

  #recount(old: ConsumerMember | undefined, member: ConsumerMember | null): void {
    if (old?.topics !== member?.topics) {
      const subscribers = new Map(this.#state.topicSubscribers);
      for (const topic of old?.topics ?? []) countTopic(subscribers, topic, { byName: -1, byRegex: 0 });
      for (const topic of member?.topics ?? []) countTopic(subscribers, topic, { byName: 1, byRegex: 0 });
      this.update({ topicSubscribers: subscribers });
    }
    const { regexSubscribers, assignorVotes } = this.#state;
    this.update({
      regexSubscribers: recounted(regexSubscribers, [old?.regex ?? ""], [member?.regex ?? ""]),
      assignorVotes: recounted(assignorVotes, [old?.assignor ?? ""], [member?.assignor ?? ""]),
    });
    if (old?.classic !== member?.classic) {
      const left = old?.classic?.protocols.map(({ name }) => name) ?? [];
      const come = member?.classic?.protocols.map(({ name }) => name) ?? [];
      const change = (member?.classic ? 1 : 0) - (old?.classic ? 1 : 0);
      this.update({
        classicMemberCount: this.#state.classicMemberCount + change,
        classicProtocolSupport: recounted(this.#state.classicProtocolSupport, left, come),
      });
    }
    if (old?.assigned !== member?.assigned || old?.revoking !== member?.revoking) {
      if (old !== undefined) { for (const held of [old.assigned, old.revoking]) this.#countHeld(held, -1); }
      if (member !== null) { for (const held of [member.assigned, member.revoking]) this.#countHeld(held, 1); }
    }
  }

  #countHeld(held: HeldPartitions, change: 1 | -1): void {
    for (const [topicId, partitions] of held) {
      let sizeMin = 0;
      for (const partition of partitions.keys()) sizeMin = Math.max(sizeMin, partition + 1);
      const counts = this.#ownHolderCounts(topicId, sizeMin);
      for (const partition of partitions.keys()) counts[partition]! += change;
    }
  }

  #ownHolderCounts(topicId: string, sizeMin: number): Uint16Array {
    const known = this.#state.holderCounts.get(topicId);
    if (known !== undefined && this.#ownHolders.has(topicId) && known.length >= sizeMin) return known;
    const counts = new Uint16Array(Math.max(sizeMin, known?.length ?? 0));
    if (known !== undefined) counts.set(known);
    // Topics that nobody holds any more stay, as zeros: the group forgets them when it is loaded again.
    this.update({ holderCounts: new Map(this.#state.holderCounts).set(topicId, counts) });
    this.#ownHolders.add(topicId);
    return counts;
  }
}

function countTopic(subscribers: Map<string, TopicSubscribers>, topic: string, change: TopicSubscribers): void {
  const { byName, byRegex } = subscribers.get(topic) ?? noSubscribers;
  const sum = { byName: byName + change.byName, byRegex: byRegex + change.byRegex };
  if (sum.byName > 0 || sum.byRegex > 0) subscribers.set(topic, sum);
  else subscribers.delete(topic);
}

/** With one less of each of `left`, one more of each of `come`; "" counts as nothing. */
function recounted(
  counts: ReadonlyMap<string, number>,
  left: readonly string[],
  come: readonly string[],
): ReadonlyMap<string, number> {
  if (left.length === come.length && left.every((name, index) => name === come[index])) return counts;
  const changed = new Map(counts);
  for (const name of left) {
    const count = (changed.get(name) ?? 0) - 1;
    if (count > 0) changed.set(name, count);
    else changed.delete(name);
  }
  for (const name of come) if (name !== "") changed.set(name, (changed.get(name) ?? 0) + 1);
  return changed;
}
