import { describe, expect, test } from "bun:test";
import { BrokerConfig, type StaticEntry, type StaticSource } from "../../../server/config.ts";
import { parseProperties } from "../../../server/config/properties.ts";

function parse(configs: Record<string, string>, source: StaticSource = "file"): BrokerConfig {
  return BrokerConfig.parse(Object.entries(configs).map(([name, value]) => ({ source, name, value })));
}

describe("broker config", () => {
  test("without entries is a working broker on the loopback interface", () => {
    const config = BrokerConfig.parse([]);
    expect(config.listeners("host").map(({ name, host, port }) => `${name} ${host} ${port}`)).toEqual([
      "PLAINTEXT 127.0.0.1 9092",
    ]);
    expect(config.get("log.dirs")).toEqual(["./weir-data"]);
    expect(config.get("node.id")).toBe(1);
    expect(config.notices).toEqual([]);
  });

  test("stronger source wins, whatever the order of entries", () => {
    const from = (source: StaticSource): StaticEntry => ({ source, name: "num.partitions", value: `${ranks[source]}` });
    const ranks = { file: 1, environment: 2, option: 3, override: 4 };
    const sources = ["override", "option", "environment", "file"] as const;
    for (let weaker = 0; weaker < sources.length; weaker++) {
      const entries = sources.slice(weaker).map(from);
      expect(BrokerConfig.parse(entries).get("num.partitions")).toBe(4 - weaker);
      expect(BrokerConfig.parse(entries.toReversed()).get("num.partitions")).toBe(4 - weaker);
    }
  });

  test("later entry of the same source wins", () => {
    const entries = ["1", "2"].map((value) => ({ source: "override" as const, name: "num.partitions", value }));
    expect(BrokerConfig.parse(entries).get("num.partitions")).toBe(2);
  });

  test("value that is overruled is not looked at", () => {
    const config = BrokerConfig.parse([
      { source: "file", name: "num.partitions", value: "many" },
      { source: "override", name: "num.partitions", value: "2" },
    ]);
    expect(config.get("num.partitions")).toBe(2);
  });

  test("unknown name is told and carried on from", () => {
    expect(parse({ "no.such": "1" }).notices).toEqual([
      { level: "warn", event: "unknown config ignored", facts: { name: "no.such", from: "file" } },
    ]);
  });

  test.each(
    [
      ["log.retention.hours", { "log.retention.hours": "2" }, "log.retention.ms", 7_200_000],
      [
        "log.retention.minutes before hours",
        { "log.retention.hours": "2", "log.retention.minutes": "1" },
        "log.retention.ms",
        60_000,
      ],
      ["log.retention.ms before all", { "log.retention.minutes": "1", "log.retention.ms": "5" }, "log.retention.ms", 5],
      ["no limit in hours", { "log.retention.hours": "-1" }, "log.retention.ms", -1],
      ["log.roll.hours", { "log.roll.hours": "1" }, "log.roll.ms", 3_600_000],
      ["log.roll.jitter.hours", { "log.roll.jitter.hours": "1" }, "log.roll.jitter.ms", 3_600_000],
      ["log.flush.scheduler.interval.ms", { "log.flush.scheduler.interval.ms": "7" }, "log.flush.interval.ms", 7],
      ["log.dir", { "log.dir": "/a" }, "log.dirs", ["/a"]],
      ["log.dirs", { "log.dir": "/a", "log.dirs": "/b,/c" }, "log.dirs", ["/b", "/c"]],
      ["listeners", { listeners: "PLAINTEXT://h:1" }, "advertised.listeners", ["PLAINTEXT://h:1"]],
      ["broker.id", { "broker.id": "7" }, "node.id", 7],
      ["node.id", { "node.id": "7" }, "broker.id", 7],
    ] as const,
  )("%s gives the value of the finer config", (_, configs, name, value) => {
    expect(parse(configs).get(name)).toEqual(value as never);
  });

  test("second log directory is told to be unused", () => {
    expect(parse({ "log.dirs": "/a,/b" }).notices.map(({ event }) => event)).toEqual([
      "only the first of log.dirs is used",
    ]);
  });

  test("Kafka's stock server.properties is a working broker with one line about what does nothing", () => {
    const config = BrokerConfig.parse(
      parseProperties(stockProperties).map(({ name, value }) => ({ source: "file" as const, name, value })),
    );
    expect(config.listeners("host")).toEqual([{
      name: "PLAINTEXT",
      host: "0.0.0.0",
      port: 9092,
      protocol: "PLAINTEXT",
      advertisedHost: "localhost",
      advertisedPort: 9092,
    }]);
    expect(config.get("log.dirs")).toEqual(["/tmp/kraft-combined-logs"]);
    expect(config.notices.map(({ level, event }) => `${level} ${event}`)).toEqual([
      "info settings without effect",
    ]);
  });

  test.each([
    ["ids that differ", { "node.id": "1", "broker.id": "2" }, "broker.id"],
    [
      "a smallest above its largest",
      { "group.min.session.timeout.ms": "10", "group.max.session.timeout.ms": "9" },
      "at most group.max.session.timeout.ms, which is 9",
    ],
    [
      "a default outside of its bounds",
      { "group.consumer.session.timeout.ms": "1000" },
      "group.consumer.min.session.timeout.ms",
    ],
  ])("%s are refused", (_, configs, message) => {
    expect(() => parse(configs as Record<string, string>)).toThrow(message);
  });
});

