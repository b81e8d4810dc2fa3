/** What is asked of a broker to compare it with Kafka, by the name of the file in tests/golden/answers that has Kafka's answers. */

import type { Dialogue } from "../../support/dialogue.ts";
import { administrationAnswers } from "./administration.ts";
import { clusterAnswers } from "./cluster.ts";
import { commitsAnswers } from "./commits.ts";
import { consumerGroupsAnswers } from "./consumer_groups.ts";
import { featuresAnswers } from "./features.ts";
import { fetchAnswers } from "./fetch.ts";
import { framesAnswers } from "./frames.ts";
import { groupsAnswers } from "./groups.ts";
import { membersAnswers } from "./members.ts";
import { offsetsAnswers } from "./offsets.ts";
import { produceAnswers } from "./produce.ts";
import { producersAnswers } from "./producers.ts";
import { quotasAnswers } from "./quotas.ts";
import { scramAnswers } from "./scram.ts";
import { securityAnswers } from "./security.ts";
import { sessionsAnswers } from "./sessions.ts";
import { shareCommittedAnswers } from "./share_committed.ts";
import { shareGroupsAnswers } from "./share_groups.ts";
import { shareRecordsAnswers } from "./share_records.ts";
import { streamsGroupsAnswers } from "./streams_groups.ts";
import { throttlesAnswers } from "./throttles.ts";
import { topicsAnswers } from "./topics.ts";
import { transactionalCommitsAnswers } from "./transactional_commits.ts";
import { transactionalProduceAnswers } from "./transactional_produce.ts";
import { transactionsAnswers } from "./transactions.ts";

export const scripts: Readonly<Record<string, (dialogue: Dialogue) => Promise<void>>> = {
  frames: framesAnswers,
  cluster: clusterAnswers,
  topics: topicsAnswers,
  produce: produceAnswers,
  producers: producersAnswers,
  fetch: fetchAnswers,
  sessions: sessionsAnswers,
  offsets: offsetsAnswers,
  members: membersAnswers,
  commits: commitsAnswers,
  features: featuresAnswers,
  groups: groupsAnswers,
  quotas: quotasAnswers,
  throttles: throttlesAnswers,
  consumer_groups: consumerGroupsAnswers,
  streams_groups: streamsGroupsAnswers,
  share_groups: shareGroupsAnswers,
  share_records: shareRecordsAnswers,
  share_committed: shareCommittedAnswers,
  transactions: transactionsAnswers,
  transactional_produce: transactionalProduceAnswers,
  transactional_commits: transactionalCommitsAnswers,
  administration: administrationAnswers,
  security: securityAnswers,
  scram: scramAnswers,
};

/** Of the broker that is asked, beside its defaults. */
export const config = {
  "node.id": 1,
  "group.initial.rebalance.delay.ms": 0,
  "offsets.topic.num.partitions": 5,
  // A group's assignment is made with the request that calls for it, so that answers do not depend on when they are asked for.
  "group.consumer.assignment.interval.ms": 0,
  "group.consumer.assignor.offload.enable": false,
  "group.streams.initial.rebalance.delay.ms": 0,
  "group.streams.assignment.interval.ms": 0,
  "group.streams.assignor.offload.enable": false,
  "group.share.assignment.interval.ms": 0,
  "group.share.assignor.offload.enable": false,
  // Locks whose time is up soon.
  "group.share.min.record.lock.duration.ms": 1_000,
  "share.coordinator.state.topic.num.partitions": 3,
  "share.coordinator.state.topic.replication.factor": 1,
  "share.coordinator.state.topic.min.isr": 1,
  "transaction.state.log.num.partitions": 5,
  "transaction.abort.timed.out.transaction.cleanup.interval.ms": 100,
};
