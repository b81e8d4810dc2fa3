/**
 * Reads a topic along, and from its start again every now and then. All it is shown goes into the history.
 */

import { fetch } from "../../../protocol/api/01_fetch.ts";
import { listOffsets } from "../../../protocol/api/02_list_offsets.ts";
import { batches } from "../../../protocol/batch.ts";
import { ErrorCode, errorName } from "../../../protocol/errors.ts";
import { decodeRecords } from "../../../protocol/record.ts";
import {
  Broken,
  parseRecord,
  type PartitionHistory,
  printRecord,
  type RecordId,
  type TopicHistory,
} from "./history.ts";
import { Link, LinkBroken } from "./link.ts";
import type { World } from "./world.ts";

const EARLIEST = -2;
const LATEST = -1;

const passing: ReadonlySet<number> = new Set([
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.UNKNOWN_TOPIC_ID,
  ErrorCode.KAFKA_STORAGE_ERROR,
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
]);

/** Where a reader is in a partition: a pass goes from its start on, without a gap. */
interface Pass {
  readonly history: PartitionHistory;
  readonly index: number;
  /** -1: to be asked for. */
  position: number;
  /** The last number of each writer. */
  readonly numbers: Map<string, number>;
  /** What was read, and the leader epoch of the last of it, by which the broker can tell whether it still has that. */
  readonly seen: Map<number, RecordId>;
  epoch: number;
  /** Where the pass began, and the last offset of each key that it found. */
  readonly fromOffset: number;
  readonly keys: Map<string, number>;
  /** Losses known when the pass began. */
  lossCount: number;
  /** It went to the end of the log at least once since it began. */
  hasReachedEnd: boolean;
  /** Answers in a row without a record: what is not in memory yet comes later. */
  emptyCount: number;
}

type Fetched = Awaited<ReturnType<Consumer["fetch"]>>;

/** So many show that there is nothing to come: a read takes fewer loads. */
const EMPTY_ANSWERS = 10;

export class Consumer {
  readonly topic: TopicHistory;
  readonly #world: World;
  readonly #link: Link;
  readonly #passes: Pass[] = [];
  readonly #name: string;

  constructor(world: World, name: string, topic: TopicHistory) {
    this.topic = topic;
    this.#world = world;
    this.#name = name;
    this.#link = new Link(world, name);
  }

  /** Of a live topic: everything that was promised has been read, from the start. */
  get hasAll(): boolean {
    if (!this.topic.isLive) return true;
    return this.#passes.length >= this.topic.partitionCount &&
      this.#passes.every((pass) => pass.hasReachedEnd && pass.position >= pass.history.ackedEnd);
  }

  /** What is missing, for a message. */
  describe(): string {
    return this.#passes.map(({ history, position }) => `${history.name}: read to ${position} of ${history.ackedEnd}`)
      .join(", ");
  }

  async run(): Promise<void> {
    const world = this.#world;
    while (!world.isOver && this.topic.isLive) {
      await world.sleep(world.int(300));
      try {
        await this.#link.open();
        await this.#step();
      } catch (error) {
        if (!(error instanceof LinkBroken)) throw error;
        if (!world.isHealing) await world.sleep(world.int(500));
      }
      if (!world.isHealing) this.#disturb();
    }
    this.#link.close();
  }

  /** Begins all passes anew. */
  startOver(): void {
    for (let index = 0; index < this.#passes.length; index++) this.#passes[index] = this.#newPass(index);
  }

  #disturb(): void {
    const world = this.#world;
    if (world.chance(0.05)) this.startOver();
    if (!world.troubles.hasBadNetwork) return;
    if (world.chance(0.03)) this.#link.stall(world.int(12_000));
    if (world.chance(0.02)) this.#link.close();
  }