describe("listeners", () => {
  const listeners = (configs: Record<string, string>) =>
    parse(configs).listeners("box").map((listener) =>
      `${listener.name} ${listener.protocol} ${listener.host}:${listener.port} as ${listener.advertisedHost}:${listener.advertisedPort}`
    );

  test.each([
    ["host", { listeners: "PLAINTEXT://10.0.0.1:9092" }, ["PLAINTEXT PLAINTEXT 10.0.0.1:9092 as 10.0.0.1:9092"]],
    ["wildcard is advertised as the host's name", { listeners: "PLAINTEXT://:9092" }, [
      "PLAINTEXT PLAINTEXT 0.0.0.0:9092 as box:9092",
    ]],
    ["0.0.0.0 is a wildcard", { listeners: "PLAINTEXT://0.0.0.0:9092" }, [
      "PLAINTEXT PLAINTEXT 0.0.0.0:9092 as box:9092",
    ]],
    ["IPv6", { listeners: "PLAINTEXT://[::1]:9092" }, ["PLAINTEXT PLAINTEXT ::1:9092 as ::1:9092"]],
    [
      "advertised",
      { listeners: "PLAINTEXT://:9092", "advertised.listeners": "PLAINTEXT://broker.example.com:19092" },
      ["PLAINTEXT PLAINTEXT 0.0.0.0:9092 as broker.example.com:19092"],
    ],
    [
      "advertised alone listens everywhere",
      { "advertised.listeners": "PLAINTEXT://broker.example.com:9092" },
      ["PLAINTEXT PLAINTEXT 0.0.0.0:9092 as broker.example.com:9092"],
    ],
    [
      "several, by names of their own",
      {
        listeners: "INSIDE://:9092,outside://10.0.0.1:9093",
        "listener.security.protocol.map": "INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT",
        "advertised.listeners": "OUTSIDE://kafka.example.com:443,INSIDE://inside:9092",
      },
      ["INSIDE PLAINTEXT 0.0.0.0:9092 as inside:9092", "OUTSIDE PLAINTEXT 10.0.0.1:9093 as kafka.example.com:443"],
    ],
    [
      "controller's is left out",
      { listeners: "PLAINTEXT://:9092,CTRL://:9093", "controller.listener.names": "CTRL" },
      ["PLAINTEXT PLAINTEXT 0.0.0.0:9092 as box:9092"],
    ],
    ["controller's is known by its name", { listeners: "PLAINTEXT://:9092,CONTROLLER://:9093" }, [
      "PLAINTEXT PLAINTEXT 0.0.0.0:9092 as box:9092",
    ]],
  ])("%s", (_, configs, expected) => {
    expect(listeners(configs as Record<string, string>)).toEqual(expected);
  });

  test.each([
    ["text that is no listener", { listeners: "9092" }, "listeners"],
    ["port out of range", { listeners: "PLAINTEXT://:70000" }, "listeners"],
    ["same name twice", { listeners: "PLAINTEXT://:1,PLAINTEXT://:2" }, "listeners"],
    ["no listener", { listeners: "" }, "listeners"],
    ["name without a protocol", { listeners: "INSIDE://:9092" }, "INSIDE is not"],
    ["unknown protocol", { "listener.security.protocol.map": "PLAINTEXT:TLS" }, "listener.security.protocol.map"],
    ["advertised name that is not listened on", { "advertised.listeners": "OTHER://h:1" }, "OTHER is not"],
    ["protocol that is not there yet", { listeners: "SSL://:9093" }, "SSL has SSL, which is not supported yet"],
    ["advertised wildcard", { "advertised.listeners": "PLAINTEXT://0.0.0.0:9092" }, "0.0.0.0 is not"],
    ["unknown listener between brokers", { "inter.broker.listener.name": "INSIDE" }, "one of PLAINTEXT"],
    [
      "only a controller's listener",
      { listeners: "CONTROLLER://:9093", "controller.listener.names": "CONTROLLER" },
      "at least one listener",
    ],
  ])("%s is refused", (_, configs, message) => {
    expect(() => parse(configs as Record<string, string>)).toThrow(message);
  });
});

