/**
 * The share groups of one shard: steps their state machines, runs their timers, writes what they say to the log, and asks
 * the share coordinator to begin with partitions, or to forget them.
 *
 *  1. State machines are stepped here and nowhere else, and every effect of a step is carried out before the next step.
 *  2. An answer waits for all that its group wrote up to then, so nobody is told what a crash could take back; what others
 *     are told of a group (`described`) is what the log has of it.
 *  3. A write that fails takes nothing back: to its members it looks like an answer that was lost, which the protocol allows
 *     for. All answers that built on it are refused, and the next step writes the whole group.
 *  4. After `close` no timer is left, and nobody waits.
 */
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import type { Clock, Timers } from "../../runtime/runtime.ts";
import type { Logger } from "../log.ts";
import { Deadlines } from "./deadlines.ts";
import { coordinatorError, type LogRecord, type LogWriter } from "./log_writer.ts";
import { forgottenShareGroup, shareLogRecord, type StoredShareGroup, wholeShareGroup } from "./share/records.ts";
import {
  emptyShareGroup,
  type GroupTopics,
  type InitialTopic,
  refusedShareHeartbeat,
  type ShareGroupEffect,
  type ShareGroupEvent,
  type ShareGroupRecord,
  type ShareGroupRules,
  type ShareGroupState,
  type ShareHeartbeatAnswer,
  type ShareHeartbeatEvent,
  type ShareStepContext,
  subscribedNames,
  type Ticket,
} from "./share/state.ts";
import { step } from "./share/step.ts";

/** Who keeps the state of share partitions. */
export interface ShareStateKeeper {
  /** NONE when it can be asked from now on. */
  prepare(): Promise<number>;
  initialize(request: SharePlace & { readonly stateEpoch: number; readonly startOffset: number }): Promise<Kept>;
  delete(request: SharePlace): Promise<Kept>;
}

export interface SharePlace {
  readonly groupId: string;
  readonly topicId: string;
  readonly partition: number;
}

export interface Kept {
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

export interface ShareGroupsOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  readonly shareRules: (groupId: string) => ShareGroupRules;
  readonly topics: GroupTopics;
  readonly writer: Pick<LogWriter, "append">;
  readonly shareState: ShareStateKeeper;
  /** What is known of the group's partitions elsewhere is no longer so: all of them, or those of some topics. */
  readonly shareStateChanged: (groupId: string, topicIds: readonly string[] | null) => void;
  readonly answer: (ticket: Ticket, answer: ShareHeartbeatAnswer) => void;
}

/** The object is the group's identity: one deleted and made anew is another. */
interface ShareGroup {
  state: ShareGroupState;
  /** As the log has it; null while the log has nothing of it. */
  durable: ShareGroupState | null;
  readonly deadlines: Deadlines<string>;
  /** The outcome of the last write; null when there is none on its way. */
  write: Promise<number> | null;
  isRewriteDue: boolean;
  /** Parts that are gone, and of which the log may not know that (3). */
  lostRemovals: ShareGroupRecord[];
}

export class ShareGroups {
  readonly #options: ShareGroupsOptions;
  readonly #groups = new Map<string, ShareGroup>();

  constructor(options: ShareGroupsOptions) {
    this.#options = options;
  }

  has(groupId: string): boolean {
    return this.#groups.has(groupId);
  }

  /** The newest state, for what must be decided by it. */
  state(groupId: string): ShareGroupState | undefined {
    return this.#groups.get(groupId)?.state;
  }

  /** As the log has it (2). */
  described(groupId: string): ShareGroupState | undefined {
    return this.#groups.get(groupId)?.durable ?? undefined;
  }

