/**
 * What clients push as their metrics (KIP-714): OpenTelemetry's `MetricsData`, a message of Protocol Buffers
 * (opentelemetry/proto/metrics/v1/metrics.proto, common/v1/common.proto). Read only; fields that are not named here are skipped.
 *
 *   MetricsData → ResourceMetrics (who) → ScopeMetrics → Metric → data points
 *
 * Times are milliseconds. A value that nobody set is null; numbers past 2^53 are the nearest there is.
 */
import { MalformedFrame } from "../wire.ts";
import { type ProtobufField, protobufFields } from "../protobuf.ts";

export type AttributeValue = string | number | boolean | null | readonly AttributeValue[] | Attributes;
export interface Attributes {
  readonly [name: string]: AttributeValue;
}

/** Metrics about one resource: the attributes say which client, as far as it says so itself. */
export interface ResourceMetrics {
  readonly resource: Attributes;
  readonly metrics: readonly Metric[];
}

export type MetricKind = "gauge" | "sum" | "histogram" | "exponentialHistogram" | "summary" | "none";
export type Temporality = "unspecified" | "delta" | "cumulative";

export interface Metric {
  readonly name: string;
  readonly description: string;
  readonly unit: string;
  readonly kind: MetricKind;
  /** Of sums and histograms; null of others. */
  readonly temporality: Temporality | null;
  /** Of sums; null of others. */
  readonly isMonotonic: boolean | null;
  readonly points: readonly Point[];
}

export type Point = PointTimes & (NumberPoint | HistogramPoint | SummaryPoint);

interface PointTimes {
  readonly attributes: Attributes;
  readonly startTimeMs: number;
  readonly timeMs: number;
}

export interface NumberPoint {
  readonly value: number | null;
}

/** Of an exponential histogram without its buckets. */
export interface HistogramPoint {
  readonly count: number;
  readonly sum: number | null;
  readonly min: number | null;
  readonly max: number | null;
  readonly bucketCounts: readonly number[];
  readonly explicitBounds: readonly number[];
}

export interface SummaryPoint {
  readonly count: number;
  readonly sum: number;
  readonly quantiles: readonly { readonly quantile: number; readonly value: number }[];
}

/** Deeper ones are no attributes but an attempt to use up the stack. */
const ATTRIBUTE_DEPTH_MAX = 16;
const NANOS_PER_MS = 1_000_000n;

/** @throws {MalformedFrame} */
export function decodeMetricsData(bytes: Uint8Array): ResourceMetrics[] {
  return messages(bytes, 1).map(resourceMetrics);
}

// ---------------------------------------------------------------------------------------------- below: how

function resourceMetrics(bytes: Uint8Array): ResourceMetrics {
  let resource: Attributes = {};
  const metrics: Metric[] = [];
  for (const field of protobufFields(bytes)) {
    if (field.number === 1) resource = attributesOf(messages(field.message(), 1));
    if (field.number === 2) { for (const one of messages(field.message(), 2)) metrics.push(metric(one)); }
  }
  return { resource, metrics };
}

/** By the number of the field that holds a metric's data. */
const kinds: ReadonlyMap<number, MetricKind> = new Map([
  [5, "gauge"],
  [7, "sum"],
  [9, "histogram"],
  [10, "exponentialHistogram"],
  [11, "summary"],
]);
const temporalities: readonly Temporality[] = ["unspecified", "delta", "cumulative"];

function metric(bytes: Uint8Array): Metric {
  let [name, description, unit] = ["", "", ""];
  let kind: MetricKind = "none";
  let data = bytes.subarray(0, 0);
  for (const field of protobufFields(bytes)) {
    if (field.number === 1) name = field.text();
    else if (field.number === 2) description = field.text();
    else if (field.number === 3) unit = field.text();
    else if (kinds.has(field.number)) [kind, data] = [kinds.get(field.number)!, field.message()];
  }
  return { name, description, unit, kind, ...dataOf(kind, data) };
}

