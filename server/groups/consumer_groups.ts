/**
 * The consumer groups of one shard: steps their state machines, runs their timers, writes what they say to the log.
 *
 *  1. State machines are stepped here and nowhere else, and every effect of a step is carried out before the next step.
 *  2. What members and others are told is in the log before (`durable_group.ts`).
 *  3. After `close` no timer is left, and nobody waits.
 */
import type { Clock, Timers } from "../../runtime/runtime.ts";
import type { Logger } from "../log.ts";
import type { GroupState } from "./classic/state.ts";
import { forgottenGroup, fromClassic, wholeGroup } from "./consumer/conversion.ts";
import { compilePattern } from "./consumer/patterns/pattern.ts";
import type { Program } from "./consumer/patterns/program.ts";
import { PatternError } from "./consumer/patterns/syntax.ts";
import { logRecord, type StoredGroup } from "./consumer/records.ts";
import type {
  ConsumerAnswer,
  ConsumerEffect,
  ConsumerEvent,
  ConsumerGroupRules,
  ConsumerGroupState,
  GroupRecord,
  GroupTopics,
  HeartbeatEvent,
  StepContext,
  Ticket,
} from "./consumer/state.ts";
import { emptyConsumerGroup, isTopicSubscribed } from "./consumer/state.ts";
import { refusedAnswer, step } from "./consumer/step.ts";
import { Deadlines } from "./deadlines.ts";
import { DurableGroup } from "./durable_group.ts";
import type { LogRecord, LogWriter } from "./log_writer.ts";

/** The topics that patterns are matched with. */
export interface TopicNames extends GroupTopics {
  names(): Iterable<string>;
}

export interface ConsumerGroupsOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  readonly rules: (groupId: string) => ConsumerGroupRules;
  readonly topics: TopicNames;
  readonly writer: Pick<LogWriter, "append">;
  readonly answer: (ticket: Ticket, answer: ConsumerAnswer) => void;
  /** The group goes on as a classic one. */
  readonly becomeClassic: (group: GroupState, rebalanceReason: string | null) => void;
}

export interface ConsumerGroup {
  readonly durable: DurableGroup<ConsumerGroupState, GroupRecord, ConsumerAnswer>;
  readonly deadlines: Deadlines<string>;
}

/** Names of topics that are matched with the patterns of a group in one turn of the event loop. */
const namesPerTurn = 200;

export class ConsumerGroups {
  readonly #options: ConsumerGroupsOptions;
  readonly #groups = new Map<string, ConsumerGroup>();

  constructor(options: ConsumerGroupsOptions) {
    this.#options = options;
  }

  has(groupId: string): boolean {
    return this.#groups.has(groupId);
  }

  /** The newest state, for what must be decided by it. */
  state(groupId: string): ConsumerGroupState | undefined {
    return this.#groups.get(groupId)?.durable.state;
  }

  /** As the log has it (2). */
  described(groupId: string): ConsumerGroupState | undefined {
    return this.#groups.get(groupId)?.durable.durable ?? undefined;
  }

