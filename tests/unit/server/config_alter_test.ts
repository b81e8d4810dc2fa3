import { describe, expect, test } from "bun:test";
import { errorName, ProtocolError } from "../../../protocol/errors.ts";
import { BrokerConfig } from "../../../server/config.ts";
import {
  type AlterableKind,
  ConfigOperation,
  planChanges,
  planReplacement,
  refuseOddRequests,
  type RequestedChange,
  type Situation,
  validateTopicConfigs,
} from "../../../server/config/alter.ts";

const { SET, DELETE, APPEND, SUBTRACT } = ConfigOperation;
const broker = BrokerConfig.parse([{ source: "file", name: "log.cleanup.policy", value: "delete" }]);

type Requested = readonly [name: string, operation: number, value: string | null];

function plan(
  kind: AlterableKind,
  requested: readonly Requested[],
  current: Record<string, string> = {},
  resource = "1",
): string[] {
  const changes = requested.map(([name, operation, value]) => ({ name, operation, value }));
  refuseOddRequests(changes);
  const planned = planChanges(changes, situation(kind, current, resource));
  return [...planned].map(([name, value]) => `${name}=${value}`);
}

function replace(
  kind: AlterableKind,
  configs: Record<string, string>,
  current: Record<string, string> = {},
): [string, string | null][] {
  const changes = Object.entries(configs).map(([name, value]): RequestedChange => ({ name, operation: SET, value }));
  return [...planReplacement(changes, situation(kind, current))];
}

function situation(kind: AlterableKind, current: Record<string, string>, name = "1"): Situation {
  return { kind, name, current: new Map(Object.entries(current)), broker };
}

/** "CODE: message" of the refusal. */
function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof ProtocolError) return `${errorName(error.code)}: ${error.message}`;
    throw error;
  }
  return "no refusal";
}

