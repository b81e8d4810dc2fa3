/**
 * Makes topics, adds partitions, alters configs, deletes records and topics, and looks whether all of it is so. The only
 * one who does. What was asked and not answered may have happened; it looks before it goes on.
 */

import { metadata } from "../../../protocol/api/03_metadata.ts";
import { createTopics } from "../../../protocol/api/19_create_topics.ts";
import { deleteTopics } from "../../../protocol/api/20_delete_topics.ts";
import { deleteRecords } from "../../../protocol/api/21_delete_records.ts";
import { describeConfigs } from "../../../protocol/api/32_describe_configs.ts";
import { createPartitions } from "../../../protocol/api/37_create_partitions.ts";
import { incrementalAlterConfigs } from "../../../protocol/api/44_incremental_alter_configs.ts";
import { ErrorCode, errorName } from "../../../protocol/errors.ts";
import { Broken, type Cleanup, type Policy, TopicHistory } from "./history.ts";
import { Link, LinkBroken } from "./link.ts";
import type { World } from "./world.ts";

const NAMES = ["orders", "events", "clicks"];
const PARTITIONS_MAX = 4;
const TOPIC_RESOURCE = 2;
const SET = 0;
const CONFIG = "max.message.bytes";
/** Every topic starts with a value of its own, by which it can be told. */
const CONFIG_START = 1_000_000;
const CONFIG_STEP = 1_000;

/** The disk did not take the change, or it took too long. */
const passing: ReadonlySet<number> = new Set([
  ErrorCode.KAFKA_STORAGE_ERROR,
  ErrorCode.REQUEST_TIMED_OUT,
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
]);

interface TopicPlan {
  readonly policy: Policy;
  readonly cleanup: Cleanup;
  readonly partitionCount: number;
  /** Of `max.message.bytes`. */
  readonly config: number;
  readonly configs: Readonly<Record<string, string>>;
}

export class Admin {
  readonly #world: World;
  readonly #link: Link;
  readonly #begin: (topic: TopicHistory) => void;
  /** Topics that may or may not have been made: some come true at the next start. */
  #unsure: { readonly name: string; readonly plan: TopicPlan }[] = [];
  #planCount = 0;

  /** `begin` is told of every topic that is there. */
  constructor(world: World, begin: (topic: TopicHistory) => void) {
    this.#world = world;
    this.#link = new Link(world, "admin");
    this.#begin = begin;
  }

  async run(): Promise<void> {
    const world = this.#world;
    while (!world.isOver && !world.isHealing) {
      await world.sleep(50 + world.int(800));
      try {
        await this.#step();
      } catch (error) {
        if (!(error instanceof LinkBroken)) throw error;
        await world.sleep(world.int(500));
      }
    }
  }