  allDescribed(): ConsumerGroupState[] {
    return Array.from(this.#groups.values(), ({ durable }) => durable.durable).filter((state) => state !== null);
  }

  groupIds(): Iterable<string> {
    return this.#groups.keys();
  }

  // -------------------------------------------------------------------------------------------- events

  /** Feeds an event to a group that is there. */
  feed(groupId: string, event: ConsumerEvent): void {
    const group = this.#groups.get(groupId);
    if (group !== undefined) this.#step(group, event);
  }

  hasMembers(groupId: string): boolean {
    return (this.state(groupId)?.members.size ?? 0) > 0;
  }

  /**
   * Makes the group by its first heartbeat; `replaced` is what the log must be told before. False when the heartbeat was
   * refused, and all is as it was.
   */
  create(groupId: string, event: HeartbeatEvent, replaced: readonly GroupRecord[]): boolean {
    return this.#found(emptyConsumerGroup(groupId), event, [{ kind: "persist", records: replaced }]);
  }

  /**
   * Makes a classic group a consumer group by the heartbeat of its first member that speaks the new protocol.
   * False when the heartbeat was refused, and all is as it was.
   * @throws {ProtocolError} GROUP_ID_NOT_FOUND when the group may not become one
   */
  upgrade(classic: GroupState, event: HeartbeatEvent): boolean {
    const [state, effects] = fromClassic(classic, this.#context(classic.groupId));
    if (!this.#found(state, event, effects)) return false;
    this.#options.logger.info("group upgraded", { group: classic.groupId, members: classic.members.size });
    return true;
  }

  /** `effects` are what made `state`: they are carried out only if the event is not refused. */
  #found(state: ConsumerGroupState, event: HeartbeatEvent, effects: readonly ConsumerEffect[]): boolean {
    const [after, more] = step(state, event, this.#context(state.groupId));
    if (after === state) {
      for (const effect of more) if (effect.kind === "answer") this.#options.answer(effect.ticket, effect.answer);
      return false;
    }
    const group = this.#newGroup(after);
    this.#groups.set(state.groupId, group);
    this.#carryOut(group, event, [...effects, ...more]);
    return true;
  }

  /** Topics came, went or grew. */
  onTopicChanged(name: string): void {
    for (const group of [...this.#groups.values()]) {
      if (isTopicSubscribed(group.durable.state, name)) this.#step(group, { kind: "topicsChanged" });
    }
  }

  // -------------------------------------------------------------------------------------------- life

  /** As the log has it. */
  restore(groupId: string, stored: StoredGroup): void {
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
  remove(groupId: string): { readonly group: ConsumerGroup; readonly records: readonly LogRecord[] } | null {
    const group = this.#groups.get(groupId);
    if (group === undefined) return null;
    const own = forgottenGroup(group.durable.state).map((record) => logRecord(groupId, record));
    const records = [...group.durable.lostRemovals, ...own];
    this.#groups.delete(groupId);
    this.#close(group);
    return { group, records };
  }

  /** A removal did not come to the log. */
  putBack({ durable: { state } }: ConsumerGroup): void {
    if (this.#groups.has(state.groupId)) return;
    const group = this.#newGroup({ ...state, isDead: false, isResolving: false });
    group.durable.noteUncertain();
    this.#groups.set(state.groupId, group);
  }

  close(): void {
    for (const group of this.#groups.values()) this.#close(group);
    this.#groups.clear();
  }

  #close(group: ConsumerGroup): void {
    this.#step(group, { kind: "closed" });
    group.deadlines.cancelAll();
  }

  // -------------------------------------------------------------------------------------------- steps

  #newGroup(state: ConsumerGroupState): ConsumerGroup {
    const { groupId } = state;
    const { writer, answer, logger } = this.#options;
    const durable = new DurableGroup<ConsumerGroupState, GroupRecord, ConsumerAnswer>(state, {
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

  #step(group: ConsumerGroup, event: ConsumerEvent): void {
    const { state } = group.durable;
    const [after, effects] = step(state, event, this.#context(state.groupId));
    group.durable.state = after;
    this.#carryOut(group, event, effects);
  }

  #carryOut(group: ConsumerGroup, event: ConsumerEvent, effects: readonly ConsumerEffect[]): void {
    const { durable, deadlines } = group;
    const { groupId, isDead } = durable.state;
    durable.persist(effects.flatMap((effect) => effect.kind === "persist" ? effect.records : []), { isLast: isDead });
    for (const effect of effects) {
      switch (effect.kind) {
        case "persist":
          break;
        case "answer":
          if (!("ticket" in event)) break;
          durable.answer(effect.ticket, effect.answer, (errorCode) => refusedAnswer(event, errorCode, null));
          break;
        case "startTimer":
          if (effect.isKept && deadlines.has(effect.timer)) break;
          deadlines.set(effect.timer, effect.delayMs, () => this.#step(group, effect.event));
          break;
        case "cancelTimer":
          deadlines.cancel(effect.timer);
          break;
        case "resolve":
          this.#resolve(group, effect.regexes).catch((cause) =>
            this.#options.logger.error("patterns not matched", { group: groupId, cause })
          );
          break;
        case "becomeClassic":
          this.#groups.delete(groupId);
          deadlines.cancelAll();
          this.#options.becomeClassic(effect.group, effect.rebalanceReason);
          break;
        case "note":
          this.#options.logger.debug(effect.event, effect.facts);
          break;
      }
    }
  }

  // -------------------------------------------------------------------------------------------- patterns

  /** A turn of the event loop for every few topics: there may be many, and patterns may be slow. */
  async #resolve(group: ConsumerGroup, regexes: readonly string[]): Promise<void> {
    const { topics, clock, timers } = this.#options;
    const { version } = topics;
    const timestampMs = clock.nowMs();
    const programs = regexes.map((regex) => ({ regex, program: this.#compiled(regex), matches: [] as string[] }));
    const names = [...topics.names()];
    for (let at = 0; at <= names.length; at += namesPerTurn) {
      await new Promise<void>((resolve) => timers.soon(resolve));
      if (group.durable.state.isDead) return;
      for (const name of names.slice(at, at + namesPerTurn)) {
        for (const { program, matches } of programs) if (program?.matches(name)) matches.push(name);
      }
    }
    const matches = new Map(programs.map(({ regex, matches: found }) => [regex, found.sort()] as const));
    this.#step(group, { kind: "regexesResolved", matches, version, timestampMs });
  }

  /** Patterns are checked when members bring them; one that was stored by another version may still be strange to us. */
  #compiled(regex: string): Program | null {
    try {
      return compilePattern(regex);
    } catch (cause) {
      if (!(cause instanceof PatternError)) throw cause;
      this.#options.logger.error("pattern matches nothing", { pattern: regex, reason: cause.message });
      return null;
    }
  }
}
