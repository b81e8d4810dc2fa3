// Writes vectors.json: what Kafka's own Java classes make of record batches (in every compression), checksums, key
// hashes, and of the messages that travel inside other bytes. Run through `tests/golden/java_embedded/make`.
//
//     java -cp 'BROKER_JARS/*' EmbeddedVectors.java >vectors.json
//
// Messages are filled by reflection with values that differ from their defaults, so that a field added to a later
// Kafka appears here without a change. A field that a version lacks is put back to its default.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.lang.reflect.Method;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.errors.UnsupportedVersionException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.message.ConsumerProtocolAssignment;
import org.apache.kafka.common.message.ConsumerProtocolSubscription;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.record.internal.SimpleRecord;

import org.apache.kafka.common.utils.internals.ImplicitLinkedHashCollection;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.common.utils.internals.Crc32C;
import org.apache.kafka.coordinator.group.generated.GroupMetadataKey;
import org.apache.kafka.coordinator.group.generated.GroupMetadataValue;
import org.apache.kafka.coordinator.group.generated.OffsetCommitKey;
import org.apache.kafka.coordinator.group.generated.OffsetCommitValue;
import org.apache.kafka.coordinator.transaction.generated.TransactionLogKey;
import org.apache.kafka.coordinator.transaction.generated.TransactionLogValue;
import org.apache.kafka.metadata.MetadataRecordSerde;
import org.apache.kafka.server.common.ApiMessageAndVersion;

public class EmbeddedVectors {
    static final ObjectMapper JSON = new ObjectMapper();
    static final HexFormat HEX = HexFormat.of();

    public static void main(String[] args) throws Exception {
        ObjectNode root = JSON.createObjectNode();
        root.set("checksums", checksums());
        root.set("hashes", hashes());
        root.set("batches", batches());
        root.set("messages", messages());
        System.out.println(pretty(root));
    }

    // ------------------------------------------------------------------------------------------ numbers

    static ArrayNode checksums() {
        ArrayNode list = JSON.createArrayNode();
        for (int length : new int[] {0, 1, 7, 15, 16, 17, 63, 300, 5000}) {
            byte[] bytes = noise(length, length);
            list.addObject().put("length", length).put("crc32c", Crc32C.compute(bytes, 0, length));
        }
        return list;
    }

    static ArrayNode hashes() {
        ArrayNode list = JSON.createArrayNode();
        String[] texts = {"", "a", "21", "abc", "foobar", "a-little-bit-long-string", "a-little-bit-longer-string",
            "\u043a\u043b\u044e\u0447", "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8"};
        for (String text : texts) {
            int hash = Utils.murmur2(text.getBytes(StandardCharsets.UTF_8));
            list.addObject().put("text", text).put("murmur2", hash);
        }
        return list;
    }

    /** The same bytes as the test's own `noise`. */
    static byte[] noise(int length, int seed) {
        byte[] bytes = new byte[length];
        int state = seed;
        for (int at = 0; at < length; at++) {
            state = state * 1103515245 + 12345;
            bytes[at] = (byte) (state >>> 16);
        }
        return bytes;
    }

    // ------------------------------------------------------------------------------------------ batches