  async #step(): Promise<void> {
    const { topic } = this;
    while (this.#passes.length < topic.partitionCount) this.#passes.push(this.#newPass(this.#passes.length));
    for (const pass of this.#passes) if (pass.position < 0) await this.#place(pass);
    const placed = this.#passes.filter((pass) => pass.position >= 0);
    if (placed.length === 0) return;
    const before = placed.map(({ history }) => ({
      startOffset: history.startOffset,
      visibleEnd: history.visibleEnd,
      lossCount: history.lossCount,
      isHealing: this.#world.isHealing,
    }));
    const answers = await this.fetch(placed);
    if (!topic.isLive) return;
    placed.forEach((pass, at) => {
      const answer = answers.find(({ partitionIndex }) => partitionIndex === pass.index);
      if (answer !== undefined) this.#take(pass, answer, before[at]!);
    });
  }

  async fetch(passes: readonly Pass[]) {
    const world = this.#world;
    const { isHealing } = world;
    const response = await this.#link.send(fetch, 16, {
      maxWaitMs: world.pick([0, 100, 500]),
      minBytes: isHealing ? 1 : world.pick([1, 1, 500]),
      maxBytes: isHealing ? 10_000_000 : world.pick([1, 700, 10_000_000]),
      sessionId: 0,
      sessionEpoch: -1,
      topics: [{
        topicId: this.topic.id,
        partitions: passes.map(({ index, position, epoch }) => ({
          partition: index,
          fetchOffset: position,
          lastFetchedEpoch: epoch,
          partitionMaxBytes: isHealing ? 1_000_000 : world.pick([1, 500, 1_000_000]),
        })),
      }],
      forgottenTopicsData: [],
    });
    if (response.errorCode !== ErrorCode.NONE) throw new Broken(`Fetch is answered ${errorName(response.errorCode)}`);
    return response.responses[0]?.partitions ?? [];
  }

  #take(
    pass: Pass,
    answer: Fetched[number],
    before: {
      readonly startOffset: number;
      readonly visibleEnd: number;
      readonly lossCount: number;
      readonly isHealing: boolean;
    },
  ): void {
    const { history } = pass;
    const { errorCode, highWatermark, logStartOffset, divergingEpoch, records } = answer;
    if (errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) return void (pass.position = -1);
    if (errorCode !== ErrorCode.NONE) {
      if (!passing.has(errorCode)) throw new Broken(`${history.name}: Fetch is answered ${errorName(errorCode)}`);
      return;
    }
    if (divergingEpoch.endOffset >= 0) return this.#diverged(pass, divergingEpoch);
    const isStale = history.lossCount !== before.lossCount;
    if (!isStale && highWatermark < before.visibleEnd) {
      throw new Broken(
        `${history.name}: the high watermark is ${highWatermark}, and ${before.visibleEnd} was promised`,
      );
    }
    history.startTold(logStartOffset, before.startOffset);
    if (isStale) {
      // What was read before the power cut may be gone, and others be in its place.
      this.#passes[pass.index] = this.#newPass(pass.index);
      if (history.policy !== "group") return;
    } else if (pass.lossCount !== history.lossCount) {
      // The broker was told what was read last and goes on from there: so it has all that was read.
      pass.lossCount = history.lossCount;
      for (const [offset, record] of pass.seen) if (offset >= history.startOffset) history.shown(offset, record);
    }
    if (pass.position < history.startOffset && pass.position < logStartOffset) return void (pass.position = -1);
    const { isCompacted } = history.cleanup;
    for (const batch of batches(records ?? new Uint8Array(0))) {
      if (!batch.isCrcValid()) throw new Broken(`${history.name}: the batch at ${batch.baseOffset} fails its checksum`);
      if ((batch.baseOffset > pass.position && !isCompacted) || batch.lastOffset < pass.position) {
        throw new Broken(
          `${history.name}: a batch of ${batch.baseOffset} to ${batch.lastOffset} comes where ${pass.position} was asked for`,
        );
      }
      for (const view of decodeRecords(batch)) {
        const { offset } = view;
        if (offset < pass.position) continue;
        if (offset !== pass.position && !isCompacted) {
          throw new Broken(`${history.name}: ${offset} follows ${pass.position - 1}`);
        }
        const record = parseRecord(view);
        const last = pass.numbers.get(record.writer) ?? -1;
        if (record.number <= last) {
          throw new Broken(`${history.name}: ${printRecord(record)} at ${offset} comes after number ${last}`);
        }
        pass.numbers.set(record.writer, record.number);
        pass.seen.set(offset, record);
        if (record.key !== null) pass.keys.set(record.key, offset);
        if (offset >= history.startOffset) history.shown(offset, record);
        pass.position = offset + 1;
      }
      pass.epoch = batch.partitionLeaderEpoch;
      if (batch.nextOffset !== pass.position && !isCompacted) {
        throw new Broken(
          `${history.name}: the batch from ${batch.baseOffset} lacks records before ${batch.nextOffset}`,
        );
      }
      pass.position = batch.nextOffset;
    }
    if (pass.position > highWatermark) {
      throw new Broken(`${history.name}: read to ${pass.position}, past the high watermark ${highWatermark}`);
    }
    pass.emptyCount = before.isHealing && (records?.length ?? 0) === 0 ? pass.emptyCount + 1 : 0;
    if (isCompacted && pass.emptyCount >= EMPTY_ANSWERS && pass.position < highWatermark) {
      // All behind the position is compacted away: there is nothing to go on to.
      pass.position = highWatermark;
      pass.epoch = -1;
    }
    if (pass.position !== highWatermark || pass.hasReachedEnd) return;
    pass.hasReachedEnd = true;
    if (isCompacted && !isStale) history.keysFound(pass.keys, { fromOffset: pass.fromOffset, toOffset: highWatermark });
  }

  /** The broker does not have what was read last: it was lost to a power cut, and may have been. */
  #diverged(pass: Pass, end: { readonly epoch: number; readonly endOffset: number }): void {
    const { history } = pass;
    if (history.policy === "group" || history.lossCount === pass.lossCount) {
      throw new Broken(
        `${history.name}: read to ${pass.position} in epoch ${pass.epoch}, which is said to end at ${end.endOffset}`,
      );
    }
    this.#world.note(`${history.name}: diverged at ${end.endOffset}, had read to ${pass.position}`);
    this.#passes[pass.index] = this.#newPass(pass.index);
  }

  /** Asks where the log starts, and where it ends: nothing that was shown may be outside. */
  async #place(pass: Pass): Promise<void> {
    const { history, index } = pass;
    const startBefore = history.startOffset;
    const { visibleEnd, lossCount } = history;
    const first = await this.#listed(index, EARLIEST);
    const end = await this.#listed(index, LATEST);
    if (first === null || end === null || !this.topic.isLive) return;
    history.startTold(first, startBefore);
    if (end < visibleEnd && history.lossCount === lossCount) {
      throw new Broken(`${history.name}: the log ends at ${end}, and ${visibleEnd} was promised`);
    }
    this.#passes[index] = this.#newPass(index, first);
  }

  async #listed(partitionIndex: number, timestamp: number): Promise<number | null> {
    const response = await this.#link.send(listOffsets, 7, {
      replicaId: -1,
      topics: [{ name: this.topic.name, partitions: [{ partitionIndex, timestamp }] }],
    });
    const { errorCode, offset } = response.topics[0]!.partitions[0]!;
    if (errorCode === ErrorCode.NONE) return offset;
    if (!passing.has(errorCode)) throw new Broken(`ListOffsets is answered ${errorName(errorCode)}`);
    this.#world.note(`${this.#name}: ListOffsets ${errorName(errorCode)}`);
    return null;
  }

  #newPass(index: number, fromOffset = -1): Pass {
    const history = this.topic.partition(index);
    return {
      history,
      index,
      position: fromOffset,
      fromOffset,
      keys: new Map(),
      numbers: new Map(),
      seen: new Map(),
      epoch: -1,
      lossCount: history.lossCount,
      hasReachedEnd: false,
      emptyCount: 0,
    };
  }
}
