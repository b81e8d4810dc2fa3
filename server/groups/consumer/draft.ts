/**
 * A step's working copy of a consumer group (`../modern/draft.ts`). Regular expressions change by `setRegex` only, which keeps
 * in step what is counted from them, and writes them.
 */
import { ModernDraft, withInstanceOf } from "../modern/draft.ts";
import type {
  ConsumerAnswer,
  ConsumerEffect,
  ConsumerEvent,
  ConsumerGroupRules,
  ConsumerGroupState,
  ConsumerMember,
  GroupRecord,
  HeldPartitions,
  ResolvedRegex,
  Ticket,
  TimerName,
  TopicPartitions,
  TopicSubscribers,
} from "./state.ts";
import { NO_PARTITIONS } from "./state.ts";
import { SmallMap } from "../small_map.ts";

const noSubscribers: TopicSubscribers = { byName: 0, byRegex: 0 };

export class Draft extends ModernDraft<
  ConsumerMember,
  TopicPartitions,
  ConsumerGroupState,
  ConsumerGroupRules,
  GroupRecord,
  ConsumerEffect
> {
  readonly #ownHolders = new Set<string>();

  answer(ticket: Ticket, answer: ConsumerAnswer): void {
    this.do({ kind: "answer", ticket, answer });
  }

  startTimer(timer: TimerName, delayMs: number, event: ConsumerEvent, isKept = false): void {
    this.do({ kind: "startTimer", timer, delayMs, event, isKept });
  }

  cancelTimer(timer: TimerName): void {
    this.do({ kind: "cancelTimer", timer });
  }

  override cancelTimersOf(memberId: string): void {
    for (const name of ["session", "revocation", "join", "sync"] as const) this.cancelTimer(`${name}:${memberId}`);
  }

  // -------------------------------------------------------------------------------------------- epochs, targets

  setGroupEpoch(epoch: number, metadataHash: bigint): void {
    this.update({ groupEpoch: epoch, metadataHash });
    this.write({ kind: "group", value: { epoch, metadataHash } });
  }

  override targetOf(memberId: string): TopicPartitions {
    return this.state.targets.get(memberId) ?? NO_PARTITIONS;
  }

  // -------------------------------------------------------------------------------------------- regular expressions

  /** null: nobody subscribes to it any more. */
  setRegex(regex: string, value: ResolvedRegex | null): void {
    const old = this.state.regexes.get(regex);
    const regexes = new SmallMap(this.state.regexes);
    if (value === null) regexes.delete(regex);
    else regexes.set(regex, value);
    const subscribers = new SmallMap(this.state.topicSubscribers);
    for (const topic of old?.topics ?? []) countTopic(subscribers, topic, { byName: 0, byRegex: -1 });
    for (const topic of value?.topics ?? []) countTopic(subscribers, topic, { byName: 0, byRegex: 1 });
    this.update({ regexes, topicSubscribers: subscribers });
    this.write({ kind: "regex", regex, value });
  }

  // -------------------------------------------------------------------------------------------- below: how

  protected override recount(old: ConsumerMember | undefined, member: ConsumerMember | undefined): void {
    if (old?.topics !== member?.topics) {
      const subscribers = new SmallMap(this.state.topicSubscribers);
      for (const topic of old?.topics ?? []) countTopic(subscribers, topic, { byName: -1, byRegex: 0 });
      for (const topic of member?.topics ?? []) countTopic(subscribers, topic, { byName: 1, byRegex: 0 });
      this.update({ topicSubscribers: subscribers });
    }
    const { instances, regexSubscribers, assignorVotes } = this.state;
    this.update({
      instances: withInstanceOf(instances, old, member),
      regexSubscribers: recounted(regexSubscribers, [old?.regex ?? ""], [member?.regex ?? ""]),
      assignorVotes: recounted(assignorVotes, [old?.assignor ?? ""], [member?.assignor ?? ""]),
    });
    if (old?.classic !== member?.classic) {
      const left = old?.classic?.protocols.map(({ name }) => name) ?? [];
      const come = member?.classic?.protocols.map(({ name }) => name) ?? [];
      const change = (member?.classic ? 1 : 0) - (old?.classic ? 1 : 0);
      this.update({
        classicMemberCount: this.state.classicMemberCount + change,
        classicProtocolSupport: recounted(this.state.classicProtocolSupport, left, come),
      });
    }
    if (old?.assigned !== member?.assigned || old?.revoking !== member?.revoking) {
      if (old !== undefined) { for (const held of [old.assigned, old.revoking]) this.#countHeld(held, -1); }
      if (member !== undefined) { for (const held of [member.assigned, member.revoking]) this.#countHeld(held, 1); }
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
    const known = this.state.holderCounts.get(topicId);
    if (known !== undefined && this.#ownHolders.has(topicId) && known.length >= sizeMin) return known;
    const counts = new Uint16Array(Math.max(sizeMin, known?.length ?? 0));
    if (known !== undefined) counts.set(known);
    // Topics that nobody holds any more stay, as zeros: the group forgets them when it is loaded again.
    this.update({ holderCounts: new SmallMap(this.state.holderCounts).set(topicId, counts) });
    this.#ownHolders.add(topicId);
    return counts;
  }
}

function countTopic(subscribers: SmallMap<string, TopicSubscribers>, topic: string, change: TopicSubscribers): void {
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
  const changed = new SmallMap(counts);
  for (const name of left) {
    const count = (changed.get(name) ?? 0) - 1;
    if (count > 0) changed.set(name, count);
    else changed.delete(name);
  }
  for (const name of come) if (name !== "") changed.set(name, (changed.get(name) ?? 0) + 1);
  return changed;
}
