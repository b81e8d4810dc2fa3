/**
 * Those who write: idempotent producers with acks=all that repeat what they have no answer to, up to five batches under
 * way in a partition, and producers with acks=1 that forget what they have no answer to.
 */

import { produce } from "../../../protocol/api/00_produce.ts";
import { initProducerId } from "../../../protocol/api/22_init_producer_id.ts";
import { ErrorCode, errorName } from "../../../protocol/errors.ts";
import { encodeBatch } from "../../../protocol/record.ts";
import { Broken, draftOf, type PartitionHistory, printRecord, type RecordId, type TopicHistory } from "./history.ts";
import { Link, LinkBroken } from "./link.ts";
import type { World } from "./world.ts";

/** Kafka's clients keep as many; a broker must remember as many. */
const UNDER_WAY_MAX = 5;
const PRODUCE_TIMEOUT_MS = 10_000;
/** Of a compacted topic. */
const KEY_COUNT = 12;

/** What a client that goes on may be told. */
const passing: ReadonlySet<number> = new Set([
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.UNKNOWN_TOPIC_ID,
  ErrorCode.KAFKA_STORAGE_ERROR,
  ErrorCode.REQUEST_TIMED_OUT,
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
]);

interface Batch {
  readonly records: readonly RecordId[];
  readonly sequence: number;
  readonly size: number;
  /** Deletion was asked for up to here when it was made. */
  readonly askedStart: number;
}

/** One partition, as one producer writes to it. */
interface Lane {
  readonly index: number;
  readonly history: PartitionHistory;
  /** Not acknowledged yet, in order. */
  pending: Batch[];
  nextSequence: number;
  nextNumber: number;
  /** The first of `pending` goes alone until it is acknowledged: its predecessors' fate is known then. */
  isCareful: boolean;
  /** Losses that this producer has taken note of by starting over. */
  lossCount: number;
}

export class Producer {
  readonly name: string;
  readonly topic: TopicHistory;
  readonly #world: World;
  readonly #link: Link;
  readonly #acks: number;
  readonly #lanes: Lane[] = [];
  #producerId = -1;

  constructor(world: World, options: { readonly name: string; readonly topic: TopicHistory; readonly acks: -1 | 1 }) {
    this.name = options.name;
    this.topic = options.topic;
    this.#world = world;
    this.#acks = options.acks;
    this.#link = new Link(world, options.name);
  }

  get isDone(): boolean {
    return !this.topic.isLive || this.#lanes.every(({ pending }) => pending.length === 0);
  }

  /** Until its topic goes, or the run is over. While the world heals it only ends what it began. */
  async run(): Promise<void> {
    const world = this.#world;
    while (!world.isOver && this.topic.isLive) {
      await world.sleep(5 + world.int(world.chance(0.1) ? 2_000 : 150));
      try {
        await this.#link.open();
        if (this.#acks === -1 && this.#producerId < 0) await this.#begin();
        else await this.#write();
      } catch (error) {
        if (!(error instanceof LinkBroken)) throw error;
        if (!world.isHealing) await world.sleep(world.int(500));
      }
      if (world.troubles.hasBadNetwork && !world.isHealing && world.chance(0.02)) this.#link.close();
    }
    this.#link.close();
  }

  async #begin(): Promise<void> {
    const answer = await this.#link.send(initProducerId, 4, { transactionalId: null, transactionTimeoutMs: 1_000 });
    if (answer.errorCode !== ErrorCode.NONE) {
      if (passing.has(answer.errorCode)) return;
      throw new Broken(`InitProducerId is answered ${errorName(answer.errorCode)}`);
    }
    this.#world.history.producerIdGiven(answer.producerId);
    this.#world.note(`${this.name} is producer ${answer.producerId}`);
    this.#producerId = answer.producerId;
    for (const lane of this.#lanes) {
      lane.pending = [];
      lane.nextSequence = 0;
      lane.lossCount = lane.history.lossCount;
    }
  }

