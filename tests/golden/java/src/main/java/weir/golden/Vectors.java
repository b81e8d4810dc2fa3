package weir.golden;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.ObjectSerializationCache;

/**
 * Writes golden vectors: for each api, version and direction a few values and the bytes that Kafka's own generated
 * classes make of them. The values are drawn by a seeded generator from the message definitions inside the jar.
 *
 * <pre>
 *   mvn -q clean compile exec:java -Dexec.args="../vectors/java 0 1 2 3 ..."          versions that Kafka 4 has
 *   mvn -q clean compile exec:java -Dkafka.version=3.9.2 -Dexec.args="..."            then those that only Kafka 3 had
 * </pre>
 *
 * Versions that a file has already are left as they are. One line per vector:
 * {@code {"direction", "version", "case", "value", "hex"}}. Bytes are base64, as Kafka's converters have them.
 */
public final class Vectors {
    private static final ObjectMapper JSON = new ObjectMapper().configure(JsonParser.Feature.ALLOW_COMMENTS, true);
    private static final List<String> CASES = List.of("empty", "plain", "full");
    /** Fields that a client may set to anything; Weir saturates them, so they get the far ends. */
    private static final Set<String> FREE = Set.of("timestamp", "fetchOffset", "committedOffset");

    public static void main(String[] args) throws Exception {
        Path folder = Path.of(args[0]);
        Files.createDirectories(folder);
        for (String key : Arrays.asList(args).subList(1, args.length)) {
            writeApi(folder, ApiKeys.forId(Integer.parseInt(key)));
        }
    }

    private static void writeApi(Path folder, ApiKeys api) throws Exception {
        Path file = folder.resolve(String.format("%02d_%s.jsonl", api.id, snake(api.name)));
        List<String> lines = Files.exists(file) ? new ArrayList<>(Files.readAllLines(file)) : new ArrayList<>();
        Set<Integer> known = new java.util.HashSet<>();
        for (String line : lines) known.add(JSON.readTree(line).get("version").asInt());
        for (String direction : List.of("request", "response")) {
            String name = api.name + (direction.equals("request") ? "Request" : "Response");
            JsonNode definition = definition(name);
            int[] range = range(definition.get("validVersions").asText());
            for (int version = range[0]; version <= Math.min(range[1], api.latestVersion(false)); version++) {
                if (known.contains(version)) continue;
                for (String kind : CASES) lines.add(line(definition, name, direction, (short) version, kind));
            }
        }
        Files.write(file, lines);
        System.out.println(file + " " + lines.size());
    }

    private static String line(JsonNode definition, String name, String direction, short version, String kind)
        throws Exception {
        Drawer drawer = new Drawer(definition, version, kind, new Random((name + version + kind).hashCode()));
        ObjectNode value = drawer.struct(definition.get("fields"));
        Class<?> converter = Class.forName("org.apache.kafka.common.message." + name + "DataJsonConverter");
        ApiMessage message = (ApiMessage) converter.getMethod("read", JsonNode.class, short.class)
            .invoke(null, value, version);
        String hex = hex(message, version);

        // The classes must read their own bytes back to the same.
        ApiMessage again = message.getClass().getDeclaredConstructor().newInstance();
        again.read(new ByteBufferAccessor(ByteBuffer.wrap(HexFormat.of().parseHex(hex))), version);
        if (!hex.equals(hex(again, version))) throw new IllegalStateException(name + " v" + version + " " + kind);

        ObjectNode line = JSON.createObjectNode();
        line.put("direction", direction).put("version", version).put("case", kind);
        line.set("value", value);
        line.put("hex", hex);
        return JSON.writeValueAsString(line);
    }

    private static String hex(ApiMessage message, short version) {
        ObjectSerializationCache cache = new ObjectSerializationCache();
        byte[] bytes = new byte[message.size(cache, version)];
        message.write(new ByteBufferAccessor(ByteBuffer.wrap(bytes)), cache, version);
        return HexFormat.of().formatHex(bytes);
    }

    private static JsonNode definition(String name) throws Exception {
        try (InputStream in = ApiKeys.class.getResourceAsStream("/common/message/" + name + ".json")) {
            return JSON.readTree(in);
        }
    }

    private static String snake(String name) {
        return name.replaceAll("(?<!^)([A-Z])", "_$1").toLowerCase();
    }

    /** "3", "0-5", "2+" or "none". */
    static int[] range(String versions) {
        if (versions.equals("none")) return new int[] {1, 0};
        if (versions.endsWith("+")) {
            return new int[] {Integer.parseInt(versions.substring(0, versions.length() - 1)), Short.MAX_VALUE};
        }
        String[] ends = versions.split("-");
        return new int[] {Integer.parseInt(ends[0]), Integer.parseInt(ends[ends.length - 1])};
    }

