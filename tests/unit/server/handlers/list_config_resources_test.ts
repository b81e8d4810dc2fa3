import { expect, test } from "bun:test";
import { listConfigResources } from "../../../../protocol/api/74_list_config_resources.ts";
import { ErrorCode } from "../../../../protocol/errors.ts";
import { ResourceType } from "../../../../server/cluster/cluster.ts";
import { listConfigResourcesHandler } from "../../../../server/handlers/74_list_config_resources.ts";
import { type FakeBroker, fakeBroker } from "../cluster/fake_cluster.ts";

async function filled(): Promise<FakeBroker> {
  const broker = await fakeBroker();
  await broker.cluster.createTopic({ name: "orders" });
  const set = (type: number, name: string, config: string, value: string) =>
    broker.cluster.alterConfigs({ type, name }, new Map([[config, value]]));
  await set(ResourceType.GROUP, "readers", "consumer.session.timeout.ms", "45000");
  await set(ResourceType.CLIENT_METRICS, "all", "metrics", "*");
  await set(ResourceType.CLIENT_METRICS, "gone", "metrics", "*");
  await broker.cluster.alterConfigs({ type: ResourceType.CLIENT_METRICS, name: "gone" }, new Map([["metrics", null]]));
  return broker;
}

async function list(broker: FakeBroker, version: number, resourceTypes: number[]) {
  const request = version === 0 ? {} : { resourceTypes };
  const { errorCode, configResources } = await broker.ask(
    listConfigResourcesHandler,
    listConfigResources,
    version,
    request,
  );
  return {
    errorCode,
    names: configResources.map(({ resourceType, resourceName }) => `${resourceType}:${resourceName}`),
  };
}

test("ListConfigResources v0 names client metrics subscriptions for which something is set", async () => {
  expect(await list(await filled(), 0, [])).toEqual({ errorCode: ErrorCode.NONE, names: ["16:all"] });
});

test("ListConfigResources v1 names resources of the kinds asked for, of all without", async () => {
  const broker = await filled();
  const all = ["2:orders", "4:1", "8:1", "16:all", "32:readers"];
  expect(await list(broker, 1, [])).toEqual({ errorCode: ErrorCode.NONE, names: all });
  expect(await list(broker, 1, [32, 16])).toEqual({ errorCode: ErrorCode.NONE, names: ["32:readers", "16:all"] });
});

test("ListConfigResources v1 knows no other kinds", async () => {
  const answer = { errorCode: ErrorCode.UNSUPPORTED_VERSION, names: [] };
  for (const type of [0, 1, 3, 64, -1]) expect(await list(await filled(), 1, [2, type])).toEqual(answer);
});
