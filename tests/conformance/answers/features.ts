/**
 * Features and what can be configured: ApiVersions, UpdateFeatures, ListConfigResources; and what the groups of a feature that
 * is off answer. All levels are as before at the end.
 */

import { apiVersions, type ApiVersionsResponse } from "../../../protocol/api/18_api_versions.ts";
import { incrementalAlterConfigs } from "../../../protocol/api/44_incremental_alter_configs.ts";
import {
  updateFeatures,
  type UpdateFeaturesRequestDraft,
  type UpdateFeaturesResponse,
} from "../../../protocol/api/57_update_features.ts";
import { consumerGroupHeartbeat } from "../../../protocol/api/68_consumer_group_heartbeat.ts";
import { consumerGroupDescribe } from "../../../protocol/api/69_consumer_group_describe.ts";
import {
  listConfigResources,
  type ListConfigResourcesResponse,
} from "../../../protocol/api/74_list_config_resources.ts";
import { shareGroupHeartbeat } from "../../../protocol/api/76_share_group_heartbeat.ts";
import { shareGroupDescribe } from "../../../protocol/api/77_share_group_describe.ts";
import { shareFetch } from "../../../protocol/api/78_share_fetch.ts";
import { shareAcknowledge } from "../../../protocol/api/79_share_acknowledge.ts";
import { streamsGroupHeartbeat } from "../../../protocol/api/88_streams_group_heartbeat.ts";
import { streamsGroupDescribe } from "../../../protocol/api/89_streams_group_describe.ts";
import { describeShareGroupOffsets } from "../../../protocol/api/90_describe_share_group_offsets.ts";
import { alterShareGroupOffsets } from "../../../protocol/api/91_alter_share_group_offsets.ts";
import { deleteShareGroupOffsets } from "../../../protocol/api/92_delete_share_group_offsets.ts";
import { until } from "../../support/broker.ts";
import type { Dialogue } from "../../support/dialogue.ts";
import type { TestClient } from "../../support/test_client.ts";

const software = { clientSoftwareName: "test", clientSoftwareVersion: "1" };
const UPGRADE = 1;
const SAFE_DOWNGRADE = 2;
const UNSAFE_DOWNGRADE = 3;

export async function featuresAnswers(dialogue: Dialogue): Promise<void> {
  await dialogue.askEach("features", apiVersions, [0, 5], () => software, { view: features });
  await validated(dialogue);
  await refused(dialogue);
  await changed(dialogue);
  await switchedOff(dialogue);
  await configResources(dialogue);
}

function features({ supportedFeatures, finalizedFeatures, finalizedFeaturesEpoch }: ApiVersionsResponse): unknown {
  return {
    supported: supportedFeatures.map(({ name, minVersion, maxVersion }) => `${name} ${minVersion}-${maxVersion}`)
      .sort(),
    finalized: finalizedFeatures.map(({ name, minVersionLevel, maxVersionLevel }) =>
      `${name} ${minVersionLevel}-${maxVersionLevel}`
    ).sort(),
    isEpochTold: finalizedFeaturesEpoch >= 0,
  };
}

/** With the words, which the tool prints. */
const outcome = {
  view: ({ errorCode, errorMessage, results }: UpdateFeaturesResponse) => ({ errorCode, why: errorMessage, results }),
};

type Update = readonly [feature: string, maxVersionLevel: number, upgradeType: number];

function request(updates: readonly Update[], validateOnly: boolean) {
  const featureUpdates = updates.map(([feature, maxVersionLevel, upgradeType]) => ({
    feature,
    maxVersionLevel,
    upgradeType,
  }));
  return { featureUpdates, validateOnly };
}

async function validated(dialogue: Dialogue): Promise<void> {
  const validate = (label: string, ...updates: readonly Update[]) =>
    dialogue.askEach(`only asked: ${label}`, updateFeatures, [1, 2], () => request(updates, true), outcome);
  await validate("nothing");
  for (const type of [0, UPGRADE, SAFE_DOWNGRADE, UNSAFE_DOWNGRADE, 4]) {
    await validate(`group.version to 1 by ${type}`, ["group.version", 1, type]);
    await validate(`group.version to 0 by ${type}`, ["group.version", 0, type]);
    await validate(`group.version to 2 by ${type}`, ["group.version", 2, type]);
    await validate(`transaction.version to 1 by ${type}`, ["transaction.version", 1, type]);
    await validate(`metadata.version to 33 by ${type}`, ["metadata.version", 33, type]);
    await validate(`metadata.version to 31 by ${type}`, ["metadata.version", 31, type]);
    await validate(`metadata.version to 6 by ${type}`, ["metadata.version", 6, type]);
    await validate(`kraft.version to 0 by ${type}`, ["kraft.version", 0, type]);
    await validate(`kraft.version to 1 by ${type}`, ["kraft.version", 1, type]);
    await validate(`an unknown feature to 1 by ${type}`, ["no.such.version", 1, type]);
    await validate(`an unknown feature to 0 by ${type}`, ["no.such.version", 0, type]);
    await validate(`share.version to -1 by ${type}`, ["share.version", -1, type]);
  }
  await validate("two", ["group.version", 1, UPGRADE], ["share.version", 0, SAFE_DOWNGRADE]);
  await validate("one of two wrong", ["group.version", 1, UPGRADE], ["no.such.version", 1, UPGRADE]);
  await validate("one twice", ["group.version", 1, UPGRADE], ["group.version", 9, UPGRADE]);
}

