/**
 * A step's working copy of a group. It copies a map or set the first time the step changes it, so the state that the
 * step was given stays as it was; what the step decides to do is gathered in `effects`.
 *
 * Everything that counts members (who supports which protocol, who waits for an answer) is kept in step here and
 * nowhere else: members enter, change and leave by `put` and `drop` only.
 */
import { ErrorCode } from "../../../protocol/errors.ts";
import { SmallMap } from "../small_map.ts";
import { subscribedTopics } from "../subscription.ts";
import type {
  Effect,
  GroupEvent,
  GroupRules,
  GroupState,
  JoinAnswer,
  JoinedMember,
  Member,
  PersistedGroup,
  PersistPurpose,
  Phase,
  StepContext,
  SyncAnswer,
  TimerName,
} from "./state.ts";
import { metadataOf, NO_BYTES, NO_IDS, rebalanceTimeoutMs } from "./state.ts";

/** The phases a group may come from. */
const phasesBefore: Readonly<Record<Phase, readonly Phase[]>> = {
  Empty: ["PreparingRebalance"],
  PreparingRebalance: ["Empty", "CompletingRebalance", "Stable"],
  CompletingRebalance: ["PreparingRebalance"],
  Stable: ["CompletingRebalance"],
  Dead: ["Empty", "PreparingRebalance", "CompletingRebalance", "Stable", "Dead"],
};

export class Draft {
  readonly effects: Effect[] = [];
  readonly nowMs: number;
  readonly rules: GroupRules;
  #state: GroupState;
  readonly #before: GroupState;

  constructor(state: GroupState, context: StepContext) {
    this.#state = state;
    this.#before = state;
    this.nowMs = context.nowMs;
    this.rules = context.rules;
  }

  get state(): GroupState {
    return this.#state;
  }

  update(changes: Partial<GroupState>): void {
    this.#state = { ...this.#state, ...changes };
  }

  do(effect: Effect): void {
    this.effects.push(effect);
  }

