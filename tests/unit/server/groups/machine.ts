/**
 * A classic group's state machine on a desk: writes land when the test says so, answers are looked up by ticket.
 */
import type {
  Effect,
  GroupEvent,
  GroupRules,
  GroupState,
  JoinAnswer,
  JoinEvent,
  LeaveAnswer,
  LeaveEvent,
  PersistedGroup,
  PersistPurpose,
  SyncAnswer,
  SyncEvent,
} from "../../../../server/groups/classic/state.ts";
import { emptyGroup } from "../../../../server/groups/classic/state.ts";
import { step } from "../../../../server/groups/classic/step.ts";
import { answerOnce, TimedMachine } from "./timed_machine.ts";

export const rules: GroupRules = { initialRebalanceDelayMs: 3_000, sizeMax: 100, newMemberJoinTimeoutMs: 300_000 };

interface PendingWrite {
  readonly group: PersistedGroup;
  readonly purpose: PersistPurpose;
}

export class Machine extends TimedMachine<GroupEvent> {
  state: GroupState;
  rules: GroupRules;
  readonly joins = new Map<number, JoinAnswer>();
  readonly syncs = new Map<number, SyncAnswer>();
  readonly leaves = new Map<number, LeaveAnswer>();
  readonly heartbeats = new Map<number, number>();
  readonly writes: PendingWrite[] = [];
  /** All that was ever written. */
  readonly log: PersistedGroup[] = [];
  #ticket = 0;

  constructor(options: Partial<GroupRules> = {}, state: GroupState = emptyGroup("g", 1_000_000)) {
    super();
    this.rules = { ...rules, ...options };
    this.state = state;
  }

  override feed(event: GroupEvent): void {
    const [state, effects] = step(this.state, event, { nowMs: this.nowMs, rules: this.rules });
    this.state = state;
    for (const effect of effects) this.#carryOut(effect);
  }

  #carryOut(effect: Effect): void {
    switch (effect.kind) {
      case "answerJoin":
        answerOnce(this.joins, effect.ticket, effect.answer);
        break;
      case "answerSync":
        answerOnce(this.syncs, effect.ticket, effect.answer);
        break;
      case "answerLeave":
        answerOnce(this.leaves, effect.ticket, effect.answer);
        break;
      case "answerHeartbeat":
        answerOnce(this.heartbeats, effect.ticket, effect.errorCode);
        break;
      case "startTimer":
        this.startTimer(effect.timer, effect.delayMs, effect.event);
        break;
      case "cancelTimer":
        this.timers.delete(effect.timer);
        break;
      case "persist":
        this.writes.push({ group: effect.group, purpose: effect.purpose });
        break;
      case "note":
        break;
    }
  }

  /** Ends the oldest write. */
  land(errorCode = 0): void {
    const write = this.writes.shift();
    if (write === undefined) throw new Error("nothing is being written");
    if (errorCode === 0) this.log.push(write.group);
    this.feed({ kind: "persisted", purpose: write.purpose, errorCode });
  }

  landAll(): void {
    while (this.writes.length > 0) this.land();
  }

  join(memberId: string, changes: Partial<JoinEvent> = {}): number {
    const ticket = ++this.#ticket;
    this.feed({
      kind: "join",
      ticket,
      memberId,
      newMemberId: `new-${ticket}`,
      instanceId: null,
      clientId: "client",
      clientHost: "/host",
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 30_000,
      protocolType: "consumer",
      protocols: [protocol("range", 1)],
      reason: "test",
      isMemberIdRequired: false,
      canSkipAssignment: true,
      ...changes,
    });
    return ticket;
  }

  sync(memberId: string, changes: Partial<SyncEvent> = {}): number {
    const ticket = ++this.#ticket;
    this.feed({
      kind: "sync",
      ticket,
      memberId,
      instanceId: null,
      generation: this.state.generation,
      protocolType: null,
      protocolName: null,
      assignments: new Map(),
      ...changes,
    });
    return ticket;
  }

  heartbeat(memberId: string, generation = this.state.generation, instanceId: string | null = null): number {
    const ticket = ++this.#ticket;
    this.feed({ kind: "heartbeat", ticket, memberId, instanceId, generation });
    return this.heartbeats.get(ticket)!;
  }

  leave(...members: Partial<LeaveEvent["members"][number]>[]): LeaveAnswer {
    const ticket = ++this.#ticket;
    const leaving = members.map((member) => ({ memberId: "", instanceId: null, reason: "test", ...member }));
    this.feed({ kind: "leave", ticket, members: leaving });
    return this.leaves.get(ticket)!;
  }

  /** A stable group; the first of the names leads. */
  static stable(names: readonly string[], options: Partial<GroupRules> = {}, joins: Partial<JoinEvent> = {}): Machine {
    const machine = new Machine(options);
    const memberIds = machine.gather(names, joins);
    machine.assign(memberIds);
    return machine;
  }

  /** Newcomers join an empty group, and the first rebalance ends. */
  gather(names: readonly string[], joins: Partial<JoinEvent> = {}): string[] {
    const tickets = names.map((name) => this.join("", { newMemberId: name, ...joins }));
    this.advance(this.rules.initialRebalanceDelayMs * 2);
    return tickets.map((ticket) => this.joins.get(ticket)!.memberId);
  }

  /** All members sync; the leader gives each its own name. */
  assign(memberIds: Iterable<string> = this.state.members.keys()): void {
    const ids = [...memberIds];
    const assignments = new Map(ids.map((id) => [id, new TextEncoder().encode(id)]));
    for (const id of ids) this.sync(id, id === this.state.leaderId ? { assignments } : {});
    this.landAll();
  }
}

export function protocol(name: string, byte: number) {
  return { name, metadata: Uint8Array.of(byte) };
}

export function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
