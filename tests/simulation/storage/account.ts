/**
 * What was written to a log and what was promised of it, kept apart from the log; and the checks of what a start finds.
 *
 * 1. What is there is a beginning of what was written, byte for byte, with all that a sync was answered for. After a kill
 *    it is everything. No offset that anybody was told of is given to other bytes.
 * 2. The log's start is never before one that was shown, nor past one that was asked for.
 * 3. Producers, open and aborted transactions and leader epochs are what a replay of the batches gives.
 * 4. What a start shows is promised from then on.
 * 5. Below where a cleaner may come, what it may take is in `cleaning.ts`; once it is seen to be gone, it is gone for good.
 */

import { encodeBatch } from "../../../protocol/record.ts";
import type { MemoryFileSystem } from "../../../runtime/memory_files.ts";
import type { Log } from "../../../storage/log.ts";
import { checkCleaned, type Cleaning } from "./cleaning.ts";
import { Broken, type End, FOLDER } from "./machine.ts";

export type BatchKind = "data" | "transactional" | "commit" | "abort";

/** A batch as it must be on the disk, and the facts that its replay goes by. */
export interface Written {
  readonly baseOffset: number;
  readonly nextOffset: number;
  readonly bytes: Uint8Array;
  readonly leaderEpoch: number;
  readonly kind: BatchKind;
  /** -1 for none; so is its sequence. */
  readonly producerId: number;
  readonly baseSequence: number;
  /** Null is a tombstone. */
  readonly values: readonly (string | null)[];
  /** Of its records, where they have any. */
  readonly keys?: readonly string[];
}

export class Account {
  written: Written[] = [];
  /** An append is under way: should the process die it may have happened or not. */
  underWay: Written | null = null;
  /** The same of a truncation: the log may end there. */
  cutUnderWay: number | null = null;
  /** The same of a log that is told to start again there. */
  restartUnderWay: number | null = null;
  /** Where the log ends. */
  endOffset = 0;
  syncedOffset = 0;
  startShown = 0;
  startAsked = 0;
  /** Batches that a cleaner has taken, of which a log may know still (5). */
  removed: Written[] = [];
  /** The last that was begun, and up to where any has come. */
  cleaning: Cleaning | null = null;
  /** Where the log began, or began again. */
  #firstOffset = 0;

  append(batch: Written): void {
    if (batch.baseOffset !== this.endOffset) {
      throw new Broken(`offset ${batch.baseOffset} was given where ${this.endOffset} is next`);
    }
    this.written.push(batch);
    this.endOffset = batch.nextOffset;
  }

  synced(offset: number): void {
    this.syncedOffset = Math.max(this.syncedOffset, offset);
  }

  showStart(offset: number): void {
    if (offset < this.startShown) throw new Broken(`the log's start went back from ${this.startShown} to ${offset}`);
    this.startShown = offset;
    this.startAsked = Math.max(this.startAsked, offset);
  }

