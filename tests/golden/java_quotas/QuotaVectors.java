// Writes vectors.json: what Kafka's own classes make of rates, token buckets and the order of client quotas. Run through
// `tests/golden/java_quotas/make`.
//
//     java -cp 'BROKER_JARS/*' QuotaVectors.java >vectors.json

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.net.InetAddress;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.MetricName;
import org.apache.kafka.common.metrics.MetricConfig;
import org.apache.kafka.common.metrics.Metrics;
import org.apache.kafka.common.metrics.Quota;
import org.apache.kafka.common.metrics.QuotaViolationException;
import org.apache.kafka.common.metrics.Sensor;
import org.apache.kafka.common.metrics.stats.Rate;
import org.apache.kafka.common.metrics.stats.TokenBucket;
import org.apache.kafka.common.security.auth.KafkaPrincipal;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.network.Session;
import org.apache.kafka.server.config.ClientQuotaManagerConfig;
import org.apache.kafka.server.quota.ClientQuotaEntity.ConfigEntity;
import org.apache.kafka.server.quota.ClientQuotaManager;
import org.apache.kafka.server.quota.QuotaType;
import org.apache.kafka.server.quota.QuotaUtils;

public class QuotaVectors {
    static final ObjectMapper JSON = new ObjectMapper();
    static final long BASE_MS = 1_700_000_000_000L;
    static final MetricName NAME = new MetricName("name", "group", "", Map.of());

    public static void main(String[] args) throws Exception {
        ObjectNode root = JSON.createObjectNode();
        root.set("rates", rates());
        root.set("buckets", buckets());
        root.set("limits", limits());
        StringBuilder text = new StringBuilder("{\n");
        for (String part : List.of("rates", "buckets", "limits")) {
            text.append(text.length() > 2 ? ",\n" : "").append('"').append(part).append("\": [\n");
            for (int index = 0; index < root.get(part).size(); index++) {
                text.append(index > 0 ? ",\n" : "").append(root.get(part).get(index));
            }
            text.append("\n]");
        }
        System.out.println(text.append("\n}"));
        System.exit(0);
    }

    static MetricConfig config(int count, int seconds, double limit) {
        return new MetricConfig().samples(count).timeWindow(seconds, TimeUnit.SECONDS).quota(new Quota(limit, true));
    }

    /** Steps: milliseconds since the first, value, rate after it, throttle. */
    static ArrayNode rates() {
        ArrayNode list = JSON.createArrayNode();
        int[][] windows = {{11, 1}, {11, 1}, {11, 1}, {2, 1}, {1, 1}, {3, 5}, {5, 2}};
        for (int seed = 0; seed < windows.length; seed++) {
            Random random = new Random(seed);
            int count = windows[seed][0];
            int seconds = windows[seed][1];
            double limit = seed % 2 == 0 ? 1000 : 0.75;
            MetricConfig config = config(count, seconds, limit);
            Rate rate = new Rate();
            Sensor sensor = new Metrics().sensor("rate");
            sensor.add(NAME, rate, config);
            ObjectNode node = list.addObject().put("count", count).put("lengthMs", seconds * 1000).put("limit", limit);
            ArrayNode steps = node.putArray("steps");
            long timeMs = BASE_MS;
            for (int step = 0; step < 60; step++) {
                double value = Math.floor(random.nextDouble() * limit * 4 * seconds * 100) / 100;
                if (random.nextInt(10) == 0) value = -value;
                long throttleMs = 0;
                try {
                    sensor.record(value, timeMs, true);
                } catch (QuotaViolationException violation) {
                    throttleMs = QuotaUtils.throttleTime(violation, timeMs);
                }
                steps.addArray().add(timeMs - BASE_MS).add(value).add(rate.measure(config, timeMs)).add(throttleMs);
                int pause = random.nextInt(8);
                if (pause == 0) timeMs += (long) seconds * 1000 * (1 + random.nextInt(count + 2));
                else if (pause < 4) timeMs += random.nextInt(seconds * 1000 * 2);
                else if (pause < 7) timeMs += random.nextInt(seconds * 200);
            }
        }
        return list;
    }

    /** Steps: milliseconds since the first, tokens that are spent, tokens left. */
    static ArrayNode buckets() {
        ArrayNode list = JSON.createArrayNode();
        for (int seed = 0; seed < 4; seed++) {
            Random random = new Random(seed);
            int count = seed == 3 ? 2 : 11;
            double limit = seed % 2 == 0 ? 5 : 0.5;
            MetricConfig config = config(count, 1, limit);
            TokenBucket bucket = new TokenBucket();
            ObjectNode node = list.addObject().put("count", count).put("lengthMs", 1000).put("limit", limit);
            ArrayNode steps = node.putArray("steps");
            long timeMs = BASE_MS;
            for (int step = 0; step < 40; step++) {
                int permits = random.nextInt((int) (limit * 8) + 2);
                bucket.record(config, permits, timeMs);
                steps.addArray().add(timeMs - BASE_MS).add(permits).add(bucket.measure(config, timeMs));
                timeMs += random.nextInt(3) == 0 ? random.nextInt(20_000) : random.nextInt(500);
            }
        }
        return list;
    }

    static final String USER = "ANONYMOUS";

    /**
     * For each set of entities that a quota is set for, as bits of the list below: what each client's limit is (the place in the
     * list, -1 for none), and with whom it is shared (the tags of its sensor).
     */
    static ArrayNode limits() throws Exception {
        Optional<ConfigEntity> none = Optional.empty();
        Optional<ConfigEntity> user = Optional.of(new ClientQuotaManager.UserEntity(USER));
        Optional<ConfigEntity> anyUser = Optional.of(ClientQuotaManager.DEFAULT_USER_ENTITY);
        Optional<ConfigEntity> client = Optional.of(new ClientQuotaManager.ClientIdEntity("app"));
        Optional<ConfigEntity> anyClient = Optional.of(ClientQuotaManager.DEFAULT_USER_CLIENT_ID);
        List<List<Optional<ConfigEntity>>> entities = List.of(
            List.of(user, client), List.of(user, anyClient), List.of(user, none), List.of(anyUser, client),
            List.of(anyUser, anyClient), List.of(anyUser, none), List.of(none, client), List.of(none, anyClient));
        ArrayNode list = JSON.createArrayNode();
        for (int bits = 0; bits < 1 << entities.size(); bits++) {
            ClientQuotaManager manager = new ClientQuotaManager(new ClientQuotaManagerConfig(11, 1), new Metrics(),
                QuotaType.PRODUCE, Time.SYSTEM, "");
            for (int place = 0; place < entities.size(); place++) {
                if ((bits >> place & 1) == 0) continue;
                List<Optional<ConfigEntity>> entity = entities.get(place);
                manager.updateQuota(entity.get(0), entity.get(1), Optional.of(new Quota(place + 1, true)));
            }
            ObjectNode node = list.addObject().put("bits", bits);
            for (String name : List.of(USER, "bob")) {
                KafkaPrincipal principal = new KafkaPrincipal(KafkaPrincipal.USER_TYPE, name);
                for (String clientId : List.of("app", "other", "")) {
                    double bound = manager.quota(principal, clientId).bound();
                    Session session = new Session(principal, InetAddress.getLoopbackAddress());
                    Map<String, String> tags = manager.getOrCreateQuotaSensors(session, clientId).metricTags();
                    node.putArray(name + "/" + clientId).add(bound > 100 ? -1 : (int) bound - 1)
                        .add(tags.get("user")).add(tags.get("client-id"));
                }
            }
            manager.initiateShutdown();
        }
        return list;
    }
}
