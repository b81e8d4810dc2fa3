/**
 * The consumer groups of one shard: steps their state machines, runs their timers, writes what they say to the log.
 *
 *  1. State machines are stepped here and nowhere else, and every effect of a step is carried out before the next step.
 *  2. An answer waits for all that its group wrote up to then, so nobody is told what a crash could take back; what
 *     others are told of a group (`described`) is what the log has of it.
 *  3. A write that fails takes nothing back: to its members it looks like an answer that was lost, which the protocol
 *     allows for. All answers that built on it are refused, and the next step writes the whole group.
 *  4. After `close` no timer is left, and nobody waits.
 */
import { ErrorCode } from "../../protocol/errors.ts";
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
import { refusedAnswer, type RequestEvent, step } from "./consumer/step.ts";
import { Deadlines } from "./deadlines.ts";
import { coordinatorError, type LogRecord, type LogWriter } from "./log_writer.ts";

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

/** The object is the group's identity: one deleted and made anew is another. */
export interface ConsumerGroup {
  state: ConsumerGroupState;
  /** As the log has it; null while the log has nothing of it. */
  durable: ConsumerGroupState | null;
  readonly deadlines: Deadlines<string>;
  /** Writes are numbered, and end in order. */
  issuedWrite: number;
  endedWrite: number;
  /** Of this write or a later one, it is not known what the log has of it (3). */
  failedWrite: number;
  /** Parts that are gone, and of which the log may not know that (3). */
  lostRemovals: GroupRecord[];
  isRewriteDue: boolean;
  readonly held: HeldAnswer[];
}

