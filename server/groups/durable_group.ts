/**
 * A group between its state machine and the log: what it wrote, what waits for that, and what others may be told of it.
 *
 *  1. An answer waits for all that its group wrote up to then, so nobody is told what a crash could take back; what
 *     others are told of a group (`durable`) is what the log has of it.
 *  2. A write that fails takes nothing back: to its members it looks like an answer that was lost, which the protocols
 *     allow for. All answers that built on it are refused, and the next write is of the whole group.
 */
import { ErrorCode } from "../../protocol/errors.ts";
import { coordinatorError, type LogRecord, type LogWriter } from "./log_writer.ts";

/** Where groups of a kind are written, and who is told of it. */
export interface GroupLog<State, Part, Answer> {
  readonly writer: Pick<LogWriter, "append">;
  /** A part of a group as the log has it. */
  readonly encode: (groupId: string, part: Part) => LogRecord;
  /** All parts of a group. */
  readonly whole: (state: State) => readonly Part[];
  readonly answer: (ticket: number, answer: Answer) => void;
  readonly onWriteFailed: (groupId: string, errorCode: number) => void;
}

/** Who waits for a write, and those before it: told NONE, or why the log may not have it. */
interface Waiter {
  readonly write: number;
  readonly told: (errorCode: number) => void;
}

/** The list of whoever has nothing in it, which is most groups most of the time: 64 bytes less for each. Not to be changed. */
const none: never[] = [];

/** The object is the group's identity: one deleted and made anew is another. */
export class DurableGroup<
  State extends { readonly groupId: string },
  Part extends { readonly value: unknown },
  Answer,
> {
  state: State;
  readonly #log: GroupLog<State, Part, Answer>;
  #durable: State | null = null;
  /** Writes are numbered, and end in order. */
  #issuedWrite = 0;
  #endedWrite = 0;
  /** Of this write or an earlier one, it is not known what the log has of it (2). */
  #failedWrite = 0;
  /** Parts that are gone, and of which the log may not know that (2). */
  #lostRemovals: readonly Part[] = none;
  #isRewriteDue = false;
  #waiters: Waiter[] = none;

  constructor(state: State, log: GroupLog<State, Part, Answer>) {
    this.state = state;
    this.#log = log;
  }

  /** As the log has it; null while the log has nothing of it. */
  get durable(): State | null {
    // What is not in the log may have changed since.
    return this.#issuedWrite === this.#endedWrite && this.#durable !== null && !this.#isRewriteDue
      ? this.state
      : this.#durable;
  }

  /** It was read from the log. */
  noteLoaded(): void {
    this.#durable = this.state;
  }

  /** It is not known what the log has of it: the next write is of all. */
  noteUncertain(): void {
    this.#durable = this.state;
    this.#isRewriteDue = true;
  }

  /** What the log must be told besides when the group is deleted. */
  get lostRemovals(): readonly LogRecord[] {
    return this.#encoded(this.#lostRemovals);
  }

  /** Tells `ticket` once the log has all that was written up to now (1); `refused` makes the answer when it may not have it. */
  answer(ticket: number, answer: Answer, refused: (errorCode: number) => Answer): void {
    // Most answers change nothing, and have nothing to wait for.
    if (this.#endedWrite === this.#issuedWrite) return this.#log.answer(ticket, answer);
    this.#onWritten((errorCode) =>
      this.#log.answer(ticket, errorCode === ErrorCode.NONE ? answer : refused(errorCode))
    );
  }

  /** NONE once the log has all that was written up to now, else why it may not have it. */
  written(): Promise<number> {
    return new Promise((resolve) => this.#onWritten(resolve));
  }

  #onWritten(told: (errorCode: number) => void): void {
    if (this.#endedWrite === this.#issuedWrite) told(ErrorCode.NONE);
    else {
      if (this.#waiters.length === 0) this.#waiters = [];
      this.#waiters.push({ write: this.#issuedWrite, told });
    }
  }

  /** Writes what a step changed; of a group that goes on all of it if that is due, even when the step changed nothing. */
  persist(parts: readonly Part[], { isLast = false }: { readonly isLast?: boolean } = {}): void {
    if (this.#isRewriteDue && !isLast) {
      const removals = parts.filter(({ value }) => value === null);
      void this.#write([...this.#lostRemovals, ...removals, ...this.#log.whole(this.state)]);
    } else if (parts.length > 0) void this.#write(parts);
  }

  async #write(parts: readonly Part[]): Promise<void> {
    const { state } = this;
    const write = ++this.#issuedWrite;
    this.#isRewriteDue = false;
    this.#lostRemovals = none;
    let hasEnded = false;
    const end = (errorCode: number) => {
      if (hasEnded) return;
      hasEnded = true;
      this.#writeEnded(write, state, parts, errorCode);
    };
    // The outcome comes in the order of the log; the wait may be over before it.
    end(await this.#log.writer.append(this.#encoded(parts), end));
  }

  #writeEnded(write: number, state: State, parts: readonly Part[], errorCode: number): void {
    this.#endedWrite = Math.max(this.#endedWrite, write);
    if (errorCode !== ErrorCode.NONE) {
      this.#log.onWriteFailed(this.state.groupId, errorCode);
      this.#failedWrite = this.#issuedWrite; // (2)
      this.#isRewriteDue = true;
    }
    const isLost = write <= this.#failedWrite;
    if (isLost) this.#lostRemovals = [...this.#lostRemovals, ...parts.filter(({ value }) => value === null)];
    else this.#durable = state;
    const code = coordinatorError(errorCode || ErrorCode.COORDINATOR_NOT_AVAILABLE);
    const over = this.#waiters.filter((waiter) => waiter.write <= this.#endedWrite);
    const left = this.#waiters.slice(over.length); // they are in the order of their writes
    this.#waiters = left.length === 0 ? none : left;
    for (const { told } of over) told(isLost ? code : ErrorCode.NONE);
  }

  #encoded(parts: readonly Part[]): LogRecord[] {
    return parts.map((part) => this.#log.encode(this.state.groupId, part));
  }
}
