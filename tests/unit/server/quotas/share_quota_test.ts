import { afterEach, beforeEach, expect, test } from "bun:test";
import { shareFetch } from "../../../../protocol/api/78_share_fetch.ts";
import { alterClientQuotas } from "../../../../protocol/api/49_alter_client_quotas.ts";
import { ShareWorld } from "../share/share_world.ts";

let world: ShareWorld;

beforeEach(async () => {
  world = await ShareWorld.start();
  await world.createTopic();
  await world.configure("g", { "share.auto.offset.reset": "earliest" });
});

afterEach(() => world.server.stop());

test("a member of a share group that is over its limit has the records that were acquired for it, and rests", async () => {
  const member = await world.member("g", "00000000-0000-0000-0000-00000000000a".replaceAll("-", ""));
  await member.join();
  await world.fill([20, 20]);
  await world.client.send(alterClientQuotas, 1, {
    entries: [{
      entity: [{ entityType: "client-id", entityName: "test" }],
      ops: [{ key: "consumer_byte_rate", value: 20, remove: false }],
    }],
    validateOnly: false,
  });
  const answer = await member.client.send(shareFetch, 1, {
    groupId: "g",
    memberId: member.memberId,
    shareSessionEpoch: 0,
    maxWaitMs: 500,
    minBytes: 1,
    maxBytes: 1_000_000,
    maxRecords: 500,
    batchSize: 500,
    topics: [{ topicId: world.topicId, partitions: [{ partitionIndex: 0, acknowledgementBatches: [] }] }],
    forgottenTopicsData: [],
  });
  expect(answer.errorCode).toBe(0);
  // No more at once than it may have in all windows, but for a first batch.
  const { acquiredRecords, records } = answer.responses[0]!.partitions[0]!;
  expect(acquiredRecords.map(({ firstOffset, lastOffset }) => [firstOffset, lastOffset])).toEqual([[0, 19]]);
  expect(records.length).toBeGreaterThan(200);
  expect(answer.throttleTimeMs).toBeGreaterThan(1_000);
  const startMs = world.server.runtime.clock.monotonicMs();
  await member.heartbeat();
  expect(world.server.runtime.clock.monotonicMs() - startMs).toBe(answer.throttleTimeMs);
});
