/** Does the steps of a history to a log on a machine, and keeps the account. */

import { ErrorCode } from "../../../protocol/errors.ts";
import { encodeControlBatch } from "../../../protocol/record.ts";
import { DEFAULT_CLEANER_SETTINGS } from "../../../storage/cleaner.ts";
import { StorageError } from "../../../storage/errors.ts";
import type { Log } from "../../../storage/log.ts";
import { Account, type BatchKind, encodeData, type Written } from "./account.ts";
import { consume } from "./consumer.ts";
import { Broken, type End, type Machine, TOPIC } from "./machine.ts";

/** A part of a history. Shares are of what there is then: 0 is the log's start, 1 its end. */
export type Step =
  /** Producer -1 has no id; those from 10 on write in transactions. */
  | {
    readonly do: "append";
    readonly producer?: number;
    readonly records?: number;
    readonly bytes?: number;
    readonly epoch?: number;
  }
  | { readonly do: "mark"; readonly producer: number; readonly kind: "commit" | "abort" }
  | { readonly do: "roll" | "sync" | "syncBeside" | "checkpoint" | "retain" | "reopen" | "look" | "read" }
  /** As a consumer reads, and the scrub. */
  | { readonly do: "consume" | "scrub" }
  /** `tableKeys`: for how many the cleaner has room. */
  | { readonly do: "compact"; readonly isBeside?: boolean; readonly tableKeys?: number }
  | { readonly do: "deleteBefore"; readonly share: number; readonly isBeside?: boolean }
  /** Of a restart, 1 is as far past the log's end as that is from 0. */
  | { readonly do: "truncate" | "restart"; readonly share: number }
  | { readonly do: "wait"; readonly ms: number };

const KEY_COUNT = 9;
const TOMBSTONE_EVERY = 7;
const TABLE_ENTRY_BYTES = 24;
const CLEANER_BUFFER_BYTES = 4096;

export class Session {
  readonly machine: Machine;
  readonly account = new Account();
  /** Batches that cleanings have taken. */
  removedCount = 0;
  #log: Log | null = null;
  #leaderEpoch = 0;
  /** By deletions that may not be answered yet. */
  #deleteAsked = 0;
  /** All of them have ended. */
  #deleted: Promise<unknown> = Promise.resolve();
  /** The last cleaning has ended, and was looked at. */
  #cleaned: Promise<void> = Promise.resolve();
  /** What it broke, beside other steps. */
  #brokenBeside: unknown = null;
  #valueCount = 0;
  #timestampMs: number;

  constructor(machine: Machine) {
    this.machine = machine;
    this.#timestampMs = machine.runtime.clock.nowMs();
  }

  /** Starts a process, the one before it having ended so, and checks what it finds. False when it died on the way. */
  async start(end: End | "clean"): Promise<boolean> {
    const { machine, account } = this;
    machine.note(`start after ${end}`);
    this.#deleteAsked = 0;
    this.#deleted = Promise.resolve();
    this.#cleaned = Promise.resolve();
    if (!await this.#opens()) return false;
    const found = machine.dir.log(TOPIC, 0);
    return await this.#guarded(() => {
      if (found?.isOffline === false) found.producers(); // Read by the process: what it finds is looked at below.
      machine.looking(() => {
        if (found === undefined) account.checkMissing(end);
        else account.checkOpened(found, machine.runtime.files, end, machine.runtime.clock.nowMs());
        this.#log = machine.log();
        account.checkDuplicates(this.#log);
        account.checkFiles(this.#log, machine.runtime.files);
      });
      return Promise.resolve();
    });
  }

  /** A process that cannot open its folder or its log because a sync failed is started again. */
  async #opens(): Promise<boolean> {
    const { machine } = this;
    try {
      if (!await machine.start()) return false;
      if (!machine.hasFailed || machine.dir.log(TOPIC, 0)?.isOffline !== true) return true;
    } catch (error) {
      if (!machine.hasFailed || !(error instanceof StorageError)) throw error;
      machine.note(`  failed: ${error.message}`);
    }
    machine.die(machine.end);
    return false;
  }

  /** False when the process died on the way. */
  async perform(step: Step): Promise<boolean> {
    this.machine.note(JSON.stringify(step));
    if (step.do === "reopen") return await this.#reopen();
    return await this.#guarded(async () => {
      await this.#perform(step, this.#log!);
      if (this.#brokenBeside !== null) throw this.#brokenBeside;
      if (this.machine.damage !== null) throw new Broken(`nothing is damaged, and it says ${this.machine.damage}`);
      if (this.machine.isAlive) this.account.showStart(this.#log!.logStartOffset);
    });
  }

  /** Everything there is, in order: a stop, a start, and once more. */
  async finish(): Promise<void> {
    for (let round = 0; round < 2; round++) {
      if (!await this.perform({ do: "reopen" })) throw new Broken("the process died of itself");
    }
  }

