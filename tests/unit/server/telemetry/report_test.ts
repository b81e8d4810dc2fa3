import { describe, expect, test } from "bun:test";
import { compress, Compression } from "../../../../protocol/compression.ts";
import type { Metric } from "../../../../protocol/embedded/otlp_metrics.ts";
import { readReport, type ReportHead, reportTexts, ReportTooLarge } from "../../../../server/telemetry/report.ts";

const head: ReportHead = {
  timeMs: 1,
  clientInstanceId: "AAAAAAAAAAAAAAAAAAABcQ",
  clientId: "c",
  clientSoftwareName: "test",
  clientSoftwareVersion: "1",
  clientAddress: "127.0.0.1",
  clientPort: 5,
  isLast: false,
};

function metric(name: string, pointCount: number, text = ""): Metric {
  const points = Array.from({ length: pointCount }, (_, index) => ({
    attributes: { text },
    startTimeMs: 0,
    timeMs: index,
    value: index,
  }));
  return { name, description: "", unit: "", kind: "gauge", temporality: null, isMonotonic: null, points };
}

function read(texts: readonly string[]): { metrics: Metric[] }[] {
  return texts.map((text) => JSON.parse(text));
}

describe("a report", () => {
  test("is one record, with who sent it", () => {
    const resource = { client_rack: "a" };
    const texts = reportTexts(head, [{ resource, metrics: [metric("one", 1), metric("two", 2)] }]);
    expect(read(texts) as unknown[]).toEqual([{ ...head, resource, metrics: [metric("one", 1), metric("two", 2)] }]);
  });

  test("without metrics is none", () => expect(reportTexts(head, [{ resource: {}, metrics: [] }])).toEqual([]));

  test("has null for what is no number", () => {
    const strange = { ...metric("one", 1), points: [{ attributes: {}, startTimeMs: 0, timeMs: 0, value: NaN }] };
    expect(reportTexts(head, [{ resource: {}, metrics: [strange] }])[0]).toContain('"value":null');
  });

  test("that is long is several records, and a long metric in several of them", () => {
    const text = "x".repeat(1000);
    const metrics = [metric("short", 1), metric("long", 1200, text), metric("next", 1)];
    const texts = reportTexts(head, [{ resource: {}, metrics }]);
    expect(texts.length).toBeGreaterThan(2);
    for (const one of texts) expect(one.length).toBeLessThan(600 * 1024);
    const all = read(texts).flatMap((record) => record.metrics);
    const points = all.filter(({ name }) => name === "long").flatMap((part) => part.points);
    expect(points.map(({ timeMs }) => timeMs)).toEqual(Array.from({ length: 1200 }, (_, index) => index));
    expect(all[0]!.name).toBe("short");
    expect(all.at(-1)!.name).toBe("next");
  });

  test("has a bound", () => {
    const metrics = [metric("long", 10_000, "x".repeat(1000))];
    expect(() => reportTexts(head, [{ resource: {}, metrics }])).toThrow(ReportTooLarge);
  });

  test("has a bound for what its records repeat, reached before all of them are made", () => {
    const long = metric("n".repeat(600_000), 100_000);
    expect(() => reportTexts(head, [{ resource: {}, metrics: [long] }])).toThrow(ReportTooLarge);
    const wide = [metric("long", 10_000, "x".repeat(100))];
    expect(() => reportTexts(head, [{ resource: { text: "r".repeat(5_000_000) }, metrics: wide }])).toThrow(
      ReportTooLarge,
    );
  });

  test("that unpacks to more than is allowed is too large, not damaged", () => {
    // A message of one field that nobody knows: a text of 300 bytes.
    const bytes = new Uint8Array([0x7a, 0xac, 0x02, ...new Uint8Array(300)]);
    for (const compression of Object.values(Compression)) {
      const packed = compress(compression, bytes);
      expect(readReport(packed, { compression, sizeBytesMax: 1000 })).toEqual([]);
      if (compression === Compression.none) continue; // looked at before
      expect(() => readReport(packed, { compression, sizeBytesMax: 200 })).toThrow(ReportTooLarge);
    }
  });
});
