import { describe, expect, test } from "bun:test";
import { portEntries } from "../../../cli/port_option.ts";
import { BrokerConfig, type StaticEntry } from "../../../server/config.ts";

function listeners(port: number, configs: Record<string, string>): string[] {
  const weaker: StaticEntry[] = Object.entries(configs).map(([name, value]) => ({ source: "file", name, value }));
  const config = BrokerConfig.parse([...weaker, ...portEntries(port, weaker)]);
  return config.listeners("box").map(({ name, host, port, advertisedHost, advertisedPort }) =>
    `${name} ${host}:${port} as ${advertisedHost}:${advertisedPort}`
  );
}

describe("--port", () => {
  test("moves the default listener", () => {
    expect(listeners(19_092, {})).toEqual(["PLAINTEXT 127.0.0.1:19092 as 127.0.0.1:19092"]);
  });

  test("keeps the configured host", () => {
    expect(listeners(19_092, { listeners: "PLAINTEXT://:9092" })).toEqual(["PLAINTEXT 0.0.0.0:19092 as box:19092"]);
  });

  test("takes the advertised address along", () => {
    const configs = { listeners: "PLAINTEXT://:9092", "advertised.listeners": "PLAINTEXT://localhost:9092" };
    expect(listeners(19_092, configs)).toEqual(["PLAINTEXT 0.0.0.0:19092 as localhost:19092"]);
  });

  test("leaves an advertised address with a port of its own alone", () => {
    const configs = { listeners: "PLAINTEXT://:9092", "advertised.listeners": "PLAINTEXT://proxy:443" };
    expect(listeners(19_092, configs)).toEqual(["PLAINTEXT 0.0.0.0:19092 as proxy:443"]);
  });

  test("moves only the first listener for clients", () => {
    const configs = {
      listeners: "CONTROLLER://:9093,INSIDE://[::1]:9092,OUTSIDE://:9094",
      "controller.listener.names": "CONTROLLER",
      "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT",
    };
    expect(listeners(1, configs)).toEqual(["INSIDE ::1:1 as ::1:1", "OUTSIDE 0.0.0.0:9094 as box:9094"]);
  });

  test("takes a free port for 0", () => {
    expect(listeners(0, {})).toEqual(["PLAINTEXT 127.0.0.1:0 as 127.0.0.1:0"]);
  });
});