  async #step(): Promise<void> {
    const world = this.#world;
    const live = world.history.liveTopics();
    if (world.chance(0.3)) return await this.check();
    if (live.length === 0 || (live.length < NAMES.length && world.chance(0.2))) return await this.#create();
    const topic = world.pick(live);
    if (world.chance(0.08)) return await this.#delete(topic);
    if (world.chance(0.1)) return await this.#addPartition(topic);
    if (world.chance(0.2)) return await this.#configure(topic);
    if (world.chance(0.4)) await this.#deleteRecords(topic);
  }

  /** Everything that is there should be, and everything that should be is. */
  async check(): Promise<void> {
    const { history } = this.#world;
    const before = new Map(history.liveTopics().map((topic) => [topic.id, topic.partitionCount]));
    const doomed = new Set([...history.topics.values()].filter(({ state }) => state !== "live").map(({ id }) => id));
    const deleted = new Set(
      [...history.topics.values()].filter(({ state }) => state === "deleted").map(({ id }) => id),
    );
    const response = await this.#link.ask(metadata, 12, { topics: null, allowAutoTopicCreation: false });
    const found = new Set<string>();
    for (const { name, topicId, partitions, isInternal, errorCode } of response.topics) {
      if (isInternal) continue;
      if (errorCode !== ErrorCode.NONE) throw new Broken(`topic ${name} is described with ${errorName(errorCode)}`);
      found.add(topicId);
      if (deleted.has(topicId)) throw new Broken(`topic ${name} (${topicId}) was deleted and is there`);
      if (doomed.has(topicId)) continue;
      const known = history.topics.get(topicId);
      if (known !== undefined) {
        if (known.isLive) known.described(partitions.length, before.get(topicId) ?? 0);
        continue;
      }
      await this.#identify(name!, topicId, partitions.length);
    }
    for (const [id] of before) {
      const topic = history.topics.get(id)!;
      if (topic.isLive && !found.has(id)) throw new Broken(`topic ${topic.name} (${id}) is gone`);
    }
    for (const id of doomed) if (!found.has(id)) history.topics.get(id)!.state = "deleted";
    for (const topic of history.liveTopics()) {
      const before = topic.config;
      topic.configured(await this.#configOf(topic.name), before);
    }
  }

  /** A topic that is there and was never answered for: which of those that I asked for? */
  async #identify(name: string, topicId: string, partitionCount: number): Promise<void> {
    const config = await this.#configOf(name);
    const found = this.#unsure.find(({ name: asked, plan }) =>
      asked === name && plan.partitionCount === partitionCount && plan.config === config
    );
    if (found === undefined) {
      throw new Broken(`topic ${name} (${topicId}) of ${partitionCount} partitions was never asked for`);
    }
    this.#made(name, topicId, found.plan);
  }

  async #configOf(topic: string): Promise<number> {
    const response = await this.#link.ask(describeConfigs, 4, {
      resources: [{ resourceType: TOPIC_RESOURCE, resourceName: topic, configurationKeys: [CONFIG] }],
    });
    const [result] = response.results;
    if (result!.errorCode !== ErrorCode.NONE) {
      throw new Broken(`DescribeConfigs of ${topic} is answered ${errorName(result!.errorCode)}`);
    }
    return Number(result!.configs[0]!.value);
  }

  async #create(): Promise<void> {
    const world = this.#world;
    const used = new Set(world.history.liveTopics().map(({ name }) => name));
    const name = world.pick(NAMES.filter((candidate) => !used.has(candidate)));
    const plan = this.#plan();
    this.#unsure.push({ name, plan });
    const response = await this.#link.ask(createTopics, 7, {
      topics: [{
        name,
        numPartitions: plan.partitionCount,
        replicationFactor: 1,
        assignments: [],
        configs: Object.entries(plan.configs).map(([key, value]) => ({ name: key, value })),
      }],
      timeoutMs: 5_000,
    });
    const [answer] = response.topics;
    world.note(`create ${name} (${answer!.topicId}): ${errorName(answer!.errorCode)}`);
    if (answer!.errorCode === ErrorCode.NONE) {
      return this.#made(name, answer!.topicId, plan);
    }
    // A topic whose deletion has no answer yet may still be there, and one may have come that was asked for before.
    const isThere = this.#unsure.some(({ name: asked, plan: other }) => asked === name && other !== plan) ||
      [...world.history.topics.values()].some((topic) => topic.name === name && topic.state === "deleting");
    if (!passing.has(answer!.errorCode) && !(isThere && answer!.errorCode === ErrorCode.TOPIC_ALREADY_EXISTS)) {
      throw new Broken(`CreateTopics of ${name} is answered ${errorName(answer!.errorCode)}`);
    }
    await this.check();
  }

  #made(name: string, id: string, plan: TopicPlan): void {
    const { history } = this.#world;
    if (history.topics.has(id)) throw new Broken(`topic id ${id} is given twice`);
    this.#unsure = this.#unsure.filter((unsure) => unsure.plan !== plan);
    const topic = new TopicHistory({ name, id, ...plan, nowMs: () => this.#world.nowMs() });
    history.topics.set(id, topic);
    this.#begin(topic);
  }

  #plan(): TopicPlan {
    const world = this.#world;
    const policy: Policy = world.chance(0.6) ? "group" : world.pick(["interval", "os"]);
    const isCompacted = world.chance(0.4);
    const hasRetention = world.chance(0.4);
    const keepsTombstones = world.chance(0.6);
    const cleanup = { isCompacted, hasRetention, keepsTombstones };
    const config = CONFIG_START + CONFIG_STEP * ++this.#planCount;
    return {
      policy,
      cleanup,
      config,
      partitionCount: 1 + world.int(2),
      configs: {
        "flush.policy": policy,
        "internal.segment.bytes": String(world.pick([2_500, 4_000, 20_000])),
        "index.interval.bytes": String(world.pick([0, 200, 4_096])),
        [CONFIG]: String(config),
        "cleanup.policy": isCompacted ? hasRetention ? "compact,delete" : "compact" : "delete",
        "min.cleanable.dirty.ratio": String(world.pick([0, 0.01, 0.5])),
        "max.compaction.lag.ms": String(world.pick([1_000, 5_000, 86_400_000])),
        "delete.retention.ms": String(keepsTombstones ? 86_400_000 : world.pick([0, 1_000])),
        ...(hasRetention ? { "retention.bytes": String(world.pick([0, 5_000, 20_000])) } : {}),
        ...(hasRetention && world.chance(0.3) ? { "retention.ms": "5000" } : {}),
        ...(world.chance(0.2) ? { "segment.ms": "2000" } : {}),
      },
    };
  }

  async #delete(topic: TopicHistory): Promise<void> {
    topic.state = "deleting";
    this.#world.note(`delete ${topic.name} (${topic.id})`);
    const response = await this.#link.ask(deleteTopics, 6, { topics: [{ topicId: topic.id }], timeoutMs: 5_000 });
    const { errorCode } = response.responses[0]!;
    this.#world.note(`delete ${topic.name} (${topic.id}): ${errorName(errorCode)}`);
    if (errorCode === ErrorCode.NONE) topic.state = "deleted";
    else if (!passing.has(errorCode)) {
      throw new Broken(`DeleteTopics of ${topic.name} is answered ${errorName(errorCode)}`);
    }
  }

  async #addPartition(topic: TopicHistory): Promise<void> {
    const count = topic.partitionCountAsked + 1;
    if (topic.partitionCount !== topic.partitionCountAsked) return await this.check();
    if (count > PARTITIONS_MAX) return;
    topic.partitionCountAsked = count;
    const response = await this.#link.ask(createPartitions, 3, {
      topics: [{ name: topic.name, count, assignments: null }],
      timeoutMs: 5_000,
      validateOnly: false,
    });
    const { errorCode } = response.results[0]!;
    this.#world.note(`add partition ${count - 1} to ${topic.name}: ${errorName(errorCode)}`);
    if (errorCode === ErrorCode.NONE) topic.described(count, count);
    else if (!passing.has(errorCode)) {
      throw new Broken(`CreatePartitions of ${topic.name} is answered ${errorName(errorCode)}`);
    }
  }

  async #configure(topic: TopicHistory): Promise<void> {
    const value = ++topic.configAsked;
    const response = await this.#link.ask(incrementalAlterConfigs, 1, {
      resources: [{
        resourceType: TOPIC_RESOURCE,
        resourceName: topic.name,
        configs: [{ name: CONFIG, configOperation: SET, value: String(value) }],
      }],
      validateOnly: false,
    });
    const { errorCode } = response.responses[0]!;
    if (errorCode === ErrorCode.NONE) topic.configured(value, value);
    else if (!passing.has(errorCode)) {
      throw new Broken(`IncrementalAlterConfigs of ${topic.name} is answered ${errorName(errorCode)}`);
    }
  }

  async #deleteRecords(topic: TopicHistory): Promise<void> {
    const world = this.#world;
    const { isCompacted, hasRetention } = topic.cleanup;
    if (isCompacted && !hasRetention) return; // Refused, as by Kafka.
    const index = world.int(topic.partitionCount);
    const history = topic.partition(index);
    const span = history.visibleEnd - history.startOffset;
    const offset = history.startOffset + world.int(span + 1);
    const { lossCount, startOffset } = history;
    history.askedStart = Math.max(history.askedStart, offset);
    const response = await this.#link.ask(deleteRecords, 2, {
      topics: [{ name: topic.name, partitions: [{ partitionIndex: index, offset }] }],
      timeoutMs: 5_000,
    });
    if (!topic.isLive) return;
    const { errorCode, lowWatermark } = response.topics[0]!.partitions[0]!;
    world.note(`delete records of ${topic.name}-${index} before ${offset}: ${errorName(errorCode)} ${lowWatermark}`);
    if (errorCode === ErrorCode.NONE) return history.startTold(lowWatermark, Math.max(startOffset, offset));
    const isLost = errorCode === ErrorCode.OFFSET_OUT_OF_RANGE && history.lossCount !== lossCount;
    const isMissing = errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    if (!passing.has(errorCode) && !isLost && !isMissing) {
      throw new Broken(`DeleteRecords of ${history.name} before ${offset} is answered ${errorName(errorCode)}`);
    }
  }
}
