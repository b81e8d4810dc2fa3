/**
 * The groups of one of the newer protocols in a shard: steps their state machines, runs their timers, writes what they say
 * to the log.
 *
 *  1. State machines are stepped here and nowhere else, and every effect of a step is carried out before the next step.
 *  2. What members and others are told is in the log before (`../durable_group.ts`).
 *  3. After `close` no timer is left, and nobody waits.
 */
import type { Clock, Timers } from "../../../runtime/runtime.ts";
import type { Logger } from "../../log.ts";
import { type Deadline, Deadlines } from "../deadlines.ts";
import { DurableGroup, type GroupLog } from "../durable_group.ts";
import type { LogRecord, LogWriter } from "../log_writer.ts";
import { SmallMap } from "../small_map.ts";
import type { GroupTopics, ModernEffect, ModernGroup, PersistEffect, Ticket } from "./state.ts";

/** The words of a protocol. */
export interface Words {
  readonly state: ModernGroup<unknown, unknown>;
  readonly event: unknown;
  readonly effect: { readonly kind: string };
  /** Of a group, as the log is told of it. */
  readonly part: { readonly value: unknown };
  readonly answer: unknown;
  readonly rules: unknown;
  readonly topics: GroupTopics;
}

/** What any group may be fed. */
export type LifeEvent = { readonly kind: "topicsChanged" } | { readonly kind: "loaded" } | { readonly kind: "closed" };
export type EventOf<W extends Words> = W["event"] | LifeEvent;
export type EffectOf<W extends Words> = W["effect"] | PersistEffect<W["part"]>;

export interface ContextOf<W extends Words> {
  readonly nowMs: number;
  readonly rules: W["rules"];
  readonly topics: W["topics"];
}

/** What a protocol makes of its words. Pure. */
export interface Protocol<W extends Words> {
  step(state: W["state"], event: EventOf<W>, context: ContextOf<W>): readonly [W["state"], readonly EffectOf<W>[]];
  encode(groupId: string, part: W["part"]): LogRecord;
  /** All parts of a group. */
  whole(state: W["state"]): readonly W["part"][];
  /** What the log must be told so that it knows the group no more. */
  forgotten(state: W["state"]): readonly W["part"][];
  /** The group as it goes on when it was closed, and is to stay after all. */
  revived(state: W["state"]): W["state"];
  /** The group goes by how many partitions the topic has. */
  concerns(state: W["state"], topic: string): boolean;
  /** The group has use for offsets of the topic. */
  reads(state: W["state"], topic: string): boolean;
  /** The answer to a request that was not written. */
  refused(event: EventOf<W>, errorCode: number): W["answer"];
}

export interface ModernGroupsOptions<W extends Words> {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  readonly rules: (groupId: string) => W["rules"];
  readonly topics: W["topics"];
  readonly writer: Pick<LogWriter, "append">;
  readonly answer: (ticket: Ticket, answer: W["answer"]) => void;
}

/** The object is the group's identity: one deleted and made anew is another. */
export interface GroupEntry<W extends Words> {
  readonly durable: DurableGroup<W["state"], W["part"], W["answer"]>;
  readonly deadlines: SmallMap<string, Deadline<EventOf<W>>>;
}

export interface RemovedGroup<W extends Words> {
  readonly group: GroupEntry<W>;
  /** What the log must then be told. */
  readonly records: readonly LogRecord[];
}

export abstract class ModernGroups<W extends Words> {
  protected readonly groups = new Map<string, GroupEntry<W>>();
  readonly #options: ModernGroupsOptions<W>;
  readonly #protocol: Protocol<W>;
  readonly #log: GroupLog<W["state"], W["part"], W["answer"]>;
  readonly #deadlines: Deadlines<GroupEntry<W>, EventOf<W>>;

  constructor(options: ModernGroupsOptions<W>, protocol: Protocol<W>) {
    this.#options = options;
    this.#protocol = protocol;
    const { writer, answer, logger } = options;
    const { encode, whole } = protocol;
    const onWriteFailed = (group: string, error: number) => logger.warn("group not written", { group, error });
    this.#log = { writer, encode, whole, answer, onWriteFailed };
    this.#deadlines = new Deadlines<GroupEntry<W>, EventOf<W>>(options, (group, event) => this.step(group, event));
  }

  has(groupId: string): boolean {
    return this.groups.has(groupId);
  }

  /** The newest state, for what must be decided by it. */
  state(groupId: string): W["state"] | undefined {
    return this.groups.get(groupId)?.durable.state;
  }

  hasMembers(groupId: string): boolean {
    return (this.state(groupId)?.members.size ?? 0) > 0;
  }

  /** As the log has it (2). */
  described(groupId: string): W["state"] | undefined {
    return this.groups.get(groupId)?.durable.durable ?? undefined;
  }

  allDescribed(): W["state"][] {
    return Array.from(this.groups.values(), ({ durable }) => durable.durable).filter((state) => state !== null);
  }

  groupIds(): Iterable<string> {
    return this.groups.keys();
  }

