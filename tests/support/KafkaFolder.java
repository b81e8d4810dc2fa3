import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Fills a broker, through Kafka's own clients, with one of everything that a data folder can hold.
 *
 *   codecs        segments of a minute each, every compression, null keys and values, headers
 *   transactions  committed and aborted ones that overlap, the last left open
 *   append-time   timestamps of the broker
 *   compacted     a few keys written many times, and tombstones
 *   deleted       the first 30 of 60 records deleted
 *   grown         made, deleted and made again, then given a second partition
 *
 * Two groups, "classic" and "modern", have committed offsets.
 */
public class KafkaFolder {
    private static final long START = System.currentTimeMillis() - 3_600_000;
    private static String servers;
    /** Why a record was not written. A flush says nothing of it, and waits as long for the next. */
    private static volatile Exception failure;

    public static void main(String[] args) throws Exception {
        servers = args[0];
        step("topics");
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", servers))) {
            create(admin, "codecs", Map.of("segment.ms", "60000", "index.interval.bytes", "200", "retention.ms", "-1"));
            create(admin, "append-time", Map.of("message.timestamp.type", "LogAppendTime"));
            create(admin, "compacted", Map.of("cleanup.policy", "compact", "segment.ms", "1000",
                "min.cleanable.dirty.ratio", "0.01", "delete.retention.ms", "100", "index.interval.bytes", "200"));
            create(admin, "deleted", Map.of("segment.ms", "60000", "retention.ms", "-1"));
            create(admin, "grown", Map.of());
            step("codecs");
            codecs();
            step("append-time");
            appendTime();
            step("compacted");
            compacted();
            step("deleted");
            deleted(admin);
            step("grown");
            grown(admin);
            step("transactions");
            create(admin, "transactions", Map.of("segment.ms", "60000", "retention.ms", "-1"));
            transactions();
        }
        step("a classic group");
        commit("classic");
        step("a modern group");
        commit("consumer");
        System.out.println("done");
        Runtime.getRuntime().halt(0); // the open transaction's producer is not closed: that would abort it
    }

    /** Who waits for this program prints the last one when it waits in vain. */
    private static void step(String what) {
        System.out.println("step: " + what);
    }

    private static void codecs() throws Exception {
        for (int minute = 0; minute < 4; minute++) {
            for (String compression : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
                try (KafkaProducer<String, String> producer = producer(compression, null)) {
                    for (int i = 0; i < 40; i++) {
                        String key = i % 7 == 0 ? null : "key " + i;
                        String value = i % 11 == 0 ? null : compression + " " + i + " " + "x".repeat(i * 5);
                        long time = START + minute * 70_000L + i * 10;
                        var record = new ProducerRecord<>("codecs", 0, time, key, value);
                        record.headers().add("index", String.valueOf(i).getBytes()).add("none", null);
                        producer.send(record, KafkaFolder::sent);
                        if (i % 4 == 3) flush(producer);
                    }
                }
            }
        }
    }

    private static void transactions() throws Exception {
        KafkaProducer<String, String> first = producer("none", "first");
        KafkaProducer<String, String> second = producer("lz4", "second");
        first.initTransactions();
        second.initTransactions();
        for (int round = 0; round < 6; round++) {
            long time = START + round * 45_000L;
            first.beginTransaction();
            second.beginTransaction();
            for (int i = 0; i < 5; i++) {
                send(first, "transactions", time + i, "first", round + " " + i);
                flush(first);
                send(second, "transactions", time + i, "second", round + " " + i);
                flush(second);
            }
            if (round % 2 == 0) first.abortTransaction();
            else first.commitTransaction();
            if (round % 3 == 0) second.commitTransaction();
            else second.abortTransaction();
        }
        first.beginTransaction();
        send(first, "transactions", START + 400_000, "open", "still open");
        flush(first);
        try (KafkaProducer<String, String> plain = producer("none", null)) {
            send(plain, "transactions", START + 400_001, "plain", "behind an open transaction");
        }
    }

    private static void appendTime() throws Exception {
        try (KafkaProducer<String, String> producer = producer("gzip", null)) {
            for (int i = 0; i < 30; i++) {
                send(producer, "append-time", START, "key", "value " + i);
                if (i % 10 == 9) flush(producer);
            }
        }
    }

    private static void compacted() throws Exception {
        try (KafkaProducer<String, String> producer = producer("zstd", null)) {
            for (int round = 0; round < 8; round++) {
                for (int i = 0; i < 25; i++) {
                    String value = round == 4 && i < 5 ? null : "round " + round + " of key " + i;
                    if (round < 5 || i >= 5) send(producer, "compacted", START + round * 2_000L + i, "key " + i, value);
                }
                flush(producer);
            }
        }
    }

    private static void deleted(Admin admin) throws Exception {
        try (KafkaProducer<String, String> producer = producer("none", null)) {
            for (int i = 0; i < 60; i++) {
                send(producer, "deleted", START + i * 4_000L, "key", "value " + i);
                flush(producer);
            }
        }
        admin.deleteRecords(Map.of(new TopicPartition("deleted", 0), RecordsToDelete.beforeOffset(30))).all().get();
    }

    private static void grown(Admin admin) throws Exception {
        try (KafkaProducer<String, String> producer = producer("none", null)) {
            send(producer, "grown", START, "key", "of the first topic of this name");
        }
        admin.deleteTopics(List.of("grown")).all().get();
        for (int tries = 0; admin.listTopics().names().get().contains("grown") && tries < 200; tries++) Thread.sleep(20);
        create(admin, "grown", Map.of("max.message.bytes", "2000000"));
        admin.createPartitions(Map.of("grown", NewPartitions.increaseTo(2))).all().get();
        var topic = new ConfigResource(ConfigResource.Type.TOPIC, "grown");
        var ops = List.of(
            new AlterConfigOp(new ConfigEntry("retention.ms", "86400000"), AlterConfigOp.OpType.SET),
            new AlterConfigOp(new ConfigEntry("max.message.bytes", ""), AlterConfigOp.OpType.DELETE));
        admin.incrementalAlterConfigs(Map.of(topic, ops)).all().get();
        try (KafkaProducer<String, String> producer = producer("snappy", null)) {
            for (int i = 0; i < 20; i++) {
                producer.send(new ProducerRecord<>("grown", i % 2, START + i, "key", "value " + i)).get();
            }
        }
    }

    /** Reads some of "codecs" as a member of a group named for its protocol, and commits. */
    private static void commit(String protocol) {
        Properties config = new Properties();
        config.put("bootstrap.servers", servers);
        config.put("group.id", protocol.equals("consumer") ? "modern" : "classic");
        config.put("group.protocol", protocol);
        config.put("auto.offset.reset", "earliest");
        config.put("enable.auto.commit", "false");
        config.put("max.poll.records", "17");
        try (var consumer = new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of("codecs"));
            boolean isRead = false;
            for (int tries = 0; tries < 100 && !isRead; tries++) isRead = !consumer.poll(Duration.ofMillis(300)).isEmpty();
            if (!isRead) throw new IllegalStateException("A member of a group was given nothing to read");
            consumer.commitSync();
        }
    }

    private static void create(Admin admin, String name, Map<String, String> config) throws Exception {
        admin.createTopics(List.of(new NewTopic(name, 1, (short) 1).configs(config))).all().get();
    }

    private static void send(KafkaProducer<String, String> producer, String topic, long time, String key, String value) {
        producer.send(new ProducerRecord<>(topic, 0, time, key, value), KafkaFolder::sent);
    }

    private static void sent(RecordMetadata metadata, Exception exception) {
        if (exception != null) failure = exception;
    }

    /** All that was sent is written. */
    private static void flush(KafkaProducer<String, String> producer) {
        producer.flush();
        if (failure != null) throw new IllegalStateException("A record was not written", failure);
    }

    private static KafkaProducer<String, String> producer(String compression, String transactionalId) {
        Map<String, Object> config = new HashMap<>(Map.of(
            "bootstrap.servers", servers,
            "compression.type", compression,
            "linger.ms", "100",
            "request.timeout.ms", "20000",
            "delivery.timeout.ms", "60000",
            "key.serializer", StringSerializer.class,
            "value.serializer", StringSerializer.class));
        if (transactionalId != null) {
            config.put("transactional.id", transactionalId);
            config.put("transaction.timeout.ms", "900000"); // the open one must outlast the test
        }
        return new KafkaProducer<>(config);
    }
}
