import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;

/**
 * What a producer of Kafka 0.8.2 to 0.10.2 does, in words that all these versions of kafka-clients know.
 *
 *   OldProducer BOOTSTRAP [TOPIC CODEC COUNT]...      sends key-N: value-N to partition 0, every tenth without a value
 */
public final class OldProducer {
    public static void main(String[] args) throws Exception {
        for (int at = 1; at + 2 < args.length; at += 3) {
            produce(args[0], args[at], args[at + 1], Integer.parseInt(args[at + 2]));
        }
    }

    private static void produce(String bootstrap, String topic, String codec, int count) throws Exception {
        Properties config = new Properties();
        config.put("bootstrap.servers", bootstrap);
        config.put("acks", "all");
        config.put("compression.type", codec);
        config.put("linger.ms", "5");
        config.put("key.serializer", "org.apache.kafka.common.serialization.ByteArraySerializer");
        config.put("value.serializer", "org.apache.kafka.common.serialization.ByteArraySerializer");
        KafkaProducer<byte[], byte[]> producer = new KafkaProducer<byte[], byte[]>(config);
        List<Future<?>> answers = new ArrayList<Future<?>>();
        for (int index = 0; index < count; index++) {
            byte[] value = index % 10 == 9 ? null : bytes("value-" + index);
            answers.add(producer.send(new ProducerRecord<byte[], byte[]>(topic, 0, bytes("key-" + index), value)));
        }
        for (Future<?> answer : answers) answer.get();
        producer.close();
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