  reads(groupId: string, topic: string): boolean {
    const state = this.state(groupId);
    return state !== undefined && this.#protocol.reads(state, topic);
  }

  // -------------------------------------------------------------------------------------------- events

  /** Feeds an event to a group that is there. */
  feed(groupId: string, event: W["event"]): void {
    const group = this.groups.get(groupId);
    if (group !== undefined) this.step(group, event);
  }

  /**
   * Makes a group of a state that has not been stepped yet; `effects` are what made the state. False when the request was
   * refused, and all is as it was.
   */
  protected found(state: W["state"], event: W["event"], effects: readonly EffectOf<W>[] = []): boolean {
    const [after, more] = this.#protocol.step(state, event, this.context(state.groupId));
    const group = this.newGroup(after);
    const isRefused = after === state;
    if (!isRefused) this.groups.set(state.groupId, group);
    this.carryOutAll(group, event, isRefused ? more : [...effects, ...more]);
    return !isRefused;
  }

  /** Topics came, went or grew. */
  onTopicChanged(name: string): void {
    for (const group of [...this.groups.values()]) {
      if (this.#protocol.concerns(group.durable.state, name)) this.step(group, { kind: "topicsChanged" });
    }
  }

  // -------------------------------------------------------------------------------------------- life

  /** As the log has it. */
  restore(
    groupId: string,
    stored: { restore(groupId: string, context: ContextOf<W>): W["state"] | null },
  ): void {
    const state = stored.restore(groupId, this.context(groupId));
    if (state === null) return; // tombstones of a member that were not all written
    const group = this.newGroup(state);
    group.durable.noteLoaded();
    this.groups.set(groupId, group);
  }

  /** Members get their sessions anew: those that are gone will miss them. */
  begin(): void {
    for (const group of this.groups.values()) this.step(group, { kind: "loaded" });
  }

  /** Takes the group out. What was on its way is still answered. */
  remove(groupId: string): RemovedGroup<W> | null {
    const group = this.groups.get(groupId);
    if (group === undefined) return null;
    const { encode, forgotten } = this.#protocol;
    const own = forgotten(group.durable.state).map((part) => encode(groupId, part));
    const records = [...group.durable.lostRemovals, ...own];
    this.groups.delete(groupId);
    this.#close(group);
    return { group, records };
  }

  /** A removal did not come to the log. */
  putBack({ durable: { state } }: GroupEntry<W>): void {
    if (this.groups.has(state.groupId)) return;
    const group = this.newGroup(this.#protocol.revived(state));
    group.durable.noteUncertain();
    this.groups.set(state.groupId, group);
  }

  close(): void {
    for (const group of this.groups.values()) this.#close(group);
    this.groups.clear();
  }

  #close(group: GroupEntry<W>): void {
    this.step(group, { kind: "closed" });
    this.stopTimers(group);
  }

  // -------------------------------------------------------------------------------------------- steps

  protected newGroup(state: W["state"]): GroupEntry<W> {
    return { durable: new DurableGroup(state, this.#log), deadlines: new SmallMap() };
  }

  protected stopTimers(group: GroupEntry<W>): void {
    this.#deadlines.cancelAll(group);
  }

  protected context(groupId: string): ContextOf<W> {
    const { clock, rules, topics } = this.#options;
    return { nowMs: clock.nowMs(), rules: rules(groupId), topics };
  }

  protected step(group: GroupEntry<W>, event: EventOf<W>): void {
    const { state } = group.durable;
    const [after, effects] = this.#protocol.step(state, event, this.context(state.groupId));
    group.durable.state = after;
    this.carryOutAll(group, event, effects);
  }

  /** What an event led to. */
  protected carryOutAll(group: GroupEntry<W>, event: EventOf<W>, effects: readonly EffectOf<W>[]): void {
    const parts = effects.flatMap((effect) => isPersist<W["part"]>(effect) ? effect.records : []);
    group.durable.persist(parts, { isLast: group.durable.state.isDead });
    for (const effect of effects) this.carryOut(group, event, effect);
  }

  /** Effects of the protocol's own, and `carryOutCommon` for all others. */
  protected abstract carryOut(group: GroupEntry<W>, event: EventOf<W>, effect: EffectOf<W>): void;

  protected carryOutCommon(
    group: GroupEntry<W>,
    event: EventOf<W>,
    effect: ModernEffect<EventOf<W>, W["part"], W["answer"], string>,
  ): void {
    const { durable, deadlines } = group;
    switch (effect.kind) {
      case "persist":
        break; // before all others
      case "answer":
        durable.answer(effect.ticket, effect.answer, (errorCode) => this.#protocol.refused(event, errorCode));
        break;
      case "startTimer":
        if (effect.isKept && deadlines.has(effect.timer)) break;
        this.#deadlines.set(group, effect.timer, effect.delayMs, effect.event);
        break;
      case "cancelTimer":
        this.#deadlines.cancel(group, effect.timer);
        break;
      case "note":
        this.#options.logger.debug(effect.event, effect.facts);
        break;
    }
  }
}

function isPersist<Part>(effect: { readonly kind: string }): effect is PersistEffect<Part> {
  return effect.kind === "persist";
}
