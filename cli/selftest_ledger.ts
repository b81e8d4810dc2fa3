/**
 * What was sent to a broker and answered, and whether a log read back keeps the promises made for it.
 *
 * Every record is one of a kind: its value says where it belongs, its number, and has filling that follows from them.
 *
 *      sent ──acknowledged──▶ acknowledged ──▶ settled      read back after a restart: whatever the policy, it stays from here on
 *        └────read back─────────────────────────▲
 *                             acknowledged ──▶ lost         not read back; is that allowed? the caller knows
 *
 * What no policy allows is a fault at once: records that nobody sent, that are changed, doubled, moved, out of order, that come
 * back after they were lost, that go once they are settled, or that go while a later one stays.
 */

export interface SentBatch {
  readonly firstNumber: number;
  readonly values: readonly Uint8Array[];
}

export interface StoredRecord {
  readonly offset: number;
  readonly value: Uint8Array | null;
}

export interface Losses {
  readonly lostCount: number;
  /** How long before the end the oldest of them was acknowledged; null without. */
  readonly oldestMs: number | null;
  /** Lost records that a consumer had read, acknowledged or not. */
  readonly seenCount: number;
  readonly faults: readonly string[];
}

interface Entry {
  readonly fillBytes: number;
  state: "sent" | "acknowledged" | "settled" | "lost";
  isAcknowledged: boolean;
  offset: number | null;
  acknowledgedMs: number;
}

const FAULTS_MAX = 20;

export class PartitionLedger {
  acknowledgedCount = 0;
  lostCount = 0;
  /** What is below, a consumer has read. */
  seenOffset = 0;
  readonly #name: string;
  readonly #entries: Entry[] = [];

  /** @param name unlike that of any other */
  constructor(name: string) {
    this.#name = name;
  }

  /** Records to send, of sizes given. They must be sent in this order, once. */
  draw(fillBytes: readonly number[]): SentBatch {
    const firstNumber = this.#entries.length;
    for (const bytes of fillBytes) {
      this.#entries.push({ fillBytes: bytes, state: "sent", isAcknowledged: false, offset: null, acknowledgedMs: 0 });
    }
    return { firstNumber, values: fillBytes.map((_, index) => this.#valueOf(firstNumber + index)) };
  }

  acknowledged({ firstNumber, values }: SentBatch, baseOffset: number, nowMs: number): void {
    for (const index of values.keys()) {
      const entry = this.#entries[firstNumber + index]!;
      entry.state = "acknowledged";
      entry.isAcknowledged = true;
      entry.offset = baseOffset + index;
      entry.acknowledgedMs = nowMs;
      this.acknowledgedCount++;
    }
  }

  /** Compares all that is in the log after a restart. @param endedMs when the process or the power went */
  check(records: Iterable<StoredRecord>, endedMs: number): Losses {
    const faults: string[] = [];
    const fault = (text: string) => {
      if (faults.length < FAULTS_MAX) faults.push(`${this.#name}: ${text}`);
    };
    const found = new Set<number>();
    let nextOffset = 0;
    let lastNumber = -1;
    for (const { offset, value } of records) {
      if (offset !== nextOffset) fault(`offset ${offset} follows offset ${nextOffset - 1}`);
      nextOffset = offset + 1;
      const number = this.#numberOf(value);
      const entry = number === null ? undefined : this.#entries[number];
      if (number === null || entry === undefined) {
        fault(`the record at offset ${offset} was never sent, or is changed`);
        continue;
      }
      if (found.has(number)) fault(`record ${number} is there twice, at offset ${offset} again`);
      else if (number < lastNumber) fault(`record ${number} at offset ${offset} is behind record ${lastNumber}`);
      if (entry.offset !== null && entry.offset !== offset) {
        fault(`record ${number} was at offset ${entry.offset} and is at ${offset}`);
      }
      if (entry.state === "lost") fault(`record ${number} was lost and is back, at offset ${offset}`);
      found.add(number);
      lastNumber = number;
      entry.offset = offset;
      entry.state = "settled";
    }
    let lostCount = 0;
    let oldestMs: number | null = null;
    const seenCount = Math.max(0, this.seenOffset - nextOffset);
    this.seenOffset = nextOffset;
    for (const [number, entry] of this.#entries.entries()) {
      if (found.has(number) || entry.state === "lost") continue;
      if (entry.state === "sent") {
        // Never answered and not there: nobody may rely on it. It must not turn up later.
        entry.state = "lost";
        continue;
      }
      if (entry.state === "settled") {
        fault(`record ${number} at offset ${entry.offset} was there after an earlier restart`);
      } else if (number < lastNumber) {
        fault(`record ${number} at offset ${entry.offset} is gone, record ${lastNumber} behind it is not`);
      }
      entry.state = "lost";
      if (!entry.isAcknowledged) continue;
      lostCount++;
      oldestMs = Math.max(oldestMs ?? 0, endedMs - entry.acknowledgedMs);
    }
    this.lostCount += lostCount;
    return { lostCount, oldestMs, seenCount, faults };
  }

  #valueOf(number: number): Uint8Array {
    const { fillBytes } = this.#entries[number]!;
    const fill = String.fromCharCode(97 + number % 26).repeat(fillBytes);
    return encoder.encode(`${this.#name} ${number} ${fill}`);
  }

  /** null for a value that is none of ours, byte for byte. */
  #numberOf(value: Uint8Array | null): number | null {
    const text = value === null ? "" : decoder.decode(value);
    const number = Number(/ (\d{1,9}) [a-z]*$/.exec(text)?.[1] ?? NaN);
    if (!(number < this.#entries.length)) return null;
    return decoder.decode(this.#valueOf(number)) === text ? number : null;
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
