// Writes vectors.json: reports of metrics as Kafka's client would push them, made by OpenTelemetry's own classes, which are in its
// jar under another name, and compressed by Kafka's. Run through `tests/golden/java_telemetry/make`.
//
//     java -cp 'BROKER_JARS/*' TelemetryVectors.java >vectors.json

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.List;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.telemetry.internals.ClientTelemetryUtils;
import org.apache.kafka.shaded.com.google.protobuf.ByteString;
import org.apache.kafka.shaded.io.opentelemetry.proto.common.v1.AnyValue;
import org.apache.kafka.shaded.io.opentelemetry.proto.common.v1.ArrayValue;
import org.apache.kafka.shaded.io.opentelemetry.proto.common.v1.KeyValue;
import org.apache.kafka.shaded.io.opentelemetry.proto.common.v1.KeyValueList;
import org.apache.kafka.shaded.io.opentelemetry.proto.metrics.v1.AggregationTemporality;
import org.apache.kafka.shaded.io.opentelemetry.proto.metrics.v1.ExponentialHistogram;
import org.apache.kafka.shaded.io.opentelemetry.proto.metrics.v1.ExponentialHistogramDataPoint;
import org.apache.kafka.shaded.io.opentelemetry.proto.metrics.v1.Gauge;
import org.apache.kafka.shaded.io.opentelemetry.proto.metrics.v1.Histogram;
import org.apache.kafka.shaded.io.opentelemetry.proto.metrics.v1.HistogramDataPoint;
import org.apache.kafka.shaded.io.opentelemetry.proto.metrics.v1.Metric;
import org.apache.kafka.shaded.io.opentelemetry.proto.metrics.v1.MetricsData;
import org.apache.kafka.shaded.io.opentelemetry.proto.metrics.v1.NumberDataPoint;
import org.apache.kafka.shaded.io.opentelemetry.proto.metrics.v1.ResourceMetrics;
import org.apache.kafka.shaded.io.opentelemetry.proto.metrics.v1.ScopeMetrics;
import org.apache.kafka.shaded.io.opentelemetry.proto.metrics.v1.Sum;
import org.apache.kafka.shaded.io.opentelemetry.proto.metrics.v1.Summary;
import org.apache.kafka.shaded.io.opentelemetry.proto.metrics.v1.SummaryDataPoint;
import org.apache.kafka.shaded.io.opentelemetry.proto.resource.v1.Resource;

public class TelemetryVectors {
    static final ObjectMapper JSON = new ObjectMapper();
    static final long NOW = 1_790_000_000_123L * 1_000_000L;

    public static void main(String[] args) throws Exception {
        ObjectNode root = JSON.createObjectNode();
        ArrayNode list = root.putArray("reports");
        add(list, "nothing", MetricsData.newBuilder().build());
        add(list, "numbers", report(gauge(), sum(true), sum(false)));
        add(list, "distributions", report(histogram(), exponential(), summary()));
        add(list, "attributes", MetricsData.newBuilder().addResourceMetrics(ResourceMetrics.newBuilder()
            .setResource(Resource.newBuilder().addAllAttributes(List.of(
                pair("text", AnyValue.newBuilder().setStringValue("äöü")),
                pair("yes", AnyValue.newBuilder().setBoolValue(true)),
                pair("int", AnyValue.newBuilder().setIntValue(-7)),
                pair("double", AnyValue.newBuilder().setDoubleValue(0.25)),
                pair("none", AnyValue.newBuilder()),
                pair("bytes", AnyValue.newBuilder().setBytesValue(ByteString.copyFrom(new byte[] {1, 2}))),
                pair("list", AnyValue.newBuilder().setArrayValue(ArrayValue.newBuilder()
                    .addValues(AnyValue.newBuilder().setStringValue("a")).addValues(AnyValue.newBuilder().setIntValue(1)))),
                pair("map", AnyValue.newBuilder().setKvlistValue(KeyValueList.newBuilder()
                    .addValues(pair("inner", AnyValue.newBuilder().setStringValue("b")))))
            )))).build());
        MetricsData data = report(gauge(), sum(true), sum(false));
        ArrayNode packed = root.putArray("compressed");
        for (CompressionType type : CompressionType.values()) {
            ByteBuffer bytes = ClientTelemetryUtils.compress(data, type);
            ObjectNode node = packed.addObject();
            node.put("compression", type.id);
            node.put("hex", HexFormat.of().formatHex(bytes.array(), bytes.arrayOffset(), bytes.arrayOffset() + bytes.limit()));
        }
        System.out.println(JSON.writerWithDefaultPrettyPrinter().writeValueAsString(root));
    }

