/** One member of a share group, for the tests that talk about such groups. */

import {
  shareGroupHeartbeat,
  type ShareGroupHeartbeatRequestDraft,
} from "../../../protocol/api/76_share_group_heartbeat.ts";
import { shareFetch } from "../../../protocol/api/78_share_fetch.ts";
import { shareAcknowledge } from "../../../protocol/api/79_share_acknowledge.ts";
import { until } from "../../support/broker.ts";
import type { Dialogue } from "../../support/dialogue.ts";
import type { TestClient } from "../../support/test_client.ts";

export class ShareMember {
  epoch = 0;
  sessionEpoch = 0;
  /** Topic id to partitions. */
  assigned: readonly { readonly topicId: string; readonly partitions: readonly number[] }[] = [];

  private constructor(readonly client: TestClient, readonly groupId: string, readonly memberId: string) {}

  static async connect(dialogue: Dialogue, groupId: string, memberId: string): Promise<ShareMember> {
    return new ShareMember(await dialogue.connect(`client of ${memberId}`), groupId, memberId);
  }

  async heartbeat(more: Partial<ShareGroupHeartbeatRequestDraft> = {}) {
    const { groupId, memberId, epoch } = this;
    const draft = { groupId, memberId, memberEpoch: epoch, ...more };
    const answer = await this.client.send(shareGroupHeartbeat, 1, draft);
    if (answer.errorCode !== 0) return answer;
    this.epoch = Math.max(0, answer.memberEpoch);
    if (answer.assignment !== null) this.assigned = answer.assignment.topicPartitions;
    return answer;
  }

  /** Takes part until it is in the epoch, and has so many partitions. */
  async comesTo(epoch: number, partitionCount: number): Promise<void> {
    await until(async () => {
      await this.heartbeat();
      return this.epoch === epoch && this.assignedCount === partitionCount;
    }, { what: `Epoch ${epoch} of "${this.memberId}"` });
  }

  get assignedCount(): number {
    return this.assigned.reduce((sum, { partitions }) => sum + partitions.length, 0);
  }

  /** Acquires; "0-4x1" is offsets and delivery count. */
  async fetch(topicId: string, partitionIndex: number, maxRecords = 500): Promise<string[]> {
    const { groupId, memberId, sessionEpoch } = this;
    const answer = await this.client.send(shareFetch, 2, {
      groupId,
      memberId,
      shareSessionEpoch: sessionEpoch,
      maxWaitMs: 500,
      minBytes: 1,
      maxBytes: 1_000_000,
      maxRecords,
      batchSize: 500,
      topics: sessionEpoch === 0 ? [{ topicId, partitions: [{ partitionIndex, acknowledgementBatches: [] }] }] : [],
      forgottenTopicsData: [],
    });
    if (answer.errorCode !== 0) throw new Error(`ShareFetch: ${answer.errorCode}`);
    this.sessionEpoch++;
    const partitions = answer.responses.flatMap((topic) => topic.partitions);
    return partitions.flatMap(({ acquiredRecords }) =>
      acquiredRecords.map(({ firstOffset, lastOffset, deliveryCount }) =>
        `${firstOffset}-${lastOffset}x${deliveryCount}`
      )
    );
  }

  /** @returns the error code */
  async acknowledge(
    topicId: string,
    partitionIndex: number,
    [firstOffset, lastOffset]: readonly [number, number],
    acknowledgeTypes: readonly number[],
  ): Promise<number> {
    const { groupId, memberId, sessionEpoch } = this;
    const acknowledgementBatches = [{ firstOffset, lastOffset, acknowledgeTypes }];
    const answer = await this.client.send(shareAcknowledge, 2, {
      groupId,
      memberId,
      shareSessionEpoch: sessionEpoch,
      topics: [{ topicId, partitions: [{ partitionIndex, acknowledgementBatches }] }],
    });
    if (answer.errorCode !== 0) return answer.errorCode;
    this.sessionEpoch++;
    return answer.responses[0]!.partitions[0]!.errorCode;
  }
}
