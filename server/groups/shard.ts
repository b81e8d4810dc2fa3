/**
 * The groups of one partition of `__consumer_offsets`: their states, their offsets, their timers, and the log that all of
 * it comes back from.
 *
 *  1. State machines are stepped here and nowhere else, and every effect of a step is carried out before the next step.
 *  2. What the log must hold for a promise to be kept (a commit answered, an assignment handed out) is durable before
 *     the answer.
 *  3. After `close` no timer is left, and nobody waits.
 */
import type { BatchView } from "../../protocol/batch.ts";
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import { MalformedFrame } from "../../protocol/wire.ts";
import { ZERO_UUID } from "../../protocol/schema.ts";
import type { Clock, Timers } from "../../runtime/runtime.ts";
import type { Logger } from "../log.ts";
import type { MarkerToWrite } from "../transactions/marker.ts";
import { deleteGroupError, deleteOffsetsError, isSubscribed } from "./classic/checks.ts";
import type { CommitClaim } from "./classic/checks.ts";
import { commitErrorOf, type CommitToAdmit } from "./commit_admission.ts";
import type {
  Effect,
  GroupEvent,
  GroupRules,
  GroupState,
  JoinAnswer,
  LeaveAnswer,
  PersistPurpose,
  SyncAnswer,
  Ticket,
} from "./classic/state.ts";
import { emptyGroup, noMembers } from "./classic/state.ts";
import { restoredGroup, step } from "./classic/step.ts";
import { asConsumerEvent, type ClassicRequest } from "./consumer/classic_events.ts";
import type { ConsumerGroupRules, HeartbeatAnswer, HeartbeatEvent } from "./consumer/state.ts";
import { JOINING_EPOCH, refusedHeartbeat } from "./consumer/state.ts";
import { ConsumerGroups, type TopicNames } from "./consumer_groups.ts";
import { type Deadline, Deadlines } from "./deadlines.ts";
import { type ExpiredOffsets, expiredOffsets, expiredOffsetsOfModern } from "./expiry.ts";
import { loadPartition } from "./loader.ts";
import type { ModernGroups, Words } from "./modern/groups.ts";
import { noGroup, otherGroup } from "./modern/request_checks.ts";
import { coordinatorError, type LogRecord, LogWriter, type LogWriterOptions } from "./log_writer.ts";
import { type CommittedOffset, OffsetStore, type StagedOffset } from "./offset_store.ts";
import { groupRecord, offsetRecord } from "./records.ts";
import { ShareGroups, type ShareGroupsOptions } from "./share_groups.ts";
import { SmallMap } from "./small_map.ts";
import { refusedClassic } from "./streams/classic_requests.ts";
import type { HeartbeatEvent as StreamsHeartbeatEvent, StreamsAnswer, StreamsGroupRules } from "./streams/state.ts";
import { refusedHeartbeat as refusedStreamsHeartbeat } from "./streams/state.ts";
import { StreamsGroups } from "./streams_groups.ts";
import { endTransaction, type TransactionalCommit, writeTransactional } from "./transactional_commits.ts";
import { TransactionalOffsets } from "./transactional_offsets.ts";

/** A group of the classic protocol. The object is the group's identity: one deleted and made anew is another. */
export interface ClassicGroup {
  state: GroupState;
  readonly deadlines: SmallMap<string, Deadline<GroupEvent>>;
}

export type GroupAnswer = JoinAnswer | SyncAnswer | LeaveAnswer | HeartbeatAnswer | StreamsAnswer | number;

export interface ShardOptions extends Pick<ShareGroupsOptions, "shareState" | "shareStateChanged"> {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  readonly rules: () => GroupRules;
  readonly consumerRules: (groupId: string) => ConsumerGroupRules;
  readonly streamsRules: (groupId: string) => StreamsGroupRules;
  readonly shareRules: ShareGroupsOptions["rules"];
  readonly topics: TopicNames;
  readonly log: Pick<LogWriterOptions, "write" | "compression" | "timeoutMs">;
  /** A parked request has its answer. */
  readonly answer: (ticket: Ticket, answer: GroupAnswer) => void;
}

export interface CommitPlace {
  readonly topic: string;
  readonly partition: number;
}

export interface Commit extends CommitPlace {
  readonly committed: CommittedOffset;
}

export class GroupShard {
  readonly offsets = new OffsetStore();
  readonly transactional = new TransactionalOffsets();
  /** A group is either one of these, or a classic group. */
  readonly consumer: ConsumerGroups;
  readonly streams: StreamsGroups;
  /** … or a share group. */
  readonly share: ShareGroups;
  readonly #options: ShardOptions;
  readonly #groups = new Map<string, ClassicGroup>();
  readonly #deadlines: Deadlines<ClassicGroup, GroupEvent>;
  readonly #writer: LogWriter;
  #isClosed = false;

