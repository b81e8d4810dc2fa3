import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { describeClientQuotas } from "../../../../protocol/api/48_describe_client_quotas.ts";
import { alterClientQuotas } from "../../../../protocol/api/49_alter_client_quotas.ts";
import { errorName } from "../../../../protocol/errors.ts";
import { createMemoryRuntime } from "../../../../runtime/memory.ts";
import { MemoryBroker, type MemoryClient } from "../../../support/memory_broker.ts";

let runtime = createMemoryRuntime();
let memory: MemoryBroker;
let client: MemoryClient;

beforeEach(async () => {
  runtime = createMemoryRuntime();
  await start();
});

afterEach(() => memory.stop());

async function start(): Promise<void> {
  // A snapshot is taken after nearly every change.
  const overrides = { "metadata.log.max.record.bytes.between.snapshots": "200" };
  memory = await MemoryBroker.start({ runtime, overrides });
  client = await memory.connect();
}

/** The error's name, or NONE. */
async function alter(clientId: string, key: string, value: number | null, validateOnly = false): Promise<string> {
  const { entries } = await client.send(alterClientQuotas, 1, {
    entries: [{
      entity: [{ entityType: "client-id", entityName: clientId }],
      ops: [{ key, value: value ?? 0, remove: value === null }],
    }],
    validateOnly,
  });
  return errorName(entries[0]!.errorCode);
}

async function described(): Promise<string[]> {
  const { entries } = await client.send(describeClientQuotas, 1, { components: [], strict: false });
  return entries!.map(({ entity, values }) =>
    `${entity[0]!.entityName} ${values.map(({ key, value }) => `${key}=${value}`).join(" ")}`
  );
}

describe("client quotas", () => {
  test("that were set are there after a restart, those unset are not", async () => {
    expect(await alter("a", "producer_byte_rate", 1000)).toBe("NONE");
    expect(await alter("b", "request_percentage", 12.5)).toBe("NONE");
    expect(await alter("c", "producer_byte_rate", 7)).toBe("NONE");
    for (let rate = 1; rate <= 10; rate++) await alter("a", "consumer_byte_rate", rate);
    expect(await alter("c", "producer_byte_rate", null)).toBe("NONE");
    const before = ["a producer_byte_rate=1000 consumer_byte_rate=10", "b request_percentage=12.5"];
    expect(await described()).toEqual(before);
    await memory.stop();
    await start();
    expect(await described()).toEqual(before);
    expect(runtime.files.list("/data/__cluster_metadata-0").some((name) => name.endsWith(".checkpoint"))).toBe(true);
  });

  test("are not set when they are only validated, or refused", async () => {
    expect(await alter("a", "producer_byte_rate", 1000, true)).toBe("NONE");
    expect(await alter("a", "producer_byte_rate", -5)).toBe("INVALID_REQUEST");
    expect(await alter("a", "no_such_quota", 1)).toBe("INVALID_REQUEST");
    expect(await described()).toEqual([]);
  });

  test("are not described by a filter that makes no sense", async () => {
    const components = [{ entityType: "planet", matchType: 2, match: null }];
    const answer = await client.send(describeClientQuotas, 0, { components, strict: false });
    expect([errorName(answer.errorCode), answer.entries]).toEqual(["UNSUPPORTED_VERSION", null]);
  });
});
