/** What is not asked, and why: it would end or change the brokers, leave one of them waiting, or be answered by chance. */

import type { Question } from "./questions.ts";

interface Unasked {
  readonly api: string;
  /** Of the question's label, behind the api's name; all of the api's when left out. */
  readonly which?: RegExp;
  readonly reason: string;
}

const neverAnswered = "Kafka 4.4 never answers it, and nothing else on that connection";

const tooShort = "whether so short a time is enough is chance";

const sameClient = "another question may have come from the same client a moment ago, which is too soon";

/** docs/differences.md, "Errors that say more". */
const failsWhole = "Kafka's code fails on it, and so the whole request; here it is told what is wrong";

const changesCluster = "it would change the cluster that Kafka is, for all that is asked later";

const namedTwice = "no client names a partition twice: docs/differences.md has what becomes of it";

export const unasked: readonly Unasked[] = [
  { api: "Produce", which: /records null/, reason: neverAnswered },
  {
    api: "Produce",
    which: /topicData(\.partitionData)? its first twice|partitionData and one of defaults/,
    reason: namedTwice,
  },
  { api: "Fetch", which: /topics(\.partitions)? its first twice|partitions and one of defaults/, reason: namedTwice },
  { api: "Fetch", which: /(start|committed records),.*partitions\.partition (1|one more)/, reason: namedTwice },
  { api: "JoinGroup", which: /protocols its first twice/, reason: neverAnswered },
  {
    api: "Fetch",
    which: /(start|committed records),.*topicId zero/,
    reason: "Kafka's handler fails where two partitions of that topic are named",
  },
  {
    api: "Fetch",
    which: /sessionId the (least|greatest)/,
    reason: "Kafka looks for such a session outside of where it keeps them, and fails",
  },
  {
    api: "ShareFetch",
    which: /batchSize (0|-\d|the least)/,
    reason: "Kafka then also tells of acquired records that end before they begin",
  },
  {
    api: "StreamsGroupHeartbeat",
    which: /a first member,.*sourceTopics its first twice/,
    reason:
      "Kafka forgets with the first heartbeat's answer how it understood the topology, and describes it as it was said",
  },
  { api: "AlterConfigs", which: /resources its first twice/, reason: neverAnswered },
  { api: "AddPartitionsToTxn", which: /v[45]:.* transactions none/, reason: neverAnswered },
  {
    api: "WriteTxnMarkers",
    which: /partitionIndexes (its first twice|and one of defaults)|topics its first twice/,
    reason: neverAnswered,
  },
  {
    api: "WriteTxnMarkers",
    which: /markers and one of defaults/,
    reason: "Kafka 4.4 answers it only if it is through with the one that is for no partition before the other",
  },
  { api: "DescribeShareGroupOffsets", which: /partitions the greatest/, reason: neverAnswered },
  {
    api: "AlterShareGroupOffsets",
    which: /startOffset the (least|greatest)/,
    reason: "how far such a group is behind is past the end of Kafka's numbers, and begins anew at the other",
  },
  { api: "AddRaftVoter", reason: changesCluster },
  { api: "RemoveRaftVoter", reason: changesCluster },
  { api: "UnregisterBroker", reason: changesCluster },
  { api: "UnregisterController", reason: changesCluster },
  { api: "UpdateFeatures", reason: changesCluster },
  ...["AlterConfigs", "IncrementalAlterConfigs"].map((api) => ({
    api,
    which: /resourceType 4.*resourceName "1?"|resourceName "1?".*resourceType 4/,
    reason: changesCluster,
  })),
  {
    api: "ShareFetch",
    which: /a new session.* maxWaitMs (?!one)/,
    reason: "whether the state of the group is read in so short a time is chance",
  },
  { api: "CreateTopics", which: /timeoutMs 1(,|$)/, reason: tooShort },
  { api: "DeleteTopics", which: /timeoutMs 1(,|$)/, reason: tooShort },
  { api: "CreatePartitions", which: /timeoutMs 1(,|$)/, reason: tooShort },
  { api: "ElectLeaders", which: /timeoutMs 1(,|$)/, reason: tooShort },
  { api: "AlterPartitionReassignments", which: /timeoutMs 1(,|$)/, reason: tooShort },
  { api: "ListPartitionReassignments", which: /timeoutMs 1(,|$)/, reason: tooShort },
  { api: "DescribeTopicPartitions", which: /topics\.name ""|topics and one of defaults/, reason: failsWhole },
  {
    api: "DescribeTopicPartitions",
    which: /cursor\.partitionIndex the greatest/,
    reason: "Kafka's sum of it and of the limit turns negative, and its answer's cursor with it",
  },
  {
    api: "DescribeConfigs",
    which: /configurationKeys (none|null).*resourceName ""|resourceName "".*configurationKeys (none|null)/,
    reason: "Kafka keeps min.insync.replicas for all brokers from the start, for eligible leader replicas",
  },
  {
    api: "IncrementalAlterConfigs",
    which: /configOperation (-\d|4|the )|: of (a group|client metrics).*configOperation one less/,
    reason: failsWhole,
  },
  {
    api: "TxnOffsetCommit",
    which: /producerId one (less|more)/,
    reason: "the producer may be that of another question",
  },
  {
    api: "WriteShareGroupState",
    which: /stateBatches\.firstOffset the greatest/,
    reason: "such a batch ends before it begins: Kafka keeps it, here it says nothing",
  },
  { api: "GetTelemetrySubscriptions", which: /clientInstanceId (?!zero)/, reason: sameClient },
  { api: "PushTelemetry", which: /clientInstanceId unknown/, reason: sameClient },
];

/** Whether nothing of an api is asked. */
export function isNeverAsked({ name }: { readonly name: string }): boolean {
  return unasked.some(({ api, which }) => api === name && which === undefined);
}

export function isAskable({ base: { api }, label }: Question): boolean {
  return !unasked.some((each) => each.api === api.name && (each.which?.test(label) ?? true));
}
