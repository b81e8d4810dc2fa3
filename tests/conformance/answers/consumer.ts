/** One member of a consumer group, for the scripts that talk about such groups. */

import {
  consumerGroupHeartbeat,
  type ConsumerGroupHeartbeatRequestDraft,
  type ConsumerGroupHeartbeatResponse,
} from "../../../protocol/api/68_consumer_group_heartbeat.ts";
import { until } from "../../support/broker.ts";
import type { Dialogue } from "../../support/dialogue.ts";
import type { TestClient } from "../../support/test_client.ts";

type Said = Partial<ConsumerGroupHeartbeatRequestDraft>;

/** With the sentence: clients log it, and people search for it. */
export const withSentence = {
  view: ({ errorMessage, ...rest }: ConsumerGroupHeartbeatResponse) => ({ ...rest, says: errorMessage }),
};

export class Consumer {
  epoch = 0;
  owned: NonNullable<ConsumerGroupHeartbeatRequestDraft["topicPartitions"]> = [];
  #hasNews = false;

  private constructor(
    readonly dialogue: Dialogue,
    readonly client: TestClient,
    readonly groupId: string,
    readonly memberId: string,
    readonly said: Said,
  ) {}

  static async connect(dialogue: Dialogue, groupId: string, memberId: string, said: Said = {}): Promise<Consumer> {
    return new Consumer(dialogue, await dialogue.connect(`client of ${memberId}`), groupId, memberId, said);
  }

  /** What it says when it joins, or later; `more` makes it another. */
  draft(more: Said = {}): ConsumerGroupHeartbeatRequestDraft {
    const { groupId, memberId, epoch, said } = this;
    const instanceId = said.instanceId ?? null;
    const isJoining = (more.memberEpoch ?? epoch) === 0;
    const all = isJoining ? { rebalanceTimeoutMs: 30_000, topicPartitions: [], ...said } : {};
    return { groupId, memberId, memberEpoch: epoch, instanceId, ...all, ...more };
  }

  /** Asks, notes the answer, and does what it says. */
  async ask(label: string, more: Said = {}, version = 1): Promise<void> {
    const news = this.#hasNews && this.epoch > 0 ? { topicPartitions: this.owned } : {};
    const draft = this.draft({ ...news, ...more });
    const answer = await this.dialogue.ask(label, consumerGroupHeartbeat, version, draft, {
      client: this.client,
      ...withSentence,
    });
    this.#take(answer);
  }

  /** Takes part until it is in the epoch, or in any, and has so many partitions. */
  async comesTo(epoch: number | "any", partitionCount: number): Promise<void> {
    await until(async () => {
      const news = this.#hasNews ? { topicPartitions: this.owned } : {};
      this.#take(await this.client.send(consumerGroupHeartbeat, 1, this.draft(news)));
      const ownedCount = this.owned.reduce((sum, { partitions }) => sum + partitions.length, 0);
      return (epoch === "any" || this.epoch === epoch) && !this.#hasNews && ownedCount === partitionCount;
    }, { what: `Epoch ${epoch} of "${this.memberId}"` });
  }

  #take(answer: ConsumerGroupHeartbeatResponse | null): void {
    if (answer === null || answer.errorCode !== 0) return;
    this.epoch = Math.max(0, answer.memberEpoch);
    this.#hasNews = answer.assignment !== null;
    if (answer.assignment !== null) this.owned = answer.assignment.topicPartitions;
  }
}
