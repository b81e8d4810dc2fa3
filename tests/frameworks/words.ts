/** Lines of words to count, the same for the same seed, and how often each word has come. */

import type { Client } from "../../client/client.ts";
import { createPrng } from "../support/prng.ts";

const wordCount = 40;
const wordsPerLine = 4;
const encoder = new TextEncoder();

export class Words {
  /** How often each has been fed. */
  readonly counts = new Map<string, number>();
  lineCount = 0;
  readonly #next: () => number;

  constructor(readonly client: Client, readonly topic: string, readonly partitionCount: number, seed: number) {
    this.#next = createPrng(seed);
  }

  /** Feeds lines of words, to one partition after the other. */
  async feed(lineCount: number): Promise<void> {
    const producer = this.client.producer({ lingerMs: 5 });
    const deliveries = Array.from({ length: lineCount }, () => {
      const partition = this.lineCount++ % this.partitionCount;
      return producer.send({ topic: this.topic, partition, value: encoder.encode(this.#line()) });
    });
    await Promise.all(deliveries);
    await producer.close();
  }

  get total(): number {
    return this.lineCount * wordsPerLine;
  }

  #line(): string {
    return Array.from({ length: wordsPerLine }, () => {
      const word = `word-${Math.floor(this.#next() * wordCount)}`;
      this.counts.set(word, (this.counts.get(word) ?? 0) + 1);
      return word;
    }).join(" ");
  }
}
