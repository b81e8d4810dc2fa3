/**
 * The metadata of a broker that is alone: a log, `__cluster_metadata-0`, in Kafka's record formats, and snapshots of it.
 *
 *   __cluster_metadata-0/
 *     00000000000000000421-0000000000.checkpoint   all that records 0 … 420 add up to
 *     00000000000000000421.log                     what came after: one batch per change
 *
 * Invariants:
 *  1. A change is one record batch. Recovery keeps or drops a batch whole, so a change is there whole or not at all.
 *  2. The image has a change only once its batch is synced: nobody acts on what a crash could take back.
 *  3. Changes happen one after the other; each is decided on an image that has all before it.
 *  4. The log is cut only below the end of a snapshot that is whole, synced and under its final name.
 *  5. After a write or sync whose outcome is unknown, nothing more is written: what the log ends with is found out by
 *     the next start.
 *  6. Those who are told of a change have acted on it (log folders made or renamed) before a snapshot may cover it, so
 *     until then a restart sees the change in the log and can finish what they did not.
 */
import { batches, type BatchView, MalformedBatch } from "../../protocol/batch.ts";
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import { encodeBatch } from "../../protocol/record.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { StorageError } from "../../storage/errors.ts";
import type { Log } from "../../storage/log.ts";
import type { Logger } from "../log.ts";
import { type ClusterChange, CorruptMetadata, MetadataImage } from "./image.ts";
import { KraftVoters } from "./kraft_voters.ts";
import {
  BOOTSTRAP_SNAPSHOT_FILE,
  listSnapshots,
  type MetadataSnapshot,
  readSnapshot,
  writeSnapshot,
} from "./metadata_snapshot.ts";
import { MetadataReplay } from "./metadata_replay.ts";
import type { MetadataStore } from "./metadata_store.ts";
import { encodeMetadataRecord, type MetadataRecord } from "./records.ts";

/** How Kafka's controllers last voted: in every folder that one of them has written to. */
const QUORUM_STATE_FILE = "quorum-state";
/** Kafka's bound on one change. A request's own bounds keep it far below. */
const changeBytesMax = 8 * 1024 * 1024;
const readBytesMax = 4 * 1024 * 1024;

export interface LocalMetadataStoreOptions {
  readonly runtime: Runtime;
  readonly log: Log;
  readonly logger: Logger;
  /** A snapshot is due when so many bytes of records, and no fewer than the last snapshot has, came after it. */
  readonly snapshotBytes: number;
}

export class LocalMetadataStore implements MetadataStore {
  readonly #runtime: Runtime;
  readonly #log: Log;
  readonly #logger: Logger;
  readonly #snapshotBytesMin: number;
  readonly #voters = new KraftVoters();
  #image = new MetadataImage();
  #committed: (changes: readonly ClusterChange[]) => void = () => {};
  /** Ends when the last change given to `propose` has: the queue of (3). */
  #tail: Promise<void> = Promise.resolve();
  #failure: unknown = null;
  #isClosed = false;
  /** Whether a controller of Kafka's has written here: none does while we run. */
  #isFromKafka = false;
  /** The end of what the image has. */
  #version = 0;
  #bytesSinceSnapshot = 0;
  #snapshotBytes: number;

  constructor(options: LocalMetadataStoreOptions) {
    this.#runtime = options.runtime;
    this.#log = options.log;
    this.#logger = options.logger;
    this.#snapshotBytesMin = options.snapshotBytes;
    this.#snapshotBytes = this.#snapshotBytesMin;
  }

