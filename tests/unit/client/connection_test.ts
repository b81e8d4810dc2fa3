import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { BrokerConnection } from "../../../client/connection.ts";
import { ConnectionError, UnsupportedVersionError } from "../../../client/errors.ts";
import { metadata } from "../../../protocol/api/03_metadata.ts";
import { heartbeat } from "../../../protocol/api/12_heartbeat.ts";
import { apiVersions } from "../../../protocol/api/18_api_versions.ts";
import { createMemoryRuntime, type MemoryRuntime } from "../../../runtime/memory.ts";
import { ScriptedBroker } from "../../support/scripted_broker.ts";

let runtime: MemoryRuntime;
let broker: ScriptedBroker;

beforeEach(async () => {
  runtime = createMemoryRuntime();
  broker = await new ScriptedBroker(runtime).start();
});
afterEach(() => broker.stop());

const options = () => ({
  runtime,
  hostname: "127.0.0.1",
  port: 9092,
  clientId: "test",
  connectTimeoutMs: 1000,
  requestTimeoutMs: 5000,
});
const open = () => runtime.until(BrokerConnection.open(options()));
const beat = { groupId: "g", generationId: 1, memberId: "m" };

/** What the promise was rejected with. */
async function rejection(promise: Promise<unknown>): Promise<Error> {
  const outcome = promise.then(() => new Error("not rejected"), (error: Error) => error);
  return await runtime.until(outcome);
}

describe("BrokerConnection", () => {
  test("uses the newest version that both sides know", async () => {
    broker.on(apiVersions, () => ({ errorCode: 0, apiKeys: [{ apiKey: 3, minVersion: 2, maxVersion: 5 }] }));
    const connection = await open();
    expect(connection.versionOf(metadata)).toBe(5);
    expect(connection.versionOf(metadata, 3)).toBe(3);
    expect(() => connection.versionOf(metadata, 1)).toThrow(UnsupportedVersionError);
    expect(() => connection.versionOf(heartbeat)).toThrow(UnsupportedVersionError);
  });

  test("goes down to the ApiVersions that an old broker knows", async () => {
    const apiKeys = [{ apiKey: 18, minVersion: 0, maxVersion: 2 }, { apiKey: 12, minVersion: 0, maxVersion: 1 }];
    broker.on(apiVersions, (_request, version) => ({ errorCode: version > 2 ? 35 : 0, apiKeys }));
    const connection = await open();
    expect(broker.seen.map(({ version }) => version)).toEqual([4, 2]);
    expect(connection.versionOf(heartbeat)).toBe(1);
  });

  test("matches pipelined answers to their requests", async () => {
    let count = 0;
    broker.on(heartbeat, () => ({ errorCode: ++count }));
    const connection = await open();
    const answers = Array.from({ length: 20 }, () => connection.send(heartbeat, beat));
    const codes = (await runtime.until(Promise.all(answers))).map(({ errorCode }) => errorCode);
    expect(codes).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
  });

  test("rejects every open request when the broker hangs up", async () => {
    const connection = await open();
    broker.on(heartbeat, () => "silence");
    const requests = [connection.send(heartbeat, beat), connection.send(heartbeat, beat)].map(rejection);
    await runtime.settle();
    broker.hangUp();
    for (const error of await Promise.all(requests)) expect(error).toBeInstanceOf(ConnectionError);
    expect(connection.isOpen).toBe(false);
    expect(await rejection(connection.send(heartbeat, beat))).toBeInstanceOf(ConnectionError);
  });

  test("ends when an answer does not come in time", async () => {
    const connection = await open();
    broker.on(heartbeat, () => "silence");
    const startMs = runtime.clock.monotonicMs();
    const error = await rejection(connection.send(heartbeat, beat, { extraTimeoutMs: 500 }));
    expect(error.message).toContain("Heartbeat took over 5500 ms");
    expect(runtime.clock.monotonicMs() - startMs).toBe(5500);
    expect(connection.isOpen).toBe(false);
  });

  test("ends at bytes that are no answer", async () => {
    const listener = await runtime.until(runtime.network.listen({ hostname: "127.0.0.1", port: 9999 }, (socket) => ({
      data: () => socket.write([Uint8Array.of(0, 0, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8)]),
      drain() {},
      close() {},
    })));
    const error = await rejection(BrokerConnection.open({ ...options(), port: 9999 }));
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error.message).toContain("which is not open");
    listener.close();
  });

  test("cannot be opened where nobody listens", async () => {
    expect(await rejection(BrokerConnection.open({ ...options(), port: 1 }))).toBeInstanceOf(ConnectionError);
  });
});