async function refused(dialogue: Dialogue): Promise<void> {
  for (const allowDowngrade of [false, true]) {
    const downgrade = allowDowngrade ? "downgrade allowed" : "no downgrade allowed";
    for (const maxVersionLevel of [9, -1]) {
      await dialogue.ask(`v0, ${downgrade}, to ${maxVersionLevel}`, updateFeatures, 0, {
        featureUpdates: [{ feature: "group.version", maxVersionLevel, allowDowngrade }],
      }, outcome);
    }
  }
  await dialogue.ask("v0, to a lower level, no downgrade allowed", updateFeatures, 0, {
    featureUpdates: [{ feature: "streams.version", maxVersionLevel: 0, allowDowngrade: false }],
  }, outcome);
  await dialogue.ask("one of two wrong", updateFeatures, 2, {
    featureUpdates: [{ feature: "group.version", maxVersionLevel: 0, upgradeType: SAFE_DOWNGRADE }, {
      feature: "no.such.version",
      maxVersionLevel: 1,
    }],
  }, outcome);
  dialogue.note("levels after what was refused", (await finalized(await dialogue.main())).levels);
}

/** What becomes of a level, and that it is told of at a later epoch than the one before. */
async function changed(dialogue: Dialogue): Promise<void> {
  const client = await dialogue.main();
  let { epoch } = await finalized(client);
  const change = async (label: string, version: number, draft: UpdateFeaturesRequestDraft, expected: string) => {
    await dialogue.ask(label, updateFeatures, version, draft, outcome);
    await settled(client, expected);
    const after = await finalized(client);
    dialogue.note(`levels after: ${label}`, { ...after.levels, isLater: after.epoch > epoch });
    epoch = after.epoch;
  };
  const allowed = { feature: "streams.version", maxVersionLevel: 0, allowDowngrade: true };
  await change("v0, to 0, downgrade allowed", 0, { featureUpdates: [allowed] }, "streams.version 1");
  await change("v0, to 1", 0, { featureUpdates: [{ ...allowed, maxVersionLevel: 1 }] }, "streams.version 1");
  const transaction = (level: number, type: number) => request([["transaction.version", level, type]], false);
  await change("v1, transactions to 0", 1, transaction(0, UNSAFE_DOWNGRADE), "transaction.version 0");
  await change("v1, transactions to 0 again", 1, transaction(0, SAFE_DOWNGRADE), "transaction.version 0");
  await change("v2, transactions to 2", 2, transaction(2, UPGRADE), "transaction.version 2");
}

/** Of the features that both brokers know alike. */
const common = ["group.version", "metadata.version", "streams.version", "transaction.version"];

async function finalized(client: TestClient): Promise<{ levels: Record<string, number>; epoch: number }> {
  const { finalizedFeatures, finalizedFeaturesEpoch: epoch } = await client.send(apiVersions, 4, software);
  const levels = common.map((name): [string, number] => [
    name,
    finalizedFeatures.find((feature) => feature.name === name)?.maxVersionLevel ?? 0,
  ]);
  return { levels: Object.fromEntries(levels), epoch };
}

/** Kafka's broker hears of a change after its controller has answered. */
async function settled(client: TestClient, ...expected: readonly string[]): Promise<void> {
  const isSettled = async () => {
    const { finalizedFeatures } = await client.send(apiVersions, 4, software);
    return expected.every((text) => {
      const [feature, level] = text.split(" ");
      return (finalizedFeatures.find(({ name }) => name === feature)?.maxVersionLevel ?? 0) === Number(level);
    });
  };
  await until(isSettled, { what: `The levels ${expected.join(", ")}` });
}

