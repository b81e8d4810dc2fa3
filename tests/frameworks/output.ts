/** What a framework made of words: read as it is committed, and judged. */

import type { Client } from "../../client/client.ts";
import type { Consumer } from "../../client/consumer.ts";
import type { Program } from "./program.ts";
import type { Words } from "./words.ts";

const pollMs = 100;
const decoder = new TextDecoder();

export interface OutputRecord {
  readonly partition: number;
  readonly key: string;
  readonly value: Uint8Array;
}

/** Everything committed in a topic, in the order of each partition. */
export class Output {
  readonly records: OutputRecord[] = [];
  readonly #client: Client;
  readonly #consumer: Consumer;
  readonly #topic: string;
  readonly #partitions: readonly number[];

  constructor(client: Client, topic: string, partitionCount: number) {
    this.#client = client;
    this.#topic = topic;
    this.#partitions = Array.from({ length: partitionCount }, (_, index) => index);
    this.#consumer = client.consumer({ isolation: "committed", startAt: "earliest", fetchWaitMs: pollMs });
    this.#consumer.assign(this.#partitions.map((partition) => ({ topic, partition, offset: 0 })));
  }

  /** Reads on; gives how many records came. */
  async read(): Promise<number> {
    const records = await this.#consumer.poll(pollMs);
    for (const { partition, key, value } of records) {
      this.records.push({
        partition,
        key: decoder.decode(key ?? undefined),
        value: value?.slice() ?? new Uint8Array(0),
      });
    }
    return records.length;
  }

  /** Whether records are there that no transaction has committed yet, behind all that is committed. */
  async hasOpen(): Promise<boolean> {
    while (await this.read() > 0);
    return await this.#restCount() > 0;
  }

  /** Whether all is read, and no transaction is open. */
  async isAtEnd(): Promise<boolean> {
    return await this.read() === 0 && await this.#restCount() === 0;
  }

  /** Whether so many records are committed, or more, and no transaction is open. */
  async isComplete(recordCount: number): Promise<boolean> {
    return await this.isAtEnd() && this.records.length >= recordCount;
  }

  /** How far the end of the topic is from what was read. */
  async #restCount(): Promise<number> {
    const admin = this.#client.admin();
    const ends = await Promise.all(this.#partitions.map((one) => admin.offset(this.#topic, one, "latest")));
    return ends.reduce((sum, end, one) => sum + end - (this.#consumer.position(this.#topic, one) ?? 0), 0);
  }

  async close(): Promise<void> {
    await this.#consumer.close();
  }
}

export interface Feeding {
  readonly words: Words;
  readonly output: Output;
  readonly program: Program;
  readonly lineCount: number;
}

/** Feeds until a part of the output is there and not committed; gives how many of the lines are left. */
export async function feedUntilOpen({ words, output, program, lineCount }: Feeding): Promise<number> {
  const lastCount = words.lineCount + lineCount;
  await words.feed(lineCount / 2);
  await program.until("a transaction is open", async () => {
    if (await output.hasOpen()) return true;
    if (words.lineCount < lastCount) await words.feed(lineCount / 10);
    return false;
  });
  return lastCount - words.lineCount;
}

type CountOf = (value: Uint8Array) => number;

/**
 * The count of every word went from 1 on up to how often it was fed, each step once and in order; with `hasLeaps` it
 * only grew.
 * @throws {Error} when one did not
 */
export function checkCounts(
  records: readonly OutputRecord[],
  fed: ReadonlyMap<string, number>,
  { countOf, hasLeaps = false }: { readonly countOf: (value: Uint8Array) => number; readonly hasLeaps?: boolean },
): void {
  const last = new Map<string, number>();
  for (const { partition, key, value } of records) {
    const count = countOf(value);
    const before = last.get(key) ?? 0;
    if (hasLeaps ? count <= before : count !== before + 1) {
      throw new Error(`"${key}" is ${count} after ${before}, in partition ${partition}`);
    }
    last.set(key, count);
  }
  for (const [word, count] of fed) {
    if (last.get(word) !== count) {
      throw new Error(`"${word}" was fed ${count} times and counted ${last.get(word)} times`);
    }
  }
  if (last.size !== fed.size) throw new Error(`Of ${fed.size} words ${last.size} were counted`);
}

/** As text, for frameworks that write it so. */
export function countInText(value: Uint8Array): number {
  return Number(decoder.decode(value));
}

/** How often each word came, in the order of the words. */
export function sorted(counts: ReadonlyMap<string, number>): Readonly<Record<string, number>> {
  return Object.fromEntries([...counts].sort(([one], [other]) => one < other ? -1 : 1));
}