  /** One round: some batches in some partitions, pipelined; then their answers. */
  async #write(): Promise<void> {
    const world = this.#world;
    while (this.#lanes.length < this.topic.partitionCount) this.#lanes.push(this.#newLane(this.#lanes.length));
    const chosen = this.#lanes.filter(() => world.isHealing || world.chance(0.7));
    const depth = 1 + (world.chance(0.5) ? world.int(UNDER_WAY_MAX) : 0);
    if (!world.isHealing) { for (const lane of chosen) this.#extend(lane, depth); }
    const rounds: Promise<void>[] = [];
    const cutCount = world.cutCount;
    const failed = new Set<Lane>();
    for (let at = 0; at < depth; at++) {
      const parts = chosen.filter((lane) => lane.pending.length > at && (at === 0 || !lane.isCareful))
        .map((lane) => ({ lane, batch: lane.pending[at]! }));
      if (parts.length === 0) break;
      const round = this.#send(parts, { cutCount, failed });
      round.catch(() => {}); // Looked at below, when all have ended.
      rounds.push(round);
      if (world.chance(0.3)) await world.sleep(world.int(5));
    }
    const outcomes = await Promise.allSettled(rounds);
    if (this.#acks === 1) { for (const lane of chosen) lane.pending = []; }
    for (const lane of chosen) {
      lane.isCareful = failed.has(lane) || outcomes.some(({ status }) => status === "rejected");
    }
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  }

  async #send(
    parts: readonly { readonly lane: Lane; readonly batch: Batch }[],
    round: { readonly cutCount: number; readonly failed: Set<Lane> },
  ): Promise<void> {
    for (const { lane, batch } of parts) lane.history.sent(batch.records);
    const wasFirst = parts.map(({ lane, batch }) => lane.pending[0] === batch);
    const producerId = this.#producerId;
    const response = await this.#link.send(produce, 13, {
      acks: this.#acks,
      timeoutMs: PRODUCE_TIMEOUT_MS,
      topicData: [{
        topicId: this.topic.id,
        partitionData: parts.map(({ lane, batch }) => ({ index: lane.index, records: this.#encode(batch) })),
      }],
    });
    const answers = response.responses[0]?.partitionResponses ?? [];
    if (answers.length !== parts.length) throw new Broken(`${answers.length} answers to ${parts.length} batches`);
    parts.forEach(({ lane, batch }, index) => {
      const { errorCode, baseOffset } = answers[index]!;
      if (errorCode === ErrorCode.NONE) {
        const isLost = round.cutCount !== this.#world.cutCount &&
          (this.#acks !== -1 || this.topic.policy !== "group");
        if (!isLost && this.topic.isLive) lane.history.acked(batch.records, baseOffset, this.#acks);
        lane.pending = lane.pending.filter((other) => other !== batch);
        return;
      }
      round.failed.add(lane);
      this.#refused(lane, batch, { errorCode, wasAlone: wasFirst[index]! && lane.isCareful, producerId });
    });
  }

  #refused(
    lane: Lane,
    batch: Batch,
    refusal: { readonly errorCode: number; readonly wasAlone: boolean; readonly producerId: number },
  ): void {
    const what = `${lane.history.name}: ${printRecord(batch.records[0]!)}, sequence ${batch.sequence}`;
    const { errorCode, wasAlone, producerId } = refusal;
    this.#world.note(`${what}: ${errorName(errorCode)}`);
    if (!this.topic.isLive || producerId !== this.#producerId) return;
    if (!passing.has(errorCode)) throw new Broken(`${what} is answered ${errorName(errorCode)}`);
    if (errorCode !== ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER || !wasAlone) return;
    // It was the first that is not acknowledged, with nothing before it under way: the broker has lost what it acknowledged,
    // or does not know a batch again. Where a power cut may take records, the producer starts over under a new id.
    // Of batches that were deleted or compacted meanwhile, only the last is known again.
    const { history } = lane;
    const { hasRetention, isCompacted } = history.cleanup;
    const mayBeDeleted = hasRetention || isCompacted || history.askedStart > batch.askedStart;
    const mayBeLost = this.topic.policy !== "group" && history.lossCount !== lane.lossCount;
    if (!mayBeDeleted && !mayBeLost) {
      throw new Broken(`${what} is answered ${errorName(errorCode)}`);
    }
    this.#producerId = -1;
  }

  #newLane(index: number): Lane {
    const history = this.topic.partition(index);
    const { lossCount } = history;
    return { index, history, pending: [], nextSequence: 0, nextNumber: 0, isCareful: false, lossCount };
  }

  /** Adds new batches up to `depth`. */
  #extend(lane: Lane, depth: number): void {
    const world = this.#world;
    while (lane.pending.length < depth) {
      const count = 1 + world.int(4);
      const records = Array.from({ length: count }, () => this.#newRecord(lane));
      const size = world.chance(0.1) ? world.int(400) : world.int(60);
      lane.pending.push({ records, sequence: lane.nextSequence, size, askedStart: lane.history.askedStart });
      lane.nextSequence += count;
    }
  }

  #newRecord(lane: Lane): RecordId {
    const world = this.#world;
    const { isCompacted } = lane.history.cleanup;
    return {
      writer: this.name,
      number: lane.nextNumber++,
      key: isCompacted ? `k${world.int(KEY_COUNT)}` : null,
      isTombstone: isCompacted && world.chance(0.1),
    };
  }

  #encode({ records, sequence, size }: Batch): Uint8Array {
    const timestamp = this.#world.runtime.clock.nowMs();
    return encodeBatch({
      records: records.map((record) => ({
        timestamp,
        ...draftOf(record, "x".repeat(size)),
      })),
      ...(this.#acks === -1 ? { producerId: this.#producerId, producerEpoch: 0, baseSequence: sequence } : {}),
    });
  }
}
