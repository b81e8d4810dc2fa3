/**
 * A step's working copy of a group: what the step changes it copies first, so the state that it was given stays as it
 * was; what is to be written, and done, is gathered on the way.
 *
 *  1. Members change by `put` and `drop` only, which keep all that is counted from them in step.
 *  2. What changes a part that the log keeps writes the record with it: memory and log say the same.
 *  3. A step refuses by throwing a `ProtocolError`, and then it has not happened.
 */
import type {
  GroupTopics,
  ModernGroup,
  ModernMember,
  ModernPart,
  NoteEffect,
  PersistEffect,
  StepContext,
} from "./state.ts";
import { SmallMap } from "../small_map.ts";

export abstract class ModernDraft<
  Member extends ModernMember,
  Target,
  State extends ModernGroup<Member, Target>,
  Rules,
  Part,
  Effect,
> {
  readonly nowMs: number;
  readonly rules: Rules;
  readonly topics: GroupTopics;
  /** The state that the step was given. */
  readonly before: State;
  readonly #effects: (Effect | NoteEffect)[] = [];
  readonly #parts: (Part | ModernPart<Member, Target>)[] = [];
  #state: State;

  constructor(state: State, { nowMs, rules, topics }: StepContext<Rules>) {
    this.before = state;
    this.#state = state;
    this.nowMs = nowMs;
    this.rules = rules;
    this.topics = topics;
  }

  get state(): State {
    return this.#state;
  }

  /** What is to be written comes before what waits for it. */
  get effects(): readonly (Effect | NoteEffect | PersistEffect<Part | ModernPart<Member, Target>>)[] {
    if (this.#parts.length === 0) return this.#effects;
    return [{ kind: "persist", records: this.#parts }, ...this.#effects];
  }

  update(changes: Partial<State>): void {
    this.#state = { ...this.#state, ...changes };
  }

  write(part: Part | ModernPart<Member, Target>): void {
    this.#parts.push(part);
  }

  do(effect: Effect): void {
    this.#effects.push(effect);
  }

  note(event: string, facts: Readonly<Record<string, string | number>>): void {
    this.#effects.push({ kind: "note", event, facts: { group: this.#state.groupId, ...facts } });
  }

  // -------------------------------------------------------------------------------------------- members

  /** Adds the member, or puts it in place of what it was. Whoever calls writes what of it has changed. */
  put(member: Member): void {
    const old = this.#state.members.get(member.memberId);
    if (old === member) return;
    this.#ownMembers().set(member.memberId, member);
    this.recount(old, member);
  }

  /** Takes the member out, with its target. */
  drop(memberId: string): void {
    const old = this.#state.members.get(memberId);
    if (old === undefined) return;
    this.#ownMembers().delete(memberId);
    if (this.#state.targets.has(memberId)) this.#ownTargets().delete(memberId);
    this.recount(old, undefined);
    // In this order, as Kafka wants to read them: what a member has, its target, the member.
    this.write({ kind: "memberCurrent", memberId, value: null });
    this.write({ kind: "memberTarget", memberId, value: null });
    this.write({ kind: "member", memberId, value: null });
  }

  /** Gives the member's place, its target and what it has to another id. */
  replace(old: Member, memberId: string): Member {
    const member: Member = { ...old, memberId, epoch: 0, previousEpoch: 0 };
    const target = this.targetOf(old.memberId);
    this.drop(old.memberId);
    this.cancelTimersOf(old.memberId);
    this.put(member);
    this.write({ kind: "member", memberId, value: member });
    this.setTarget(memberId, target);
    this.write({ kind: "memberCurrent", memberId, value: member });
    return member;
  }

  abstract cancelTimersOf(memberId: string): void;

  /** `member`, which is in the state by now, has come in place of `old` (1). */
  protected abstract recount(old: Member | undefined, member: Member | undefined): void;

  // -------------------------------------------------------------------------------------------- targets

  setAssignmentEpoch(epoch: number, timestampMs: number): void {
    this.#state = { ...this.#state, assignmentEpoch: epoch, assignmentTimestampMs: timestampMs };
    this.write({ kind: "target", value: { epoch, timestampMs } });
  }

  /** One that has none is to have nothing. */
  abstract targetOf(memberId: string): Target;

  setTarget(memberId: string, value: Target): void {
    this.#ownTargets().set(memberId, value);
    this.write({ kind: "memberTarget", memberId, value });
  }

  // -------------------------------------------------------------------------------------------- below: how

  #ownMembers(): SmallMap<string, Member> {
    if (this.#state.members === this.before.members) {
      this.#state = { ...this.#state, members: new SmallMap(this.before.members) };
    }
    return this.#state.members as SmallMap<string, Member>;
  }

  #ownTargets(): SmallMap<string, Target> {
    if (this.#state.targets === this.before.targets) {
      this.#state = { ...this.#state, targets: new SmallMap(this.before.targets) };
    }
    return this.#state.targets as SmallMap<string, Target>;
  }
}

interface StaticMember extends ModernMember {
  readonly instanceId: string | null;
}

/** Static members by their instances, once `member` has come in place of `old`, which has the same id. */
export function withInstanceOf(
  instances: ReadonlyMap<string, string>,
  old: StaticMember | undefined,
  member: StaticMember | undefined,
): ReadonlyMap<string, string> {
  const [from, to] = [old?.instanceId ?? null, member?.instanceId ?? null];
  if (from === to) return instances;
  const changed = new SmallMap(instances);
  // Another member may have taken the instance already.
  if (from !== null && changed.get(from) === old!.memberId) changed.delete(from);
  if (to !== null) changed.set(to, member!.memberId);
  return changed;
}
