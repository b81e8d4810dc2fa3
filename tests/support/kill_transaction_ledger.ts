/**
 * What transactions owe to whoever reads committed records, kept outside of the broker. Every one writes its number once into
 * each of its partitions, and commits it as an offset of a group.
 *
 *  1. It is seen in all of its partitions, or in none; never twice; in the order in which they were made.
 *  2. One that was committed is seen, one that was aborted is not. Of one whose producer died while it asked for a commit
 *     either may be; what it was once, it stays.
 *  3. The group's offset is the number of the last one that was committed.
 */

import { LedgerError } from "./kill_ledger.ts";

export interface KilledTransaction {
  readonly number: number;
  readonly partitions: readonly number[];
  readonly wanted: "commit" | "abort";
  isEndAsked: boolean;
  /** null while it is open. */
  fate: "committed" | "aborted" | "either" | null;
}

export class TransactionLedger {
  /** Transactional id and group. */
  readonly name: string;
  readonly topic: string;
  readonly partitionCount: number;
  committedCount = 0;
  abortedCount = 0;
  readonly #transactions: KilledTransaction[] = [];

  constructor(options: { readonly name: string; readonly topic: string; readonly partitionCount: number }) {
    this.name = options.name;
    this.topic = options.topic;
    this.partitionCount = options.partitionCount;
  }

  begun(partitions: readonly number[], wanted: "commit" | "abort"): KilledTransaction {
    const number = this.#transactions.length;
    const transaction: KilledTransaction = { number, partitions, wanted, isEndAsked: false, fate: null };
    this.#transactions.push(transaction);
    return transaction;
  }

  endAsked(transaction: KilledTransaction): void {
    transaction.isEndAsked = true;
  }

  /** The broker said so. */
  ended(transaction: KilledTransaction): void {
    transaction.fate = transaction.wanted === "commit" ? "committed" : "aborted";
    if (transaction.wanted === "commit") this.committedCount++;
    else this.abortedCount++;
  }

  /** Its producer died. */
  abandoned(transaction: KilledTransaction): void {
    transaction.fate = transaction.isEndAsked && transaction.wanted === "commit" ? "either" : "aborted";
  }

  /**
   * Everything that readers of committed records see, by partition in the order of offsets, and the group's offset, -1 when it
   * has none; with no end on its way to the partitions, and nobody writing.
   * @throws {LedgerError}
   */
  check(seen: readonly (readonly number[])[], groupOffset: number): void {
    const places = seen.map((numbers, partition) => this.#placesOf(numbers, partition));
    let last = -1;
    for (const transaction of this.#transactions) {
      const { number, partitions } = transaction;
      const foundCount = places.filter((found) => found.has(number)).length;
      const isWhole = partitions.every((partition) => places[partition]!.has(number));
      if (foundCount > 0 && (!isWhole || foundCount > partitions.length)) {
        throw new LedgerError(`${foundCount} of the ${partitions.length} records of ${this.#of(number)} are seen`); // (1)
      }
      const isSeen = foundCount > 0;
      this.#checkFate(transaction, isSeen);
      if (isSeen) last = number;
    }
    if (groupOffset !== last) {
      throw new LedgerError(`${this.name} is at ${groupOffset}, and committed ${last} last`); // (3)
    }
  }

  #checkFate(transaction: KilledTransaction, isSeen: boolean): void {
    const { number, fate, wanted, isEndAsked } = transaction;
    if (fate === "either") {
      transaction.fate = isSeen ? "committed" : "aborted"; // (2)
    } else if (fate === null) {
      if (isSeen && !(isEndAsked && wanted === "commit")) {
        throw new LedgerError(`${this.#of(number)} is open, and seen`);
      }
    } else if (isSeen !== (fate === "committed")) {
      throw new LedgerError(`${this.#of(number)} was ${fate}, and is ${isSeen ? "" : "not "}seen`); // (2)
    }
  }

  #placesOf(numbers: readonly number[], partition: number): ReadonlySet<number> {
    const place = `${this.topic}-${partition}`;
    let last = -1;
    for (const number of numbers) {
      if (number <= last) throw new LedgerError(`${place} has ${number} behind ${last}`); // (1)
      if (number >= this.#transactions.length) throw new LedgerError(`${place} has ${number}, which nobody wrote`);
      last = number;
    }
    return new Set(numbers);
  }

  #of(number: number): string {
    return `transaction ${number} of ${this.name}`;
  }
}