describe("dynamic broker config", () => {
  test("own override is before the one for all brokers, which is before what was given", () => {
    const config = parse({ "log.retention.ms": "1" });
    config.setDynamicConfigs("all-brokers", new Map([["log.retention.ms", "2"]]));
    expect(config.get("log.retention.ms")).toBe(2);
    config.setDynamicConfigs("this-broker", new Map([["log.retention.ms", "3"]]));
    expect(config.get("log.retention.ms")).toBe(3);
    config.setDynamicConfigs("this-broker", new Map());
    expect(config.get("log.retention.ms")).toBe(2);
    config.setDynamicConfigs("all-brokers", new Map());
    expect(config.get("log.retention.ms")).toBe(1);
  });

  test("listeners hear the names whose values changed, until they leave", () => {
    const config = BrokerConfig.parse([]);
    const heard: string[] = [];
    const leave = config.onChange((names) => heard.push([...names].sort().join(",")));
    config.setDynamicConfigs("all-brokers", new Map([["log.retention.ms", "2"], ["message.max.bytes", "9"]]));
    config.setDynamicConfigs("all-brokers", new Map([["log.retention.ms", "3"], ["message.max.bytes", "9"]]));
    config.setDynamicConfigs("all-brokers", new Map([["log.retention.ms", "3"], ["message.max.bytes", "9"]]));
    config.setDynamicConfigs("all-brokers", new Map());
    leave();
    config.setDynamicConfigs("all-brokers", new Map([["log.retention.ms", "2"]]));
    expect(heard).toEqual([
      "log.retention.ms,message.max.bytes",
      "log.retention.ms",
      "log.retention.ms,message.max.bytes",
    ]);
  });

  test("override that is hidden by a stronger one changes nothing", () => {
    const config = BrokerConfig.parse([]);
    config.setDynamicConfigs("this-broker", new Map([["log.retention.ms", "3"]]));
    const heard: string[] = [];
    config.onChange((names) => heard.push(...names));
    config.setDynamicConfigs("all-brokers", new Map([["log.retention.ms", "2"]]));
    expect(heard).toEqual([]);
    expect(config.get("log.retention.ms")).toBe(3);
  });

  test("override that does not parse is left out", () => {
    const config = BrokerConfig.parse([]);
    config.setDynamicConfigs("all-brokers", new Map([["message.max.bytes", "huge"], ["no.such", "1"]]));
    expect(config.get("message.max.bytes")).toBe(1_048_588);
  });
});

describe("authorization", () => {
  const parse = (name: string, value: string) => () => BrokerConfig.parse([{ source: "override", name, value }]);

  test("that is asked for is refused, so that nobody runs an open broker unknowingly", () => {
    for (
      const [name, value] of [
        ["authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer"],
        ["super.users", "User:admin"],
        ["allow.everyone.if.no.acl.found", "false"],
      ] as const
    ) {
      const message =
        `Invalid value "${value}" for ${name} (override): must be empty: authorization is not supported yet`;
      expect(parse(name, value)).toThrow(message);
    }
  });

  test("that is left empty is fine", () => {
    expect(parse("authorizer.class.name", "")().get("authorizer.class.name")).toBe("");
    expect(parse("super.users", " ")().notices.map(({ event }) => event)).toEqual(["unknown config ignored"]);
  });
});

/** The settings of config/server.properties in Kafka's distribution. */
const stockProperties = `
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=localhost:9093
listeners=PLAINTEXT://:9092,CONTROLLER://:9093
inter.broker.listener.name=PLAINTEXT
advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL
num.network.threads=3
num.io.threads=8
socket.send.buffer.bytes=102400
socket.receive.buffer.bytes=102400
socket.request.max.bytes=104857600
log.dirs=/tmp/kraft-combined-logs
num.partitions=1
num.recovery.threads.per.data.dir=1
offsets.topic.replication.factor=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
log.retention.hours=168
log.segment.bytes=1073741824
log.retention.check.interval.ms=300000
`;
