/** A consumer group in which one member has all partitions: it joins, is assigned, commits all offsets at once, asks for them. */

import { fetch } from "../../protocol/api/01_fetch.ts";
import { offsetCommit } from "../../protocol/api/08_offset_commit.ts";
import { offsetFetch } from "../../protocol/api/09_offset_fetch.ts";
import { findCoordinator } from "../../protocol/api/10_find_coordinator.ts";
import { joinGroup } from "../../protocol/api/11_join_group.ts";
import { heartbeat } from "../../protocol/api/12_heartbeat.ts";
import { leaveGroup } from "../../protocol/api/13_leave_group.ts";
import { syncGroup } from "../../protocol/api/14_sync_group.ts";
import { encodeAssignment, encodeSubscription } from "../../protocol/embedded/consumer_protocol.ts";
import { until } from "../../tests/support/broker.ts";
import type { TestClient } from "../../tests/support/test_client.ts";
import type { Topic as TopicOfMix } from "./mix.ts";

const PROTOCOL = { protocolType: "consumer", protocolName: "range" };
const patient = { timeoutMs: 120_000 };

type Topic = Pick<TopicOfMix, "name" | "partitionCount">;

export interface Member {
  readonly groupId: string;
  readonly memberId: string;
  readonly generationId: number;
}

/** Waits until the group has a coordinator: the first one makes the topic of the offsets. */
export async function findTheCoordinator(client: TestClient, groupId: string): Promise<void> {
  for (let errorCode = -1; errorCode !== 0;) {
    errorCode = (await client.send(findCoordinator, 3, { key: groupId }, patient)).errorCode;
    if (errorCode !== 0 && errorCode !== 15) {
      throw new Error(`No coordinator of group "${groupId}": error ${errorCode}`);
    }
  }
}

/** The only member of a group: joins, and is assigned all partitions by itself. */
export async function joinWithAll(client: TestClient, groupId: string, topics: readonly Topic[]): Promise<Member> {
  const join = {
    groupId,
    sessionTimeoutMs: 45_000,
    rebalanceTimeoutMs: 60_000,
    protocolType: PROTOCOL.protocolType,
    protocols: [{
      name: PROTOCOL.protocolName,
      metadata: encodeSubscription({ topics: topics.map(({ name }) => name) }),
    }],
  };
  let memberId = "";
  await until(async () => {
    ({ memberId } = await client.send(joinGroup, 9, { ...join, memberId }, patient));
    return memberId !== ""; // which it has none of as long as the coordinator reads its offsets
  }, patient);
  const { errorCode, generationId } = await client.send(joinGroup, 9, { ...join, memberId }, patient);
  if (errorCode !== 0) throw new Error(`Cannot join group "${groupId}": error ${errorCode}`);
  const assignedPartitions = topics.map(({ name, partitionCount }) => ({
    topic: name,
    partitions: range(partitionCount),
  }));
  const answer = await client.send(syncGroup, 5, {
    groupId,
    generationId,
    memberId,
    ...PROTOCOL,
    assignments: [{ memberId, assignment: encodeAssignment({ assignedPartitions }) }],
  }, patient);
  if (answer.errorCode !== 0) throw new Error(`No assignment in group "${groupId}": error ${answer.errorCode}`);
  return { groupId, memberId, generationId };
}

export async function beat(client: TestClient, member: Member): Promise<void> {
  const { errorCode } = await client.send(heartbeat, 4, member, patient);
  if (errorCode !== 0) throw new Error(`No member of group "${member.groupId}" any more: error ${errorCode}`);
}

export async function leave(client: TestClient, { groupId, memberId }: Member): Promise<void> {
  const { errorCode } = await client.send(leaveGroup, 5, { groupId, members: [{ memberId }] }, patient);
  if (errorCode !== 0) throw new Error(`Cannot leave group "${groupId}": error ${errorCode}`);
}

/** An offset for every partition, in one request. */
export async function commitAll(
  client: TestClient,
  { groupId, memberId, generationId }: Member,
  topics: readonly Topic[],
  offsetOf: (partition: number) => number,
): Promise<void> {
  const answer = await client.send(offsetCommit, 8, {
    groupId,
    memberId,
    generationIdOrMemberEpoch: generationId,
    topics: topics.map(({ name, partitionCount }) => ({
      name,
      partitions: range(partitionCount).map((partitionIndex) => ({
        partitionIndex,
        committedOffset: offsetOf(partitionIndex),
        committedMetadata: "",
      })),
    })),
  }, patient);
  for (const { partitions } of answer.topics) {
    const refused = partitions.find(({ errorCode }) => errorCode !== 0);
    if (refused !== undefined) throw new Error(`Cannot commit an offset: error ${refused.errorCode}`);
  }
}

/** The committed offsets of all partitions, in one request; throws unless each is `expected`. */
export async function committedOfAll(
  client: TestClient,
  { groupId }: Member,
  topics: readonly Topic[],
  expected: number,
): Promise<void> {
  const asked = topics.map(({ name, partitionCount }) => ({ name, partitionIndexes: range(partitionCount) }));
  const groups = [{ groupId, topics: asked }];
  const answer = await client.send(offsetFetch, 9, { groups, requireStable: true }, patient);
  let count = 0;
  for (const { partitions } of answer.groups[0]!.topics) {
    const wrong = partitions.find(({ committedOffset }) => committedOffset !== expected);
    if (wrong !== undefined) throw new Error(`Committed is ${wrong.committedOffset} where it must be ${expected}`);
    count += partitions.length;
  }
  const total = topics.reduce((sum, { partitionCount }) => sum + partitionCount, 0);
  if (count !== total) throw new Error(`${count} committed offsets of ${total}`);
}

/** Reads all there is from the start in a session, as a consumer does that has all partitions. Returns how many requests it took. */
export async function consumeAll(client: TestClient, topics: readonly Topic[], wantedBytes: number): Promise<number> {
  const request = { maxWaitMs: 100, minBytes: 1, maxBytes: 50 * 1024 * 1024, isolationLevel: 0, rackId: "" };
  let sessionId = 0;
  let bytes = 0;
  let asked = topics.map(({ name, partitionCount }) => ({
    topic: name,
    partitions: range(partitionCount).map((partition) => ({
      partition,
      fetchOffset: 0,
      partitionMaxBytes: 1024 * 1024,
    })),
  }));
  for (let epoch = 0;; epoch++) {
    const answer = await client.send(fetch, 12, {
      ...request,
      sessionId,
      sessionEpoch: epoch,
      topics: asked,
      forgottenTopicsData: [],
    }, patient);
    if (answer.errorCode !== 0) throw new Error(`The fetch session ended: error ${answer.errorCode}`);
    sessionId = answer.sessionId;
    const moved: typeof asked = [];
    for (const { topic, partitions } of answer.responses) {
      const next: typeof asked[number]["partitions"] = [];
      for (const { partitionIndex, errorCode, highWatermark, records } of partitions) {
        if (errorCode !== 0) throw new Error(`Cannot read ${topic}-${partitionIndex}: error ${errorCode}`);
        if (records === null || records.length === 0) continue;
        bytes += records.length;
        next.push({ partition: partitionIndex, fetchOffset: highWatermark, partitionMaxBytes: 1024 * 1024 });
      }
      if (next.length > 0) moved.push({ topic, partitions: next });
    }
    asked = moved;
    if (bytes >= wantedBytes) return epoch + 1;
  }
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
