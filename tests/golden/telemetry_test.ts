/** Reports that OpenTelemetry's own classes made, and Kafka compressed, read as what they say. */
import { describe, expect, test } from "bun:test";
import { decodeMetricsData } from "../../protocol/embedded/otlp_metrics.ts";
import { readReport } from "../../server/telemetry/report.ts";
import vectors from "./java_telemetry/vectors.json" with { type: "json" };
import { bytesFromHex } from "./vectors.ts";

const timeMs = 1_790_000_000_123;
const none = { description: "", unit: "" };

function decoded(name: string) {
  return decodeMetricsData(bytesFromHex(vectors.reports.find((report) => report.name === name)!.hex));
}

const gauge = {
  name: "a.gauge",
  description: "a description",
  unit: "ms",
  kind: "gauge" as const,
  temporality: null,
  isMonotonic: null,
  points: [
    { attributes: { topic: "orders" }, startTimeMs: 0, timeMs, value: 0.5 },
    { attributes: {}, startTimeMs: 0, timeMs, value: NaN },
    { attributes: {}, startTimeMs: 0, timeMs, value: -3 },
    { attributes: {}, startTimeMs: 0, timeMs, value: null },
  ],
};
const sum = {
  name: "a.sum",
  ...none,
  kind: "sum" as const,
  temporality: "delta" as const,
  isMonotonic: true,
  points: [{ attributes: {}, startTimeMs: timeMs - 1000, timeMs, value: 42 }],
};
const total = { ...sum, temporality: "cumulative" as const, isMonotonic: false };
const resource = { client_rack: "r1" };

describe("reports of metrics", () => {
  test("of nothing are empty", () => expect(decoded("nothing")).toEqual([]));

  test("have numbers", () => {
    expect(decoded("numbers")).toEqual([gauge, sum, total].map((metric) => ({ resource, metrics: [metric] })));
  });

  test("have distributions", () => {
    const times = { startTimeMs: 0, timeMs };
    const [histogram, exponential, summary] = decoded("distributions").map(({ metrics }) => metrics[0]!);
    expect(histogram!.points).toEqual([{
      attributes: { node: "1" },
      ...times,
      count: 3,
      sum: 6,
      min: 1,
      max: 3,
      bucketCounts: [1, 2],
      explicitBounds: [1.5],
    }]);
    expect(exponential!.points).toEqual([{
      attributes: { node: "2" },
      ...times,
      count: 4,
      sum: 10,
      min: 0,
      max: 9,
      bucketCounts: [],
      explicitBounds: [],
    }]);
    const quantiles = [{ quantile: 0.5, value: 1 }, { quantile: 0.99, value: 2 }];
    expect(summary!.points).toEqual([{ attributes: { node: "3" }, ...times, count: 5, sum: 7, quantiles }]);
    expect([histogram, exponential, summary].map((metric) => [metric!.kind, metric!.temporality, metric!.isMonotonic]))
      .toEqual([["histogram", "delta", null], ["exponentialHistogram", "unspecified", null], ["summary", null, null]]);
  });

  test("have attributes of every type", () => {
    expect(decoded("attributes")).toEqual([{
      resource: {
        text: "äöü",
        yes: true,
        int: -7,
        double: 0.25,
        none: null,
        bytes: [1, 2],
        list: ["a", 1],
        map: { inner: "b" },
      },
      metrics: [],
    }]);
  });

  test.each(vectors.compressed)("come in compression $compression", ({ compression, hex }) => {
    expect(readReport(bytesFromHex(hex), { compression, sizeBytesMax: 10_000 })).toEqual([
      { resource, metrics: [gauge, sum, total] },
    ]);
  });
});
