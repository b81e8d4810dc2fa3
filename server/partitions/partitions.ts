/**
 * All partitions this broker leads: the cluster's topics matched with the logs in the data folder.
 *
 * Metadata comes first: a topic that the cluster knows gets its logs here, made when they are missing (the process
 * may have ended between the two); a log whose topic is gone is deleted.
 */
import type { BrokerConfig } from "../config.ts";
import { logConfigFor } from "../config.ts";
import type { Topic } from "../cluster/cluster.ts";
import type { LogDir } from "../../storage/log_dir.ts";
import type { FlushPolicy } from "./partition.ts";
import { Partition } from "./partition.ts";

export class Partitions {
  readonly #logDir: LogDir;
  readonly #config: BrokerConfig;
  readonly #byTopic = new Map<string, Partition[]>();
  #count = 0;

  constructor(options: { readonly logDir: LogDir; readonly config: BrokerConfig }) {
    this.#logDir = options.logDir;
    this.#config = options.config;
  }

  get count(): number {
    return this.#count;
  }

  get(topic: string, index: number): Partition | undefined {
    return this.#byTopic.get(topic)?.[index];
  }

  /** The partitions of one topic, by index; empty when there is none. */
  of(topic: string): readonly Partition[] {
    return this.#byTopic.get(topic) ?? [];
  }

  *all(): Iterable<Partition> {
    for (const partitions of this.#byTopic.values()) yield* partitions;
  }

  /** Opens or makes the logs that `topic` should have and does not yet. */
  ensure(topic: Topic): void {
    let partitions = this.#byTopic.get(topic.name);
    if (partitions === undefined) {
      partitions = [];
      this.#byTopic.set(topic.name, partitions);
    }
    if (partitions.length === topic.partitions.length) return;
    const config = logConfigFor(topic.configs, this.#config);
    const flushPolicy = flushPolicyOf(topic, this.#config);
    for (let index = partitions.length; index < topic.partitions.length; index++) {
      const log = this.#logDir.log(topic.name, index) ??
        this.#logDir.createLog({ topic: topic.name, partition: index, topicId: topic.id, config });
      log.updateConfig(config);
      const leaderEpoch = topic.partitions[index]!.leaderEpoch;
      partitions.push(
        new Partition({ topic: topic.name, index, topicId: topic.id, log, leaderEpoch, flushPolicy }),
      );
      this.#count++;
    }
  }

  /** The topic's configs changed, or a broker default under them. */
  reconfigure(topic: Topic): void {
    const config = logConfigFor(topic.configs, this.#config);
    const flushPolicy = flushPolicyOf(topic, this.#config);
    for (const partition of this.of(topic.name)) {
      partition.log.updateConfig(config);
      if (partition.flushPolicy !== flushPolicy) partition.setFlushPolicy(flushPolicy);
    }
  }

  /** The topic was deleted: its waiters are told, its logs go. */
  remove(topic: Topic): void {
    const partitions = this.#byTopic.get(topic.name);
    if (partitions === undefined) return;
    this.#byTopic.delete(topic.name);
    this.#count -= partitions.length;
    for (const partition of partitions) {
      partition.markRemoved();
      this.#logDir.deleteLog(partition.log);
    }
  }
}

function flushPolicyOf(topic: Topic, config: BrokerConfig): FlushPolicy {
  return (topic.configs.get("flush.policy") ?? config.get("log.flush.policy")) as FlushPolicy;
}
