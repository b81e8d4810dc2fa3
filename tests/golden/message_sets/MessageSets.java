import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.List;
import java.util.function.Supplier;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.CompressionType;
import org.apache.kafka.common.record.EndTransactionMarker;
import org.apache.kafka.common.record.ControlRecordType;
import org.apache.kafka.common.record.MemoryRecords;
import org.apache.kafka.common.record.MemoryRecordsBuilder;
import org.apache.kafka.common.record.RecordBatch;
import org.apache.kafka.common.record.SimpleRecord;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.utils.BufferSupplier;
import org.apache.kafka.common.utils.PrimitiveRef;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.server.common.MetadataVersion;
import org.apache.kafka.storage.internals.log.AppendOrigin;
import org.apache.kafka.storage.internals.log.LogValidator;

/**
 * Writes what Kafka 3.9, the last that knew message sets, makes of them: sets of its own builder and the batch that its
 * LogValidator gives, batches and the sets that they are converted to. One JSON object a line.
 *
 *   java -cp "JARS/*" MessageSets.java > vectors.jsonl
 *
 * JARS: kafka-clients, kafka-storage, kafka-storage-api, kafka-server-common, kafka-group-coordinator-api 3.9.2 and what these
 * need: lz4-java, snappy-java, zstd-jni, slf4j-api.
 */
public final class MessageSets {
    static final long NOW = 1_700_000_000_000L;
    static final List<CompressionType> CODECS =
        List.of(CompressionType.NONE, CompressionType.GZIP, CompressionType.SNAPPY, CompressionType.LZ4);

    public static void main(String[] args) {
        for (byte magic : new byte[] {0, 1}) {
            for (CompressionType codec : CODECS) {
                for (CompressionType target : CODECS) up(magic, codec, target, TimestampType.CREATE_TIME, 0);
                up(magic, codec, codec, TimestampType.LOG_APPEND_TIME, 0);
                up(magic, codec, codec, TimestampType.CREATE_TIME, 100);
            }
        }
        for (byte magic : new byte[] {0, 1}) {
            for (CompressionType codec : CODECS) {
                for (TimestampType type : List.of(TimestampType.CREATE_TIME, TimestampType.LOG_APPEND_TIME)) {
                    down("one batch", batch(codec, type, 40), magic, 40);
                    down("in the middle of it", batch(codec, type, 40), magic, 42);
                }
                down("with gaps", gaps(codec), magic, 7);
                down("two batches", join(batch(codec, TimestampType.CREATE_TIME, 5),
                    batch(codec, TimestampType.LOG_APPEND_TIME, 9)), magic, 5);
            }
            down("around a marker", join(batch(CompressionType.NONE, TimestampType.CREATE_TIME, 5), marker(9),
                batch(CompressionType.NONE, TimestampType.CREATE_TIME, 10)), magic, 5);
            down("a marker", marker(9), magic, 9);
        }
    }

    static List<SimpleRecord> records(boolean hasHeaders) {
        Header[] headers = hasHeaders
            ? new Header[] {new RecordHeader("h", bytes("lost"))}
            : new Header[0];
        return List.of(
            new SimpleRecord(NOW, bytes("key"), bytes("value"), headers),
            new SimpleRecord(NOW - 5, null, bytes("no key"), headers),
            new SimpleRecord(NOW + 7, bytes("no value"), null, headers),
            new SimpleRecord(RecordBatch.NO_TIMESTAMP, bytes("\u00e9"), bytes("x".repeat(100)), headers));
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static void up(byte magic, CompressionType codec, CompressionType target, TimestampType type, long firstOffset) {
        MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(8192), magic,
            Compression.of(codec).build(), TimestampType.CREATE_TIME, firstOffset);
        for (SimpleRecord record : records(false)) {
            builder.append(magic == 0 ? RecordBatch.NO_TIMESTAMP : record.timestamp(), record.key(), record.value());
        }
        MemoryRecords set = builder.build();
        String given = hex(set);
        LogValidator validator = new LogValidator(set, new TopicPartition("t", 0), new Frozen(), codec,
            Compression.of(target).build(), false, RecordBatch.MAGIC_VALUE_V2, type, Long.MAX_VALUE, Long.MAX_VALUE,
            RecordBatch.NO_PARTITION_LEADER_EPOCH, AppendOrigin.CLIENT, MetadataVersion.latestProduction());
        MemoryRecords batch = validator.validateMessagesAndAssignOffsets(PrimitiveRef.ofLong(0), new Silent(),
            BufferSupplier.NO_CACHING).validatedRecords;
        System.out.printf("{\"kind\":\"up\",\"magic\":%d,\"codec\":\"%s\",\"target\":\"%s\",\"timestampType\":\"%s\","
            + "\"firstOffset\":%d,\"set\":\"%s\",\"batch\":\"%s\"}%n",
            magic, codec.name, target.name, type.name, firstOffset, given, hex(batch));
    }

    static void down(String name, MemoryRecords batches, byte magic, long fromOffset) {
        String given = hex(batches);
        MemoryRecords set = (MemoryRecords) batches.downConvert(magic, fromOffset, new Frozen()).records();
        System.out.printf("{\"kind\":\"down\",\"name\":\"%s\",\"magic\":%d,\"fromOffset\":%d,\"batches\":\"%s\",\"set\":\"%s\"}%n",
            name, magic, fromOffset, given, hex(set));
    }

    static MemoryRecords batch(CompressionType codec, TimestampType type, long firstOffset) {
        MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(8192), RecordBatch.MAGIC_VALUE_V2,
            Compression.of(codec).build(), type, firstOffset, NOW + 1000);
        for (SimpleRecord record : records(true)) builder.append(record);
        return builder.build();
    }

    static MemoryRecords gaps(CompressionType codec) {
        MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(8192), RecordBatch.MAGIC_VALUE_V2,
            Compression.of(codec).build(), TimestampType.CREATE_TIME, 3);
        long offset = 7;
        for (SimpleRecord record : records(false)) {
            builder.appendWithOffset(offset, record);
            offset += 3;
        }
        return builder.build();
    }

    static MemoryRecords marker(long offset) {
        return MemoryRecords.withEndTransactionMarker(offset, NOW, 0, 77L, (short) 1,
            new EndTransactionMarker(ControlRecordType.COMMIT, 3));
    }

    static MemoryRecords join(MemoryRecords... all) {
        int size = 0;
        for (MemoryRecords one : all) size += one.sizeInBytes();
        ByteBuffer buffer = ByteBuffer.allocate(size);
        for (MemoryRecords one : all) buffer.put(one.buffer());
        buffer.flip();
        return MemoryRecords.readableRecords(buffer);
    }

    static String hex(MemoryRecords records) {
        ByteBuffer buffer = records.buffer();
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return HexFormat.of().formatHex(bytes);
    }

    /** A clock that stands still. */
    static final class Frozen implements Time {
        @Override
        public long milliseconds() {
            return NOW;
        }

        @Override
        public long nanoseconds() {
            return NOW * 1_000_000;
        }

        @Override
        public void sleep(long ms) { }

        @Override
        public void waitObject(Object object, Supplier<Boolean> condition, long deadlineMs) { }
    }

    static final class Silent implements LogValidator.MetricsRecorder {
        @Override
        public void recordInvalidMagic() { }

        @Override
        public void recordInvalidOffset() { }

        @Override
        public void recordInvalidSequence() { }

        @Override
        public void recordInvalidChecksums() { }

        @Override
        public void recordNoKeyCompactedTopic() { }
    }
}