function dataOf(kind: MetricKind, bytes: Uint8Array): Pick<Metric, "temporality" | "isMonotonic" | "points"> {
  let temporality: Temporality = "unspecified";
  let isMonotonic = false;
  const points: Point[] = [];
  for (const field of protobufFields(bytes)) {
    if (field.number === 1) points.push(point(kind, field.message()));
    else if (field.number === 2) temporality = temporalities[field.int()] ?? "unspecified";
    else if (field.number === 3) isMonotonic = field.bool();
  }
  const isOverTime = kind === "sum" || kind === "histogram" || kind === "exponentialHistogram";
  return { temporality: isOverTime ? temporality : null, isMonotonic: kind === "sum" ? isMonotonic : null, points };
}

function point(kind: MetricKind, bytes: Uint8Array): Point {
  const fields = [...protobufFields(bytes)];
  // Where the attributes are is all that points of different kinds do not agree on among what they have in common.
  const attributesAt = kind === "exponentialHistogram" ? 1 : kind === "histogram" ? 9 : 7;
  const attributes = attributesOf(
    fields.filter(({ number }) => number === attributesAt).map((field) => field.message()),
  );
  const times = { attributes, startTimeMs: millisOf(last(fields, 2)), timeMs: millisOf(last(fields, 3)) };
  switch (kind) {
    case "histogram":
    case "exponentialHistogram":
      return { ...times, ...histogramPoint(kind, fields) };
    case "summary":
      return { ...times, ...summaryPoint(fields) };
    default:
      return { ...times, value: last(fields, 4)?.double() ?? numberOf(last(fields, 6)?.sfixed64()) };
  }
}

function histogramPoint(kind: MetricKind, fields: readonly ProtobufField[]): HistogramPoint {
  const isPlain = kind === "histogram";
  const [minAt, maxAt] = isPlain ? [11, 12] : [12, 13];
  const all = (number: number) => fields.filter((field) => isPlain && field.number === number);
  return {
    count: Number(last(fields, 4)?.fixed64() ?? 0n),
    sum: last(fields, 5)?.double() ?? null,
    min: last(fields, minAt)?.double() ?? null,
    max: last(fields, maxAt)?.double() ?? null,
    bucketCounts: all(6).flatMap((field) => field.fixed64s()),
    explicitBounds: all(7).flatMap((field) => field.doubles()),
  };
}

function summaryPoint(fields: readonly ProtobufField[]): SummaryPoint {
  const quantiles = fields.filter(({ number }) => number === 6).map((field) => {
    const parts = [...protobufFields(field.message())];
    return { quantile: last(parts, 1)?.double() ?? 0, value: last(parts, 2)?.double() ?? 0 };
  });
  return { count: Number(last(fields, 4)?.fixed64() ?? 0n), sum: last(fields, 5)?.double() ?? 0, quantiles };
}

/** `KeyValue` messages. */
function attributesOf(pairs: readonly Uint8Array[], depth = 0): Attributes {
  // A name may be any text, `__proto__` too: `fromEntries` makes it a property like all others.
  return Object.fromEntries(pairs.map((pair): [string, AttributeValue] => {
    const fields = [...protobufFields(pair)];
    const value = last(fields, 2);
    return [last(fields, 1)?.text() ?? "", value === undefined ? null : attributeValue(value.message(), depth)];
  }));
}

/** `AnyValue` */
function attributeValue(bytes: Uint8Array, depth: number): AttributeValue {
  if (depth > ATTRIBUTE_DEPTH_MAX) throw new MalformedFrame(`Cannot read attributes ${depth} deep`);
  const field = [...protobufFields(bytes)].at(-1);
  switch (field?.number) {
    case 1:
      return field.text();
    case 2:
      return field.bool();
    case 3:
      return field.int();
    case 4:
      return field.double();
    case 5:
      return messages(field.message(), 1).map((element) => attributeValue(element, depth + 1));
    case 6:
      return attributesOf(messages(field.message(), 1), depth + 1);
    case 7:
      return [...field.message()];
    default:
      return null;
  }
}

/** The messages in a repeated field. */
function messages(bytes: Uint8Array, number: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (const field of protobufFields(bytes)) if (field.number === number) found.push(field.message());
  return found;
}

/** Of a field that is there once, the last counts. */
function last(fields: readonly ProtobufField[], number: number): ProtobufField | undefined {
  return fields.findLast((field) => field.number === number);
}

function millisOf(field: ProtobufField | undefined): number {
  return Number((field?.fixed64() ?? 0n) / NANOS_PER_MS);
}

function numberOf(value: bigint | undefined): number | null {
  return value === undefined ? null : Number(value);
}