  load(committed: (changes: readonly ClusterChange[]) => void): Promise<MetadataImage> {
    // An older state would be believed: topics made since would be strangers, and their logs set aside.
    if (this.#log.offlineCause !== null) throw this.#log.offlineCause;
    const startMs = this.#runtime.clock.monotonicMs();
    this.#committed = committed;
    const snapshotEnd = this.#loadSnapshot();
    this.#replay(snapshotEnd);
    this.#version = this.#log.logEndOffset;
    this.#isFromKafka = this.#runtime.files.stat(`${this.#log.directory}/${QUORUM_STATE_FILE}`) !== null;
    this.#logger.info("metadata loaded", {
      topics: this.#image.topics().length,
      snapshotEnd,
      logEnd: this.#log.logEndOffset,
      tookMs: Math.round(this.#runtime.clock.monotonicMs() - startMs),
    });
    return Promise.resolve(this.#image);
  }

  get version(): number {
    return this.#version;
  }

  get kraftVersion(): number | null {
    return this.#voters.kraftVersion ?? (this.#isFromKafka ? 0 : null);
  }

  /** The one it has: a log that Kafka's controllers wrote to goes on in their last epoch, so that they can take it back. */
  get epoch(): number {
    return Math.max(0, this.#log.leaderEpoch);
  }

  propose(decide: (image: MetadataImage) => readonly MetadataRecord[]): Promise<void> {
    if (this.#isClosed) return Promise.reject(unavailable("the broker is stopping"));
    const change = this.#tail.then(() => this.#change(decide));
    this.#tail = change.catch(() => {});
    return change;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#tail;
  }

  async #change(decide: (image: MetadataImage) => readonly MetadataRecord[]): Promise<void> {
    if (this.#failure !== null) throw unavailable("an earlier change could not be written", this.#failure);
    const records = decide(this.#image);
    if (records.length === 0) return;
    const batch = this.#encode(records);
    if (batch.length > changeBytesMax) {
      throw new ProtocolError(
        ErrorCode.INVALID_REQUEST,
        `The change takes ${batch.length} bytes of metadata, more than ${changeBytesMax}`,
      );
    }
    await this.#write(batch);
    const changes = this.#image.apply(records); // (2)
    this.#version = this.#log.logEndOffset;
    this.#committed(changes);
    this.#bytesSinceSnapshot += batch.length;
    if (this.#bytesSinceSnapshot >= this.#snapshotBytes) await this.#takeSnapshot(); // (6)
  }

  async #write(batch: Uint8Array): Promise<void> {
    try {
      const result = this.#log.append(batch, { leaderEpoch: this.epoch, origin: "coordinator" });
      if (result.kind !== "appended") throw new StorageError(`The metadata log answered "${result.kind}"`, "UNKNOWN");
    } catch (cause) {
      // A log that stays online has taken nothing: the disk may be less full next time.
      if (this.#log.isOffline) this.#failure = cause; // (5)
      throw unavailable("it could not be written", cause);
    }
    try {
      await this.#log.sync();
    } catch (cause) {
      this.#failure = cause; // (5)
      throw unavailable("it could not be made durable", cause);
    }
  }

  #encode(records: readonly MetadataRecord[]): Uint8Array {
    const timestamp = this.#runtime.clock.nowMs();
    return encodeBatch({ records: records.map((record) => ({ timestamp, value: encodeMetadataRecord(record) })) });
  }

  // -------------------------------------------------------------------------------------------- loading

  /** Applies the newest snapshot that can be read; returns where the log goes on. */
  #loadSnapshot(): number {
    const files = this.#runtime.files;
    const bootstrap = `${this.#log.directory}/${BOOTSTRAP_SNAPSHOT_FILE}`;
    if (files.stat(bootstrap) !== null) this.#voters.noteAll(files.readFile(bootstrap));
    for (const snapshot of listSnapshots(files, this.#log.directory)) {
      let records: readonly MetadataRecord[];
      try {
        records = readSnapshot(files, snapshot);
      } catch (cause) {
        // The disk lost something that was synced. An older snapshot and an uncut log still make a whole.
        this.#logger.error("metadata snapshot damaged", { path: snapshot.path, cause: cause as Error });
        continue;
      }
      this.#image.apply(records);
      this.#voters.noteAll(files.readFile(snapshot.path));
      this.#snapshotBytes = this.#snapshotBytesAfter(snapshot);
      return snapshot.endOffset;
    }
    return 0;
  }

  #replay(snapshotEnd: number): void {
    const { logStartOffset, logEndOffset } = this.#log;
    if (logStartOffset > snapshotEnd || logEndOffset < snapshotEnd) {
      throw new CorruptMetadata(
        `The metadata log in "${this.#log.directory}" holds records ${logStartOffset} to ${logEndOffset}, ` +
          `which do not follow a snapshot that ends at ${snapshotEnd}: restore the folder from a backup`,
      );
    }
    let offset = snapshotEnd;
    const replay = new MetadataReplay((records) => this.#image.apply(records));
    while (offset < logEndOffset) {
      const read = this.#log.read(offset, {
        maxBytes: readBytesMax,
        upToOffset: logEndOffset,
        atLeastOneBatch: true,
      });
      try {
        for (const chunk of read.chunks) {
          for (const batch of batches(chunk)) {
            if (batch.lastOffset >= offset) this.#replayBatch(batch, replay);
            offset = Math.max(offset, batch.lastOffset + 1);
          }
        }
      } finally {
        read.release();
      }
    }
  }

  #replayBatch(batch: BatchView, replay: MetadataReplay): void {
    if (!batch.isCrcValid()) {
      throw new MalformedBatch(`The metadata batch at offset ${batch.baseOffset} fails its checksum`);
    }
    if (batch.isControl) return this.#voters.note(batch);
    replay.read(batch);
    this.#bytesSinceSnapshot += batch.sizeBytes;
  }

  // -------------------------------------------------------------------------------------------- snapshots

  /** Bounds the log: what is dead in it goes. Failure costs only space; the next try is as many bytes later. */
  async #takeSnapshot(): Promise<void> {
    const { clock, files } = this.#runtime;
    this.#bytesSinceSnapshot = 0;
    try {
      const snapshot = writeSnapshot(files, this.#log.directory, {
        endOffset: this.#log.logEndOffset,
        epoch: this.epoch,
        timestamp: clock.nowMs(),
        records: this.#image.records(),
        voting: this.#voters.records(),
      });
      this.#snapshotBytes = this.#snapshotBytesAfter(snapshot);
      await this.#cutLog(snapshot.endOffset);
      for (const other of listSnapshots(files, this.#log.directory)) {
        if (other.endOffset < snapshot.endOffset) files.remove(other.path);
      }
      this.#logger.info("metadata snapshot written", { endOffset: snapshot.endOffset });
    } catch (cause) {
      this.#logger.error("metadata snapshot failed", { cause: cause as Error });
    }
  }

  /** Deletes the segments below a snapshot's end. The segment to go on with, and where, are durable before (4). */
  async #cutLog(endOffset: number): Promise<void> {
    this.#log.roll();
    this.#runtime.files.syncDirectory(this.#log.directory);
    await this.#log.deleteRecordsBefore(endOffset);
    this.#log.applyRetention(this.#runtime.clock.nowMs());
  }

  #snapshotBytesAfter(snapshot: MetadataSnapshot): number {
    return Math.max(this.#snapshotBytesMin, this.#runtime.files.stat(snapshot.path)?.sizeBytes ?? 0);
  }
}

function unavailable(why: string, cause?: unknown): ProtocolError {
  return new ProtocolError(ErrorCode.KAFKA_STORAGE_ERROR, `Cannot change the cluster's metadata: ${why}`, { cause });
}