    /**
     * Draws values for one message. Case "empty": nothing, null, zero, no tags. "plain": one element in each array,
     * nothing null, no tags. "full": up to two elements, some nulls, letters of many scripts, far ends, all tags.
     */
    private static final class Drawer {
        private final JsonNode definition;
        private final int version;
        private final String kind;
        private final Random random;

        Drawer(JsonNode definition, int version, String kind, Random random) {
            this.definition = definition;
            this.version = version;
            this.kind = kind;
            this.random = random;
        }

        ObjectNode struct(JsonNode fields) {
            ObjectNode value = JSON.createObjectNode();
            for (JsonNode field : fields) {
                if (!has(field.get("versions"))) continue;
                if (has(field.get("taggedVersions")) && !kind.equals("full")) continue;
                String name = field.get("name").asText();
                name = name.substring(0, 1).toLowerCase() + name.substring(1);
                value.set(name, drawNullable(field, name));
            }
            return value;
        }

        private JsonNode drawNullable(JsonNode field, String name) {
            boolean nullable = has(field.get("nullableVersions"));
            if (nullable && (kind.equals("empty") || kind.equals("full") && random.nextInt(3) == 0)) {
                return JSON.nullNode();
            }
            return draw(field.get("type").asText(), field, name);
        }

        private JsonNode draw(String type, JsonNode field, String name) {
            if (type.startsWith("[]")) {
                ArrayNode values = JSON.createArrayNode();
                int count = switch (kind) {
                    case "empty" -> 0;
                    case "plain" -> 1;
                    default -> 1 + random.nextInt(2);
                };
                for (int i = 0; i < count; i++) values.add(draw(type.substring(2), field, name));
                return values;
            }
            return switch (type) {
                case "bool" -> JSON.getNodeFactory().booleanNode(!kind.equals("empty") && random.nextBoolean());
                case "int8" -> JSON.getNodeFactory().numberNode((byte) number(8));
                case "int16" -> JSON.getNodeFactory().numberNode((short) number(16));
                case "uint16" -> JSON.getNodeFactory().numberNode((int) number(16) & 0xffff);
                case "int32" -> JSON.getNodeFactory().numberNode((int) number(32));
                case "uint32" -> JSON.getNodeFactory().numberNode(number(32) & 0xffffffffL);
                case "int64" -> JSON.getNodeFactory().numberNode(
                    FREE.contains(name) && kind.equals("full") && random.nextBoolean() ? Long.MAX_VALUE : number(64));
                case "float64" -> JSON.getNodeFactory().numberNode(kind.equals("empty") ? 0 : random.nextGaussian());
                case "uuid" -> JSON.getNodeFactory().textNode(
                    (kind.equals("empty") ? Uuid.ZERO_UUID : new Uuid(random.nextLong(), random.nextLong())).toString());
                case "string" -> JSON.getNodeFactory().textNode(text());
                case "bytes", "records" -> {
                    byte[] bytes = new byte[kind.equals("empty") ? 0 : 1 + random.nextInt(12)];
                    random.nextBytes(bytes);
                    yield JSON.getNodeFactory().textNode(java.util.Base64.getEncoder().encodeToString(bytes));
                }
                default -> struct(fieldsOf(type, field));
            };
        }

        private JsonNode fieldsOf(String type, JsonNode field) {
            if (field.has("fields")) return field.get("fields");
            for (JsonNode common : definition.path("commonStructs")) {
                if (common.get("name").asText().equals(type)) return common.get("fields");
            }
            throw new IllegalStateException("No struct " + type);
        }

        /** Small in "plain"; in "full" now and then a far end of what a double can hold. */
        private long number(int bits) {
            if (kind.equals("empty")) return 0;
            if (kind.equals("full") && random.nextInt(3) == 0) {
                long end = bits == 64 ? (1L << 53) - 2 : (1L << (bits - 1)) - 1;
                return random.nextBoolean() ? end : -end;
            }
            return random.nextInt(bits == 8 ? 100 : 5000);
        }

        private String text() {
            if (kind.equals("empty")) return "";
            StringBuilder text = new StringBuilder();
            int length = 1 + random.nextInt(8);
            String letters = kind.equals("full") ? "abzÄéñΩж中\uD83C\uDF0A\u0000-." : "abcdefghij-._09";
            int[] points = letters.codePoints().toArray();
            for (int i = 0; i < length; i++) text.appendCodePoint(points[random.nextInt(points.length)]);
            return text.toString();
        }

        private boolean has(JsonNode versions) {
            if (versions == null) return false;
            int[] range = range(versions.asText());
            return version >= range[0] && version <= range[1];
        }
    }
}
