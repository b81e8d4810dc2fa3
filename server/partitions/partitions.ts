/**
 * All partitions this broker leads: the cluster's topics matched with the logs in the data folder.
 *
 * Metadata comes first: a topic that the cluster knows gets its logs here, made when they are missing (the process
 * may have ended between the two); a log whose topic is gone is deleted. Where the disk does not let it be so, it is tried
 * again (`ensureMissing`).
 */
import type { LogConfig } from "../../storage/log_config.ts";
import type { LogDir } from "../../storage/log_dir.ts";
import type { Topic } from "../cluster/cluster.ts";
import { type BrokerConfig, logConfigFor, TopicConfig } from "../config.ts";
import type { BatchRules } from "./batch_check.ts";
import { type FlushPolicy, Partition } from "./partition.ts";

export class Partitions {
  readonly #logDir: LogDir;
  readonly #config: BrokerConfig;
  readonly #byTopic = new Map<string, Partition[]>();
  /** Topics that lack some of their partitions here, by name. */
  readonly #incomplete = new Map<string, Topic>();
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

  /** How many partitions a topic has; 0 until all of them are here. */
  completeCountOf(topic: string): number {
    return this.#incomplete.has(topic) ? 0 : this.of(topic).length;
  }

  *all(): Iterable<Partition> {
    for (const partitions of this.#byTopic.values()) yield* partitions;
  }

  /** Makes what could not be made before. */
  ensureMissing(): void {
    for (const topic of [...this.#incomplete.values()]) this.ensure(topic);
  }

  /**
   * Opens or makes the logs that `topic` should have and does not yet.
   * @throws {StorageError} when the disk does not let them be made
   */
  ensure(topic: Topic): void {
    let partitions = this.#byTopic.get(topic.name);
    if (partitions === undefined) {
      partitions = [];
      this.#byTopic.set(topic.name, partitions);
    }
    if (partitions.length === topic.partitions.length) return;
    const settings = settingsOf(topic, this.#config);
    this.#incomplete.set(topic.name, topic);
    for (let index = partitions.length; index < topic.partitions.length; index++) {
      const log = this.#logDir.log(topic.name, index) ??
        this.#logDir.createLog({ topic: topic.name, partition: index, topicId: topic.id, config: settings.log });
      log.updateConfig(settings.log);
      const { leaderId, leaderEpoch } = topic.partitions[index]!;
      const { rules, flushPolicy } = settings;
      const { name, id: topicId } = topic;
      partitions.push(new Partition({ topic: name, index, topicId, log, leaderId, leaderEpoch, rules, flushPolicy }));
      this.#count++;
    }
    this.#incomplete.delete(topic.name);
  }

  /** The topic's configs changed, or a broker default under them. */
  reconfigure(topic: Topic): void {
    this.#refresh(topic);
    const settings = settingsOf(topic, this.#config);
    for (const partition of this.of(topic.name)) {
      partition.log.updateConfig(settings.log);
      partition.rules = settings.rules;
      if (partition.flushPolicy !== settings.flushPolicy) partition.setFlushPolicy(settings.flushPolicy);
    }
  }

  /** Leaders changed: what is appended from here on is of the new epochs. */
  lead(topic: Topic): void {
    this.#refresh(topic);
    for (const partition of this.of(topic.name)) {
      const { leaderId, leaderEpoch } = topic.partitions[partition.index]!;
      partition.leaderId = leaderId;
      partition.leaderEpoch = leaderEpoch;
    }
  }

  /** Partitions that are still to be made are made as the topic is then. */
  #refresh(topic: Topic): void {
    if (this.#incomplete.has(topic.name)) this.#incomplete.set(topic.name, topic);
  }

  /** The topic was deleted: its waiters are told, its logs go. */
  remove(topic: Topic): void {
    this.#incomplete.delete(topic.name);
    const partitions = this.#byTopic.get(topic.name);
    if (partitions === undefined) return;
    this.#byTopic.delete(topic.name);
    this.#count -= partitions.length;
    for (const partition of partitions) partition.markRemoved();
    this.#logDir.deleteLogs(partitions.map((partition) => partition.log));
  }
}

/** One topic's configs, in the forms in which its partitions use them; shared by all of them. */
function settingsOf(
  topic: Topic,
  broker: BrokerConfig,
): { readonly log: LogConfig; readonly rules: BatchRules; readonly flushPolicy: FlushPolicy } {
  const config = new TopicConfig(topic.configs, broker);
  const log = logConfigFor(topic.configs, broker);
  const rules: BatchRules = {
    maxMessageBytes: log.maxMessageBytes,
    segmentBytes: log.segmentBytes,
    isCompacted: log.cleanupPolicy.compact,
    compressionType: config.get("compression.type"),
    timestampType: log.timestampType,
    timestampBeforeMaxMs: config.get("message.timestamp.before.max.ms"),
    timestampAfterMaxMs: config.get("message.timestamp.after.max.ms"),
  };
  return { log, rules, flushPolicy: config.get("flush.policy") as FlushPolicy };
}
