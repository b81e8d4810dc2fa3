/** Levels of features: told by ApiVersions, changed by UpdateFeatures, kept, and what is off at level 0. */
import { describe, expect, test } from "bun:test";
import { apiVersions } from "../../../../protocol/api/18_api_versions.ts";
import { updateFeatures } from "../../../../protocol/api/57_update_features.ts";
import { consumerGroupHeartbeat } from "../../../../protocol/api/68_consumer_group_heartbeat.ts";
import { consumerGroupDescribe } from "../../../../protocol/api/69_consumer_group_describe.ts";
import { shareGroupHeartbeat } from "../../../../protocol/api/76_share_group_heartbeat.ts";
import { shareGroupDescribe } from "../../../../protocol/api/77_share_group_describe.ts";
import { shareFetch } from "../../../../protocol/api/78_share_fetch.ts";
import { shareAcknowledge } from "../../../../protocol/api/79_share_acknowledge.ts";
import { streamsGroupHeartbeat } from "../../../../protocol/api/88_streams_group_heartbeat.ts";
import { streamsGroupDescribe } from "../../../../protocol/api/89_streams_group_describe.ts";
import { describeShareGroupOffsets } from "../../../../protocol/api/90_describe_share_group_offsets.ts";
import { alterShareGroupOffsets } from "../../../../protocol/api/91_alter_share_group_offsets.ts";
import { deleteShareGroupOffsets } from "../../../../protocol/api/92_delete_share_group_offsets.ts";
import { ErrorCode } from "../../../../protocol/errors.ts";
import { MemoryBroker, type MemoryClient } from "../../../support/memory_broker.ts";

const software = { clientSoftwareName: "test", clientSoftwareVersion: "1" };
const UPGRADE = 1;
const SAFE_DOWNGRADE = 2;

async function finalized(client: MemoryClient): Promise<{ epoch: number; levels: Record<string, number> }> {
  const { finalizedFeatures, finalizedFeaturesEpoch } = await client.send(apiVersions, 4, software);
  return {
    epoch: finalizedFeaturesEpoch,
    levels: Object.fromEntries(finalizedFeatures.map(({ name, maxVersionLevel }) => [name, maxVersionLevel])),
  };
}

function update(
  client: MemoryClient,
  feature: string,
  maxVersionLevel: number,
  upgradeType: number,
  validateOnly = false,
) {
  return client.send(updateFeatures, 2, { featureUpdates: [{ feature, maxVersionLevel, upgradeType }], validateOnly });
}

describe("features", () => {
  test("of a new cluster are Kafka's, and tell of a change by a greater epoch, over a restart too", async () => {
    const first = await MemoryBroker.start();
    const client = await first.connect();
    const before = await finalized(client);
    expect(before.levels).toEqual({
      "metadata.version": 33,
      "group.version": 1,
      "kraft.version": 1,
      "share.version": 1,
      "streams.version": 1,
      "transaction.version": 2,
    });
    expect(before.epoch).toBeGreaterThanOrEqual(0);
    expect((await update(client, "group.version", 0, SAFE_DOWNGRADE)).errorCode).toBe(ErrorCode.NONE);
    const after = await finalized(client);
    expect(after.levels["group.version"]).toBe(undefined);
    expect(after.epoch).toBe(before.epoch + 1);
    await first.stop();

    const second = await MemoryBroker.start({ runtime: first.runtime });
    const again = await finalized(await second.connect());
    expect(again.levels).toEqual(after.levels);
    expect(again.epoch).toBeGreaterThanOrEqual(after.epoch);
    await second.stop();
  });

  test("are only asked about, with validation only", async () => {
    const server = await MemoryBroker.start();
    const client = await server.connect();
    const before = await finalized(client);
    expect((await update(client, "group.version", 0, SAFE_DOWNGRADE, true)).errorCode).toBe(ErrorCode.NONE);
    expect((await update(client, "group.version", 2, UPGRADE, true)).errorCode).toBe(ErrorCode.INVALID_UPDATE_VERSION);
    expect(await finalized(client)).toEqual(before);
    await server.stop();
  });

  test("v0 and v1 answer by feature when all is well", async () => {
    const server = await MemoryBroker.start();
    const client = await server.connect();
    for (const version of [0, 1]) {
      const { errorCode, results } = await client.send(updateFeatures, version, {
        featureUpdates: [{ feature: "group.version", maxVersionLevel: 1 }, {
          feature: "share.version",
          maxVersionLevel: 1,
        }],
      });
      expect(errorCode).toBe(ErrorCode.NONE);
      expect(results.map(({ feature, errorCode }) => [feature, errorCode])).toEqual([
        ["group.version", 0],
        ["share.version", 0],
      ]);
    }
    await server.stop();
  });

  test("that are off answer UNSUPPORTED_VERSION", async () => {
    const server = await MemoryBroker.start();
    const client = await server.connect();
    for (const feature of ["group.version", "share.version", "streams.version"]) {
      expect((await update(client, feature, 0, SAFE_DOWNGRADE)).errorCode).toBe(ErrorCode.NONE);
    }
    const groupId = "g";
    const member = { groupId, memberId: "m", memberEpoch: 0 };
    const group = { groupIds: [groupId], includeAuthorizedOperations: false };
    const session = { groupId, memberId: "m", shareSessionEpoch: 0, topics: [] };
    const codes: Record<string, number> = {
      consumerHeartbeat: (await client.send(consumerGroupHeartbeat, 1, { ...member })).errorCode,
      consumerDescribe: (await client.send(consumerGroupDescribe, 1, group)).groups[0]!.errorCode,
      shareHeartbeat: (await client.send(shareGroupHeartbeat, 1, member)).errorCode,
      shareDescribe: (await client.send(shareGroupDescribe, 1, group)).groups[0]!.errorCode,
      shareFetch: (await client.send(shareFetch, 1, {
        ...session,
        maxWaitMs: 0,
        minBytes: 0,
        maxRecords: 1,
        batchSize: 1,
        forgottenTopicsData: [],
      })).errorCode,
      shareAcknowledge: (await client.send(shareAcknowledge, 1, session)).errorCode,
      shareOffsets:
        (await client.send(describeShareGroupOffsets, 1, { groups: [{ groupId, topics: [] }] })).groups[0]!.errorCode,
      alterShareOffsets: (await client.send(alterShareGroupOffsets, 0, { groupId, topics: [] })).errorCode,
      deleteShareOffsets: (await client.send(deleteShareGroupOffsets, 0, { groupId, topics: [] })).errorCode,
      streamsHeartbeat: (await client.send(streamsGroupHeartbeat, 0, {
        ...member,
        endpointInformationEpoch: 0,
      })).errorCode,
      streamsDescribe: (await client.send(streamsGroupDescribe, 0, group)).groups[0]!.errorCode,
    };
    for (const [what, code] of Object.entries(codes)) {
      expect([what, code]).toEqual([what, ErrorCode.UNSUPPORTED_VERSION]);
    }
    await server.stop();
  });
});
