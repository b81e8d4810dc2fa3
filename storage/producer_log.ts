/**
 * The producers of one log on disk: snapshot files, and the replay that brings a snapshot up to the log's end.
 *
 * (1) Loaded when first needed, from the newest snapshot that can be believed and the batches after it.
 * (2) A snapshot is written when a segment is begun, at checkpoints, and when the log closes. Those of segments and the
 *     newest are kept, others removed.
 * (3) After a crash, snapshots past the log's end are gone (`log_loader.ts`), and the replay starts at or below the recovery
 *     point, so that aborted transactions whose index entries were not yet written are noted again.
 */
import { readBytesIfPresent, writeFileAtomically } from "./atomic_file.ts";
import { type StorageContext } from "./context.ts";
import { isDiskFull } from "./errors.ts";
import { decodeProducerSnapshot, encodeProducerSnapshot } from "./producer_snapshot.ts";
import { ProducerState } from "./producer_state.ts";
import { scan } from "./scan.ts";
import { fileNameOf, SNAPSHOT_SUFFIX } from "./segment_files.ts";
import { type SegmentList } from "./segment_list.ts";

export class ProducerLog {
  readonly #context: StorageContext;
  readonly #directory: string;
  readonly #segments: SegmentList;
  #state: ProducerState | null = null;
  #snapshotOffsets: number[];
  /** Set after a crash: the replay notes aborted transactions too (3). */
  readonly #replayFromOffset: number | null;

  constructor(
    context: StorageContext,
    directory: string,
    segments: SegmentList,
    options: { readonly snapshotOffsets: number[]; readonly replayFromOffset: number | null; readonly isNew: boolean },
  ) {
    this.#context = context;
    this.#directory = directory;
    this.#segments = segments;
    this.#snapshotOffsets = options.snapshotOffsets;
    this.#replayFromOffset = options.replayFromOffset;
    if (options.isNew) this.#state = new ProducerState();
  }

  get isLoaded(): boolean {
    return this.#state !== null;
  }

  /** The producers as of the log's end. Every batch must be applied to it from here on. */
  load(): ProducerState {
    return this.#state ??= this.#load();
  }

  /** Writes a snapshot of the state at the log's end. Quietly does not when the disk is full: it only saves time. */
  snapshot(logEndOffset: number, options: { readonly durable: boolean }): void {
    if (this.#snapshotOffsets.at(-1) === logEndOffset) return;
    const state = this.load();
    const path = this.#path(logEndOffset);
    try {
      writeFileAtomically(
        this.#context.runtime.files,
        path,
        encodeProducerSnapshot(state.entries(), state.count),
        options,
      );
    } catch (error) {
      if (isDiskFull(error)) return;
      throw error;
    }
    this.#snapshotOffsets.push(logEndOffset);
    this.#removeStray();
  }

  /** Segments below `startOffset` are gone, and their snapshots with them. */
  removeBelow(startOffset: number): void {
    this.#keep((offset) => offset >= startOffset || offset === this.#snapshotOffsets.at(-1));
  }

  #removeStray(): void {
    const bases = new Set(this.#segments.all.map((segment) => segment.baseOffset));
    const newest = this.#snapshotOffsets.at(-1);
    this.#keep((offset) => offset === newest || bases.has(offset));
  }

  #keep(isKept: (offset: number) => boolean): void {
    const { files } = this.#context.runtime;
    this.#snapshotOffsets = this.#snapshotOffsets.filter((offset) => {
      if (isKept(offset)) return true;
      files.remove(this.#path(offset));
      return false;
    });
  }

  #load(): ProducerState {
    const state = new ProducerState();
    const fromOffset = this.#loadSnapshot(state);
    const notesAborted = this.#replayFromOffset !== null;
    const all = this.#segments.all;
    for (let index = this.#segments.floorIndex(fromOffset); index < all.length; index++) {
      const segment = all[index]!;
      if (notesAborted) segment.aborted.truncateFrom(fromOffset);
      if (segment.sizeBytes === 0) continue;
      const from = fromOffset > segment.baseOffset ? segment.offsetIndex.lookup(fromOffset) : 0;
      scan(segment.log, { from, to: segment.sizeBytes }, this.#context.buffers, (batch) => {
        if (!batch.hasProducerId || batch.baseOffset < fromOffset) return true;
        const aborted = state.apply(batch, -1);
        if (aborted !== null && notesAborted) segment.aborted.append(aborted);
        return true;
      });
      if (notesAborted) segment.aborted.flush();
    }
    return state;
  }

  /** Loads the newest snapshot that is sound and not too new (3). Returns its offset, or where the log starts. */
  #loadSnapshot(state: ProducerState): number {
    const { files } = this.#context.runtime;
    const offsets = this.#snapshotOffsets.filter((offset) => offset <= (this.#replayFromOffset ?? Infinity));
    for (const offset of offsets.reverse()) {
      const path = this.#path(offset);
      const bytes = readBytesIfPresent(files, path);
      const entries = bytes === null ? "it is missing" : decodeProducerSnapshot(bytes);
      if (typeof entries !== "string") {
        state.load(entries);
        return offset;
      }
      this.#context.report({ level: "warn", event: "snapshot-damaged", facts: { file: path, problem: entries } });
      this.#snapshotOffsets = this.#snapshotOffsets.filter((known) => known !== offset);
      files.remove(path);
    }
    return this.#segments.first.baseOffset;
  }

  #path(offset: number): string {
    return `${this.#directory}/${fileNameOf(offset, SNAPSHOT_SUFFIX)}`;
  }
}
