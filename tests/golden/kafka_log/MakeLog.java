// Writes the records of the log image in this folder to a real Kafka broker. See README.md beside it.
//
//   java -cp "$KAFKA_PEER_HOME/broker/*" MakeLog.java HOST:PORT

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

public class MakeLog {
  static final String TOPIC = "golden";
  static final long START = 1735689600000L; // 2025-01-01
  static String servers;

  public static void main(String[] args) throws Exception {
    servers = args[0];
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", servers))) {
      Map<String, String> config = Map.of("segment.ms", "60000", "index.interval.bytes", "200", "retention.ms", "-1");
      admin.createTopics(List.of(new NewTopic(TOPIC, 1, (short) 1).configs(config))).all().get();
    }
    // First segment: plain and compressed batches.
    long time = START;
    for (String compression : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
      try (KafkaProducer<String, String> producer = producer(compression, null)) {
        for (int i = 0; i < 4; i++) send(producer, time + i, compression + "-key-" + i, compression + "-value-" + i);
        producer.flush();
      }
      time += 1000;
    }
    // Second segment, a minute later: an aborted and a committed transaction with a plain record in between.
    time = START + 100_000;
    try (KafkaProducer<String, String> first = producer("none", "first"); KafkaProducer<String, String> second = producer("none", "second")) {
      first.initTransactions();
      second.initTransactions();
      first.beginTransaction();
      send(first, time, "aborted", "one");
      first.flush();
      second.beginTransaction();
      send(second, time + 1, "committed", "one");
      second.flush();
      send(first, time + 2, "aborted", "two");
      first.flush();
      first.abortTransaction();
      send(second, time + 3, "committed", "two");
      second.commitTransaction();
    }
    // Third segment: more of them, one record a batch, so that the indexes have entries; a null key, a null value, a header.
    time = START + 300_000;
    try (KafkaProducer<String, String> producer = producer("none", null)) {
      for (int i = 0; i < 12; i++) {
        send(producer, time + i * 10, null, "third-" + i);
        producer.flush();
      }
      ProducerRecord<String, String> tombstone = new ProducerRecord<>(TOPIC, 0, time + 1000, "gone", (String) null);
      tombstone.headers().add("reason", "test".getBytes());
      producer.send(tombstone).get();
    }
  }

  static void send(KafkaProducer<String, String> producer, long time, String key, String value) {
    producer.send(new ProducerRecord<>(TOPIC, 0, time, key, value));
  }

  static KafkaProducer<String, String> producer(String compression, String transactionalId) {
    Map<String, Object> config = new HashMap<>(Map.of(
        "bootstrap.servers", servers,
        "compression.type", compression,
        "linger.ms", "100",
        "key.serializer", StringSerializer.class,
        "value.serializer", StringSerializer.class));
    if (transactionalId != null) config.put("transactional.id", transactionalId);
    return new KafkaProducer<>(config);
  }
}
