/**
 * The streams groups of one shard: steps their state machines, runs their timers, writes what they say to the log.
 *
 *  1. State machines are stepped here and nowhere else, and every effect of a step is carried out before the next step.
 *  2. What members and others are told is in the log before (`durable_group.ts`).
 *  3. After `close` no timer is left, and nobody waits.
 */
import type { Clock, Timers } from "../../runtime/runtime.ts";
import type { Logger } from "../log.ts";
import type { GroupTopics } from "./modern/state.ts";
import { Deadlines } from "./deadlines.ts";
import { DurableGroup } from "./durable_group.ts";
import type { LogRecord, LogWriter } from "./log_writer.ts";
import { forgottenGroup, logRecord, type StoredStreamsGroup, wholeGroup } from "./streams/records.ts";
import type {
  HeartbeatEvent,
  StepContext,
  StreamsAnswer,
  StreamsEffect,
  StreamsEvent,
  StreamsGroupRules,
  StreamsGroupState,
  StreamsRecord,
  Ticket,
} from "./streams/state.ts";
import { emptyStreamsGroup, refusedHeartbeat } from "./streams/state.ts";
import { step } from "./streams/step.ts";
import { requiredTopics } from "./streams/topology.ts";

export interface StreamsGroupsOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  readonly rules: (groupId: string) => StreamsGroupRules;
  readonly topics: GroupTopics;
  readonly writer: Pick<LogWriter, "append">;
  readonly answer: (ticket: Ticket, answer: StreamsAnswer) => void;
}

export interface StreamsGroup {
  readonly durable: DurableGroup<StreamsGroupState, StreamsRecord, StreamsAnswer>;
  readonly deadlines: Deadlines<string>;
}

export class StreamsGroups {
  readonly #options: StreamsGroupsOptions;
  readonly #groups = new Map<string, StreamsGroup>();

  constructor(options: StreamsGroupsOptions) {
    this.#options = options;
  }

  has(groupId: string): boolean {
    return this.#groups.has(groupId);
  }

  /** The newest state, for what must be decided by it. */
  state(groupId: string): StreamsGroupState | undefined {
    return this.#groups.get(groupId)?.durable.state;
  }

  hasMembers(groupId: string): boolean {
    return (this.state(groupId)?.members.size ?? 0) > 0;
  }

  /** As the log has it (2). */
  described(groupId: string): StreamsGroupState | undefined {
    return this.#groups.get(groupId)?.durable.durable ?? undefined;
  }

  allDescribed(): StreamsGroupState[] {
    return Array.from(this.#groups.values(), ({ durable }) => durable.durable).filter((state) => state !== null);
  }

  groupIds(): Iterable<string> {
    return this.#groups.keys();
  }

  // -------------------------------------------------------------------------------------------- events

  /** Feeds an event to a group that is there. */
  feed(groupId: string, event: StreamsEvent): void {
    const group = this.#groups.get(groupId);
    if (group !== undefined) this.#step(group, event);
  }

  /**
   * Makes the group by its first heartbeat; `replaced` is what the log must be told before. False when the heartbeat was
   * refused, and all is as it was.
   */
  create(groupId: string, event: HeartbeatEvent, replaced: readonly StreamsRecord[]): boolean {
    const before = emptyStreamsGroup(groupId);
    const [state, effects] = step(before, event, this.#context(groupId));
    if (state === before) {
      for (const effect of effects) if (effect.kind === "answer") this.#options.answer(effect.ticket, effect.answer);
      return false;
    }
    const group = this.#newGroup(state);
    this.#groups.set(groupId, group);
    this.#carryOut(group, [{ kind: "persist", records: replaced }, ...effects]);
    return true;
  }

  /** Topics came, went or grew. */
  onTopicChanged(name: string): void {
    for (const group of [...this.#groups.values()]) {
      const { topology } = group.durable.state;
      if (topology !== null && requiredTopics(topology).has(name)) this.#step(group, { kind: "topicsChanged" });
    }
  }

  // -------------------------------------------------------------------------------------------- life

  /** As the log has it. */
  restore(groupId: string, stored: StoredStreamsGroup): void {
    const state = stored.restore(groupId, this.#context(groupId));
    if (state === null) return; // tombstones of a member that were not all written
    const group = this.#newGroup(state);
    group.durable.noteLoaded();
    this.#groups.set(groupId, group);
  }

  /** Members get their sessions anew: those that are gone will miss them. */
  begin(): void {
    for (const group of this.#groups.values()) this.#step(group, { kind: "loaded" });
  }

  /** Takes the group out. What the log must then be told is returned; what was on its way is still answered. */
  remove(groupId: string): { readonly group: StreamsGroup; readonly records: readonly LogRecord[] } | null {
    const group = this.#groups.get(groupId);
    if (group === undefined) return null;
    const own = forgottenGroup(group.durable.state).map((record) => logRecord(groupId, record));
    const records = [...group.durable.lostRemovals, ...own];
    this.#groups.delete(groupId);
    this.#close(group);
    return { group, records };
  }

  /** A removal did not come to the log. */
  putBack({ durable: { state } }: StreamsGroup): void {
    if (this.#groups.has(state.groupId)) return;
    const group = this.#newGroup({ ...state, isDead: false, isDelayed: false });
    group.durable.noteUncertain();
    this.#groups.set(state.groupId, group);
  }

  close(): void {
    for (const group of this.#groups.values()) this.#close(group);
    this.#groups.clear();
  }

  #close(group: StreamsGroup): void {
    this.#step(group, { kind: "closed" });
    group.deadlines.cancelAll();
  }

  // -------------------------------------------------------------------------------------------- steps

  #newGroup(state: StreamsGroupState): StreamsGroup {
    const { groupId } = state;
    const { writer, answer, logger } = this.#options;
    const durable = new DurableGroup<StreamsGroupState, StreamsRecord, StreamsAnswer>(state, {
      writer,
      encode: (record) => logRecord(groupId, record),
      whole: wholeGroup,
      answer,
      onWriteFailed: (errorCode) => logger.warn("group not written", { group: groupId, error: errorCode }),
    });
    return { durable, deadlines: new Deadlines(this.#options) };
  }

  #context(groupId: string): StepContext {
    const { clock, rules, topics } = this.#options;
    return { nowMs: clock.nowMs(), rules: rules(groupId), topics };
  }

  #step(group: StreamsGroup, event: StreamsEvent): void {
    const { state } = group.durable;
    const [after, effects] = step(state, event, this.#context(state.groupId));
    group.durable.state = after;
    this.#carryOut(group, effects);
  }

  #carryOut(group: StreamsGroup, effects: readonly StreamsEffect[]): void {
    const records = effects.flatMap((effect) => effect.kind === "persist" ? effect.records : []);
    group.durable.persist(records, { isLast: group.durable.state.isDead });
    for (const effect of effects) {
      switch (effect.kind) {
        case "persist":
          break;
        case "answer":
          group.durable.answer(effect.ticket, effect.answer, (errorCode) => refusedHeartbeat(errorCode, null));
          break;
        case "startTimer":
          group.deadlines.set(effect.timer, effect.delayMs, () => this.#step(group, effect.event));
          break;
        case "cancelTimer":
          group.deadlines.cancel(effect.timer);
          break;
        case "note":
          this.#options.logger.debug(effect.event, effect.facts);
          break;
      }
    }
  }
}
