/**
 * One partition of `__share_group_state`: what it says of its share partitions, in memory and in the log.
 *
 *  1. Memory is what was told to the log, in the order in which it was told; a request is answered once the log has it.
 *  2. When a write fails it is not known what the log has. Nothing is taken back; of the keys in it the next record is a
 *     snapshot, so from then on the log says what memory does.
 *  3. What was written before the last snapshot of every key is not needed any more (`prune`).
 */
import type { BatchView } from "../../../protocol/batch.ts";
import { ErrorCode } from "../../../protocol/errors.ts";
import { decodeRecords } from "../../../protocol/record.ts";
import { MalformedFrame } from "../../../protocol/wire.ts";
import type { Clock, Timers } from "../../../runtime/runtime.ts";
import type { Shard } from "../../coordination/topic_shards.ts";
import { coordinatorError, LogWriter, type LogWriterOptions } from "../../groups/log_writer.ts";
import type { Logger } from "../../log.ts";
import { logRecord, readRecord } from "./share_records.ts";
import { keyText, type KnownState, replayed, type ShareKey, type ShareRecord, snapshotAnew } from "./share_state.ts";

export interface ShareShardOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  readonly partition: number;
  readonly log: Pick<LogWriterOptions, "write" | "compression" | "timeoutMs">;
  /** The offset that the next record gets. */
  readonly logEndOffset: () => number;
  readonly deleteRecordsBefore: (offset: number) => Promise<void>;
}

interface Entry {
  readonly key: ShareKey;
  known: KnownState;
  /** At this offset of the log, or after it, is the last snapshot. */
  snapshotOffset: number;
  /** (2) */
  isSnapshotDue: boolean;
}

export class ShareShard implements Shard {
  readonly #options: ShareShardOptions;
  readonly #writer: LogWriter;
  readonly #entries = new Map<string, Entry>();

  constructor(options: ShareShardOptions) {
    this.#options = options;
    this.#writer = new LogWriter({ ...options.log, clock: options.clock, timers: options.timers });
  }

  known(key: ShareKey): KnownState | null {
    return this.#entries.get(keyText(key))?.known ?? null;
  }

  /** @returns NONE once the log has it, else why it may not have it */
  async append(key: ShareKey, record: ShareRecord): Promise<number> {
    return await this.#append([{ key, record: this.#whole(key, record) }]);
  }

  /** Of topics that are gone. */
  async forgetTopics(topicIds: ReadonlySet<string>): Promise<void> {
    const gone = [...this.#entries.values()].filter(({ key }) => topicIds.has(key.topicId));
    if (gone.length > 0) {
      await this.#append(gone.map(({ key }) => ({ key, record: { kind: "snapshot", state: null } })));
    }
  }

  /** Writes again what was last written before `writtenBeforeMs`, so that it does not hold back what could go (3). */
  async snapshotCold(writtenBeforeMs: number): Promise<void> {
    const nowMs = this.#options.clock.nowMs();
    // When all of them are cold, and were written again as such, there is nothing to be gained.
    if (
      [...this.#entries.values()].every(({ known: { state } }) => state.createTimestampMs !== state.writeTimestampMs)
    ) {
      return;
    }
    const cold = [...this.#entries.values()].filter(({ known }) => known.state.writeTimestampMs <= writtenBeforeMs);
    if (cold.length > 0) {
      await this.#append(cold.map(({ key, known }) => ({ key, record: snapshotAnew(known, nowMs) })));
    }
  }

  /** Deletes records that say nothing that later ones do not (3). */
  async prune(): Promise<void> {
    let offset = this.#options.logEndOffset();
    for (const { snapshotOffset } of this.#entries.values()) offset = Math.min(offset, snapshotOffset);
    await this.#options.deleteRecordsBefore(offset);
  }

  async load(batches: AsyncIterable<BatchView>): Promise<void> {
    /** Records of kinds or versions that this code does not know. */
    let skippedCount = 0;
    for await (const batch of batches) {
      if (batch.isControl) continue;
      for (const { key, value, offset } of decodeRecords(batch)) {
        try {
          const read = key === null ? null : readRecord(key, value);
          if (read === null) skippedCount++;
          else this.#apply(read.key, read.record, offset);
        } catch (error) {
          if (!(error instanceof MalformedFrame)) throw error;
          skippedCount++;
        }
      }
    }
    if (skippedCount > 0) {
      const { logger, partition } = this.#options;
      logger.warn("share state not readable", { partition, records: skippedCount });
    }
  }

  /** Resolves when nothing is on its way to the log any more. */
  close(): Promise<void> {
    return this.#writer.settled();
  }

  /** An update is a snapshot when one is due. */
  #whole(key: ShareKey, record: ShareRecord): ShareRecord {
    const entry = this.#entries.get(keyText(key));
    if (record.kind === "snapshot" || entry === undefined || !entry.isSnapshotDue) return record;
    const after = replayed(entry.known, record)!;
    return snapshotAnew(after, this.#options.clock.nowMs());
  }

  async #append(changes: readonly { readonly key: ShareKey; readonly record: ShareRecord }[]): Promise<number> {
    const offset = this.#options.logEndOffset();
    for (const { key, record } of changes) this.#apply(key, record, offset);
    const records = changes.map(({ key, record }) => logRecord(key, record));
    const errorCode = await this.#writer.append(records, (outcome) => {
      if (outcome === ErrorCode.NONE) return;
      for (const { key } of changes) {
        const entry = this.#entries.get(keyText(key));
        if (entry !== undefined) entry.isSnapshotDue = true; // (2)
      }
    });
    return coordinatorError(errorCode);
  }

  #apply(key: ShareKey, record: ShareRecord, offset: number): void {
    const name = keyText(key);
    const entry = this.#entries.get(name);
    const known = replayed(entry?.known ?? null, record);
    if (known === null) this.#entries.delete(name);
    else if (entry === undefined) this.#entries.set(name, { key, known, snapshotOffset: offset, isSnapshotDue: false });
    else {
      entry.known = known;
      if (record.kind === "snapshot") {
        entry.snapshotOffset = offset;
        entry.isSnapshotDue = false;
      }
    }
  }
}
