/**
 * A member of a share group: joins, acquires, and says something of what it has; gives back, prolongs, rejects; goes on after
 * errors as clients do. Now and then it ends its session, or its connection, or says nothing until its locks run out.
 */
import { shareGroupHeartbeat } from "../../../protocol/api/76_share_group_heartbeat.ts";
import {
  shareFetch,
  type ShareFetchRequestDraft,
  type ShareFetchResponse,
} from "../../../protocol/api/78_share_fetch.ts";
import { shareAcknowledge } from "../../../protocol/api/79_share_acknowledge.ts";
import { findCoordinator } from "../../../protocol/api/10_find_coordinator.ts";
import { wholeBatches } from "../../../protocol/batch.ts";
import { ErrorCode, errorName } from "../../../protocol/errors.ts";
import { decodeRecords } from "../../../protocol/record.ts";
import { AcknowledgeType } from "../../../server/share/partition/state.ts";
import { Broken } from "../broker/history.ts";
import { Link, LinkBroken } from "../broker/link.ts";
import type { World } from "../broker/world.ts";
import type { Moments, Session, ShareLedger } from "./ledger.ts";

type Partition = ShareFetchResponse["responses"][number]["partitions"][number];

/** The broker, its disk or the group is not ready, or no more what it was. */
const passing: ReadonlySet<number> = new Set([
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.NOT_COORDINATOR,
  ErrorCode.KAFKA_STORAGE_ERROR,
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.UNKNOWN_SERVER_ERROR, // what a member is told of a log that failed, as by Kafka
  ErrorCode.GROUP_ID_NOT_FOUND,
]);

export interface MemberOptions {
  readonly groupId: string;
  readonly memberId: string;
  readonly ledger: ShareLedger;
  readonly topic: () => { readonly name: string; readonly topicId: string };
  readonly shown: (offset: number, text: string) => void;
}

export class ShareSimMember {
  readonly #world: World;
  readonly #options: MemberOptions;
  readonly #link: Link;
  #epoch = 0;
  #isAssigned = false;
  /** An answer was lost, or an error: it says again all there is to say, and is told all. */
  #isUnsure = true;
  #session: Session;
  #sessionEpoch = 0;
  /** What it has and has said nothing of; whether it is a record, or only a place in the log. */
  readonly #held = new Map<number, boolean>();

  constructor(world: World, options: MemberOptions) {
    this.#world = world;
    this.#options = options;
    this.#link = new Link(world, options.memberId);
    this.#session = { memberId: options.memberId };
  }

  async run(): Promise<void> {
    const world = this.#world;
    while (!world.isOver) {
      await world.sleep(world.isHealing ? 20 : 5 + world.int(world.chance(0.03) ? 5_000 : 150));
      try {
        await this.#link.open();
        await this.#step();
      } catch (error) {
        if (!(error instanceof LinkBroken)) throw error;
        this.#lost();
        if (!world.isHealing) await world.sleep(world.int(500));
      }
      if (!world.isHealing && world.chance(0.02)) {
        this.#link.close();
        this.#lost();
      }
    }
    this.#link.close();
  }

