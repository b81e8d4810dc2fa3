/** One member of a share group, for the tests that talk about such groups. */

import { describeConfigs } from "../../../protocol/api/32_describe_configs.ts";
import { incrementalAlterConfigs } from "../../../protocol/api/44_incremental_alter_configs.ts";
import {
  shareGroupHeartbeat,
  type ShareGroupHeartbeatRequestDraft,
  type ShareGroupHeartbeatResponse,
} from "../../../protocol/api/76_share_group_heartbeat.ts";
import {
  shareFetch,
  type ShareFetchRequestDraft,
  type ShareFetchResponse,
} from "../../../protocol/api/78_share_fetch.ts";
import {
  shareAcknowledge,
  type ShareAcknowledgeRequestDraft,
  type ShareAcknowledgeResponse,
} from "../../../protocol/api/79_share_acknowledge.ts";
import { describeShareGroupOffsets } from "../../../protocol/api/90_describe_share_group_offsets.ts";
import { errorName } from "../../../protocol/errors.ts";
import { until } from "../../support/broker.ts";
import type { Dialogue } from "../../support/dialogue.ts";
import type { TestClient } from "../../support/test_client.ts";

const GROUP_RESOURCE = 32;
const SET = 0;
const FINAL_EPOCH = -1;

/** With the sentence: clients log it, and people search for it. */
export const withSentence = {
  view: ({ errorMessage, assignment, ...rest }: ShareGroupHeartbeatResponse) => ({
    ...rest,
    assignment: assignment && counted(assignment.topicPartitions),
    says: errorMessage,
  }),
};

/** How many partitions: which of them a member has is by the order of a hash map in Kafka. */
export function counted(topics: readonly { readonly topicId: string; readonly partitions: readonly number[] }[]) {
  return topics.map(({ topicId, partitions }) => ({ topicId, partitionCount: partitions.length }));
}

/** What is said of records, by partition and extent: { 0: { "0-4": [1] } }. */
export type Said = Readonly<Record<number, Readonly<Record<string, readonly number[]>>>>;

interface Versioned {
  readonly version?: number;
}

export class ShareMember {
  epoch = 0;
  sessionEpoch = 0;
  /** Topic id to partitions. */
  assigned: readonly { readonly topicId: string; readonly partitions: readonly number[] }[] = [];

  private constructor(
    readonly dialogue: Dialogue,
    readonly client: TestClient,
    readonly groupId: string,
    readonly memberId: string,
  ) {}

  static async connect(dialogue: Dialogue, groupId: string, memberId: string): Promise<ShareMember> {
    return new ShareMember(dialogue, await dialogue.connect(`client of ${memberId}`), groupId, memberId);
  }

  /** On a connection that is there already. */
  static on(dialogue: Dialogue, client: TestClient, groupId: string, memberId: string): ShareMember {
    return new ShareMember(dialogue, client, groupId, memberId);
  }

  // -------------------------------------------------------------------------------------------- the group

  async heartbeat(more: Partial<ShareGroupHeartbeatRequestDraft> = {}) {
    const answer = await this.client.send(shareGroupHeartbeat, 1, this.#heartbeatDraft(more));
    this.#take(answer);
    return answer;
  }

  /** Asks, notes the answer, and does what it says. */
  async ask(label: string, more: Partial<ShareGroupHeartbeatRequestDraft> = {}): Promise<void> {
    const options = { client: this.client, ...withSentence };
    this.#take(await this.dialogue.ask(label, shareGroupHeartbeat, 1, this.#heartbeatDraft(more), options));
  }

  /** Takes part until it is in the epoch, and has so many partitions. */
  async comesTo(epoch: number, partitionCount: number): Promise<void> {
    await until(async () => {
      await this.heartbeat();
      return this.epoch === epoch && this.assignedCount === partitionCount;
    }, { what: `Epoch ${epoch} of "${this.memberId}"` });
  }

  /** Takes part until it has so many partitions. */
  async getsPartitions(partitionCount: number): Promise<void> {
    await until(async () => {
      await this.heartbeat();
      return this.assignedCount === partitionCount;
    }, { what: `${partitionCount} partitions of "${this.memberId}"` });
  }

  get assignedCount(): number {
    return this.assigned.reduce((sum, { partitions }) => sum + partitions.length, 0);
  }

  #heartbeatDraft(more: Partial<ShareGroupHeartbeatRequestDraft>): ShareGroupHeartbeatRequestDraft {
    const { groupId, memberId, epoch } = this;
    return { groupId, memberId, memberEpoch: epoch, ...more };
  }

