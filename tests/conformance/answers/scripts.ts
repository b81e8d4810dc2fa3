/** What is asked of a broker to compare it with Kafka, by the name of the file in tests/golden/answers that has Kafka's answers. */

import type { Dialogue } from "../../support/dialogue.ts";
import { clusterAnswers } from "./cluster.ts";
import { commitsAnswers } from "./commits.ts";
import { fetchAnswers } from "./fetch.ts";
import { framesAnswers } from "./frames.ts";
import { groupsAnswers } from "./groups.ts";
import { membersAnswers } from "./members.ts";
import { offsetsAnswers } from "./offsets.ts";
import { produceAnswers } from "./produce.ts";
import { producersAnswers } from "./producers.ts";
import { sessionsAnswers } from "./sessions.ts";
import { topicsAnswers } from "./topics.ts";

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
  groups: groupsAnswers,
};

/** Of the broker that is asked, beside its defaults. */
export const config = {
  "node.id": 1,
  "group.initial.rebalance.delay.ms": 0,
  "offsets.topic.num.partitions": 5,
};