interface HeldAnswer {
  readonly afterWrite: number;
  readonly event: RequestEvent;
  readonly answer: ConsumerAnswer;
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
    return this.#groups.get(groupId)?.state;
  }

  /** As the log has it (2). */
  described(groupId: string): ConsumerGroupState | undefined {
    return this.#groups.get(groupId)?.durable ?? undefined;
  }

  allDescribed(): ConsumerGroupState[] {
    return Array.from(this.#groups.values(), ({ durable }) => durable).filter((state) => state !== null);
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
    return (this.#groups.get(groupId)?.state.members.size ?? 0) > 0;
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
    this.#carryOutAll(group, event, [...effects, ...more]);
    return true;
  }

  /** Topics came, went or grew. */
  onTopicChanged(name: string): void {
    for (const group of [...this.#groups.values()]) {
      if (isTopicSubscribed(group.state, name)) this.#step(group, { kind: "topicsChanged" });
    }
  }

  // -------------------------------------------------------------------------------------------- life

  /** As the log has it. */
  restore(groupId: string, stored: StoredGroup): void {
    const state = stored.restore(groupId, this.#context(groupId));
    if (state === null) return; // tombstones of a member that were not all written
    const group = this.#newGroup(state);
    group.durable = state;
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
    const records = [...group.lostRemovals, ...forgottenGroup(group.state)];
    this.#groups.delete(groupId);
    this.#close(group);
    return { group, records: records.map((record) => logRecord(groupId, record)) };
  }

  /** A removal did not come to the log. */
  putBack({ state }: ConsumerGroup): void {
    if (this.#groups.has(state.groupId)) return;
    const group = this.#newGroup({ ...state, isDead: false, isResolving: false });
    group.durable = group.state;
    group.isRewriteDue = true;
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
    return {
      state,
      durable: null,
      deadlines: new Deadlines(this.#options),
      issuedWrite: 0,
      endedWrite: 0,
      failedWrite: 0,
      lostRemovals: [],
      isRewriteDue: false,
      held: [],
    };
  }

  #context(groupId: string): StepContext {
    const { clock, rules, topics } = this.#options;
    return { nowMs: clock.nowMs(), rules: rules(groupId), topics };
  }

  #step(group: ConsumerGroup, event: ConsumerEvent): void {
    const [state, effects] = step(group.state, event, this.#context(group.state.groupId));
    group.state = state;
    this.#carryOutAll(group, event, effects);
  }

  #carryOutAll(group: ConsumerGroup, event: ConsumerEvent, effects: readonly ConsumerEffect[]): void {
    if (group.isRewriteDue && !group.state.isDead) {
      const removals = effects.flatMap((effect) => effect.kind === "persist" ? effect.records : [])
        .filter(({ value }) => value === null);
      void this.#persist(group, [...group.lostRemovals, ...removals, ...wholeGroup(group.state)]);
      effects = effects.filter(({ kind }) => kind !== "persist");
    }
    for (const effect of effects) this.#carryOut(group, event, effect);
  }

  #carryOut(group: ConsumerGroup, event: ConsumerEvent, effect: ConsumerEffect): void {
    switch (effect.kind) {
      case "persist":
        if (effect.records.length > 0) void this.#persist(group, effect.records);
        break;
      case "answer":
        if ("ticket" in event) this.#answer(group, event, effect.answer);
        break;
      case "startTimer":
        if (effect.isKept && group.deadlines.has(effect.timer)) break;
        group.deadlines.set(effect.timer, effect.delayMs, () => this.#step(group, effect.event));
        break;
      case "cancelTimer":
        group.deadlines.cancel(effect.timer);
        break;
      case "resolve":
        this.#resolve(group, effect.regexes).catch((cause) =>
          this.#options.logger.error("patterns not matched", { group: group.state.groupId, cause })
        );
        break;
      case "becomeClassic":
        this.#groups.delete(group.state.groupId);
        group.deadlines.cancelAll();
        this.#options.becomeClassic(effect.group, effect.rebalanceReason);
        break;
      case "note":
        this.#options.logger.debug(effect.event, effect.facts);
        break;
    }
  }

  #answer(group: ConsumerGroup, event: RequestEvent, answer: ConsumerAnswer): void {
    if (group.endedWrite === group.issuedWrite) this.#options.answer(event.ticket, answer);
    else group.held.push({ afterWrite: group.issuedWrite, event, answer }); // (2)
  }

  // -------------------------------------------------------------------------------------------- the log

  async #persist(group: ConsumerGroup, records: readonly GroupRecord[]): Promise<void> {
    const { state } = group;
    const write = ++group.issuedWrite;
    group.isRewriteDue = false;
    group.lostRemovals = [];
    let hasEnded = false;
    const end = (errorCode: number) => {
      if (hasEnded) return;
      hasEnded = true;
      this.#writeEnded(group, { write, state, records, errorCode });
    };
    // The outcome comes in the order of the log; the wait may be over before it.
    end(await this.#options.writer.append(records.map((record) => logRecord(state.groupId, record)), end));
  }

  #writeEnded(
    group: ConsumerGroup,
    { write, state, records, errorCode }: {
      readonly write: number;
      readonly state: ConsumerGroupState;
      readonly records: readonly GroupRecord[];
      readonly errorCode: number;
    },
  ): void {
    group.endedWrite = Math.max(group.endedWrite, write);
    if (errorCode !== ErrorCode.NONE) {
      this.#options.logger.warn("group not written", { group: state.groupId, error: errorCode });
      group.failedWrite = group.issuedWrite; // (3)
      group.isRewriteDue = true;
    }
    const isLost = write <= group.failedWrite;
    if (isLost) group.lostRemovals.push(...records.filter(({ value }) => value === null));
    else group.durable = state;
    const code = coordinatorError(errorCode || ErrorCode.COORDINATOR_NOT_AVAILABLE);
    for (const { event, answer } of group.held.splice(0, heldUpTo(group.held, group.endedWrite))) {
      this.#options.answer(event.ticket, isLost ? refusedAnswer(event, code, null) : answer);
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
      if (group.state.isDead) return;
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

/** How many of them wait for nothing later than `write`; they are in order. */
function heldUpTo(held: readonly HeldAnswer[], write: number): number {
  const index = held.findIndex(({ afterWrite }) => afterWrite > write);
  return index === -1 ? held.length : index;
}
