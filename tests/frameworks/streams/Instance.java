import java.time.Duration;
import java.util.Arrays;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;

/**
 * An instance of an application that counts words: it reads lines from APPLICATION-input, and each word makes one record
 * in APPLICATION-output, with the word as its key and how often it has come so far as its value.
 *
 *   Instance HOST:PORT APPLICATION NAME PROTOCOL GUARANTEE FILES COMMIT_INTERVAL_MS
 *
 * As a process of its own it prints a line, its state and the number of its tasks, whenever that changes, and leaves the group
 * when it is told to end.
 */
public class Instance {
    static final Duration PATIENCE = Duration.ofSeconds(90);

    public static void main(String[] args) throws Exception {
        KafkaStreams streams = create(args[0], args[1], args[2], args[3], args[4], args[5], Integer.parseInt(args[6]));
        Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("closed " + stop(streams))));
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            return org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        streams.start();
        for (String last = "";; Thread.sleep(20)) {
            String now = streams.state() + " " + taskCount(streams);
            if (!now.equals(last)) System.out.println(now);
            last = now;
        }
    }

    static KafkaStreams create(String bootstrap, String application, String name, String protocol, String guarantee, String files, int commitIntervalMs) {
        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(application + "-input", Consumed.with(Serdes.String(), Serdes.String()))
            .flatMapValues(line -> Arrays.asList(line.split(" ")))
            .groupBy((key, word) -> word, Grouped.with("by-word", Serdes.String(), Serdes.String()))
            .count(Materialized.as("counts"))
            .toStream()
            .to(application + "-output", Produced.with(Serdes.String(), Serdes.Long()));
        Properties config = new Properties();
        config.put(StreamsConfig.APPLICATION_ID_CONFIG, application);
        config.put(StreamsConfig.CLIENT_ID_CONFIG, name);
        config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
        config.put(StreamsConfig.STATE_DIR_CONFIG, files);
        config.put(StreamsConfig.GROUP_PROTOCOL_CONFIG, protocol);
        config.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, guarantee);
        config.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        config.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
        config.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, commitIntervalMs);
        config.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, -1);
        config.put("default.key.serde", Serdes.StringSerde.class.getName());
        config.put("default.value.serde", Serdes.StringSerde.class.getName());
        config.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
        if (protocol.equals("classic")) {
            config.put(StreamsConfig.consumerPrefix("session.timeout.ms"), 6_000);
            config.put(StreamsConfig.consumerPrefix("heartbeat.interval.ms"), 1_000);
            config.put(StreamsConfig.ACCEPTABLE_RECOVERY_LAG_CONFIG, Long.MAX_VALUE);
        }
        return new KafkaStreams(builder.build(), config);
    }

    /** Whether all of it has come to its end. */
    static boolean stop(KafkaStreams streams) {
        return streams.close(new KafkaStreams.CloseOptions().leaveGroup(true).timeout(PATIENCE));
    }

    static int taskCount(KafkaStreams streams) {
        return streams.metadataForLocalThreads().stream().mapToInt(thread -> thread.activeTasks().size()).sum();
    }
}