    static void add(ArrayNode list, String name, MetricsData data) {
        ObjectNode node = list.addObject();
        node.put("name", name);
        node.put("hex", HexFormat.of().formatHex(data.toByteArray()));
    }

    static MetricsData report(Metric... metrics) {
        MetricsData.Builder data = MetricsData.newBuilder();
        // A client puts each metric into a resource of its own.
        for (Metric metric : metrics) {
            data.addResourceMetrics(ResourceMetrics.newBuilder()
                .setResource(Resource.newBuilder().addAttributes(pair("client_rack", AnyValue.newBuilder().setStringValue("r1"))))
                .addScopeMetrics(ScopeMetrics.newBuilder().addMetrics(metric)));
        }
        return data.build();
    }

    static KeyValue pair(String key, AnyValue.Builder value) {
        return KeyValue.newBuilder().setKey(key).setValue(value).build();
    }

    static Metric gauge() {
        return Metric.newBuilder().setName("a.gauge").setDescription("a description").setUnit("ms").setGauge(Gauge.newBuilder()
            .addDataPoints(NumberDataPoint.newBuilder().setTimeUnixNano(NOW).setAsDouble(0.5)
                .addAttributes(pair("topic", AnyValue.newBuilder().setStringValue("orders"))))
            .addDataPoints(NumberDataPoint.newBuilder().setTimeUnixNano(NOW).setAsDouble(Double.NaN))
            .addDataPoints(NumberDataPoint.newBuilder().setTimeUnixNano(NOW).setAsInt(-3))
            .addDataPoints(NumberDataPoint.newBuilder().setTimeUnixNano(NOW))).build();
    }

    static Metric sum(boolean isDelta) {
        return Metric.newBuilder().setName("a.sum").setSum(Sum.newBuilder().setIsMonotonic(isDelta)
            .setAggregationTemporality(isDelta ? AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
                : AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE)
            .addDataPoints(NumberDataPoint.newBuilder().setStartTimeUnixNano(NOW - 1_000_000_000L).setTimeUnixNano(NOW)
                .setAsDouble(42))).build();
    }

    static Metric histogram() {
        return Metric.newBuilder().setName("a.histogram").setHistogram(Histogram.newBuilder()
            .setAggregationTemporality(AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA)
            .addDataPoints(HistogramDataPoint.newBuilder().setTimeUnixNano(NOW).setCount(3).setSum(6).setMin(1).setMax(3)
                .addAllBucketCounts(List.of(1L, 2L)).addAllExplicitBounds(List.of(1.5))
                .addAttributes(pair("node", AnyValue.newBuilder().setStringValue("1"))))).build();
    }

    static Metric exponential() {
        return Metric.newBuilder().setName("an.exponential").setExponentialHistogram(ExponentialHistogram.newBuilder()
            .addDataPoints(ExponentialHistogramDataPoint.newBuilder().setTimeUnixNano(NOW).setCount(4).setSum(10).setScale(1)
                .setZeroCount(1).setMin(0).setMax(9)
                .setPositive(ExponentialHistogramDataPoint.Buckets.newBuilder().setOffset(2).addBucketCounts(3))
                .addAttributes(pair("node", AnyValue.newBuilder().setStringValue("2"))))).build();
    }

    static Metric summary() {
        return Metric.newBuilder().setName("a.summary").setSummary(Summary.newBuilder()
            .addDataPoints(SummaryDataPoint.newBuilder().setTimeUnixNano(NOW).setCount(5).setSum(7)
                .addQuantileValues(SummaryDataPoint.ValueAtQuantile.newBuilder().setQuantile(0.5).setValue(1))
                .addQuantileValues(SummaryDataPoint.ValueAtQuantile.newBuilder().setQuantile(0.99).setValue(2))
                .addAttributes(pair("node", AnyValue.newBuilder().setStringValue("3"))))).build();
    }
}