  /** All with `offset` or a later one is about to go. */
  truncating(offset: number): void {
    if (offset >= this.endOffset) return;
    const last = this.written.findLast((batch) => batch.nextOffset <= offset);
    const endOffset = Math.max(last?.nextOffset ?? 0, this.#firstOffset);
    // Where nothing is left that a reader may ask for, the log starts again.
    if (endOffset < this.startShown) this.restartUnderWay = offset;
    else this.cutUnderWay = endOffset;
  }

  truncated(): void {
    if (this.restartUnderWay !== null) return this.restarted(this.restartUnderWay);
    if (this.cutUnderWay !== null) this.#cut(this.cutUnderWay);
    this.syncedOffset = this.endOffset;
    this.cutUnderWay = null;
  }

  /** A cleaner is about to begin. */
  cleans(cleaning: Cleaning): void {
    this.cleaning = { ...cleaning, bound: Math.max(cleaning.bound, this.cleaning?.bound ?? 0) };
  }

  /** No cleaner is at work: what it has left is what was written, from now on (5). */
  cleaned(files: MemoryFileSystem, nowMs: number): void {
    if (this.cleaning === null) return;
    const { written, removed } = checkCleaned(this.written, this.removed, files, {
      ...this.cleaning,
      logStartOffset: this.startShown,
      nowMs,
    });
    this.written = written;
    this.removed.push(...removed);
  }

  restarted(offset: number): void {
    this.written = [];
    this.removed = [];
    this.cleaning = null;
    this.#firstOffset = offset;
    this.endOffset =
      this.syncedOffset =
      this.startShown =
      this.startAsked =
        offset;
    this.restartUnderWay = null;
  }

  lastOf(producerId: number): Written | undefined {
    return this.written.findLast((batch) => batch.producerId === producerId && batch.baseSequence >= 0);
  }

  /** A cleaner took later ones of its batches than the last, while there were others after them. The log may know those. */
  removedAfterLast(producerId: number): Written[] {
    const lastOffset = this.lastOf(producerId)?.baseOffset ?? -1;
    return this.removed.filter((batch) => {
      return batch.producerId === producerId && batch.baseSequence >= 0 && batch.baseOffset > lastOffset;
    });
  }

  isOpen(producerId: number): boolean {
    return this.#transactions(this.#withRemoved()).open.has(producerId);
  }

  /** There is no log after a start. */
  checkMissing(end: End | "clean"): void {
    const isLoss = end === "kill" || end === "clean" ? this.endOffset > 0 : this.syncedOffset > 0;
    if (isLoss || this.startShown > 0) throw new Broken(`the log is gone, of which ${this.syncedOffset} were synced`);
    this.#cut(0);
    this.startAsked = 0;
    this.underWay = this.cutUnderWay = this.restartUnderWay = null;
  }

  /** A process has opened the log after the one before it ended so (1, 2, 3). */
  checkOpened(log: Log, files: MemoryFileSystem, end: End | "clean", nowMs: number): void {
    if (log.isOffline) throw new Broken(`the log is offline: ${log.offlineCause?.message}`);
    if (this.restartUnderWay === null) this.cleaned(files, nowMs);
    const { logEndOffset, logStartOffset } = log;
    const isSpared = end === "kill" || end === "clean";
    const { cutUnderWay, restartUnderWay } = this;
    this.cutUnderWay = this.restartUnderWay = null;
    if (restartUnderWay !== null) {
      const found = [log.firstSegmentOffset, logStartOffset, logEndOffset];
      if (found.every((offset) => offset === restartUnderWay)) {
        this.startShown = this.#firstOffset = restartUnderWay;
        this.#cut(restartUnderWay); // Of producers before it the log may know or not.
      }
      // On its way there, it may have lost some and start at the new place already.
      this.syncedOffset = this.startShown = Math.min(this.startShown, restartUnderWay);
      this.startAsked = Math.max(this.startAsked, restartUnderWay);
    }
    const endPromised = isSpared ? this.endOffset : this.syncedOffset;
    const endCut = cutUnderWay ?? restartUnderWay ?? Infinity;
    const endMin = Math.max(Math.min(endPromised, endCut), this.startShown);
    const underWay = this.underWay;
    this.underWay = null;
    if (underWay !== null && logEndOffset > this.endOffset) this.append(underWay);
    if (logEndOffset < endMin) throw new Broken(`the log ends at ${logEndOffset}, and ${endMin} was promised`);
    if (logEndOffset > this.endOffset) throw new Broken(`the log ends at ${logEndOffset} past ${this.endOffset}`);
    if (logStartOffset > this.startAsked) throw new Broken(`the log starts at ${logStartOffset}, told by nobody`);
    this.showStart(logStartOffset);
    this.#cut(logEndOffset);
    this.checkFiles(log, files);
    this.check(log);
    this.syncedOffset = logEndOffset; // 4
    this.startAsked = this.startShown;
  }

  /** The segments on the disk, one after the other, without asking the log. */
  checkFiles(log: Log, files: MemoryFileSystem): void {
    const names = files.stat(FOLDER) === null ? [] : files.list(FOLDER).filter((name) => name.endsWith(".log"));
    let at = this.written.findIndex((batch) => batch.baseOffset >= Number(names[0]?.slice(0, 20) ?? 0));
    if (at < 0) at = this.written.length;
    for (const name of names) {
      const bytes = files.readFile(`${FOLDER}/${name}`);
      const batch = this.written[at];
      const isCleaned = batch !== undefined && batch.baseOffset < (this.cleaning?.bound ?? 0);
      const isRight = isCleaned
        ? batch.baseOffset >= Number(name.slice(0, 20))
        : batch?.baseOffset === Number(name.slice(0, 20));
      if (bytes.length > 0 && !isRight) {
        throw new Broken(`segment ${name} starts where batch ${batch?.baseOffset} must be`);
      }
      for (let position = 0; position < bytes.length; at++) {
        const expected = this.written[at];
        if (expected === undefined) throw new Broken(`${name} has ${bytes.length - position} bytes too many`);
        if (!isSame(bytes.subarray(position, position + expected.bytes.length), expected.bytes)) {
          throw new Broken(`the batch at offset ${expected.baseOffset} is not in ${name} as it was written`);
        }
        position += expected.bytes.length;
      }
    }
    if (at < this.written.length && log.hasFolder) {
      throw new Broken(`the batch at offset ${this.written[at]!.baseOffset} is in no segment`);
    }
  }

  /** Every way of looking at a log gives what was written. */
  check(log: Log): void {
    this.#checkReads(log);
    this.#checkEpochs(log);
    this.#checkProducers(log);
    this.#checkTransactions(log);
  }

  /** A producer that sends its last batch again is told of the first time, by a log that must know it (3). */
  checkDuplicates(log: Log): void {
    const seen = new Set<number>();
    for (const batch of this.written.toReversed()) {
      if (batch.producerId < 0 || batch.baseSequence < 0 || seen.has(batch.producerId)) continue;
      seen.add(batch.producerId);
      if (batch.baseOffset < log.firstSegmentOffset || this.removedAfterLast(batch.producerId).length > 0) continue;
      const result = log.append(encodeData(batch), { leaderEpoch: batch.leaderEpoch, origin: "client" });
      if (result.kind !== "duplicate" || result.firstOffset !== batch.baseOffset) {
        throw new Broken(
          `producer ${batch.producerId} sent offset ${batch.baseOffset} again: ${JSON.stringify(result)}`,
        );
      }
    }
  }

  #checkReads(log: Log): void {
    const expected = this.written.filter((batch) => batch.nextOffset > log.logStartOffset);
    let next = log.logStartOffset;
    for (let at = 0; at < expected.length;) {
      const read = log.read(next, { maxBytes: 1000, upToOffset: Infinity, atLeastOneBatch: true });
      if (read.sizeBytes === 0) throw new Broken(`nothing can be read at offset ${next}`);
      for (const chunk of read.chunks) {
        for (let position = 0; position < chunk.length; at++) {
          const batch = expected[at];
          if (batch === undefined) throw new Broken(`more can be read than was written, at ${next}`);
          if (!isSame(chunk.subarray(position, position + batch.bytes.length), batch.bytes)) {
            throw new Broken(`offset ${batch.baseOffset} does not read as it was written`);
          }
          position += batch.bytes.length;
        }
      }
      next = read.nextOffset;
      read.release();
    }
    if (next !== log.logEndOffset && expected.length > 0) throw new Broken(`reading ends at ${next}`);
    // By the index as well: into the middle, where nobody has read before.
    for (const batch of [expected.at(expected.length >> 1), expected.at(-1)]) {
      if (batch === undefined) continue;
      const offset = Math.max(batch.nextOffset - 1, log.logStartOffset);
      const read = log.read(offset, { maxBytes: 1, upToOffset: Infinity, atLeastOneBatch: true });
      const isThere = read.chunks.length === 1 && isSame(read.chunks[0]!, batch.bytes);
      read.release();
      if (!isThere) throw new Broken(`offset ${offset} leads to another batch`);
    }
  }