  allDescribed(): ShareGroupState[] {
    return Array.from(this.#groups.values(), ({ durable }) => durable).filter((state) => state !== null);
  }

  // -------------------------------------------------------------------------------------------- events

  /** A heartbeat to a group that is there; or one that makes it, unless it is refused. */
  feed(groupId: string, event: ShareHeartbeatEvent): void {
    const known = this.#groups.get(groupId);
    if (known !== undefined) return this.#step(known, event);
    const before = emptyShareGroup(groupId);
    const [state, effects] = step(before, event, this.#context(groupId));
    const group = this.#newGroup(state);
    if (state !== before) this.#groups.set(groupId, group);
    this.#carryOutAll(group, effects);
  }

  /** Topics came, went or grew. */
  onTopicChanged(name: string): void {
    for (const group of [...this.#groups.values()]) {
      if (subscribedNames(group.state).includes(name)) this.#step(group, { kind: "topicsChanged" });
    }
  }

  forgetTopics(topicIds: ReadonlySet<string>): void {
    for (const group of [...this.#groups.values()]) this.#step(group, { kind: "topicsDeleted", topicIds });
  }

  // -------------------------------------------------------------------------------------------- administration

  /**
   * Puts an empty group elsewhere; makes it when it is missing.
   * @returns what became of each partition, in order
   * @throws {ProtocolError} NON_EMPTY_GROUP; whatever keeps the log from being written
   */
  async alterOffsets(groupId: string, topics: readonly InitialTopic[]): Promise<Kept[]> {
    const group = this.#groups.get(groupId) ?? this.#newGroup(emptyShareGroup(groupId));
    const [state, effects] = step(group.state, { kind: "alterOffsets", topics }, this.#context(groupId));
    group.state = state;
    this.#groups.set(groupId, group);
    this.#carryOutAll(group, effects.filter(({ kind }) => kind !== "initialize"));
    await this.#durable(group);
    const outcomes = await this.#initialize(group, state.groupEpoch, topics);
    this.#options.shareStateChanged(groupId, topics.map(({ topicId }) => topicId));
    return outcomes;
  }

  /**
   * An empty group forgets topics, or all it knows.
   * @returns the first error of each topic, or NONE
   * @throws {ProtocolError} NON_EMPTY_GROUP; whatever keeps the log from being written
   */
  async deleteState(groupId: string, topicIds: readonly string[] | null): Promise<Map<string, Kept>> {
    const group = this.#groups.get(groupId);
    if (group === undefined) throw new ProtocolError(ErrorCode.GROUP_ID_NOT_FOUND, `Group ${groupId} not found.`);
    this.#step(group, { kind: "deleteState", topicIds });
    await this.#durable(group);
    const { deleting } = group.state.statePartitions;
    const outcomes = new Map<string, Kept>();
    for (const topicId of topicIds ?? deleting.keys()) {
      const topic = this.#options.topics.topicById(topicId);
      // Of a topic that is gone the share coordinator forgets by itself.
      const partitions = Array.from({ length: topic?.partitionCount ?? 0 }, (_, partition) => partition);
      const all = await Promise.all(
        partitions.map((partition) => this.#options.shareState.delete({ groupId, topicId, partition })),
      );
      outcomes.set(topicId, all.find(({ errorCode }) => errorCode !== ErrorCode.NONE) ?? fine);
    }
    this.#options.shareStateChanged(groupId, topicIds);
    const deleted = [...outcomes].filter(([, { errorCode }]) => errorCode === ErrorCode.NONE).map(([id]) => id);
    if (deleted.length > 0) this.#step(group, { kind: "stateDeleted", topicIds: deleted });
    await this.#durable(group);
    return outcomes;
  }

  /** Deletes an empty group, with all that is kept of its partitions. */
  async deleteGroup(groupId: string): Promise<number> {
    try {
      const outcomes = await this.deleteState(groupId, null);
      for (const { errorCode } of outcomes.values()) if (errorCode !== ErrorCode.NONE) return errorCode;
      const group = this.#groups.get(groupId);
      if (group === undefined) return ErrorCode.GROUP_ID_NOT_FOUND;
      if (group.state.members.size > 0) return ErrorCode.NON_EMPTY_GROUP;
      this.#groups.delete(groupId);
      const records = [...group.lostRemovals, ...forgottenShareGroup(group.state)];
      this.#close(group);
      const errorCode = await this.#options.writer.append(
        records.map((record) => shareLogRecord(groupId, record)),
        () => {},
      );
      if (errorCode !== ErrorCode.NONE && !this.#groups.has(groupId)) this.#putBack(group);
      return coordinatorError(errorCode);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return error.code;
    }
  }

  // -------------------------------------------------------------------------------------------- life

  /** As the log has it. */
  restore(groupId: string, stored: StoredShareGroup): void {
    const state = stored.restore(groupId);
    if (state === null) return; // tombstones of a member that were not all written
    const group = this.#newGroup(state);
    group.durable = state;
    this.#groups.set(groupId, group);
  }

  /** Members get their sessions anew: those that are gone will miss them. */
  begin(): void {
    for (const group of this.#groups.values()) this.#step(group, { kind: "loaded" });
  }

  close(): void {
    for (const group of this.#groups.values()) this.#close(group);
    this.#groups.clear();
  }

  #close(group: ShareGroup): void {
    this.#step(group, { kind: "closed" });
    group.deadlines.cancelAll();
  }

  /** A removal did not come to the log. */
  #putBack({ state }: ShareGroup): void {
    const group = this.#newGroup({ ...state, isDead: false });
    group.durable = group.state;
    group.isRewriteDue = true;
    this.#groups.set(state.groupId, group);
  }

  // -------------------------------------------------------------------------------------------- steps

  #newGroup(state: ShareGroupState): ShareGroup {
    return {
      state,
      durable: null,
      deadlines: new Deadlines(this.#options),
      write: null,
      isRewriteDue: false,
      lostRemovals: [],
    };
  }

  #context(groupId: string): ShareStepContext {
    const { clock, shareRules, topics } = this.#options;
    return { nowMs: clock.nowMs(), rules: shareRules(groupId), topics };
  }

  #step(group: ShareGroup, event: ShareGroupEvent): void {
    const [state, effects] = step(group.state, event, this.#context(group.state.groupId));
    group.state = state;
    this.#carryOutAll(group, effects);
  }

  #carryOutAll(group: ShareGroup, effects: readonly ShareGroupEffect[]): void {
    if (group.isRewriteDue && !group.state.isDead) {
      const removals = effects.flatMap((effect) => effect.kind === "persist" ? effect.records : [])
        .filter(({ value }) => value === null);
      this.#persist(group, [...group.lostRemovals, ...removals, ...wholeShareGroup(group.state)]);
      effects = effects.filter(({ kind }) => kind !== "persist");
    }
    for (const effect of effects) this.#carryOut(group, effect);
  }

  #carryOut(group: ShareGroup, effect: ShareGroupEffect): void {
    switch (effect.kind) {
      case "persist":
        this.#persist(group, effect.records);
        break;
      case "answer":
        this.#answer(group, effect.ticket, effect.answer);
        break;
      case "startTimer":
        group.deadlines.set(effect.timer, effect.delayMs, () => this.#step(group, effect.event));
        break;
      case "cancelTimer":
        group.deadlines.cancel(effect.timer);
        break;
      case "initialize": {
        const { stateEpoch, topics } = effect;
        this.#durable(group).then(() => this.#initialize(group, stateEpoch, topics)).catch((cause) =>
          this.#options.logger.warn("share state not begun", { group: group.state.groupId, cause })
        );
        break;
      }
      case "note":
        this.#options.logger.debug(effect.event, effect.facts);
        break;
    }
  }

  /** (2) */
  #answer({ write }: ShareGroup, ticket: Ticket, answer: ShareHeartbeatAnswer): void {
    if (write === null) return this.#options.answer(ticket, answer);
    void write.then((errorCode) =>
      this.#options.answer(ticket, errorCode === ErrorCode.NONE ? answer : refusedShareHeartbeat(errorCode, null))
    );
  }

  // -------------------------------------------------------------------------------------------- the log

  #persist(group: ShareGroup, records: readonly ShareGroupRecord[]): void {
    const { state, write: before } = group;
    group.isRewriteDue = false;
    group.lostRemovals = [];
    const all: LogRecord[] = records.map((record) => shareLogRecord(state.groupId, record));
    const write = this.#options.writer.append(all, () => {}).then(async (code) => {
      const errorCode = coordinatorError(code) || (before === null ? ErrorCode.NONE : await before); // (3)
      if (errorCode === ErrorCode.NONE) group.durable = state;
      else {
        this.#options.logger.warn("share group not written", { group: state.groupId, error: errorCode });
        group.isRewriteDue = true;
        group.lostRemovals.push(...records.filter(({ value }) => value === null));
      }
      if (group.write === write) group.write = null;
      return errorCode;
    });
    group.write = write;
  }

