import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;

/**
 * What a consumer of Kafka 0.9 and 0.10 does, in words that all these versions of kafka-clients know.
 *
 *   OldConsumer BOOTSTRAP [TOPIC GROUP COUNT]...      prints "offset key value" of that many, commits, and leaves
 */
public final class OldConsumer {
    public static void main(String[] args) throws Exception {
        for (int at = 1; at + 2 < args.length; at += 3) {
            consume(args[0], args[at], args[at + 1], Integer.parseInt(args[at + 2]));
        }
    }

    private static void consume(String bootstrap, String topic, String group, int count) {
        Properties config = new Properties();
        config.put("bootstrap.servers", bootstrap);
        config.put("group.id", group);
        config.put("auto.offset.reset", "earliest");
        config.put("enable.auto.commit", "false");
        config.put("check.crcs", "true");
        config.put("key.deserializer", "org.apache.kafka.common.serialization.ByteArrayDeserializer");
        config.put("value.deserializer", "org.apache.kafka.common.serialization.ByteArrayDeserializer");
        KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<byte[], byte[]>(config);
        consumer.subscribe(Collections.singletonList(topic));
        int left = count;
        long endMs = System.currentTimeMillis() + 30_000;
        while (left > 0 && System.currentTimeMillis() < endMs) {
            for (ConsumerRecord<byte[], byte[]> record : consumer.poll(200)) {
                System.out.println(record.offset() + " " + text(record.key()) + " " + text(record.value()));
                left--;
            }
        }
        if (left > 0) throw new IllegalStateException(left + " of " + count + " records did not come");
        consumer.commitSync();
        consumer.close();
    }

    private static String text(byte[] bytes) {
        return bytes == null ? "null" : new String(bytes, StandardCharsets.UTF_8);
    }
}