async function switchedOff(dialogue: Dialogue): Promise<void> {
  const client = await dialogue.main();
  const groupId = await dialogue.group("off");
  const all = ["group.version", "share.version", "streams.version"];
  const { finalizedFeatures: before } = await client.send(apiVersions, 4, software);
  await client.send(updateFeatures, 2, request(all.map((name) => [name, 0, SAFE_DOWNGRADE]), false));
  await settled(client, ...all.map((name) => `${name} 0`));
  const member = { groupId, memberId: "m", memberEpoch: 0 };
  const group = { groupIds: [groupId, "other"], includeAuthorizedOperations: true };
  const session = { groupId, memberId: "m", shareSessionEpoch: 0, topics: [] };
  const fetch = { ...session, maxWaitMs: 0, minBytes: 0, maxRecords: 1, batchSize: 1, forgottenTopicsData: [] };
  const topics = [{ topicName: "no-such", partitions: [0] }];
  await dialogue.askEach("off: consumer heartbeat", consumerGroupHeartbeat, [0, 1], () => member);
  await dialogue.askEach("off: consumer describe", consumerGroupDescribe, [0, 1], () => group);
  await dialogue.ask("off: share heartbeat", shareGroupHeartbeat, 1, member);
  await dialogue.ask("off: share describe", shareGroupDescribe, 1, group);
  await dialogue.askEach("off: share fetch", shareFetch, [1, 2], () => fetch);
  await dialogue.askEach("off: share acknowledge", shareAcknowledge, [1, 2], () => session);
  await dialogue.askEach("off: share offsets", describeShareGroupOffsets, [0, 1], () => ({
    groups: [{ groupId, topics }, { groupId: "other", topics: null }],
  }));
  await dialogue.ask("off: share offsets altered", alterShareGroupOffsets, 0, {
    groupId,
    topics: [{ topicName: "no-such", partitions: [{ partitionIndex: 0, startOffset: 0 }] }],
  });
  await dialogue.ask("off: share offsets deleted", deleteShareGroupOffsets, 0, {
    groupId,
    topics: [{ topicName: "no-such" }],
  });
  await dialogue.askEach("off: streams heartbeat", streamsGroupHeartbeat, [0, 1], () => ({
    ...member,
    endpointInformationEpoch: 0,
  }));
  await dialogue.askEach("off: streams describe", streamsGroupDescribe, [0, 1], () => group);
  const levels = all.map((
    name,
  ): Update => [name, before.find((feature) => feature.name === name)!.maxVersionLevel, UPGRADE]);
  await client.send(updateFeatures, 2, request(levels, false));
  await settled(client, ...levels.map(([name, level]) => `${name} ${level}`));
}

async function configResources(dialogue: Dialogue): Promise<void> {
  const client = await dialogue.main();
  const { name: topic } = await dialogue.topic("configurable");
  const [group, subscription, gone] = ["group", "metrics", "gone"].map((name) =>
    dialogue.named(`configurable-${name}`)
  ) as [
    string,
    string,
    string,
  ];
  const alter = (resourceType: number, resourceName: string, name: string, value: string | null) =>
    client.send(incrementalAlterConfigs, 1, {
      resources: [{
        resourceType,
        resourceName,
        configs: [{ name, value, configOperation: value === null ? 1 : 0 }],
      }],
      validateOnly: false,
    });
  await alter(32, group, "consumer.session.timeout.ms", "45000");
  await alter(16, subscription, "metrics", "a.");
  await alter(16, gone, "metrics", "a.");
  await alter(16, gone, "metrics", null);
  const own = new Set([topic, group, subscription, gone, "1"]);
  const view = {
    view: ({ errorCode, configResources }: ListConfigResourcesResponse) => ({
      errorCode,
      resources: configResources.filter(({ resourceName }) => own.has(resourceName))
        .map(({ resourceType, resourceName }) => ({ resourceType, resourceName }))
        .sort((one, other) => one.resourceType - other.resourceType),
    }),
  };
  // As with levels: the broker hears of it later.
  await until(async () => {
    const { configResources } = await client.send(listConfigResources, 0, {});
    const names = configResources.map(({ resourceName }) => resourceName);
    return names.includes(subscription) && !names.includes(gone);
  }, { what: "The subscription is listed" });
  await dialogue.ask("resources, v0", listConfigResources, 0, {}, view);
  for (const types of [[], [2], [4], [8], [16], [32], [16, 32, 2], [2, 2], [0], [1], [3], [64], [-1], [2, 3]]) {
    await dialogue.ask(
      `resources of types ${types.join(" ")}, v1`,
      listConfigResources,
      1,
      { resourceTypes: types },
      view,
    );
  }
}