  #checkEpochs(log: Log): void {
    let latest = -1;
    for (const batch of this.written) {
      latest = Math.max(latest, batch.leaderEpoch);
      if (batch.baseOffset < log.logStartOffset) continue;
      const epoch = log.epochOf(batch.baseOffset);
      if (epoch !== batch.leaderEpoch) {
        throw new Broken(`offset ${batch.baseOffset} is of epoch ${epoch} and was of ${batch.leaderEpoch}`);
      }
    }
    const isThere = this.written.some((batch) => batch.baseOffset >= log.logStartOffset);
    const latestRemoved = Math.max(latest, ...this.removed.map((batch) => batch.leaderEpoch));
    const isLatest = log.leaderEpoch >= latest && log.leaderEpoch <= latestRemoved;
    if (isThere && !isLatest) throw new Broken(`the epoch is ${log.leaderEpoch} and was ${latest}`);
  }

  #checkProducers(log: Log): void {
    const known = new Map([...log.producers()].map((producer) => [producer.producerId, producer]));
    const producerIds = new Set([...this.written.map((batch) => batch.producerId), ...known.keys()]);
    producerIds.delete(-1);
    for (const producerId of producerIds) {
      const last = this.lastOf(producerId);
      const found = known.get(producerId);
      const lastOffset = found?.lastOffset ?? -1;
      // Of a producer whose records are all deleted the log may know nothing any more.
      if (lastOffset === -1 && (last === undefined || last.baseOffset < log.firstSegmentOffset)) continue;
      const removed = this.removedAfterLast(producerId);
      if (lastOffset === -1 && last === undefined) continue;
      if (
        removed.some((batch) => batch.nextOffset - 1 === lastOffset && lastSequenceOf(batch) === found?.lastSequence)
      ) {
        continue;
      }
      const lastSequence = last === undefined ? -1 : lastSequenceOf(last);
      if (last === undefined || lastOffset !== last.nextOffset - 1 || found?.lastSequence !== lastSequence) {
        throw new Broken(
          `producer ${producerId} is at offset ${lastOffset}, sequence ${found?.lastSequence}, and must be at ` +
            `${(last?.nextOffset ?? 0) - 1}, ${lastSequence}`,
        );
      }
    }
  }

  #checkTransactions(log: Log): void {
    const { open, aborted } = this.#transactions(this.written);
    // Of what a cleaner has taken the log may know or not.
    const withRemoved = this.#transactions(this.#withRemoved());
    const isThere = (offset: number) => offset >= log.firstSegmentOffset;
    const openOffsets = [...open.values()];
    const firstOpen = openOffsets.length === 0 ? null : Math.min(...openOffsets);
    const { firstUnstableOffset } = log;
    const isRight = firstUnstableOffset === firstOpen ||
      [...withRemoved.open.values()].includes(firstUnstableOffset ?? -1) &&
        firstUnstableOffset! <= (firstOpen ?? Infinity);
    if (openOffsets.every(isThere) && !isRight) {
      throw new Broken(`a transaction is open from ${firstUnstableOffset} and must be from ${firstOpen}`);
    }
    const found = new Map(
      log.abortedTransactions(log.firstSegmentOffset, log.logEndOffset).map((entry) => [entry.lastOffset, entry]),
    );
    for (const { firstOffset, lastOffset } of aborted) {
      const foundOffset = found.get(lastOffset)?.firstOffset ?? -1;
      const first = withRemoved.aborted.find((entry) => entry.lastOffset === lastOffset)!.firstOffset;
      if (isThere(firstOffset) && (foundOffset < first || foundOffset > firstOffset)) {
        throw new Broken(`the transaction aborted at ${lastOffset} is not known from ${firstOffset} on`);
      }
    }
    for (const { lastOffset } of withRemoved.aborted) found.delete(lastOffset);
    for (const offset of found.keys()) throw new Broken(`no transaction was aborted at ${offset}`);
  }

  #transactions(batches: readonly Written[]): {
    open: Map<number, number>;
    aborted: { firstOffset: number; lastOffset: number }[];
  } {
    const open = new Map<number, number>();
    const aborted: { firstOffset: number; lastOffset: number }[] = [];
    for (const { kind, producerId, baseOffset } of batches) {
      if (kind === "data") continue;
      const firstOffset = open.get(producerId);
      if (kind === "transactional") {
        open.set(producerId, firstOffset ?? baseOffset);
        continue;
      }
      open.delete(producerId);
      if (kind === "abort" && firstOffset !== undefined) aborted.push({ firstOffset, lastOffset: baseOffset });
    }
    return { open, aborted };
  }

  #withRemoved(): readonly Written[] {
    if (this.removed.length === 0) return this.written;
    return [...this.written, ...this.removed].sort((one, other) => one.baseOffset - other.baseOffset);
  }

  #cut(endOffset: number): void {
    this.written = this.written.filter((batch) => batch.nextOffset <= endOffset);
    this.removed = this.removed.filter((batch) => batch.nextOffset <= endOffset);
    if (this.cleaning !== null) this.cleaning = { ...this.cleaning, bound: Math.min(this.cleaning.bound, endOffset) };
    this.endOffset = this.written.at(-1)?.nextOffset ?? endOffset;
    // Where all that is left was deleted, the log goes on at its start.
    if (this.endOffset !== endOffset && endOffset !== this.startShown) {
      throw new Broken(`the log ends at ${endOffset} in the middle of a batch that begins at ${this.endOffset}`);
    }
    if (this.endOffset !== endOffset) this.#firstOffset = endOffset;
    this.endOffset = endOffset;
    this.syncedOffset = Math.min(this.syncedOffset, endOffset);
  }
}

function lastSequenceOf({ baseSequence, values }: Written): number {
  return baseSequence + values.length - 1;
}

/** The batch as a producer sends it. */
export function encodeData(
  batch: Pick<Written, "values" | "keys" | "producerId" | "baseSequence" | "kind">,
  timestampMs = 1_700_000_000_000,
): Uint8Array {
  const encode = (text: string | null | undefined) => typeof text === "string" ? new TextEncoder().encode(text) : null;
  return encodeBatch({
    records: batch.values.map((value, index) => {
      return { key: encode(batch.keys?.[index]), value: encode(value), timestamp: timestampMs };
    }),
    isTransactional: batch.kind === "transactional",
    ...(batch.producerId < 0
      ? {}
      : { producerId: batch.producerId, producerEpoch: 0, baseSequence: batch.baseSequence }),
  });
}

function isSame(bytes: Uint8Array, expected: Uint8Array): boolean {
  if (bytes.length !== expected.length) return false;
  for (let at = 0; at < bytes.length; at++) if (bytes[at] !== expected[at]) return false;
  return true;
}