  #take(answer: ShareGroupHeartbeatResponse | null): void {
    if (answer === null || answer.errorCode !== 0) return;
    this.epoch = Math.max(0, answer.memberEpoch);
    if (answer.assignment !== null) this.assigned = answer.assignment.topicPartitions;
  }

  // -------------------------------------------------------------------------------------------- its records

  /** Acquires; "0-4x1" is offsets and delivery count. */
  async fetch(topicId: string, partitionIndex: number, maxRecords = 500): Promise<string[]> {
    const topics = this.sessionEpoch === 0 ? placed(topicId, { [partitionIndex]: {} }) : [];
    const answer = await this.client.send(shareFetch, 2, this.#fetchDraft({ maxRecords, maxWaitMs: 500, topics }));
    if (answer.errorCode !== 0) throw new Error(`ShareFetch: ${answer.errorCode}`);
    this.#goOn(this.sessionEpoch);
    return answer.responses.flatMap(({ partitions }) => partitions.flatMap(acquired));
  }

  /** @returns the error code */
  async acknowledge(
    topicId: string,
    partitionIndex: number,
    [firstOffset, lastOffset]: readonly [number, number],
    acknowledgeTypes: readonly number[],
  ): Promise<number> {
    const { groupId, memberId, sessionEpoch } = this;
    const topics = placed(topicId, { [partitionIndex]: { [`${firstOffset}-${lastOffset}`]: acknowledgeTypes } });
    const draft = { groupId, memberId, shareSessionEpoch: sessionEpoch, topics };
    const answer = await this.client.send(shareAcknowledge, 2, draft);
    if (answer.errorCode !== 0) return answer.errorCode;
    this.#goOn(sessionEpoch);
    return answer.responses[0]!.partitions[0]!.errorCode;
  }

  /** Fetches, notes the answer, and goes on with the session. */
  async askFetch(
    label: string,
    topicId: string,
    said: Said = {},
    { version = 2, ...more }: Partial<ShareFetchRequestDraft> & Versioned = {},
  ): Promise<void> {
    const draft = this.#fetchDraft({ topics: placed(topicId, said), ...more });
    const answer = await this.dialogue.ask(label, shareFetch, version, draft, { client: this.client, view: fetched });
    if (answer?.errorCode === 0) this.#goOn(draft.shareSessionEpoch);
  }

  /** Says something of records, notes the answer, and goes on with the session. */
  async askAcknowledge(
    label: string,
    topicId: string,
    said: Said,
    { version = 2, ...more }: Partial<ShareAcknowledgeRequestDraft> & Versioned = {},
  ): Promise<void> {
    const { groupId, memberId, sessionEpoch: shareSessionEpoch } = this;
    const draft = { groupId, memberId, shareSessionEpoch, topics: placed(topicId, said), ...more };
    const options = { client: this.client, view: acknowledged };
    const answer = await this.dialogue.ask(label, shareAcknowledge, version, draft, options);
    if (answer?.errorCode === 0) this.#goOn(draft.shareSessionEpoch);
  }

  /** Where the group is, as an administrator is told. */
  async askOffsets(label: string, topicName: string, partitions: readonly number[] = [0]): Promise<void> {
    const { groupId } = this;
    const groups = [{ groupId, topics: [{ topicName, partitions: [...partitions] }] }];
    await this.dialogue.ask(label, describeShareGroupOffsets, 1, { groups }, {
      view: (answer) =>
        answer.groups[0]!.topics[0]!.partitions.map(({ partitionIndex, startOffset, lag, errorCode }) =>
          `${partitionIndex}: ${errorName(errorCode)}, starts at ${startOffset}, ${lag} behind`
        ),
    });
  }

  #fetchDraft(more: Partial<ShareFetchRequestDraft>): ShareFetchRequestDraft {
    const { groupId, memberId, sessionEpoch } = this;
    return {
      groupId,
      memberId,
      shareSessionEpoch: sessionEpoch,
      maxWaitMs: 4_000,
      minBytes: 1,
      maxBytes: 1_000_000,
      maxRecords: 500,
      batchSize: 500,
      topics: [],
      forgottenTopicsData: [],
      ...more,
    };
  }

  #goOn(epoch: number): void {
    this.sessionEpoch = epoch === FINAL_EPOCH ? 0 : epoch + 1;
  }
}

