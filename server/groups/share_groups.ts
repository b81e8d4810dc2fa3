/**
 * The share groups of one shard (`modern/groups.ts`): what administrators do to them, and what the share coordinator is asked: to
 * begin with partitions, or to forget them.
 */
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import { coordinatorError } from "./log_writer.ts";
import { type GroupEntry, ModernGroups, type ModernGroupsOptions, type Protocol } from "./modern/groups.ts";
import { forgottenShareGroup, shareLogRecord, wholeShareGroup } from "./share/records.ts";
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
  subscribedNames,
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

interface ShareWords {
  readonly state: ShareGroupState;
  readonly event: ShareGroupEvent;
  readonly effect: ShareGroupEffect;
  readonly part: ShareGroupRecord;
  readonly answer: ShareHeartbeatAnswer;
  readonly rules: ShareGroupRules;
  readonly topics: GroupTopics;
}

type ShareGroup = GroupEntry<ShareWords>;

export interface ShareGroupsOptions extends ModernGroupsOptions<ShareWords> {
  readonly shareState: ShareStateKeeper;
  /** What is known of the group's partitions elsewhere is no longer so: all of them, or those of some topics. */
  readonly shareStateChanged: (groupId: string, topicIds: readonly string[] | null) => void;
}

const protocol: Protocol<ShareWords> = {
  step,
  encode: shareLogRecord,
  whole: wholeShareGroup,
  forgotten: forgottenShareGroup,
  revived: (state) => ({ ...state, isDead: false }),
  concerns: (state, topic) => subscribedNames(state).includes(topic),
  reads: () => false, // by offsets of its own kind
  refused: (_event, errorCode) => refusedShareHeartbeat(errorCode, null),
};

export class ShareGroups extends ModernGroups<ShareWords> {
  readonly #options: ShareGroupsOptions;

  constructor(options: ShareGroupsOptions) {
    super(options, protocol);
    this.#options = options;
  }

  /** A heartbeat to a group that is there; or one that makes it, unless it is refused. */
  heartbeat(groupId: string, event: ShareHeartbeatEvent): void {
    if (this.has(groupId)) this.feed(groupId, event);
    else this.found(emptyShareGroup(groupId), event);
  }

  forgetTopics(topicIds: ReadonlySet<string>): void {
    for (const group of [...this.groups.values()]) this.step(group, { kind: "topicsDeleted", topicIds });
  }

  // -------------------------------------------------------------------------------------------- administration

  /**
   * Puts an empty group elsewhere; makes it when it is missing.
   * @returns what became of each partition, in order
   * @throws {ProtocolError} NON_EMPTY_GROUP; whatever keeps the log from being written
   */
  async alterOffsets(groupId: string, topics: readonly InitialTopic[]): Promise<Kept[]> {
    const group = this.groups.get(groupId) ?? this.newGroup(emptyShareGroup(groupId));
    const event: ShareGroupEvent = { kind: "alterOffsets", topics };
    const [state, effects] = step(group.durable.state, event, this.context(groupId));
    group.durable.state = state;
    this.groups.set(groupId, group);
    this.carryOutAll(group, event, effects.filter(({ kind }) => kind !== "initialize"));
    await this.#written(group);
    const outcomes = await this.#initialize(group, state.groupEpoch, topics);
    await this.#written(group); // What others are told of it is what the log has.
    this.#options.shareStateChanged(groupId, topics.map(({ topicId }) => topicId));
    return outcomes;
  }

  /**
   * An empty group forgets topics, or all it knows.
   * @returns the first error of each topic, or NONE
   * @throws {ProtocolError} NON_EMPTY_GROUP; whatever keeps the log from being written
   */
  async deleteState(groupId: string, topicIds: readonly string[] | null): Promise<Map<string, Kept>> {
    const group = this.groups.get(groupId);
    if (group === undefined) throw new ProtocolError(ErrorCode.GROUP_ID_NOT_FOUND, `Group ${groupId} not found.`);
    this.step(group, { kind: "deleteState", topicIds });
    await this.#written(group);
    const { deleting } = group.durable.state.statePartitions;
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
    if (deleted.length > 0) this.step(group, { kind: "stateDeleted", topicIds: deleted });
    await this.#written(group);
    return outcomes;
  }

  /** Deletes an empty group, with all that is kept of its partitions. */
  async deleteGroup(groupId: string): Promise<number> {
    try {
      const outcomes = await this.deleteState(groupId, null);
      for (const { errorCode } of outcomes.values()) if (errorCode !== ErrorCode.NONE) return errorCode;
      if (this.hasMembers(groupId)) return ErrorCode.NON_EMPTY_GROUP;
      const removed = this.remove(groupId);
      if (removed === null) return ErrorCode.GROUP_ID_NOT_FOUND;
      const errorCode = await this.#options.writer.append(removed.records, () => {});
      if (errorCode !== ErrorCode.NONE) this.putBack(removed.group);
      return coordinatorError(errorCode);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return error.code;
    }
  }

  // -------------------------------------------------------------------------------------------- the share coordinator

  protected override carryOut(group: ShareGroup, event: ShareGroupEvent, effect: ShareGroupEffect): void {
    if (effect.kind !== "initialize") return this.carryOutCommon(group, event, effect);
    const { stateEpoch, topics } = effect;
    this.#written(group).then(() => this.#initialize(group, stateEpoch, topics)).catch((cause) =>
      this.#options.logger.warn("share state not begun", { group: group.durable.state.groupId, cause })
    );
  }

  /** @throws {ProtocolError} */
  async #written({ durable }: ShareGroup): Promise<void> {
    const errorCode = await durable.written();
    if (errorCode !== ErrorCode.NONE) throw new ProtocolError(errorCode);
  }

  async #initialize(group: ShareGroup, stateEpoch: number, topics: readonly InitialTopic[]): Promise<Kept[]> {
    const { shareState } = this.#options;
    const { groupId } = group.durable.state;
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
        this.step(group, { kind: "initialized", partitions: new Map([[topicId, indexes]]), isInitialized });
      }
    }
    return outcomes;
  }
}

const fine: Kept = { errorCode: ErrorCode.NONE, errorMessage: null };