  async #perform(step: Step, log: Log): Promise<void> {
    const { machine, account } = this;
    switch (step.do) {
      case "append":
        return this.#append(log, step);
      case "mark":
        return this.#mark(log, step.producer, step.kind);
      case "roll":
        return log.roll();
      case "sync": {
        const target = log.logEndOffset;
        await log.sync();
        return account.synced(target);
      }
      case "syncBeside": {
        const target = log.logEndOffset;
        log.sync().then(() => machine.isAlive && this.#log === log && account.synced(target), () => {});
        return;
      }
      case "checkpoint":
        return await machine.dir.checkpoint();
      case "retain": {
        const { segmentCount } = log;
        // What it deletes may be gone, should it die on the way.
        account.startAsked = Math.max(account.startAsked, log.logEndOffset);
        await machine.dir.applyRetention(machine.runtime.clock.nowMs());
        if (!machine.isAlive) return;
        account.startAsked = Math.max(account.startShown, this.#deleteAsked);
        return machine.note(`  ${segmentCount - log.segmentCount} segments gone`);
      }
      case "deleteBefore":
        return await this.#deleteBefore(log, step);
      case "truncate":
        return await this.#truncate(log, step.share);
      case "restart":
        return await this.#restart(log, Math.floor(log.logEndOffset * step.share * 2));
      case "compact":
        return await this.#compact(log, step);
      case "look":
        await this.#cleaned;
        if (!machine.isAlive) return;
        return this.#check(log);
      case "read":
        log.read(log.logEndOffset, { maxBytes: 1, upToOffset: Infinity, atLeastOneBatch: true }).release();
        return;
      case "consume":
        return await consume(machine, log, account.written);
      case "scrub":
        return await machine.dir.scrub.pass(() => Infinity);
      case "wait":
        return await new Promise<void>((resolve) => void machine.runtime.timers.after(step.ms, resolve));
      case "reopen":
        throw new Error("a reopening ends the life");
    }
  }

  async #compact(log: Log, step: Extract<Step, { do: "compact" }>): Promise<void> {
    const { machine, account } = this;
    await this.#cleaned;
    if (!machine.isAlive) return;
    const { clock, files } = machine.runtime;
    const settings = {
      ...DEFAULT_CLEANER_SETTINGS,
      tableBytesMax: TABLE_ENTRY_BYTES * (step.tableKeys ?? 1000),
      bufferBytes: CLEANER_BUFFER_BYTES,
    };
    account.cleans({
      bound: Math.min(log.segmentBases().at(-1)!, log.recoveryPoint, log.firstUnstableOffset ?? Infinity),
      startedMs: clock.nowMs(),
      retentionMs: machine.config.deleteRetentionMs,
    });
    const cleaned = machine.dir.cleaner.cleanOne(clock.nowMs(), { settings }).then((isDone) => {
      if (!machine.isAlive || this.#log !== log || log.isOffline) return;
      machine.note(`  cleaned: ${isDone}`);
      const count = account.written.length;
      machine.looking(() => account.cleaned(files, clock.nowMs()));
      this.removedCount += count - account.written.length;
      if (log.compaction.failure !== null && !machine.hasFailed) throw log.compaction.failure;
    });
    this.#cleaned = cleaned.catch((error: unknown) => void (this.#brokenBeside = error));
    if (!step.isBeside) await this.#cleaned;
  }

  async #deleteBefore(log: Log, step: { readonly share: number; readonly isBeside?: boolean }): Promise<void> {
    const { machine, account } = this;
    const span = log.logEndOffset - log.logStartOffset;
    const offset = log.logStartOffset + Math.floor(span * step.share);
    machine.note(`  delete before ${offset}`);
    this.#deleteAsked = Math.max(this.#deleteAsked, offset);
    account.startAsked = Math.max(account.startAsked, offset);
    const deleted = log.deleteRecordsBefore(offset).then(() => {
      if (machine.isAlive && this.#log === log) account.showStart(log.logStartOffset);
    });
    this.#deleted = Promise.allSettled([this.#deleted, deleted]);
    if (!step.isBeside) await deleted;
  }

  async #truncate(log: Log, share: number): Promise<void> {
    const { machine, account } = this;
    await this.#deleted; // It would move the start on the way.
    const span = log.logEndOffset - log.logStartOffset;
    // What a cleaner has been through is committed, and never cut off.
    const offset = Math.max(log.logStartOffset + Math.floor(span * share), account.cleaning?.bound ?? 0);
    machine.note(`  truncate to ${offset}`);
    account.truncating(offset);
    if (account.restartUnderWay !== null) await this.#cleaned;
    if (!machine.isAlive) return;
    const endOffset = await log.truncation.truncateTo(offset);
    await this.#cleaned;
    if (!machine.isAlive) return;
    const isCut = account.cutUnderWay !== null || account.restartUnderWay !== null;
    if (isCut) account.truncated();
    if (endOffset !== account.endOffset) throw new Broken(`${endOffset} was told and ${account.endOffset} must be`);
    // What a new leader has may be of the same epoch, and of one before that which was cut off.
    this.#leaderEpoch = Math.max(0, log.leaderEpoch, account.written.at(-1)?.leaderEpoch ?? 0);
    this.#check(log);
  }