  /** @throws {ProtocolError} */
  async #durable({ write }: ShareGroup): Promise<void> {
    const errorCode = write === null ? ErrorCode.NONE : await write;
    if (errorCode !== ErrorCode.NONE) throw new ProtocolError(errorCode);
  }

  // -------------------------------------------------------------------------------------------- the share coordinator

  async #initialize(group: ShareGroup, stateEpoch: number, topics: readonly InitialTopic[]): Promise<Kept[]> {
    const { shareState } = this.#options;
    const { groupId } = group.state;
    const preparation = await shareState.prepare();
    const outcomes: Kept[] = [];
    for (const { topicId, partitions } of topics) {
      const ofTopic = await Promise.all(
        partitions.map(({ partition, startOffset }) =>
          preparation === ErrorCode.NONE
            ? shareState.initialize({ groupId, topicId, partition, stateEpoch, startOffset })
            : { errorCode: preparation, errorMessage: null }
        ),
      );
      outcomes.push(...ofTopic);
      for (const isInitialized of [true, false]) {
        const indexes = partitions.map(({ partition }) => partition)
          .filter((_, at) => (ofTopic[at]!.errorCode === ErrorCode.NONE) === isInitialized);
        if (indexes.length === 0) continue;
        this.#step(group, { kind: "initialized", partitions: new Map([[topicId, indexes]]), isInitialized });
      }
    }
    return outcomes;
  }
}

const fine: Kept = { errorCode: ErrorCode.NONE, errorMessage: null };
