import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.api.common.serialization.SerializationSchema;
import org.apache.flink.api.common.serialization.SimpleStringSchema;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.sink.TransactionNamingStrategy;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.util.Collector;

/**
 * A Flink job, with a cluster of its own in this process, that counts words: it reads lines from one topic, and each word
 * makes one record in the other, with the word as its key and how often it has come so far as its value, exactly once.
 *
 *   Words HOST:PORT INPUT OUTPUT NAMING FILES        NAMING of transactions: INCREMENTING or POOLING
 *
 * It goes on from the newest checkpoint under FILES. A file "fail" there makes a task fail, once, as soon as it meets a word;
 * a file "stop" ends the job with a savepoint. It prints a line whenever the job's state changes.
 */
public class Words {
    public static void main(String[] args) throws Exception {
        String bootstrap = args[0];
        String input = args[1];
        String output = args[2];
        Path files = Path.of(args[4]);
        StreamExecutionEnvironment environment = StreamExecutionEnvironment.getExecutionEnvironment(configuration(files));

        KafkaSource<String> source = KafkaSource.<String>builder()
            .setBootstrapServers(bootstrap)
            .setTopics(input)
            .setGroupId("readers-of-" + input)
            .setStartingOffsets(OffsetsInitializer.earliest())
            .setValueOnlyDeserializer(new SimpleStringSchema())
            .build();
        KafkaRecordSerializationSchema<Tuple2<String, Long>> schema = KafkaRecordSerializationSchema.<Tuple2<String, Long>>builder()
            .setTopic(output)
            .setKeySerializationSchema(new KeyBytes())
            .setValueSerializationSchema(new CountBytes())
            .build();
        KafkaSink<Tuple2<String, Long>> sink = KafkaSink.<Tuple2<String, Long>>builder()
            .setBootstrapServers(bootstrap)
            .setDeliveryGuarantee(DeliveryGuarantee.EXACTLY_ONCE)
            .setTransactionalIdPrefix("writers-of-" + output)
            .setTransactionNamingStrategy(TransactionNamingStrategy.valueOf(args[3]))
            .setProperty("transaction.timeout.ms", "60000")
            .setRecordSerializer(schema)
            .build();

        Path fail = files.resolve("fail");
        environment.fromSource(source, WatermarkStrategy.noWatermarks(), "lines").uid("lines")
            .flatMap((String line, Collector<String> words) -> List.of(line.split(" ")).forEach(words::collect)).returns(Types.STRING).uid("words")
            .keyBy(word -> word)
            .map(new Count(fail.toString())).returns(Types.TUPLE(Types.STRING, Types.LONG)).uid("counts")
            .sinkTo(sink).uid("output");
        watch(environment.executeAsync("words"), files.resolve("stop"), files.resolve("savepoints"));
    }

    static Configuration configuration(Path files) throws Exception {
        Configuration configuration = new Configuration();
        configuration.setString("parallelism.default", "2");
        configuration.setString("execution.checkpointing.interval", "700 ms");
        configuration.setString("execution.checkpointing.mode", "EXACTLY_ONCE");
        configuration.setString("execution.checkpointing.storage", "filesystem");
        configuration.setString("execution.checkpointing.dir", files.resolve("checkpoints").toUri().toString());
        configuration.setString("execution.checkpointing.externalized-checkpoint-retention", "RETAIN_ON_CANCELLATION");
        configuration.setString("restart-strategy.type", "fixed-delay");
        configuration.setString("restart-strategy.fixed-delay.attempts", "3");
        configuration.setString("restart-strategy.fixed-delay.delay", "100 ms");
        newest(files).ifPresent(path -> {
            System.out.println("goes on from " + files.relativize(path));
            configuration.setString("execution.state-recovery.path", path.toUri().toString());
        });
        return configuration;
    }

    /** The checkpoint or savepoint that was completed last. */
    static Optional<Path> newest(Path files) throws Exception {
        try (Stream<Path> all = Files.walk(files)) {
            return all.filter(path -> path.endsWith("_metadata")).max(Comparator.comparing(path -> path.toFile().lastModified())).map(Path::getParent);
        }
    }

    static void watch(JobClient job, Path stop, Path savepoints) throws Exception {
        for (String last = "";; Thread.sleep(50)) {
            if (Files.deleteIfExists(stop)) {
                job.stopWithSavepoint(false, savepoints.toUri().toString(), SavepointFormatType.CANONICAL).get();
                System.out.println("STOPPED");
                System.exit(0);
            }
            String now = job.getJobStatus().get().toString();
            if (!now.equals(last)) System.out.println(now);
            if (now.equals("FAILED")) job.getJobExecutionResult().get();
            last = now;
        }
    }

    /** A class, for Flink wants to know its types, which a lambda does not tell. */
    static final class KeyBytes implements SerializationSchema<Tuple2<String, Long>> {
        @Override
        public byte[] serialize(Tuple2<String, Long> count) {
            return count.f0.getBytes(StandardCharsets.UTF_8);
        }
    }

    static final class CountBytes implements SerializationSchema<Tuple2<String, Long>> {
        @Override
        public byte[] serialize(Tuple2<String, Long> count) {
            return count.f1.toString().getBytes(StandardCharsets.UTF_8);
        }
    }

    static final class Count extends RichMapFunction<String, Tuple2<String, Long>> {
        final String fail;
        transient Path failFile;
        transient ValueState<Long> count;

        Count(String fail) {
            this.fail = fail;
        }

        @Override
        public void open(OpenContext context) {
            failFile = Path.of(fail);
            count = getRuntimeContext().getState(new ValueStateDescriptor<>("count", Types.LONG));
        }

        @Override
        public Tuple2<String, Long> map(String word) throws Exception {
            if (Files.deleteIfExists(failFile)) throw new IllegalStateException("told to fail");
            long next = Optional.ofNullable(count.value()).orElse(0L) + 1;
            count.update(next);
            return Tuple2.of(word, next);
        }
    }
}