  #check(log: Log): void {
    const { machine, account } = this;
    machine.looking(() => {
      account.check(log);
      account.checkFiles(log, machine.runtime.files);
    });
  }

  async #restart(log: Log, offset: number): Promise<void> {
    const { machine, account } = this;
    await this.#deleted;
    await this.#cleaned;
    if (!machine.isAlive) return;
    machine.note(`  start again at ${offset}`);
    account.restartUnderWay = offset;
    await log.truncation.truncateFullyAndStartAt(offset);
    if (!machine.isAlive) return;
    account.restarted(offset);
    this.#leaderEpoch = 0;
  }

  #append(log: Log, step: Extract<Step, { do: "append" }>): void {
    const { producer = -1, records = 1, bytes = 20, epoch = 0 } = step;
    this.#leaderEpoch += epoch;
    const kind: BatchKind = producer < 10 ? "data" : "transactional";
    const numbers = Array.from({ length: records }, () => this.#valueCount++);
    const { compact } = this.machine.config.cleanupPolicy;
    const keys = compact ? { keys: numbers.map((number) => `k${mixed(number) % KEY_COUNT}`) } : {};
    const values = numbers.map((number) => {
      return compact && mixed(number) % TOMBSTONE_EVERY === 0 ? null : `${number}`.padEnd(bytes, "x");
    });
    const baseSequence = producer < 0 ? -1 : this.#nextSequence(log, producer);
    const draft = { kind, producerId: producer, baseSequence, values, ...keys };
    this.#write(log, encodeData(draft, this.#timestampMs++), draft, "client");
  }

  #nextSequence(log: Log, producerId: number): number {
    const last = this.account.lastOf(producerId);
    const isRemoved = this.account.removedAfterLast(producerId).length > 0;
    if (last === undefined && !isRemoved) return 0;
    if (isRemoved || last!.baseOffset < log.firstSegmentOffset) {
      // What it wrote may be gone while its marker is there: it then starts over.
      const known = [...log.producers()].find((producer) => producer.producerId === producerId);
      if (known !== undefined) return known.lastSequence + 1;
    }
    return last === undefined ? 0 : last.baseSequence + last.values.length;
  }

  #mark(log: Log, producerId: number, kind: "commit" | "abort"): void {
    if (!this.account.isOpen(producerId)) return;
    const bytes = encodeControlBatch({
      kind,
      producerId,
      producerEpoch: 0,
      coordinatorEpoch: 0,
      timestamp: this.#timestampMs++,
    });
    this.#write(log, bytes, { kind, producerId, baseSequence: -1, values: [""] }, "coordinator");
  }

  #write(
    log: Log,
    bytes: Uint8Array,
    draft: Pick<Written, "kind" | "producerId" | "baseSequence" | "values" | "keys">,
    origin: "client" | "coordinator",
  ): void {
    const { account } = this;
    const leaderEpoch = this.#leaderEpoch;
    const baseOffset = account.endOffset;
    const batch = { ...draft, baseOffset, nextOffset: baseOffset + draft.values.length, bytes, leaderEpoch };
    account.underWay = batch;
    const result = log.append(bytes, { leaderEpoch, origin });
    account.underWay = null;
    const isTooLarge = bytes.length > this.machine.config.segmentBytes;
    if (isTooLarge && result.kind === "rejected" && result.errorCode === ErrorCode.RECORD_LIST_TOO_LARGE) return;
    if (result.kind !== "appended") throw new Broken(`an append was answered ${JSON.stringify(result)}`);
    if (result.firstOffset !== baseOffset || result.lastOffset !== batch.nextOffset - 1) {
      throw new Broken(`an append at ${baseOffset} was answered ${JSON.stringify(result)}`);
    }
    account.append(batch);
  }

  async #reopen(): Promise<boolean> {
    const { machine } = this;
    this.#log = null; // A cleaning that is stopped on the way is looked at by the start.
    const isAlive = await this.#guarded(() => machine.dir.close({ clean: true }));
    if (!isAlive || machine.hasFailed) {
      machine.die(machine.end);
      return false;
    }
    machine.leave();
    return await this.start("clean");
  }

  /** What fails because a sync did is not broken: the log is offline, and the process has to start again. */
  async #guarded(work: () => Promise<void>): Promise<boolean> {
    const { machine } = this;
    try {
      return await machine.run(work);
    } catch (error) {
      if (!machine.hasFailed || !(error instanceof StorageError)) throw error;
      machine.note(`  failed: ${error.message}`);
      return true;
    }
  }
}

/** The same for the same number, and like chance. */
function mixed(number: number): number {
  return Math.imul(number + 1, 0x9e3779b1) >>> 12;
}
