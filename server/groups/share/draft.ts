/**
 * A step's working copy of a share group: what the step changes it copies first; what is to be written, and done, is
 * gathered on the way. What of it the log keeps is written by whoever changes it, or by the methods here that say so.
 */
import type {
  GroupTopics,
  ShareGroupEffect,
  ShareGroupRecord,
  ShareGroupRules,
  ShareGroupState,
  ShareHeartbeatAnswer,
  ShareMember,
  ShareStepContext,
  StatePartitions,
  Ticket,
  TopicPartitions,
} from "./state.ts";

export class ShareDraft {
  readonly nowMs: number;
  readonly rules: ShareGroupRules;
  readonly topics: GroupTopics;
  /** The state that the step was given. */
  readonly before: ShareGroupState;
  readonly #effects: ShareGroupEffect[] = [];
  readonly #records: ShareGroupRecord[] = [];
  #state: ShareGroupState;

  constructor(state: ShareGroupState, { nowMs, rules, topics }: ShareStepContext) {
    this.before = state;
    this.#state = state;
    this.nowMs = nowMs;
    this.rules = rules;
    this.topics = topics;
  }

  get state(): ShareGroupState {
    return this.#state;
  }

  /** What is to be written comes before what waits for it. */
  get effects(): readonly ShareGroupEffect[] {
    if (this.#records.length === 0) return this.#effects;
    return [{ kind: "persist", records: this.#records }, ...this.#effects];
  }

  update(changes: Partial<ShareGroupState>): void {
    this.#state = { ...this.#state, ...changes };
  }

  write(record: ShareGroupRecord): void {
    this.#records.push(record);
  }

  do(effect: ShareGroupEffect): void {
    this.#effects.push(effect);
  }

  answer(ticket: Ticket, answer: ShareHeartbeatAnswer): void {
    this.do({ kind: "answer", ticket, answer });
  }

  note(event: string, facts: Record<string, string | number>): void {
    this.do({ kind: "note", event, facts: { group: this.#state.groupId, ...facts } });
  }

  cancelSession(memberId: string): void {
    this.do({ kind: "cancelTimer", timer: `session:${memberId}` });
  }

  /** Adds the member, or puts it in place of what it was. Whoever calls writes what of it has changed. */
  put(member: ShareMember): void {
    if (this.#state.members.get(member.memberId) === member) return;
    this.update({ members: new Map(this.#state.members).set(member.memberId, member) });
  }

  /** Takes the member out, with its target, and writes it. */
  drop(memberId: string): void {
    const members = new Map(this.#state.members);
    const targets = new Map(this.#state.targets);
    members.delete(memberId);
    targets.delete(memberId);
    this.update({ members, targets });
    // In this order, as Kafka wants to read them: what a member has, its target, the member.
    this.write({ kind: "memberCurrent", memberId, value: null });
    this.write({ kind: "memberTarget", memberId, value: null });
    this.write({ kind: "member", memberId, value: null });
  }

  /** Writes it. */
  setGroupEpoch(epoch: number, metadataHash: bigint): void {
    this.update({ groupEpoch: epoch, metadataHash });
    this.write({ kind: "group", value: { epoch, metadataHash } });
  }

  /** Writes it. */
  setAssignmentEpoch(epoch: number, timestampMs: number): void {
    this.update({ assignmentEpoch: epoch, assignmentTimestampMs: timestampMs });
    this.write({ kind: "target", value: { epoch, timestampMs } });
  }

  /** Writes it. */
  setTarget(memberId: string, value: TopicPartitions): void {
    this.update({ targets: new Map(this.#state.targets).set(memberId, value) });
    this.write({ kind: "memberTarget", memberId, value });
  }

  /** Writes it, if it is new. */
  setStatePartitions(value: StatePartitions): void {
    if (value === this.#state.statePartitions) return;
    this.update({ statePartitions: value });
    this.write({ kind: "statePartitions", value });
  }
}
