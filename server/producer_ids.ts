/**
 * Producer ids, each given out once in the life of the cluster. They come from blocks that are durable before their first
 * id is used: after a crash the rest of a block is skipped, never repeated.
 */
import type { Cluster } from "./cluster/cluster.ts";

export class ProducerIds {
  readonly #cluster: Cluster;
  #next = 0;
  #end = 0;
  #loading: Promise<void> | null = null;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** @throws {ProtocolError} when no block could be had */
  async next(): Promise<number> {
    while (this.#next === this.#end) {
      this.#loading ??= this.#load().finally(() => {
        this.#loading = null;
      });
      await this.#loading;
    }
    return this.#next++;
  }

  async #load(): Promise<void> {
    const block = await this.#cluster.allocateProducerIds();
    this.#next = block.first;
    this.#end = block.first + block.count;
  }
}
