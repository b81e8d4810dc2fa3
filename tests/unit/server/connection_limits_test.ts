import { describe, expect, test } from "bun:test";
import { createMemoryRuntime } from "../../../runtime/memory.ts";
import { BrokerConfig } from "../../../server/config.ts";
import { ConnectionLimits, WAIT_MS_MAX } from "../../../server/connection_limits.ts";

function limits(configs: Readonly<Record<string, string>>) {
  const runtime = createMemoryRuntime();
  const entries = Object.entries(configs).map(([name, value]) => ({ source: "override" as const, name, value }));
  const of = new ConnectionLimits(BrokerConfig.parse(entries), runtime.clock);
  const admit = (host = "10.0.0.1", countOfHost = 0, count = countOfHost) => {
    const admission = of.admit(host, { count, countOfHost });
    return admission.kind === "refused" ? admission.reason : admission.waitMs;
  };
  return { runtime, admit };
}

describe("ConnectionLimits", () => {
  test("admits everybody at once by default", () => {
    const { admit } = limits({});
    expect([admit("10.0.0.1", 5_000), admit("10.0.0.2")]).toEqual([0, 0]);
  });

  test("counts the connections of an address, and of all", () => {
    const { admit } = limits({ "max.connections": "10", "max.connections.per.ip": "2" });
    expect(admit("10.0.0.1", 1)).toBe(0);
    expect(admit("10.0.0.1", 2)).toBe("too many connections");
    expect(admit("10.0.0.2", 0, 10)).toBe("too many connections");
  });

  test("keeps to the exceptions for addresses", () => {
    const overrides = "10.0.0.1:3, localhost:0, fe80::1:1, [fe80::2]:1";
    const { admit } = limits({ "max.connections.per.ip": "2", "max.connections.per.ip.overrides": overrides });
    expect([admit("10.0.0.1", 2), admit("10.0.0.2", 1)]).toEqual([0, 0]);
    for (const [host, count] of [["10.0.0.1", 3], ["10.0.0.2", 2], ["127.0.0.1", 0], ["::1", 0]] as const) {
      expect(admit(host, count)).toBe("too many connections");
    }
    for (const host of ["fe80::1", "fe80::2"]) {
      expect([admit(host), admit(host, 1)]).toEqual([0, "too many connections"]);
    }
  });

  test("spaces out connections beyond the rate, and forgives a second of silence", async () => {
    const { runtime, admit } = limits({ "max.connection.creation.rate": "2" });
    expect([admit(), admit(), admit(), admit()]).toEqual([0, 0, 500, 1_000]);
    await runtime.advance(1_000);
    expect(admit()).toBe(500);
    await runtime.advance(60_000);
    expect([admit(), admit(), admit()]).toEqual([0, 0, 500]);
  });

  test("refuses who would wait too long", () => {
    const { admit } = limits({ "max.connection.creation.rate": "1" });
    const answers = Array.from({ length: 12 }, () => admit());
    expect(answers.slice(-3)).toEqual([WAIT_MS_MAX - 1_000, WAIT_MS_MAX, "too many new connections"]);
    expect(limits({ "max.connection.creation.rate": "0" }).admit()).toBe("too many new connections");
  });
});