    static ArrayNode batches() {
        ArrayNode list = JSON.createArrayNode();
        Compression[] compressions = {Compression.NONE, Compression.gzip().build(), Compression.snappy().build(),
            Compression.lz4().build(), Compression.zstd().build()};
        for (Compression compression : compressions) {
            String name = compression.type().name;
            list.add(batch(name + ": three records",
                MemoryRecords.withRecords(100L, compression, 7, fewRecords())));
            if (compression != Compression.NONE) list.add(batch(name + ": many records",
                MemoryRecords.withIdempotentRecords(0L, compression, 4_000_000_000L, (short) 3, 2147483600, 12, manyRecords())));
        }
        MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(1000), RecordBatch.MAGIC_VALUE_V2,
            Compression.NONE, TimestampType.LOG_APPEND_TIME, 5L, 1_800_000_000_000L);
        for (SimpleRecord record : fewRecords()) builder.append(record);
        list.add(batch("log append time", builder.build()));
        list.add(batch("transactional",
            MemoryRecords.withTransactionalRecords(9L, Compression.NONE, 77L, (short) 2, 5, 1, fewRecords())));
        list.add(batch("commit marker", MemoryRecords.withEndTransactionMarker(40L, 1_700_000_000_000L, 4, 77L, (short) 2,
            new EndTransactionMarker(ControlRecordType.COMMIT, 19))));
        list.add(batch("abort marker", MemoryRecords.withEndTransactionMarker(41L, 1_700_000_000_000L, 4, 77L, (short) 2,
            new EndTransactionMarker(ControlRecordType.ABORT, 20))));
        return list;
    }

    static SimpleRecord[] fewRecords() {
        Header[] headers = {new RecordHeader("trace", bytes("1-2-3")), new RecordHeader("\u043f\u0443\u0441\u0442\u043e", null),
            new RecordHeader("", new byte[0])};
        return new SimpleRecord[] {
            new SimpleRecord(1_700_000_000_000L, bytes("key"), bytes("value")),
            new SimpleRecord(1_700_000_000_500L, null, bytes("\ud83d\udd11 of no key"), headers),
            new SimpleRecord(1_699_999_999_000L, bytes(""), null),
        };
    }

    /** Enough that the framings of snappy (32 KiB) and lz4 (64 KiB) need several blocks, some of which do not shrink. */
    static SimpleRecord[] manyRecords() {
        List<SimpleRecord> records = new ArrayList<>();
        for (int index = 0; index < 40; index++) {
            byte[] value = index % 4 == 0 ? noise(900, index) : bytes(("value " + index + " ").repeat(400));
            records.add(new SimpleRecord(1_700_000_000_000L + index, bytes("key-" + index), value));
        }
        return records.toArray(new SimpleRecord[0]);
    }

    static ObjectNode batch(String name, MemoryRecords records) {
        ObjectNode node = JSON.createObjectNode();
        RecordBatch batch = records.batches().iterator().next();
        node.put("name", name);
        node.put("hex", HEX.formatHex(array(records.buffer())));
        node.put("baseOffset", batch.baseOffset()).put("lastOffset", batch.lastOffset());
        node.put("partitionLeaderEpoch", batch.partitionLeaderEpoch()).put("compression", batch.compressionType().id);
        node.put("timestampType", batch.timestampType().toString()).put("maxTimestamp", batch.maxTimestamp());
        node.put("isTransactional", batch.isTransactional()).put("isControl", batch.isControlBatch());
        node.put("producerId", batch.producerId()).put("producerEpoch", batch.producerEpoch());
        node.put("baseSequence", batch.baseSequence()).put("lastSequence", batch.lastSequence());
        node.put("crc", batch.checksum());
        ArrayNode list = node.putArray("records");
        for (Record record : batch) {
            ObjectNode item = list.addObject().put("offset", record.offset()).put("timestamp", record.timestamp());
            item.put("key", base64(record.key())).put("value", digest(record.value()));
            ArrayNode headers = item.putArray("headers");
            for (Header header : record.headers()) {
                headers.addObject().put("key", header.key())
                    .put("value", header.value() == null ? null : Base64.getEncoder().encodeToString(header.value()));
            }
        }
        return node;
    }

    /** Long values as their length and checksum: the vectors stay small. */
    static String digest(ByteBuffer buffer) {
        if (buffer == null || buffer.remaining() <= 100) return base64(buffer);
        byte[] bytes = array(buffer);
        return bytes.length + " bytes, crc32c " + Crc32C.compute(bytes, 0, bytes.length);
    }

    static String base64(ByteBuffer buffer) {
        return buffer == null ? null : Base64.getEncoder().encodeToString(array(buffer));
    }

    static byte[] array(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        return bytes;
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    // ------------------------------------------------------------------------------------------ messages

    interface Encoder {
        byte[] encode(ApiMessage message, short version);
    }

    static ArrayNode messages() throws Exception {
        ArrayNode list = JSON.createArrayNode();
        Encoder key = (message, version) -> MessageUtil.toCoordinatorTypePrefixedBytes(message);
        Encoder value = (message, version) -> MessageUtil.toVersionPrefixedBytes(version, message);
        add(list, OffsetCommitKey.class, key);
        add(list, OffsetCommitValue.class, value);
        add(list, GroupMetadataKey.class, key);
        add(list, GroupMetadataValue.class, value);
        add(list, TransactionLogKey.class, key);
        add(list, TransactionLogValue.class, value);
        add(list, ConsumerProtocolSubscription.class, value);
        add(list, ConsumerProtocolAssignment.class, value);
        for (String name : List.of("Metadata", "PartitionMetadata", "MemberMetadata", "TargetAssignmentMetadata", "TargetAssignmentMember",
            "CurrentMemberAssignment", "RegularExpression")) {
            String group = "org.apache.kafka.coordinator.group.generated.ConsumerGroup" + name;
            add(list, Class.forName(group + "Key").asSubclass(ApiMessage.class), key);
            add(list, Class.forName(group + "Value").asSubclass(ApiMessage.class), value);
        }
        for (String name : List.of("Metadata", "MemberMetadata", "TargetAssignmentMetadata", "TargetAssignmentMember",
            "CurrentMemberAssignment", "Topology")) {
            String group = "org.apache.kafka.coordinator.group.generated.StreamsGroup" + name;
            add(list, Class.forName(group + "Key").asSubclass(ApiMessage.class), key);
            add(list, Class.forName(group + "Value").asSubclass(ApiMessage.class), value);
        }
        for (String name : List.of("Metadata", "MemberMetadata", "TargetAssignmentMetadata", "TargetAssignmentMember",
            "CurrentMemberAssignment", "StatePartitionMetadata")) {
            String group = "org.apache.kafka.coordinator.group.generated.ShareGroup" + name;
            add(list, Class.forName(group + "Key").asSubclass(ApiMessage.class), key);
            add(list, Class.forName(group + "Value").asSubclass(ApiMessage.class), value);
        }
        for (String name : List.of("Snapshot", "Update")) {
            String state = "org.apache.kafka.coordinator.share.generated.Share" + name;
            add(list, Class.forName(state + "Key").asSubclass(ApiMessage.class), key);
            add(list, Class.forName(state + "Value").asSubclass(ApiMessage.class), value);
        }
        for (String name : List.of("RegisterBrokerRecord", "TopicRecord", "PartitionRecord", "ConfigRecord",
            "PartitionChangeRecord", "RemoveTopicRecord", "ClientQuotaRecord", "FeatureLevelRecord", "ProducerIdsRecord", "NoOpRecord",
            "BeginTransactionRecord", "EndTransactionRecord", "AbortTransactionRecord", "UserScramCredentialRecord",
            "RemoveUserScramCredentialRecord")) {
            Class<?> type = Class.forName("org.apache.kafka.common.metadata." + name);
            add(list, type.asSubclass(ApiMessage.class), EmbeddedVectors::metadataRecord);
        }
        return list;
    }

    static byte[] metadataRecord(ApiMessage message, short version) {
        ApiMessageAndVersion record = new ApiMessageAndVersion(message, version);
        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBuffer buffer = ByteBuffer.allocate(MetadataRecordSerde.INSTANCE.recordSize(record, cache));
        MetadataRecordSerde.INSTANCE.write(record, cache, new ByteBufferAccessor(buffer));
        buffer.flip();
        return array(buffer);
    }

    static void add(ArrayNode list, Class<? extends ApiMessage> type, Encoder encoder) throws Exception {
        ApiMessage empty = type.getConstructor().newInstance();
        for (short version = empty.lowestSupportedVersion(); version <= empty.highestSupportedVersion(); version++) {
            list.add(vector(type, version, type.getConstructor().newInstance(), encoder));
            for (int seed = 1; seed <= 2; seed++) {
                ApiMessage message = type.getConstructor().newInstance();
                fill(message, new int[] {seed * 1000 + version});
                list.add(vector(type, version, message, encoder));
            }
        }
    }

    static final Pattern LACKING = Pattern.compile("non-default (\\w+) at version");

    static ObjectNode vector(Class<?> type, short version, ApiMessage message, Encoder encoder) throws Exception {
        for (;;) {
            try {
                byte[] bytes = encoder.encode(message, version);
                ObjectNode node = JSON.createObjectNode().put("name", type.getSimpleName()).put("version", version);
                Method write = Class.forName(type.getName() + "JsonConverter").getMethod("write", type, short.class);
                node.set("value", (JsonNode) write.invoke(null, message, version));
                return node.put("hex", HEX.formatHex(bytes));
            } catch (UnsupportedVersionException error) {
                Matcher matcher = LACKING.matcher(error.getMessage());
                if (!matcher.find()) throw error;
                reset(message, matcher.group(1));
            }
        }
    }

    static void reset(ApiMessage message, String field) throws Exception {
        Object standard = message.getClass().getMethod(field).invoke(message.getClass().getConstructor().newInstance());
        setter(message.getClass(), field).invoke(message, standard);
    }

    static Method setter(Class<?> type, String field) {
        String name = "set" + Character.toUpperCase(field.charAt(0)) + field.substring(1);
        for (Method method : type.getMethods()) {
            if (method.getName().equals(name) && method.getParameterCount() == 1) return method;
        }
        throw new IllegalStateException("no " + name);
    }

    static void fill(Message message, int[] counter) throws Exception {
        List<Method> setters = new ArrayList<>();
        for (Method method : message.getClass().getDeclaredMethods()) {
            boolean isSetter = method.getName().startsWith("set") && method.getParameterCount() == 1
                && method.getReturnType() == message.getClass();
            if (isSetter) setters.add(method);
        }
        setters.sort((a, b) -> a.getName().compareTo(b.getName()));
        for (Method method : setters) method.invoke(message, made(method.getGenericParameterTypes()[0], counter));
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    static Object made(Type type, int[] counter) throws Exception {
        int number = ++counter[0];
        if (type == boolean.class) return number % 2 == 0;
        if (type == byte.class) return (byte) number;
        if (type == short.class || type == Short.class) return (short) number;
        if (type == int.class || type == Integer.class) return number * 19; // fits an unsigned short too
        if (type == double.class) return number * 0.375;
        if (type == long.class) return number * 1_000_003_000_007L;
        if (type == String.class) return "text-" + number + (number % 3 == 0 ? "-\u00e9\u4e2d\ud83d\ude00" : "");
        if (type == Uuid.class) return new Uuid(number * 0x9E3779B97F4A7C15L, number * 0xC2B2AE3D27D4EB4FL);
        if (type == byte[].class) return noise(number % 20, number);
        if (type == ByteBuffer.class) return ByteBuffer.wrap(noise(number % 20, number));
        if (type instanceof ParameterizedType generic) {
            List<Object> list = new ArrayList<>();
            for (int index = 0; index < 1 + number % 3; index++) list.add(made(generic.getActualTypeArguments()[0], counter));
            return list;
        }
        Class<?> shape = (Class<?>) type;
        if (ImplicitLinkedHashCollection.class.isAssignableFrom(shape)) {
            ImplicitLinkedHashCollection collection = (ImplicitLinkedHashCollection) shape.getConstructor().newInstance();
            Type element = ((ParameterizedType) shape.getGenericSuperclass()).getActualTypeArguments()[0];
            for (int index = 0; index < 1 + number % 3; index++) {
                collection.add((ImplicitLinkedHashCollection.Element) made(element, counter));
            }
            return collection;
        }
        Message message = (Message) shape.getConstructor().newInstance();
        fill(message, counter);
        return message;
    }

    // ------------------------------------------------------------------------------------------ output

    /** One line for each vector: a change shows as a change of its line. */
    static String pretty(ObjectNode root) {
        StringBuilder text = new StringBuilder("{\n");
        root.fields().forEachRemaining(section -> {
            text.append(text.length() > 2 ? ",\n" : "").append("\"").append(section.getKey()).append("\": [\n");
            int count = 0;
            for (JsonNode item : section.getValue()) text.append(count++ > 0 ? ",\n" : "").append(item);
            text.append("\n]");
        });
        return text.append("\n}").toString();
    }
}