  /** Its session ends with its connection. */
  #lost(): void {
    this.#options.ledger.ended(this.#session);
    this.#session = { memberId: this.#options.memberId };
    this.#sessionEpoch = 0;
    this.#held.clear();
  }

  async #step(): Promise<void> {
    const world = this.#world;
    if (!this.#isAssigned || world.chance(0.05)) return await this.#heartbeat();
    if (world.isHealing) return this.#held.size > 0 ? await this.#acknowledge() : await this.#fetch();
    if (this.#sessionEpoch > 0 && world.chance(0.02)) return await this.#endSession();
    if (this.#held.size > 0 && world.chance(0.6)) return await this.#acknowledge();
    // What it said nothing of, it forgets: its lock will run out.
    if (world.chance(0.05)) this.#held.clear();
    await this.#fetch();
  }

  async #heartbeat(): Promise<void> {
    const { groupId, memberId, topic } = this.#options;
    const subscribedTopicNames = this.#isUnsure ? [topic().name] : null;
    this.#isUnsure = true;
    const draft = { groupId, memberId, memberEpoch: this.#epoch, subscribedTopicNames };
    const answer = await this.#link.send(shareGroupHeartbeat, 1, draft);
    if (answer.errorCode === ErrorCode.NONE) {
      this.#isUnsure = false;
      this.#epoch = answer.memberEpoch;
      if (answer.assignment !== null) this.#isAssigned = answer.assignment.topicPartitions.length > 0;
      return;
    }
    const isOut = answer.errorCode === ErrorCode.UNKNOWN_MEMBER_ID ||
      answer.errorCode === ErrorCode.FENCED_MEMBER_EPOCH;
    if (isOut || answer.errorCode === ErrorCode.GROUP_ID_NOT_FOUND) this.#epoch = 0;
    else await this.#wait("ShareGroupHeartbeat", answer.errorCode);
  }

  async #fetch(): Promise<void> {
    const world = this.#world;
    const { groupId, memberId, topic } = this.#options;
    const sentMs = world.nowMs();
    const life = world.startCount;
    const partitions = [{ partitionIndex: 0, acknowledgementBatches: [] }];
    const answer = await this.#link.send(shareFetch, 2, {
      groupId,
      memberId,
      shareSessionEpoch: this.#sessionEpoch,
      maxWaitMs: world.pick([0, 100, 800]),
      minBytes: world.pick([1, 1, 200]),
      maxBytes: world.pick([1, 300, 1_000_000]),
      maxRecords: world.pick([1, 5, 500]),
      batchSize: world.pick([1, 5, 500]),
      shareAcquireMode: world.pick([0, 1]),
      topics: this.#sessionEpoch === 0 ? [{ topicId: topic().topicId, partitions }] : [],
      forgottenTopicsData: [],
    });
    const moments = { sentMs, answeredMs: world.nowMs(), life };
    if (!await this.#goesOn("ShareFetch", answer.errorCode, sentMs)) return;
    for (const partition of answer.responses.flatMap((response) => response.partitions)) {
      if (partition.errorCode !== ErrorCode.NONE) await this.#wait("ShareFetch", partition.errorCode);
      else this.#take(partition, moments);
    }
  }

  #take({ records, acquiredRecords }: Partition, moments: Moments): void {
    const { ledger, shown } = this.#options;
    const texts = new Map<number, string>();
    for (const batch of wholeBatches(records)) {
      if (batch.isControl) continue;
      for (const { offset, value } of decodeRecords(batch)) texts.set(offset, new TextDecoder().decode(value!));
    }
    for (const { firstOffset, lastOffset, deliveryCount } of acquiredRecords) {
      for (let offset = firstOffset; offset <= lastOffset; offset++) {
        ledger.acquired(this.#session, offset, deliveryCount, moments);
        const text = texts.get(offset);
        if (text !== undefined) shown(offset, text);
        this.#held.set(offset, text !== undefined);
      }
    }
  }

  async #acknowledge(): Promise<void> {
    const world = this.#world;
    const { ledger } = this.#options;
    const isRenewal = !world.isHealing && world.chance(0.15);
    const said = [...this.#held].filter(() => world.isHealing || world.chance(0.7))
      .map(([offset, isRecord]) => ({ offset, type: isRenewal ? AcknowledgeType.renew : this.#word(isRecord) }));
    if (said.length === 0) return;
    if (!isRenewal) {
      for (const { offset } of said) {
        ledger.said(this.#session, offset);
        this.#held.delete(offset);
      }
    }
    const sentMs = world.nowMs();
    const life = world.startCount;
    const errorCode = await this.#say(this.#sessionEpoch, said, isRenewal, sentMs);
    if (errorCode === null) return;
    if (errorCode === ErrorCode.NONE) {
      for (const { offset, type } of said) {
        if (type === AcknowledgeType.renew) {
          ledger.renewed(this.#session, offset, { sentMs, answeredMs: world.nowMs(), life });
        } else if (type !== AcknowledgeType.release) ledger.done(offset);
      }
      return;
    }
    for (const { offset } of said) this.#held.delete(offset);
    // The time was up, or the broker has started anew meanwhile.
    if (errorCode !== ErrorCode.INVALID_RECORD_STATE && errorCode !== ErrorCode.INVALID_REQUEST) {
      await this.#wait("ShareAcknowledge", errorCode);
    }
  }

  #word(isRecord: boolean): number {
    if (!isRecord) return AcknowledgeType.gap;
    const { accept, release, reject } = AcknowledgeType;
    return this.#world.isHealing ? accept : this.#world.pick([accept, accept, accept, release, reject]);
  }

  /** With its last word all it has is given back. */
  async #endSession(): Promise<void> {
    const session = this.#session;
    this.#options.ledger.ended(session);
    this.#session = { memberId: this.#options.memberId };
    this.#held.clear();
    await this.#say(-1, [], false, this.#world.nowMs());
    this.#sessionEpoch = 0;
  }

  /** @returns the partition's error; null when the request as a whole was refused. Offsets in order. */
  async #say(
    epoch: number,
    said: readonly { readonly offset: number; readonly type: number }[],
    isRenewAck: boolean,
    sentMs: number,
  ): Promise<number | null> {
    const { groupId, memberId, topic } = this.#options;
    const acknowledgementBatches = said.toSorted((one, other) => one.offset - other.offset).map(({ offset, type }) => ({
      firstOffset: offset,
      lastOffset: offset,
      acknowledgeTypes: [type],
    }));
    const topics: ShareFetchRequestDraft["topics"] = said.length === 0
      ? []
      : [{ topicId: topic().topicId, partitions: [{ partitionIndex: 0, acknowledgementBatches }] }];
    const draft = { groupId, memberId, shareSessionEpoch: epoch, isRenewAck, topics };
    const answer = await this.#link.send(shareAcknowledge, 2, draft);
    if (!await this.#goesOn("ShareAcknowledge", answer.errorCode, sentMs)) return null;
    return answer.responses[0]?.partitions[0]?.errorCode ?? ErrorCode.NONE;
  }

  /** The session goes on with the next epoch; or another must be begun, and the member keeps what it has. */
  async #goesOn(what: string, errorCode: number, sentMs: number): Promise<boolean> {
    if (errorCode === ErrorCode.NONE) {
      this.#options.ledger.heard(this.#session, sentMs);
      this.#sessionEpoch++;
      return true;
    }
    this.#sessionEpoch = 0;
    const isSession = errorCode === ErrorCode.SHARE_SESSION_NOT_FOUND ||
      errorCode === ErrorCode.INVALID_SHARE_SESSION_EPOCH;
    if (!isSession) await this.#wait(what, errorCode);
    return false;
  }

  async #wait(what: string, errorCode: number): Promise<void> {
    const { groupId, memberId } = this.#options;
    this.#world.note(`${memberId}: ${what} ${errorName(errorCode)}`);
    if (!passing.has(errorCode)) throw new Broken(`${what} is answered ${errorName(errorCode)}`);
    await this.#link.send(findCoordinator, 4, { keyType: 0, coordinatorKeys: [groupId] });
  }
}
