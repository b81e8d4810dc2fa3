import { describe, expect, test } from "bun:test";
import { BrokerConfig, GroupConfig, logConfigFor, TopicConfig } from "../../../server/config.ts";
import { DEFAULT_LOG_CONFIG } from "../../../storage/log_config.ts";

const none: ReadonlyMap<string, string> = new Map();

describe("topic config", () => {
  test("without overrides on a default broker makes the default log", () => {
    expect(logConfigFor(none, BrokerConfig.parse([]))).toEqual(DEFAULT_LOG_CONFIG);
  });

  test("override is before the broker's values", () => {
    const broker = BrokerConfig.parse([{ source: "file", name: "log.retention.hours", value: "2" }]);
    expect(new TopicConfig(none, broker).get("retention.ms")).toBe(7_200_000);
    broker.setDynamicConfigs("this-broker", new Map([["log.retention.ms", "5"]]));
    expect(new TopicConfig(none, broker).get("retention.ms")).toBe(5);
    expect(new TopicConfig(new Map([["retention.ms", "9"]]), broker).get("retention.ms")).toBe(9);
  });

  test("sees what is altered on the broker after it was made", () => {
    const broker = BrokerConfig.parse([]);
    const topic = new TopicConfig(none, broker);
    broker.setDynamicConfigs("all-brokers", new Map([["message.max.bytes", "77"]]));
    expect(topic.get("max.message.bytes")).toBe(77);
  });

  test("override that does not parse counts as none", () => {
    const topic = new TopicConfig(new Map([["retention.ms", "for ever"]]), BrokerConfig.parse([]));
    expect(topic.get("retention.ms")).toBe(604_800_000);
  });

  test("makes a log's settings", () => {
    const overrides = new Map([
      ["cleanup.policy", "compact"],
      ["segment.bytes", "1048576"],
      ["message.timestamp.type", "LogAppendTime"],
      ["flush.messages", "1"],
    ]);
    const log = logConfigFor(overrides, BrokerConfig.parse([]));
    expect(log.cleanupPolicy).toEqual({ delete: false, compact: true });
    expect(log.segmentBytes).toBe(1_048_576);
    expect(log.timestampType).toBe("LogAppendTime");
    expect(log.flushMessages).toBe(1);
  });

  test("internal segment size has no lower bound", () => {
    expect(logConfigFor(new Map([["internal.segment.bytes", "100"]]), BrokerConfig.parse([])).segmentBytes).toBe(100);
  });

  test("policy interval syncs every second unless told otherwise", () => {
    const broker = BrokerConfig.parse([{ source: "override", name: "log.flush.policy", value: "interval" }]);
    expect(logConfigFor(none, broker).flushMs).toBe(1_000);
    expect(logConfigFor(new Map([["flush.ms", "50"]]), broker).flushMs).toBe(50);
    expect(logConfigFor(new Map([["flush.policy", "os"]]), broker).flushMs).toBe(Infinity);
  });
});

describe("group config", () => {
  test("override is before the broker's value", () => {
    const broker = BrokerConfig.parse([{
      source: "file",
      name: "group.consumer.heartbeat.interval.ms",
      value: "6000",
    }]);
    expect(new GroupConfig(none, broker).get("consumer.heartbeat.interval.ms")).toBe(6_000);
    const overrides = new Map([["consumer.heartbeat.interval.ms", "7000"]]);
    expect(new GroupConfig(overrides, broker).get("consumer.heartbeat.interval.ms")).toBe(7_000);
  });

  test("streams assignor is the first of the broker's", () => {
    const longName = "org.apache.kafka.coordinator.group.streams.assignor.StickyTaskAssignor";
    const broker = BrokerConfig.parse([{
      source: "file",
      name: "group.streams.assignors",
      value: `${longName},sticky`,
    }]);
    expect(new GroupConfig(none, broker).get("streams.assignor.name")).toBe(longName);
  });
});