  constructor(options: ShardOptions) {
    this.#options = options;
    this.#deadlines = new Deadlines<ClassicGroup, GroupEvent>(options, (group, event) => this.#step(group, event));
    this.#writer = new LogWriter({ ...options.log, clock: options.clock, timers: options.timers });
    this.share = new ShareGroups({ ...options, rules: options.shareRules, writer: this.#writer });
    this.consumer = new ConsumerGroups({
      ...options,
      rules: options.consumerRules,
      writer: this.#writer,
      becomeClassic: (state, rebalanceReason) => {
        const group = this.#newGroup(state.groupId, state);
        this.#groups.set(state.groupId, group);
        this.#step(group, { kind: "converted", rebalanceReason });
      },
    });
    this.streams = new StreamsGroups({ ...options, rules: options.streamsRules, writer: this.#writer });
  }

  /** Classic, or of the consumer or the streams protocol. */
  isKnown(groupId: string): boolean {
    return this.#groups.has(groupId) || this.consumer.has(groupId) || this.streams.has(groupId);
  }

  /** It is not a classic group, and somebody is in it. */
  hasModernMembers(groupId: string): boolean {
    return this.consumer.hasMembers(groupId) || this.streams.hasMembers(groupId);
  }

  group(groupId: string): GroupState | undefined {
    return this.#groups.get(groupId)?.state;
  }

  states(): GroupState[] {
    return Array.from(this.#groups.values(), ({ state }) => state);
  }

  // -------------------------------------------------------------------------------------------- membership

  /** A request of the consumer protocol. Joining makes the group when it is missing, or of the other kind. */
  feedHeartbeat(groupId: string, event: HeartbeatEvent): void {
    if (this.consumer.has(groupId)) return this.consumer.feed(groupId, event);
    const classic = this.#groups.get(groupId);
    const { memberEpoch } = event;
    try {
      const isOther = this.isKnown(groupId) || this.share.has(groupId);
      if (memberEpoch !== JOINING_EPOCH) throw noGroup("consumer", groupId, { memberEpoch, isOther });
      if (this.streams.has(groupId) || this.share.has(groupId)) throw otherGroup("consumer", groupId);
      if (classic === undefined) this.consumer.create(groupId, event, []);
      else if (classic.state.phase === "Empty") {
        if (this.consumer.create(groupId, event, [{ kind: "classic", value: null }])) this.#drop(classic);
      } else if (this.consumer.upgrade(classic.state, event)) {
        this.#drop(classic, ErrorCode.REBALANCE_IN_PROGRESS);
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#options.answer(event.ticket, refusedHeartbeat(error.code, error.message));
    }
  }

  /** A request of the streams protocol. Joining makes the group when it is missing, or a classic one without members. */
  feedStreamsHeartbeat(groupId: string, event: StreamsHeartbeatEvent): void {
    if (this.streams.has(groupId)) return this.streams.feed(groupId, event);
    const classic = this.#groups.get(groupId);
    const isOther = this.isKnown(groupId) || this.share.has(groupId);
    const isFree = !isOther || classic?.state.phase === "Empty";
    const { memberEpoch } = event;
    if (memberEpoch !== JOINING_EPOCH || !isFree) {
      const { code, message } = noGroup("streams", groupId, { memberEpoch, isOther });
      return this.#options.answer(event.ticket, refusedStreamsHeartbeat(code, message));
    }
    const isMade = this.streams.create(groupId, event, classic === undefined ? [] : [{ kind: "classic", value: null }]);
    if (isMade && classic !== undefined) this.#drop(classic);
  }

  /** Feeds a request to a group. A newcomer's join makes the group when it is missing, also one that is refused, as in Kafka. */
  feed(groupId: string, event: ClassicRequest): void {
    if (this.streams.has(groupId) && !this.#leftTo(event, groupId, this.streams)) {
      return this.#options.answer(event.ticket, refusedClassic(event));
    }
    if (this.consumer.has(groupId) && !this.#leftTo(event, groupId, this.consumer)) {
      return this.consumer.feed(groupId, asConsumerEvent(event));
    }
    const known = this.#groups.get(groupId);
    if (known !== undefined) {
      this.#step(known, event);
      return;
    }
    const group = this.#newGroup(groupId);
    this.#groups.set(groupId, group);
    this.#step(group, event);
    // Its first record: without it the group, whose members have an id but no assignment yet, is unknown after a crash.
    void this.#persist(group, groupRecord(groupId, noMembers(group.state)), { kind: "emptied" });
  }

  /** A group that nobody is in becomes a classic one by whoever joins it; it is gone as what it was, but for its offsets. */
  #leftTo<W extends Words>(event: ClassicRequest, groupId: string, groups: ModernGroups<W>): boolean {
    if (event.kind !== "join" || groups.hasMembers(groupId)) return false;
    void this.#writeOffsets(groupId, [], groups.remove(groupId)?.records ?? []);
    return true;
  }

  #step(group: ClassicGroup, event: GroupEvent): void {
    const { clock, rules } = this.#options;
    const [state, effects] = step(group.state, event, { nowMs: clock.nowMs(), rules: rules() });
    group.state = state;
    for (const effect of effects) this.#carryOut(group, effect);
  }

  #carryOut(group: ClassicGroup, effect: Effect): void {
    switch (effect.kind) {
      case "answerJoin":
      case "answerSync":
      case "answerLeave":
        this.#options.answer(effect.ticket, effect.answer);
        break;
      case "answerHeartbeat":
        this.#options.answer(effect.ticket, effect.errorCode);
        break;
      case "startTimer":
        this.#deadlines.set(group, effect.timer, effect.delayMs, effect.event);
        break;
      case "cancelTimer":
        this.#deadlines.cancel(group, effect.timer);
        break;
      case "persist":
        void this.#persist(group, groupRecord(group.state.groupId, effect.group), effect.purpose);
        break;
      case "note":
        this.#options.logger.debug(effect.event, effect.facts);
        break;
    }
  }

  async #persist(group: ClassicGroup, record: LogRecord, purpose: PersistPurpose): Promise<void> {
    const errorCode = await this.#writer.append([record], ignored);
    this.#step(group, { kind: "persisted", purpose, errorCode: coordinatorError(errorCode) });
  }

  // -------------------------------------------------------------------------------------------- offsets

  /** May `claim` commit? NONE, or why not. A group that only stores offsets is made by its first commit. */
  admitCommit(groupId: string, claim: CommitClaim, commit: CommitToAdmit): number {
    if (this.share.has(groupId)) return ErrorCode.GROUP_ID_NOT_FOUND;
    const group = this.#groups.get(groupId);
    const [consumers, streams] = [this.consumer.state(groupId), this.streams.state(groupId)];
    const errorCode = commitErrorOf({ classic: group?.state, consumers, streams }, claim, commit);
    if (errorCode !== ErrorCode.NONE) return errorCode;
    if (!this.isKnown(groupId)) this.#groups.set(groupId, this.#newGroup(groupId));
    else if (group !== undefined && !commit.isTransactional) {
      this.#step(group, { kind: "committed", memberId: claim.memberId });
    }
    return ErrorCode.NONE;
  }

  async commit(groupId: string, commits: readonly Commit[]): Promise<number> {
    return coordinatorError(await this.#writeOffsets(groupId, commits, []));
  }

  /** The same inside a transaction. */
  async commitTransactional(commit: TransactionalCommit): Promise<number> {
    return coordinatorError(await writeTransactional(this.#writer, this.transactional, commit));
  }

  /** Writes the marker that ends a transaction; what it says of offsets is done when it resolves. */
  async endTransaction(marker: MarkerToWrite): Promise<number> {
    return coordinatorError(await endTransaction(this.#writer, this, marker));
  }

  /** Resolves when no commit made before is still on its way (`requireStable`). */
  settled(): Promise<void> {
    return this.#writer.settled();
  }

  /** @returns an error code for the whole, or one for each place */
  async deleteOffsets(groupId: string, places: readonly CommitPlace[]): Promise<number | number[]> {
    const group = this.#groups.get(groupId);
    if (!this.isKnown(groupId)) return ErrorCode.GROUP_ID_NOT_FOUND;
    const errorCode = group === undefined ? ErrorCode.NONE : deleteOffsetsError(group.state);
    if (errorCode !== ErrorCode.NONE) return errorCode;
    const isInUse = places.map(({ topic }) =>
      group !== undefined
        ? isSubscribed(group.state, topic)
        : this.consumer.reads(groupId, topic) || this.streams.reads(groupId, topic)
    );
    const stored = this.offsets.of(groupId);
    const wanted = places.filter(({ topic, partition }, index) =>
      !isInUse[index] && ((stored.get(topic)?.get(partition)?.latest ?? null) !== null ||
        this.transactional.isUnstable(groupId, topic, partition))
    );
    if (wanted.length > 0) {
      const writeError = await this.#writeOffsets(groupId, wanted.map(asDeleted), []);
      if (writeError !== ErrorCode.NONE) return coordinatorError(writeError);
    }
    return isInUse.map((inUse) => inUse ? ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC : ErrorCode.NONE);
  }

  async deleteGroup(groupId: string): Promise<number> {
    if (this.share.has(groupId)) return await this.share.deleteGroup(groupId);
    if (this.hasModernMembers(groupId)) return ErrorCode.NON_EMPTY_GROUP;
    if (this.consumer.has(groupId)) return coordinatorError(await this.#forgetModern(groupId, this.consumer));
    if (this.streams.has(groupId)) return coordinatorError(await this.#forgetModern(groupId, this.streams));
    const group = this.#groups.get(groupId);
    if (group === undefined) return ErrorCode.GROUP_ID_NOT_FOUND;
    const errorCode = deleteGroupError(group.state);
    if (errorCode !== ErrorCode.NONE) return errorCode;
    return coordinatorError(await this.#forget(group));
  }

  /** Offsets of topics that are no more. One committed to a later topic of the same name stays. */
  async forgetTopics(topics: ReadonlyMap<string, string>): Promise<void> {
    this.share.forgetTopics(new Set(topics.values()));
    const writes: Promise<number>[] = [];
    for (const groupId of new Set([...this.offsets.groupIds(), ...this.transactional.groupIds()])) {
      const places: CommitPlace[] = this.transactional.placesOf(groupId).filter(({ topic }) => topics.has(topic));
      for (const [topic, id] of topics) {
        for (const [partition, { latest }] of this.offsets.of(groupId).get(topic) ?? []) {
          if (this.transactional.isUnstable(groupId, topic, partition)) continue; // among them already
          if (latest !== null && !isOfOtherTopic(latest.topicId, id)) places.push({ topic, partition });
        }
      }
      if (places.length > 0) writes.push(this.#writeOffsets(groupId, places.map(asDeleted), []));
    }
    await Promise.all(writes);
  }

  /** Forgets what has expired; then groups that nobody is in and that hold nothing. */
  async expire(retentionMs: number): Promise<void> {
    const time = { nowMs: this.#options.clock.nowMs(), retentionMs };
    const writes: Promise<number>[] = [];
    let expiredCount = 0;
    const forget = (groupId: string, found: ExpiredOffsets, forgetGroup: (() => Promise<number>) | null): void => {
      const { expired, hasOthers } = this.transactional.kept(groupId, found);
      expiredCount += expired.length;
      if (!hasOthers && forgetGroup !== null) writes.push(forgetGroup());
      else if (expired.length > 0) writes.push(this.#writeOffsets(groupId, expired.map(asDeleted), []));
    };
    for (const group of [...this.#groups.values()]) {
      const { groupId, phase, pendingMembers } = group.state;
      const isUnused = phase === "Empty" && pendingMembers.size === 0;
      const found = expiredOffsets(group.state, this.offsets.of(groupId), time);
      forget(groupId, found, isUnused ? () => this.#forget(group) : null);
    }
    const forgetModern = <W extends Words>(groups: ModernGroups<W>): void => {
      for (const groupId of [...groups.groupIds()]) {
        const isRead = (topic: string) => groups.reads(groupId, topic);
        const found = expiredOffsetsOfModern(isRead, this.offsets.of(groupId), time);
        forget(groupId, found, groups.hasMembers(groupId) ? null : () => this.#forgetModern(groupId, groups));
      }
    };
    forgetModern(this.consumer);
    forgetModern(this.streams);
    await Promise.all(writes);
    if (expiredCount > 0) this.#options.logger.info("offsets expired", { count: expiredCount });
  }

  // -------------------------------------------------------------------------------------------- life

  /** Everything the log says. Members get their sessions anew: those that are gone will miss them. */
  async load(batches: AsyncIterable<BatchView>): Promise<void> {
    const loaded = await loadPartition(batches, this.offsets, this.transactional);
    const { groups, consumerGroups, streamsGroups, shareGroups, recordCount, skippedCount } = loaded;
    if (this.#isClosed) return;
    for (const [groupId, stored] of consumerGroups) {
      this.#restore(groupId, () => this.consumer.restore(groupId, stored));
    }
    for (const [groupId, stored] of streamsGroups) this.#restore(groupId, () => this.streams.restore(groupId, stored));
    for (const [groupId, stored] of shareGroups) this.#restore(groupId, () => this.share.restore(groupId, stored));
    for (const [groupId, stored] of groups) {
      const group = this.#newGroup(groupId, restoredGroup(groupId, stored));
      this.#groups.set(groupId, group);
    }
    for (const groupId of [...this.offsets.groupIds(), ...this.transactional.groupIds()]) {
      if (!this.isKnown(groupId)) this.#groups.set(groupId, this.#newGroup(groupId));
    }
    for (const group of this.#groups.values()) this.#step(group, { kind: "loaded" });
    this.consumer.begin();
    this.streams.begin();
    this.share.begin();
    if (recordCount > 0) {
      this.#options.logger.debug("groups loaded", {
        groups: this.#groups.size,
        records: recordCount,
        skipped: skippedCount,
      });
    }
  }

  /** Tells everyone who waits `errorCode`, and waits for what is on its way to the log. */
  async close(errorCode: number): Promise<void> {
    this.#isClosed = true;
    for (const group of this.#groups.values()) {
      this.#step(group, { kind: "closed", errorCode });
      this.#deadlines.cancelAll(group);
    }
    this.consumer.close();
    this.streams.close();
    this.share.close();
    await this.#writer.settled();
  }

  // -------------------------------------------------------------------------------------------- below: how

  #newGroup(groupId: string, state = emptyGroup(groupId, this.#options.clock.nowMs())): ClassicGroup {
    return { state, deadlines: new SmallMap() };
  }

  /** Deletes a group nobody is in, with its offsets. It is gone at once; a write that fails brings it back. */
  async #forget(group: ClassicGroup): Promise<number> {
    const { groupId } = group.state;
    const before = group.state;
    const places = this.#allPlaces(groupId);
    this.#drop(group);
    const errorCode = await this.#writeOffsets(groupId, places, [groupRecord(groupId, null)]);
    if (errorCode !== ErrorCode.NONE && !this.#isClosed && !this.#groups.has(groupId)) {
      this.#groups.set(groupId, this.#newGroup(groupId, { ...before, pendingMembers: new Set() }));
    }
    return errorCode;
  }

  /** The same of a group of another kind. */
  async #forgetModern<W extends Words>(groupId: string, groups: ModernGroups<W>): Promise<number> {
    const places = this.#allPlaces(groupId);
    const removed = groups.remove(groupId);
    const errorCode = await this.#writeOffsets(groupId, places, removed?.records ?? []);
    const isBack = errorCode !== ErrorCode.NONE && !this.#isClosed && !this.isKnown(groupId);
    if (isBack && removed !== null) groups.putBack(removed.group);
    return errorCode;
  }

  #restore(groupId: string, restore: () => void): void {
    try {
      restore();
    } catch (cause) {
      if (!(cause instanceof MalformedFrame)) throw cause;
      this.#options.logger.error("group not readable", { group: groupId, cause });
    }
  }

  #allPlaces(groupId: string): Staging[] {
    const places: Staging[] = this.transactional.placesOf(groupId).map(asDeleted);
    for (const [topic, partitions] of this.offsets.of(groupId)) {
      for (const [partition, { latest }] of partitions) {
        const isAmongThem = this.transactional.isUnstable(groupId, topic, partition);
        if (latest !== null && !isAmongThem) places.push(asDeleted({ topic, partition }));
      }
    }
    return places;
  }

  #drop(group: ClassicGroup, errorCode: number = ErrorCode.COORDINATOR_NOT_AVAILABLE): void {
    // A group of the same id may have come in its place.
    if (this.#groups.get(group.state.groupId) === group) this.#groups.delete(group.state.groupId);
    this.#step(group, { kind: "closed", errorCode });
    this.#deadlines.cancelAll(group);
  }

  /** Writes offsets, and records after them; what is staged settles as the write does. */
  #writeOffsets(groupId: string, places: readonly Staging[], others: readonly LogRecord[]): Promise<number> {
    const staged: StagedOffset[] = [];
    const records: LogRecord[] = [];
    for (const { topic, partition, committed } of places) {
      records.push(offsetRecord({ groupId, topic, partition }, committed));
      staged.push(this.offsets.stage(groupId, topic, partition, committed));
    }
    return this.#writer.append([...records, ...others], (errorCode) => {
      const isWritten = errorCode === ErrorCode.NONE;
      for (const offset of staged) {
        this.offsets.settle(offset, isWritten);
        if (isWritten) this.transactional.writtenOutside(offset, offset.value);
      }
    });
  }
}

interface Staging extends CommitPlace {
  readonly committed: CommittedOffset | null;
}

function asDeleted({ topic, partition }: CommitPlace): Staging {
  return { topic, partition, committed: null };
}

function isOfOtherTopic(storedId: string, deletedId: string): boolean {
  return storedId !== ZERO_UUID && storedId !== deletedId;
}

function ignored(): void {}