  note(event: string, facts: Record<string, string | number>): void {
    this.effects.push({ kind: "note", event, facts: { group: this.#state.groupId, ...facts } });
  }

  // -------------------------------------------------------------------------------------------- members

  put(member: Member): void {
    const members = this.#ownMembers();
    const old = members.get(member.memberId);
    members.set(member.memberId, member);
    let { protocolSupport } = this.#state;
    if (old?.protocols !== member.protocols) {
      if (old !== undefined) protocolSupport = supportWithout(protocolSupport, old);
      protocolSupport = supportWith(protocolSupport, member);
    }
    let { instances } = this.#state;
    if (member.instanceId !== null && instances.get(member.instanceId) !== member.memberId) {
      instances = new SmallMap(instances).set(member.instanceId, member.memberId);
    }
    this.update({
      protocolSupport,
      instances,
      awaitingJoinCount: this.#state.awaitingJoinCount + waits(member) - waits(old),
      leaderId: this.#state.leaderId ?? member.memberId,
    });
    this.forgetPending(member.memberId);
  }

  change(memberId: string, changes: Partial<Member>): void {
    const member = this.#state.members.get(memberId);
    if (member !== undefined) this.put({ ...member, ...changes });
  }

  /** Takes the member out, its session timer with it. Its parked requests are the caller's to answer first. */
  drop(memberId: string): void {
    this.do({ kind: "cancelTimer", timer: `session:${memberId}` });
    this.forgetPending(memberId);
    if (this.#state.pendingSync.has(memberId)) this.update({ pendingSync: without(this.#state.pendingSync, memberId) });
    const old = this.#state.members.get(memberId);
    if (old === undefined) return;

    this.#ownMembers().delete(memberId);
    const { members, instances, leaderId } = this.#state;
    if (old.instanceId !== null && instances.get(old.instanceId) === memberId) {
      const rest = new SmallMap(instances);
      rest.delete(old.instanceId);
      this.update({ instances: rest });
    }
    const [first] = members.keys();
    this.update({
      protocolSupport: supportWithout(this.#state.protocolSupport, old),
      awaitingJoinCount: this.#state.awaitingJoinCount - waits(old),
      leaderId: leaderId === memberId ? first ?? null : leaderId,
    });
  }

  addPending(memberId: string): void {
    this.update({ pendingMembers: new Set(this.#state.pendingMembers).add(memberId) });
  }

  forgetPending(memberId: string): void {
    if (!this.#state.pendingMembers.has(memberId)) return;
    this.update({ pendingMembers: without(this.#state.pendingMembers, memberId) });
  }

  hasAllJoined(): boolean {
    return this.#state.awaitingJoinCount === this.#state.members.size && this.#state.pendingMembers.size === 0;
  }

  // -------------------------------------------------------------------------------------------- phases

  moveTo(phase: Phase): void {
    const { phase: previousPhase, groupId } = this.#state;
    if (!phasesBefore[phase].includes(previousPhase)) {
      throw new Error(`Cannot move group "${groupId}" to ${phase}: it is ${previousPhase}`);
    }
    this.update({ phase, previousPhase, phaseSinceMs: this.nowMs });
  }

  beginGeneration(): void {
    const isEmpty = this.#state.members.size === 0;
    const protocolName = isEmpty ? null : selectProtocol(this.#state);
    this.update({ generation: this.#state.generation + 1, protocolName, pendingSync: NO_IDS });
    this.update({ subscribedTopics: subscribedTopics(this.#state) });
    this.moveTo(isEmpty ? "Empty" : "CompletingRebalance");
  }

  // -------------------------------------------------------------------------------------------- answers

  answerJoin(ticket: number, answer: Partial<JoinAnswer> & { readonly memberId: string }): void {
    this.do({ kind: "answerJoin", ticket, answer: { ...refusedJoin, ...answer } });
  }

  /** Answers the JoinGroup that the member has parked, if any. */
  answerParkedJoin(memberId: string, answer: Partial<JoinAnswer> & { readonly memberId: string }): void {
    const ticket = this.#state.members.get(memberId)?.joinTicket ?? null;
    if (ticket === null) return;
    this.answerJoin(ticket, answer);
    this.change(memberId, { joinTicket: null });
  }

  answerSync(ticket: number, answer: Partial<SyncAnswer>): void {
    this.do({ kind: "answerSync", ticket, answer: { ...refusedSync, ...answer } });
  }

  answerParkedSync(memberId: string, answer: Partial<SyncAnswer>): boolean {
    const ticket = this.#state.members.get(memberId)?.syncTicket ?? null;
    if (ticket === null) return false;
    this.answerSync(ticket, answer);
    this.change(memberId, { syncTicket: null });
    return true;
  }

  /** What a member of the running generation is told when it joins. */
  joinedAnswer(memberId: string): JoinAnswer {
    const { generation, protocolType, protocolName, leaderId } = this.#state;
    return {
      errorCode: ErrorCode.NONE,
      memberId,
      generation,
      protocolType,
      protocolName,
      leaderId: leaderId ?? "",
      skipAssignment: false,
      members: leaderId === memberId ? this.joinedMembers() : [],
    };
  }

  joinedMembers(): JoinedMember[] {
    const { members, protocolName } = this.#state;
    return Array.from(members.values(), (member) => ({
      memberId: member.memberId,
      instanceId: member.instanceId,
      metadata: metadataOf(member, protocolName),
    }));
  }

  // -------------------------------------------------------------------------------------------- timers, log

  startTimer(timer: TimerName, delayMs: number, event: GroupEvent): void {
    this.do({ kind: "startTimer", timer, delayMs, event });
  }

  cancelTimer(timer: TimerName): void {
    this.do({ kind: "cancelTimer", timer });
  }

  startSession(memberId: string, timeoutMs = this.#state.members.get(memberId)?.sessionTimeoutMs ?? 0): void {
    this.startTimer(`session:${memberId}`, timeoutMs, { kind: "sessionExpired", memberId });
  }

  startJoinTimer(): void {
    this.startTimer("join", rebalanceTimeoutMs(this.#state), { kind: "joinExpired" });
  }

  persist(purpose: PersistPurpose, assignments: ReadonlyMap<string, Uint8Array> | null): void {
    this.do({ kind: "persist", group: persisted(this.#state, assignments), purpose });
  }

  #ownMembers(): SmallMap<string, Member> {
    if (this.#state.members === this.#before.members) this.update({ members: new SmallMap(this.#before.members) });
    return this.#state.members as SmallMap<string, Member>;
  }
}

/** The protocol that most members would rather have, of those that all can speak. */
export function selectProtocol(
  { members, protocolSupport }: Pick<GroupState, "members" | "protocolSupport">,
): string | null {
  const votes = new Map<string, number>();
  for (const member of members.values()) {
    const choice = member.protocols.find((protocol) => protocolSupport.get(protocol.name) === members.size);
    if (choice !== undefined) votes.set(choice.name, (votes.get(choice.name) ?? 0) + 1);
  }
  let winner: string | null = null;
  for (const [name, count] of votes) if (winner === null || count > votes.get(winner)!) winner = name;
  return winner;
}

/** What the log keeps of a group; `assignments` are those on their way, null for those the members have. */
export function persisted(state: GroupState, assignments: ReadonlyMap<string, Uint8Array> | null): PersistedGroup {
  return {
    protocolType: state.protocolType ?? "",
    generation: state.generation,
    protocolName: state.protocolName,
    leaderId: state.leaderId,
    phaseSinceMs: state.phaseSinceMs,
    members: Array.from(state.members.values(), (member) => ({
      memberId: member.memberId,
      instanceId: member.instanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      rebalanceTimeoutMs: member.rebalanceTimeoutMs,
      sessionTimeoutMs: member.sessionTimeoutMs,
      subscription: metadataOf(member, state.protocolName),
      assignment: assignments === null ? member.assignment : assignments.get(member.memberId) ?? NO_BYTES,
    })),
  };
}

const refusedJoin: Omit<JoinAnswer, "memberId"> = {
  errorCode: ErrorCode.NONE,
  generation: -1,
  protocolType: null,
  protocolName: null,
  leaderId: "",
  skipAssignment: false,
  members: [],
};

const refusedSync: SyncAnswer = {
  errorCode: ErrorCode.NONE,
  protocolType: null,
  protocolName: null,
  assignment: NO_BYTES,
};

function waits(member: Member | undefined): number {
  return member === undefined || member.joinTicket === null ? 0 : 1;
}

function supportWith(support: ReadonlyMap<string, number>, member: Member): ReadonlyMap<string, number> {
  const counts = new SmallMap(support);
  for (const { name } of member.protocols) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

function supportWithout(support: ReadonlyMap<string, number>, member: Member): ReadonlyMap<string, number> {
  const counts = new SmallMap(support);
  for (const { name } of member.protocols) {
    const count = (counts.get(name) ?? 0) - 1;
    if (count > 0) counts.set(name, count);
    else counts.delete(name);
  }
  return counts;
}

/** A set that is emptied keeps its room. */
export function without(set: ReadonlySet<string>, item: string): ReadonlySet<string> {
  const rest = new Set(set);
  rest.delete(item);
  return rest.size === 0 ? NO_IDS : rest;
}
