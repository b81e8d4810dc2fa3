import { describe, expect, test } from "bun:test";
import { combined, readSubscription, Subscriptions } from "../../../../server/telemetry/subscriptions.ts";
import { ResourceType } from "../../../../server/cluster/cluster.ts";
import { fakeBroker } from "../cluster/fake_cluster.ts";

const client = {
  client_instance_id: "AAAAAAAAAAAAAAAAAAABcQ",
  client_id: "orders-1",
  client_software_name: "apache-kafka-java",
  client_software_version: "4.4.0",
  client_source_address: "10.0.0.7",
  client_source_port: "50123",
};

function isFor(match: string, facts: Partial<typeof client> = {}): boolean {
  return readSubscription(new Map([["metrics", "a."], ["match", match]])).isFor({ ...client, ...facts });
}

describe("a subscription", () => {
  test("without patterns is for every client", () => {
    expect(readSubscription(new Map([["metrics", "a."]])).isFor(client)).toBe(true);
  });

  test("is for clients that all of its patterns match as a whole", () => {
    expect(isFor("client_id=orders-.*")).toBe(true);
    expect(isFor("client_id=orders")).toBe(false);
    expect(isFor(" client_software_name = apache-.* , client_software_version = 4\\.[34]\\..*")).toBe(true);
    expect(isFor("client_software_name=apache-.*,client_software_version=3.*")).toBe(false);
    expect(isFor("client_source_address=10\\.0\\..*,client_source_port=5\\d{4}")).toBe(true);
    expect(isFor("client_id=.*", { client_id: "Bestellungen für Köln" })).toBe(true);
  });

  test("is not for a client that says more of itself than any client does", () => {
    expect(isFor("client_id=.*", { client_id: "a".repeat(1_024) })).toBe(true);
    expect(isFor("client_id=.*", { client_id: "a".repeat(1_025) })).toBe(false);
  });

  test("that cannot be read is for nobody", () => {
    expect(isFor("client_id=(?!admin).*")).toBe(false);
  });

  test("with others asks for all their metrics at the shortest interval", () => {
    const subscription = (metrics: string, interval: string) =>
      readSubscription(new Map([["metrics", metrics], ["interval.ms", interval]]));
    expect(combined([])).toEqual({ metrics: [], intervalMs: 300_000 });
    expect(combined([subscription("b,a", "2000"), subscription("a,c", "1000")])).toEqual({
      metrics: ["a", "b", "c"],
      intervalMs: 1000,
    });
    expect(combined([subscription("b", "2000"), subscription("*", "400000")])).toEqual({
      metrics: ["*"],
      intervalMs: 2000,
    });
  });
});

test("subscriptions follow what is configured", async () => {
  const { cluster } = await fakeBroker();
  const subscriptions = new Subscriptions(cluster);
  const set = (name: string, value: string | null) =>
    cluster.alterConfigs({ type: ResourceType.CLIENT_METRICS, name }, new Map([["metrics", value]]));
  expect([subscriptions.wantedFrom(client).metrics, subscriptions.isAnyWanted]).toEqual([[], false]);
  await cluster.alterConfigs({ type: ResourceType.CLIENT_METRICS, name: "one" }, new Map([["interval.ms", "500"]]));
  expect(subscriptions.isAnyWanted).toBe(false);
  const before = subscriptions.version;
  await set("one", "a");
  await set("two", "b");
  expect([subscriptions.wantedFrom(client).metrics, subscriptions.isAnyWanted]).toEqual([["a", "b"], true]);
  await set("one", null);
  expect(subscriptions.wantedFrom(client).metrics).toEqual(["b"]);
  expect(subscriptions.version).toBe(before + 3);
  await cluster.alterConfigs(
    { type: ResourceType.GROUP, name: "g" },
    new Map([["consumer.session.timeout.ms", "50000"]]),
  );
  expect(subscriptions.version).toBe(before + 3);
});
