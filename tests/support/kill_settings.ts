/** What one series of kills is made of, drawn from its seed: the broker's settings, and topics of every kind. */

import type { Rules } from "./kill_ledger.ts";

export interface TopicToMake {
  readonly name: string;
  readonly partitionCount: number;
  readonly configs: Readonly<Record<string, string>> & { readonly "flush.policy": string };
}

export interface KillTopic extends TopicToMake {
  readonly rules: Rules;
  readonly acks: -1 | 1;
  readonly keyCount: number;
  readonly recordsPerBatchMax: number;
}

/** That a transactional producer writes to. */
export interface TransactedTopic extends TopicToMake {
  /** By KIP-890, or by the protocol before. */
  readonly isNew: boolean;
}

export interface KillSettings {
  readonly config: Readonly<Record<string, string | number>>;
  readonly topics: readonly KillTopic[];
  readonly transacted: readonly TransactedTopic[];
}

const kinds: readonly { readonly name: string; readonly policy: string; readonly rules: Rules }[] = [
  { name: "kept", policy: "delete", rules: { hasRetention: false, isCompacted: false } },
  { name: "retained", policy: "delete", rules: { hasRetention: true, isCompacted: false } },
  { name: "compacted", policy: "compact", rules: { hasRetention: false, isCompacted: true } },
  { name: "both", policy: "compact,delete", rules: { hasRetention: true, isCompacted: true } },
];

/** Small segments, and everything that happens from time to time happens all the time. */
export function drawSettings(random: () => number): KillSettings {
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)]!;
  const config = {
    "group.initial.rebalance.delay.ms": 0,
    "offsets.topic.num.partitions": pick([1, 5]),
    "offsets.topic.segment.bytes": 1_048_576, // the least that a topic takes
    "log.retention.check.interval.ms": pick([50, 200, 1_000]),
    "log.flush.offset.checkpoint.interval.ms": pick([100, 1_000, 60_000]),
    "log.segment.delete.delay.ms": pick([0, 300, 60_000]),
    "log.cleaner.backoff.ms": pick([20, 100]),
    "log.cleaner.min.cleanable.ratio": pick([0.01, 0.3]),
    "log.cleaner.delete.retention.ms": pick([0, 500, 86_400_000]),
    "log.cleaner.max.compaction.lag.ms": pick([200, 1_000]),
  };
  const topics = kinds.map(({ name, policy, rules }): KillTopic => ({
    name,
    rules,
    partitionCount: rules.hasRetention ? pick([1, 2]) : pick([1, 2, 4, 8]), // few, to be large enough for deletion
    acks: random() < 0.8 ? -1 : 1,
    keyCount: pick([20, 300, 3_000]),
    recordsPerBatchMax: pick([5, 50, 100]),
    configs: {
      "cleanup.policy": policy,
      "flush.policy": pick(["group", "group", "interval", "os"]),
      // More than the largest batch.
      "internal.segment.bytes": String(pick([40_000, 150_000, 1_000_000])),
      // More than a producer has under way: it will find what it has written and not heard of.
      ...(rules.hasRetention ? { "retention.bytes": String(pick([250_000, 500_000])) } : {}),
    },
  }));
  const transacted = [true, false].map((isNew): TransactedTopic => ({
    name: isNew ? "transacted-new" : "transacted-old",
    isNew,
    partitionCount: pick([1, 2, 3, 5]),
    configs: {
      "flush.policy": pick(["group", "group", "interval", "os"]),
      "internal.segment.bytes": String(pick([2_000, 40_000, 1_000_000])),
    },
  }));
  const transactions = { "transaction.state.log.num.partitions": pick([1, 3]) };
  return { config: { ...config, ...transactions }, topics, transacted };
}
