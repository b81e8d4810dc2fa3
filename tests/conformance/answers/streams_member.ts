/** One member of a streams group, for the scripts that talk about such groups. */

import {
  streamsGroupHeartbeat,
  type StreamsGroupHeartbeatRequestDraft,
  type StreamsGroupHeartbeatResponse,
} from "../../../protocol/api/88_streams_group_heartbeat.ts";
import { until } from "../../support/broker.ts";
import type { Dialogue } from "../../support/dialogue.ts";
import type { TestClient } from "../../support/test_client.ts";

type Said = Partial<StreamsGroupHeartbeatRequestDraft>;
export type TopologyDraft = NonNullable<StreamsGroupHeartbeatRequestDraft["topology"]>;
type SubtopologyDraft = TopologyDraft["subtopologies"][number];
type Tasks = Pick<StreamsGroupHeartbeatResponse, "activeTasks" | "standbyTasks" | "warmupTasks">;

/** With the sentence: clients log it, and people search for it. Tasks and topics are in order, not in that of a hash map. */
export const withSentence = {
  view: ({ errorMessage, activeTasks, standbyTasks, status, ...rest }: StreamsGroupHeartbeatResponse) => ({
    ...rest,
    activeTasks: inOrder(activeTasks),
    standbyTasks: inOrder(standbyTasks),
    status: status?.map(({ statusCode, statusDetail }) => {
      const [what = "", topics] = statusDetail.split(": ");
      return {
        statusCode,
        statusDetail: topics === undefined ? what : `${what}: ${topics.split(", ").sort().join(", ")}`,
      };
    }),
    says: errorMessage,
  }),
};

function inOrder(tasks: StreamsGroupHeartbeatResponse["activeTasks"]) {
  return tasks?.toSorted((one, other) => one.subtopologyId < other.subtopologyId ? -1 : 1) ?? null;
}

export function subtopology(subtopologyId: string, parts: Partial<SubtopologyDraft>): SubtopologyDraft {
  return {
    subtopologyId,
    sourceTopics: [],
    sourceTopicRegex: [],
    stateChangelogTopics: [],
    repartitionSinkTopics: [],
    repartitionSourceTopics: [],
    copartitionGroups: [],
    ...parts,
  };
}

export function topicInfo(name: string, partitions = 0) {
  const topicConfigs = [{ key: "cleanup.policy", value: "compact" }];
  return { name, partitions, replicationFactor: 0, topicConfigs };
}

export class StreamsMember {
  epoch = 0;
  endpointEpoch = 0;
  owned: Tasks = { activeTasks: [], standbyTasks: [], warmupTasks: [] };
  #hasNews = false;

  private constructor(
    readonly dialogue: Dialogue,
    readonly client: TestClient,
    readonly groupId: string,
    readonly memberId: string,
    readonly topology: TopologyDraft,
    readonly said: Said,
  ) {}

  static async connect(
    dialogue: Dialogue,
    groupId: string,
    memberId: string,
    topology: TopologyDraft,
    said: Said = {},
  ): Promise<StreamsMember> {
    const client = await dialogue.connect(`client of ${memberId}`);
    return new StreamsMember(dialogue, client, groupId, memberId, topology, said);
  }

  /** What it says when it joins, or later; `more` makes it another. */
  draft(more: Said = {}): StreamsGroupHeartbeatRequestDraft {
    const { groupId, memberId, epoch, endpointEpoch, said, topology } = this;
    const nothing = { activeTasks: [], standbyTasks: [], warmupTasks: [] };
    const first = { rebalanceTimeoutMs: 30_000, topology, processId: `process of ${memberId}`, ...nothing };
    return {
      groupId,
      memberId,
      memberEpoch: epoch,
      endpointInformationEpoch: endpointEpoch,
      instanceId: said.instanceId ?? null,
      ...((more.memberEpoch ?? epoch) === 0 ? { ...first, ...said } : {}),
      ...more,
    };
  }

  /** Asks, notes the answer, and does what it says. */
  async ask(label: string, more: Said = {}, version = 1): Promise<StreamsGroupHeartbeatResponse | null> {
    const news = this.#hasNews && this.epoch > 0 ? this.owned : {};
    const answer = await this.dialogue.ask(label, streamsGroupHeartbeat, version, this.draft({ ...news, ...more }), {
      client: this.client,
      ...withSentence,
    });
    this.#take(answer);
    return answer;
  }

  /** Takes part until it is in the epoch, and has so many active tasks. */
  async comesTo(epoch: number, taskCount: number): Promise<void> {
    await this.getsTasks(taskCount, () => this.epoch === epoch);
  }

  /** Takes part until it has so many active tasks. */
  async getsTasks(taskCount: number, isThere: () => boolean = () => true): Promise<void> {
    await until(async () => {
      const news = this.#hasNews && this.epoch > 0 ? this.owned : {};
      this.#take(await this.client.send(streamsGroupHeartbeat, 1, this.draft(news)));
      const count = (this.owned.activeTasks ?? []).reduce((sum, { partitions }) => sum + partitions.length, 0);
      return isThere() && !this.#hasNews && count === taskCount;
    }, { what: `${taskCount} tasks of "${this.memberId}"` });
  }

  #take(answer: StreamsGroupHeartbeatResponse | null): void {
    if (answer === null || answer.errorCode !== 0) return;
    this.epoch = Math.max(0, answer.memberEpoch);
    this.endpointEpoch = answer.endpointInformationEpoch;
    this.#hasNews = answer.activeTasks !== null;
    if (this.#hasNews) {
      const { activeTasks, standbyTasks, warmupTasks } = answer;
      this.owned = { activeTasks, standbyTasks, warmupTasks };
    }
  }
}
