/**
 * A client's report as the texts that are kept of it: JSON, one object a record. A report that would make a large record makes
 * several, each whole in itself.
 *
 *     {"timeMs":1790000000000,"clientInstanceId":"…","clientId":"orders-1","clientSoftwareName":"apache-kafka-java",
 *      "clientSoftwareVersion":"4.4.0","clientAddress":"10.0.0.7","clientPort":50123,"isLast":false,
 *      "resource":{"client_rack":"a"},
 *      "metrics":[{"name":"org.apache.kafka.producer.connection.creation.rate","description":"","unit":"","kind":"gauge",
 *                  "temporality":null,"isMonotonic":null,
 *                  "points":[{"attributes":{},"startTimeMs":0,"timeMs":1790000000000,"value":0.5}]}]}
 *
 * A value that is no number (NaN, as clients report an average of nothing) is null: JSON has no other.
 */
import { CompressionError, decompress } from "../../protocol/compression.ts";
import { decodeMetricsData, type Metric, type ResourceMetrics } from "../../protocol/embedded/otlp_metrics.ts";

/** Who reports, and when. */
export interface ReportHead {
  readonly timeMs: number;
  readonly clientInstanceId: string;
  readonly clientId: string;
  readonly clientSoftwareName: string;
  readonly clientSoftwareVersion: string;
  readonly clientAddress: string;
  readonly clientPort: number;
  readonly isLast: boolean;
}

/** Half of what a record may have by default. */
const RECORD_CHARS_MAX = 512 * 1024;
/** Of all records of a report: protobuf has short forms for much that is long here. */
const REPORT_CHARS_MAX = 8 * 1024 * 1024;
/** How far a report is unpacked to tell one that is too large from one that is damaged. */
const TOO_LARGE_BUT_WHOLE = 16;

/** The report is larger, unpacked or written out, than it may be. */
export class ReportTooLarge extends Error {
  override readonly name = "ReportTooLarge";
}

/** @throws {CompressionError | MalformedFrame | ReportTooLarge} */
export function readReport(
  bytes: Uint8Array,
  { compression, sizeBytesMax }: { readonly compression: number; readonly sizeBytesMax: number },
): ResourceMetrics[] {
  return byResource(decodeMetricsData(unpacked(bytes, compression, sizeBytesMax)));
}

/** @throws {ReportTooLarge} */
export function reportTexts(head: ReportHead, report: readonly ResourceMetrics[]): string[] {
  const texts: string[] = [];
  let charsLeft = REPORT_CHARS_MAX;
  const take = (chars: number) => {
    charsLeft -= chars;
    if (charsLeft < 0) throw new ReportTooLarge(`A report of more than ${REPORT_CHARS_MAX} characters`);
  };
  for (const { resource, metrics } of report) {
    const start = `${JSON.stringify({ ...head, resource }).slice(0, -1)},"metrics":[`;
    let pending: string[] = [];
    let pendingChars = 0;
    const finish = () => {
      take(start.length);
      texts.push(`${start}${pending.join(",")}]}`);
      pending = [];
      pendingChars = 0;
    };
    for (const metric of metrics) {
      for (const text of metricTexts(metric)) {
        take(text.length);
        if (pendingChars > 0 && pendingChars + text.length > RECORD_CHARS_MAX) finish();
        pending.push(text);
        pendingChars += text.length;
      }
    }
    if (pending.length > 0) finish();
  }
  return texts;
}

// ---------------------------------------------------------------------------------------------- below: how

function unpacked(bytes: Uint8Array, compression: number, sizeBytesMax: number): Uint8Array {
  try {
    return decompress(compression, bytes, sizeBytesMax);
  } catch (cause) {
    if (!(cause instanceof CompressionError)) throw cause;
    decompress(compression, bytes, sizeBytesMax * TOO_LARGE_BUT_WHOLE);
    throw new ReportTooLarge(`A report of more than ${sizeBytesMax} bytes, unpacked`, { cause });
  }
}

/** A client may name its resource for each metric anew. */
function byResource(report: readonly ResourceMetrics[]): ResourceMetrics[] {
  const groups = new Map<string, { readonly resource: ResourceMetrics["resource"]; readonly metrics: Metric[] }>();
  for (const { resource, metrics } of report) {
    const key = JSON.stringify(resource);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { resource, metrics: [...metrics] });
    else for (const metric of metrics) group.metrics.push(metric);
  }
  return [...groups.values()];
}

/** One, unless its points are too many for a record. Made one by one: what they repeat, such as a long name, adds up. */
function* metricTexts(metric: Metric): Generator<string> {
  const text = JSON.stringify(metric);
  const { points } = metric;
  if (text.length <= RECORD_CHARS_MAX || points.length < 2) return yield text;
  const middle = points.length >> 1;
  for (const half of [points.slice(0, middle), points.slice(middle)]) yield* metricTexts({ ...metric, points: half });
}