/** Sets configs of a group; done when the broker knows of them. */
export async function configureGroup(
  dialogue: Dialogue,
  groupId: string,
  configs: Readonly<Record<string, string>>,
): Promise<void> {
  const client = await dialogue.main();
  const resource = { resourceType: GROUP_RESOURCE, resourceName: groupId };
  const wanted = Object.entries(configs);
  const { responses } = await client.send(incrementalAlterConfigs, 1, {
    resources: [{ ...resource, configs: wanted.map(([name, value]) => ({ name, value, configOperation: SET })) }],
    validateOnly: false,
  });
  const { errorCode, errorMessage } = responses[0]!;
  if (errorCode !== 0) throw new Error(`Cannot configure "${groupId}": ${errorName(errorCode)} ${errorMessage}`);
  await until(async () => {
    const { results } = await client.send(describeConfigs, 4, {
      resources: [{ ...resource, configurationKeys: Object.keys(configs) }],
    });
    return wanted.every(([name, value]) => results[0]!.configs.some((one) => one.name === name && one.value === value));
  }, { what: `The configs of "${groupId}"` });
}

function placed(topicId: string, said: Said): ShareFetchRequestDraft["topics"] {
  const partitions = Object.entries(said).map(([index, types]) => ({
    partitionIndex: Number(index),
    acknowledgementBatches: Object.entries(types).map(([extent, acknowledgeTypes]) => {
      const [, first, last] = /^(-?\d+)-(-?\d+)/.exec(extent)!;
      return { firstOffset: Number(first), lastOffset: Number(last), acknowledgeTypes: [...acknowledgeTypes] };
    }),
  }));
  return partitions.length === 0 ? [] : [{ topicId, partitions }];
}

type FetchedPartition = ShareFetchResponse["responses"][number]["partitions"][number];

function acquired({ acquiredRecords }: Pick<FetchedPartition, "acquiredRecords">): string[] {
  return acquiredRecords.map(({ firstOffset, lastOffset, deliveryCount }) =>
    `${firstOffset}-${lastOffset}x${deliveryCount}`
  );
}

function fetched({ responses, ...rest }: ShareFetchResponse): unknown {
  return {
    ...rest,
    partitions: inOrder(responses, ({ acknowledgeErrorCode, ...partition }) => ({
      ...partition,
      acquiredRecords: acquired(partition),
      acknowledged: errorName(acknowledgeErrorCode),
    })),
  };
}

function acknowledged({ responses, ...rest }: ShareAcknowledgeResponse): unknown {
  return { ...rest, partitions: inOrder(responses, (partition) => partition) };
}

/** Partitions in order: Kafka has them as they come out of a map. */
function inOrder<Partition extends { readonly partitionIndex: number; readonly errorCode: number }>(
  topics: readonly { readonly topicId: string; readonly partitions: readonly Partition[] }[],
  view: (partition: Partition) => object,
): object[] {
  const all = topics.flatMap(({ topicId, partitions }) => partitions.map((partition) => ({ topicId, partition })));
  const rank = ({ topicId, partition }: (typeof all)[number]) =>
    `${partition.partitionIndex} ${partition.errorCode} ${topicId}`;
  return all.sort((one, other) => rank(one) < rank(other) ? -1 : 1)
    .map(({ topicId, partition }) => ({ topicId, ...view(partition) }));
}
