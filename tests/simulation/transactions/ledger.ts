/**
 * What became of transactions, as far as clients were told, kept outside of the broker.
 *
 *  1. A transaction is whole or absent: of its records a reader of committed ones sees all, in all partitions, or none.
 *  2. One that a client was told is committed is there; one that was aborted, or whose commit was never asked for, is not.
 *  3. What a reader of committed records was shown stays, at its offset.
 *  4. A group's offset is that of the last transaction that committed one, and of no other.
 *  5. Where transactions of several producers, and commits outside of any, meet in one group, the last is the one that was written
 *     last, whichever of them ended last.
 */
import { Broken } from "../broker/history.ts";

/** A place in a log. */
export interface Place {
  readonly topic: string;
  readonly partition: number;
}

export function printPlace({ topic, partition }: Place): string {
  return `${topic}-${partition}`;
}

export interface SharedWrite {
  readonly sentAt: number;
  readonly answeredAt: number;
}

export interface Transaction {
  readonly token: number;
  readonly transactionalId: string;
  /** Records that are acknowledged, and where. */
  readonly records: Map<string, string>;
  hasOffsets: boolean;
  /** Its last write to the group that all share: by the ledger's own clock. */
  shared: SharedWrite | null;
  isCommitAsked: boolean;
  told: "commit" | "abort" | null;
}

export class Ledger {
  readonly transactions = new Map<number, Transaction>();
  /** By place and offset. */
  readonly #shown = new Map<string, string>();
  #lastToken = 0;
  #lastMoment = 0;

  get committedCount(): number {
    return [...this.transactions.values()].filter(({ told }) => told === "commit").length;
  }

  begin(transactionalId: string): Transaction {
    const token = ++this.#lastToken;
    const transaction: Transaction = {
      token,
      transactionalId,
      records: new Map(),
      hasOffsets: false,
      shared: null,
      isCommitAsked: false,
      told: null,
    };
    this.transactions.set(token, transaction);
    return transaction;
  }

  /** Later than all that was called so before. */
  moment(): number {
    return ++this.#lastMoment;
  }

  /** (2) */
  told(transaction: Transaction, outcome: "commit" | "abort"): void {
    const { token, told } = transaction;
    if (told !== null && told !== outcome) throw new Broken(`transaction ${token} is ${outcome}, and was ${told}`);
    transaction.told = outcome;
  }

  /** A reader of committed records sees it. */
  shown(place: Place, offset: number, text: string): void {
    const key = `${printPlace(place)}@${offset}`;
    const before = this.#shown.get(key);
    if (before !== undefined && before !== text) throw new Broken(`${key} is ${text}, and was ${before}`); // (3)
    this.#shown.set(key, text);
    const transaction = this.#of(text);
    const isPossible = transaction.isCommitAsked && transaction.told !== "abort";
    if (!isPossible || transaction.records.get(text) !== printPlace(place)) {
      throw new Broken(`${key}: ${text} is seen, of a transaction that was ${transaction.told ?? "not committed"}`); // (2)
    }
  }

  /** All that a reader of committed records sees in the end, by place: offset and text. */
  checkWhole(all: ReadonlyMap<string, ReadonlyMap<number, string>>): void {
    const found = new Map<number, Set<string>>();
    for (const [place, records] of all) {
      for (const [offset, text] of records) {
        const texts = found.get(tokenOf(text)) ?? new Set();
        found.set(tokenOf(text), texts);
        if (texts.has(text)) throw new Broken(`${text} is there twice, the second time at ${place}@${offset}`);
        texts.add(text);
      }
    }
    for (const [key, text] of this.#shown) {
      const at = key.lastIndexOf("@");
      const now = all.get(key.slice(0, at))?.get(Number(key.slice(at + 1)));
      if (now !== text) throw new Broken(`${key} was ${text}, and is ${now ?? "gone"}`); // (3)
    }
    for (const { token, records, told } of this.transactions.values()) {
      const seenCount = found.get(token)?.size ?? 0;
      if (seenCount > 0 && seenCount !== records.size) {
        throw new Broken(`${seenCount} of the ${records.size} records of transaction ${token} are seen`); // (1)
      }
      if (told === "commit" && seenCount !== records.size) throw new Broken(`transaction ${token} is not there`); // (2)
    }
  }

  /** `offset` is the token of the transaction that committed it, -1 when none has. (4) */
  checkOffset(
    transactionalId: string,
    offset: number,
    all: ReadonlyMap<string, ReadonlyMap<number, string>>,
  ): void {
    const seen = this.seenCommitted(all);
    for (const transaction of this.transactions.values()) {
      if (transaction.transactionalId !== transactionalId || !transaction.hasOffsets) continue;
      const { token, told, records } = transaction;
      const isCommitted = told === "commit" || seen.has(token);
      if (isCommitted && offset < token) throw new Broken(`${transactionalId} is at ${offset}, and committed ${token}`);
      const cannotBe = told === "abort" || !transaction.isCommitAsked || (records.size > 0 && !seen.has(token));
      if (offset === token && cannotBe) throw new Broken(`${transactionalId} is at ${offset}, which was not committed`);
    }
    const own = offset < 0 ? null : this.transactions.get(offset);
    if (own === undefined || (own !== null && (own.transactionalId !== transactionalId || !own.hasOffsets))) {
      throw new Broken(`${transactionalId} is at ${offset}, which nobody committed`);
    }
  }

  /** What clients were told is committed, up to now. */
  toldCommitted(): Set<number> {
    return new Set([...this.transactions.values()].filter(({ told }) => told === "commit").map(({ token }) => token));
  }

  /** The same of those of which a reader of committed records sees some. */
  seenCommitted(all: ReadonlyMap<string, ReadonlyMap<number, string>>): Set<number> {
    return new Set([...all.values()].flatMap((records) => [...records.values()].map(tokenOf)));
  }

  /** Of the group that all share. One that was written to after the answer to another is the later. (5) */
  checkSharedOffset(offset: number, committed: ReadonlySet<number>): void {
    const own = offset < 0 ? null : this.transactions.get(offset);
    if (own === undefined || (own !== null && (own.shared === null || !own.isCommitAsked || own.told === "abort"))) {
      throw new Broken(`the shared group is at ${offset}, which was not committed`);
    }
    for (const token of committed) {
      const { shared } = this.transactions.get(token)!;
      if (shared !== null && (own === null || shared.sentAt > own.shared!.answeredAt)) {
        throw new Broken(`the shared group is at ${offset}, and ${token} was written after that, and is committed`);
      }
    }
  }

  #of(text: string): Transaction {
    const transaction = this.transactions.get(tokenOf(text));
    if (transaction === undefined) throw new Broken(`a record reads "${text}", which nobody wrote`);
    return transaction;
  }
}

/** Records say whose they are: "TOKEN/NUMBER". */
function tokenOf(text: string): number {
  return Number(text.split("/")[0]);
}