describe("incremental changes", () => {
  test("set and delete are as asked for", () => {
    expect(plan("topic", [["retention.ms", SET, "1000"], ["flush.ms", DELETE, null]])).toEqual([
      "retention.ms=1000",
      "flush.ms=null",
    ]);
  });

  test("delete of an unknown name is no mistake", () => {
    expect(plan("topic", [["no.such", DELETE, null]])).toEqual(["no.such=null"]);
  });

  test.each(
    [
      ["append to the default", APPEND, "compact", {}, "delete,compact"],
      ["append to what is set", APPEND, "delete", { "cleanup.policy": "compact" }, "compact,delete"],
      ["append of what is there", APPEND, "delete", {}, "delete"],
      ["append of several", APPEND, "compact,delete", {}, "delete,compact"],
      ["subtract from the default", SUBTRACT, "delete", {}, ""],
      ["subtract from what is set", SUBTRACT, "delete", { "cleanup.policy": "compact,delete" }, "compact"],
      ["subtract of what is not there", SUBTRACT, "compact", {}, "delete"],
      [
        "subtract of what stands behind a blank",
        SUBTRACT,
        "delete",
        { "cleanup.policy": "compact, delete" },
        "compact, delete",
      ],
      ["append of commas", APPEND, ",,", {}, "delete"],
    ] as const,
  )("list %s", (_, operation, value, current, expected) => {
    expect(plan("topic", [["cleanup.policy", operation, value]], current)).toEqual([`cleanup.policy=${expected}`]);
  });

  // Codes are those of a Kafka 4.4 broker for the same requests.
  test.each<[string, AlterableKind, readonly Requested[], string]>([
    ["number that is none", "topic", [["retention.ms", SET, "abc"]], "INVALID_CONFIG"],
    ["number out of bounds", "topic", [["retention.ms", SET, "-5"]], "INVALID_CONFIG"],
    ...["segment.bytes", "retention.ms", "min.cleanable.dirty.ratio", "preallocate", "compression.type"].map((name) =>
      [`${name} of nothing`, "topic", [[name, SET, " "]], "INVALID_CONFIG"] as [string, "topic", Requested[], string]
    ),
    ["append of nothing", "topic", [["cleanup.policy", APPEND, ""]], "INVALID_CONFIG"],
    ["append behind a comma", "topic", [["cleanup.policy", APPEND, ",compact"]], "INVALID_CONFIG"],
    ["append of a blank", "topic", [["cleanup.policy", APPEND, " "]], "INVALID_CONFIG"],
    ["value of 32,768 characters", "topic", [["cleanup.policy", SET, " ".repeat(32_768)]], "INVALID_CONFIG"],
    ["unknown topic config", "topic", [["no.such", SET, "1"]], "INVALID_CONFIG"],
    ["null value", "topic", [["retention.ms", SET, null]], "INVALID_REQUEST"],
    ["append to what is no list", "topic", [["retention.ms", APPEND, "1"]], "INVALID_CONFIG"],
    ["list element that is not allowed", "topic", [["cleanup.policy", APPEND, "bogus"]], "INVALID_CONFIG"],
    ["same name twice", "topic", [["retention.ms", SET, "1"], ["retention.ms", SET, "2"]], "INVALID_REQUEST"],
    ["unknown operation", "topic", [["retention.ms", 9, "1"]], "INVALID_REQUEST"],
    ["small segment", "topic", [["segment.bytes", SET, "1000"]], "INVALID_CONFIG"],
    [
      "lag above its largest",
      "topic",
      [["min.compaction.lag.ms", SET, "10"], ["max.compaction.lag.ms", SET, "5"]],
      "INVALID_CONFIG",
    ],
    ["tiered storage", "topic", [["remote.storage.enable", SET, "true"]], "INVALID_CONFIG"],
    [
      "throttled replicas that are none",
      "topic",
      [["leader.replication.throttled.replicas", SET, "0:1,x"]],
      "INVALID_CONFIG",
    ],
    ["good one beside a bad one", "topic", [["retention.ms", SET, "1"], ["flush.ms", SET, "x"]], "INVALID_CONFIG"],
    ["read-only broker config", "broker", [["num.partitions", SET, "3"]], "INVALID_REQUEST"],
    ["read-only config for all brokers", "all-brokers", [["num.partitions", SET, "3"]], "INVALID_REQUEST"],
    ["config of one broker for all", "all-brokers", [["listeners", SET, "PLAINTEXT://:1"]], "INVALID_REQUEST"],
    [
      "config of a listener for all",
      "all-brokers",
      [["listener.name.a.ssl.client.auth", SET, "none"]],
      "INVALID_REQUEST",
    ],
    ["bad broker value", "broker", [["log.retention.ms", SET, "abc"]], "INVALID_REQUEST"],
    ["broker retention of nothing", "broker", [["log.retention.ms", SET, "0"]], "INVALID_REQUEST"],
    ["security config without a listener", "broker", [["ssl.keystore.password", SET, "x"]], "INVALID_REQUEST"],
    ["append to a broker's number", "broker", [["log.retention.ms", APPEND, "5"]], "INVALID_CONFIG"],
    ["unknown group config", "group", [["no.such", SET, "1"]], "INVALID_CONFIG"],
    ["bad group value", "group", [["consumer.session.timeout.ms", SET, "x"]], "INVALID_CONFIG"],
    [
      "group value out of the broker's bounds",
      "group",
      [["consumer.session.timeout.ms", SET, "500000"]],
      "INVALID_CONFIG",
    ],
    ["list of a group, appended to,", "group", [["streams.rack.aware.assignment.tags", APPEND, "a"]], "INVALID_CONFIG"],
    ["tag of a group, twice,", "group", [["streams.rack.aware.assignment.tags", SET, "a,a"]], "INVALID_CONFIG"],
    ["assignor that is none", "group", [["streams.assignor.name", SET, "none"]], "INVALID_CONFIG"],
    ["internal dead-letter topic", "group", [["errors.deadletterqueue.topic.name", SET, "__a"]], "INVALID_CONFIG"],
    ["list of client metrics, appended to,", "client-metrics", [["metrics", APPEND, "a"]], "INVALID_CONFIG"],
    ["client metrics interval that is none", "client-metrics", [["interval.ms", SET, "soon"]], "INVALID_CONFIG"],
    ["client metrics interval of nothing", "client-metrics", [["interval.ms", SET, ""]], "INVALID_CONFIG"],
    ["unknown client metrics config", "client-metrics", [["no.such", SET, "1"]], "INVALID_REQUEST"],
    ["client metrics interval out of bounds", "client-metrics", [["interval.ms", SET, "50"]], "INVALID_REQUEST"],
    ["client metrics selector that is none", "client-metrics", [["match", SET, "foo=bar"]], "INVALID_CONFIG"],
    ["client metrics pattern that is none", "client-metrics", [["match", SET, "client_id=b[ar"]], "INVALID_CONFIG"],
  ])("%s is refused", (_, kind, requested, code) => {
    expect(refusal(() => plan(kind, requested))).toContain(`${code}: `);
  });

  test.each<[string, AlterableKind, Requested]>([
    ["empty cleanup policy", "topic", ["cleanup.policy", SET, ""]],
    ["more in-sync replicas than brokers", "topic", ["min.insync.replicas", SET, "99"]],
    ["all replicas throttled", "topic", ["leader.replication.throttled.replicas", SET, "*"]],
    ["no throttled replicas", "topic", ["follower.replication.throttled.replicas", SET, " "]],
    ["throttled replicas among commas", "topic", ["leader.replication.throttled.replicas", SET, ",0:1,,"]],
    ["nothing, appended to throttled replicas,", "topic", ["leader.replication.throttled.replicas", APPEND, ""]],
    ["streams assignor", "group", ["streams.assignor.name", SET, "sticky"]],
    ["flush policy", "topic", ["flush.policy", SET, "os"]],
    ["broker config that Kafka does not know", "broker", ["no.such", SET, "1"]],
    ["read-only broker config set back", "broker", ["num.partitions", DELETE, null]],
    ["throttle rate", "broker", ["leader.replication.throttled.rate", SET, "1000"]],
    ["security config of a listener", "broker", ["listener.name.plaintext.ssl.client.auth", SET, "required"]],
    ["list of all brokers", "all-brokers", ["log.cleanup.policy", APPEND, "compact"]],
    ["group value within the broker's bounds", "group", ["consumer.session.timeout.ms", SET, "50000"]],
    ["client metrics", "client-metrics", ["match", SET, "client_id=app-.*"]],
  ])("%s is taken", (_, kind, change) => {
    expect(refusal(() => plan(kind, [change]))).toBe("no refusal");
  });

  // As a Kafka 4.4 broker told of the same.
  test.each<[string, AlterableKind, string, readonly Requested[], string]>([
    ["a list that is none before a name", "topic", "a b", [["retention.ms", APPEND, "1"]], "INVALID_CONFIG"],
    ["a name before a value", "topic", "a b", [["retention.ms", SET, "x"]], "INVALID_TOPIC_EXCEPTION"],
    ["no name before a value", "topic", "", [["retention.ms", SET, "x"]], "INVALID_REQUEST"],
    ["a null before a name", "topic", "a b", [["retention.ms", SET, null]], "INVALID_REQUEST"],
    ["no group before a value", "group", "", [["consumer.session.timeout.ms", SET, "x"]], "INVALID_REQUEST"],
  ])("%s is told", (_, kind, resource, requested, code) => {
    expect(refusal(() => plan(kind, requested, {}, resource))).toContain(`${code}: `);
  });

  test("what is wrong with a value is told", () => {
    expect(refusal(() => plan("topic", [["retention.ms", SET, "abc"]]))).toBe(
      'INVALID_CONFIG: Invalid value "abc" for retention.ms: must be a whole number (LONG), at least -1',
    );
  });
});

describe("replacement of all configs", () => {
  test("what is not named is unset", () => {
    const current = { "retention.ms": "1", "flush.ms": "2" };
    expect(replace("topic", { "retention.ms": "5" }, current)).toEqual([["retention.ms", "5"], ["flush.ms", null]]);
  });

  test("nothing named unsets all", () => {
    expect(replace("broker", {}, { "log.retention.ms": "1" })).toEqual([["log.retention.ms", null]]);
  });

  test("bad value is refused", () => {
    expect(refusal(() => replace("broker", { "num.partitions": "5" }))).toBe(
      "INVALID_REQUEST: Cannot update these configs dynamically: [num.partitions]",
    );
  });
});

test("configs of a new topic are checked", () => {
  expect(refusal(() => validateTopicConfigs(new Map([["segment.bytes", "1048576"]])))).toBe("no refusal");
  expect(refusal(() => validateTopicConfigs(new Map([["no.such", "1"]])))).toBe(
    "INVALID_CONFIG: Unknown topic config name: no.such",
  );
});
