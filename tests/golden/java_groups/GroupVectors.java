// Writes vectors.json: what Kafka's own group coordinator makes of the same groups. Assignments by its assignors, hashes
// of topics, and which names match regular expressions, or why they are refused. Run through `tests/golden/java_groups/make`.
//
//     java -cp 'BROKER_JARS/*' GroupVectors.java >vectors.json
//
// Members, topics and partitions are given to the assignors in ascending order, so that what comes out does not depend
// on the order of Java's hash tables. Topic ids are small numbers, whose order in a hash table is their own.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.re2j.Pattern;
import com.google.re2j.PatternSyntaxException;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.coordinator.common.runtime.CoordinatorMetadataImage;
import org.apache.kafka.coordinator.group.Utils;
import org.apache.kafka.coordinator.group.api.assignor.ConsumerGroupPartitionAssignor;
import org.apache.kafka.coordinator.group.api.assignor.GroupSpec;
import org.apache.kafka.coordinator.group.api.assignor.MemberAssignment;
import org.apache.kafka.coordinator.group.api.assignor.MemberSubscription;
import org.apache.kafka.coordinator.group.api.assignor.SubscribedTopicDescriber;
import org.apache.kafka.coordinator.group.api.assignor.SubscriptionType;
import org.apache.kafka.coordinator.group.assignor.RangeAssignor;
import org.apache.kafka.coordinator.group.assignor.UniformAssignor;

public class GroupVectors {
    static final ObjectMapper JSON = new ObjectMapper();
    static final Random RANDOM = new Random(848);

    public static void main(String[] args) {
        ObjectNode root = JSON.createObjectNode();
        root.set("assignments", assignments());
        root.set("hashes", hashes());
        root.set("patterns", patterns());
        System.out.println(pretty(root));
    }

    // ------------------------------------------------------------------------------------------ assignments

    record Member(Optional<String> instanceId, TreeSet<Integer> topics) { }

    static ArrayNode assignments() {
        ArrayNode list = JSON.createArrayNode();
        for (int run = 0; run < 60; run++) {
            ConsumerGroupPartitionAssignor assignor = run % 4 == 0 ? new RangeAssignor() : new UniformAssignor();
            boolean isUniform = run % 3 == 0;
            int[] partitionCounts = RANDOM.ints(1 + RANDOM.nextInt(6), 1, 14).toArray();
            TreeMap<String, TreeMap<Integer, TreeSet<Integer>>> had = new TreeMap<>();
            for (int round = 0; round < 5; round++) {
                TreeMap<String, Member> members = members(isUniform, partitionCounts.length);
                had.keySet().retainAll(members.keySet());
                TreeMap<String, TreeMap<Integer, TreeSet<Integer>>> given = assign(assignor, isUniform, partitionCounts, members, had);
                list.add(vector(assignor.name(), isUniform, partitionCounts, members, had, given));
                had = given;
            }
        }
        return list;
    }

    static TreeMap<String, Member> members(boolean isUniform, int topicCount) {
        TreeMap<String, Member> members = new TreeMap<>();
        while (members.isEmpty()) {
            for (int index = 0; index < 9; index++) {
                if (RANDOM.nextInt(10) < 4) continue;
                TreeSet<Integer> topics = new TreeSet<>();
                for (int topic = 1; topic <= topicCount; topic++) if (isUniform || RANDOM.nextInt(10) < 6) topics.add(topic);
                Optional<String> instanceId = index % 4 == 0 ? Optional.of("i" + (9 - index)) : Optional.empty();
                members.put("m" + index, new Member(instanceId, topics));
            }
        }
        return members;
    }

    static TreeMap<String, TreeMap<Integer, TreeSet<Integer>>> assign(
        ConsumerGroupPartitionAssignor assignor,
        boolean isUniform,
        int[] partitionCounts,
        TreeMap<String, Member> members,
        TreeMap<String, TreeMap<Integer, TreeSet<Integer>>> had
    ) {
        GroupSpec spec = new GroupSpec() {
            public Collection<String> memberIds() {
                return members.keySet();
            }

            public SubscriptionType subscriptionType() {
                return isUniform ? SubscriptionType.HOMOGENEOUS : SubscriptionType.HETEROGENEOUS;
            }

            public boolean isPartitionAssigned(Uuid topicId, int partition) {
                return had.values().stream().anyMatch(topics ->
                    topics.getOrDefault(number(topicId), new TreeSet<>()).contains(partition));
            }

            public boolean isPartitionAssignable(Uuid topicId, int partition) {
                return true;
            }

            public MemberSubscription memberSubscription(String memberId) {
                Member member = members.get(memberId);
                TreeSet<Uuid> topicIds = new TreeSet<>();
                for (int topic : member.topics()) topicIds.add(id(topic));
                return new MemberSubscription() {
                    public Optional<String> rackId() {
                        return Optional.empty();
                    }

                    public Optional<String> instanceId() {
                        return member.instanceId();
                    }

                    public Set<Uuid> subscribedTopicIds() {
                        return topicIds;
                    }
                };
            }

            public MemberAssignment memberAssignment(String memberId) {
                TreeMap<Uuid, Set<Integer>> partitions = new TreeMap<>();
                had.getOrDefault(memberId, new TreeMap<>()).forEach((topic, list) -> partitions.put(id(topic), list));
                Map<Uuid, Set<Integer>> fixed = Collections.unmodifiableMap(partitions);
                return () -> fixed;
            }
        };
        SubscribedTopicDescriber topics = new SubscribedTopicDescriber() {
            public int numPartitions(Uuid topicId) {
                return partitionCounts[number(topicId) - 1];
            }

            public Set<String> racksForPartition(Uuid topicId, int partition) {
                return Set.of();
            }
        };
        TreeMap<String, TreeMap<Integer, TreeSet<Integer>>> given = new TreeMap<>();
        assignor.assign(spec, topics).members().forEach((memberId, assignment) -> {
            TreeMap<Integer, TreeSet<Integer>> parts = new TreeMap<>();
            assignment.partitions().forEach((topicId, partitions) -> parts.put(number(topicId), new TreeSet<>(partitions)));
            given.put(memberId, parts);
        });
        return given;
    }

    static Uuid id(int topic) {
        return new Uuid(0, topic);
    }

    static int number(Uuid topicId) {
        return (int) topicId.getLeastSignificantBits();
    }

    static ObjectNode vector(
        String assignor,
        boolean isUniform,
        int[] partitionCounts,
        TreeMap<String, Member> members,
        TreeMap<String, TreeMap<Integer, TreeSet<Integer>>> had,
        TreeMap<String, TreeMap<Integer, TreeSet<Integer>>> given
    ) {
        ObjectNode node = JSON.createObjectNode().put("assignor", assignor).put("isUniform", isUniform);
        node.set("partitionCounts", JSON.valueToTree(partitionCounts));
        ArrayNode list = node.putArray("members");
        members.forEach((memberId, member) -> {
            ObjectNode item = list.addObject().put("memberId", memberId).put("instanceId", member.instanceId().orElse(null));
            item.set("topics", JSON.valueToTree(member.topics()));
        });
        node.set("had", JSON.valueToTree(had));
        node.set("given", JSON.valueToTree(given));
        return node;
    }

    // ------------------------------------------------------------------------------------------ hashes

    record Topic(String name, Uuid id, List<List<String>> racks) { }

    static ArrayNode hashes() {
        List<Topic> topics = new ArrayList<>();
        for (int count : new int[] {1, 2, 3, 8, 30, 50, 60, 300, 2000}) {
            List<List<String>> racks = new ArrayList<>();
            for (int index = 0; index < count; index++) racks.add(index % 3 == 1 ? List.of("rack-b", "\u00e9", "a") : List.of());
            topics.add(new Topic("topic-" + count, new Uuid(count * 0x9E3779B97F4A7C15L, count * 0xC2B2AE3D27D4EB4FL), racks));
            topics.add(new Topic("plain-" + count, new Uuid(-count, count), Collections.nCopies(count, List.of())));
        }
        ArrayNode list = JSON.createArrayNode();
        TreeMap<String, Long> group = new TreeMap<>();
        for (Topic topic : topics) {
            long hash = Utils.computeTopicHash(topic.name(), image(topic));
            group.put(topic.name(), hash);
            ObjectNode node = list.addObject().put("name", topic.name()).put("id", topic.id().toString());
            node.put("hash", Long.toString(hash)).put("groupHash", Long.toString(Utils.computeGroupHash(group)));
            node.set("racks", JSON.valueToTree(topic.racks()));
        }
        return list;
    }

    static CoordinatorMetadataImage image(Topic topic) {
        ClassLoader loader = GroupVectors.class.getClassLoader();
        Object metadata = Proxy.newProxyInstance(loader, new Class<?>[] {CoordinatorMetadataImage.TopicMetadata.class},
            (proxy, method, args) -> switch (method.getName()) {
                case "name" -> topic.name();
                case "id" -> topic.id();
                case "partitionCount" -> topic.racks().size();
                case "partitionRacks" -> new ArrayList<>(topic.racks().get((Integer) args[0]));
                default -> throw new UnsupportedOperationException(method.getName());
            });
        return (CoordinatorMetadataImage) Proxy.newProxyInstance(loader, new Class<?>[] {CoordinatorMetadataImage.class},
            (proxy, method, args) -> switch (method.getName()) {
                case "topicMetadata" -> Optional.of(metadata);
                default -> throw new UnsupportedOperationException(method.getName());
            });
    }

    // ------------------------------------------------------------------------------------------ patterns

    static final List<String> NAMES = List.of("a", "b", "ab", "aa", "aaa", "abc", "A", "Ab", "orders", "orders-1", "orders.2",
        "orders_3", "ORDERS", "12", "1.2", "-", "_", ".", "a-b", "a.b", "a_b", "a b", "", "\u00e9", "aab", "aaab", "abab", "xyz",
        "[a]", "a{2}", "]a", "s", "k", "S", "K");

    static ArrayNode patterns() {
        List<String> regexes = new ArrayList<>(List.of("orders", "orders.*", ".*", "", "a|b|", "(a|b)+", "a*?b", "a+?", "a??", "a{2}",
            "a{2,}", "a{1,3}", "a{,3}", "a{2", "a{2}{3}", "a{1001}", "a{3,2}", "a{0}", "a{00}", "a{1,02}", "{2}", "a**", "a*+", "a*?*", "*",
            "+a", "?", "(*)", "a|*", "(|a)*", "()", "(", ")", "a)", "(a", "((a)", "[a", "[]a]+", "[^]a]+", "[]", "[a-c]+", "[c-a]", "[a-]",
            "[-a]", "[a-b-c]", "[a\\-c]+", "[\\d]+", "[\\D]+", "[^\\d]+", "[[:alpha:]]+", "[[:^alpha:]]+", "[[:word:]]+", "[[:foo:]]",
            "[:alpha:]", "[[:alpha:]", "[a-\\d]", "\\d+", "\\D+", "\\s", "\\S+", "\\w+", "\\W+", "\\pL+", "\\PL+", "\\p{L}+", "\\p{^L}+",
            "\\P{^L}+", "\\p{Lu}+", "\\p{Greek}", "\\p{Latin}+", "\\p{Any}+", "\\p{Foo}", "\\p", "\\p{L", "\\pX", "[\\pL]+", "[^\\pL]+",
            "(?i)orders", "(?i:o)rders", "(?i)k", "(?i)[k]", "(?i)s", "(?i)[^a]", "a(?i)b", "a(?i)b(?-i)c", "(?s).", "(?m)^a$", "(?U)a+",
            "(?imsU)a", "(?-i)a", "(?i-s:a)", "(?)a", "(?:a)", "(?a)", "(?-)a", "(?i-)a", "(?i", "(?i-i-i)a", "(?=a)", "(?!a)", "(?<=a)",
            "(?<!a)", "(?>a)", "(?P<n>a)", "(?P<n>a)(?P<n>b)", "(?<n>a)", "(?<n>a)(?<n>b)", "(?P<n", "(?P<n>", "(?P<>a)", "(?P<a-b>a)",
            "(?P=n)", "(?P", "^a$", "^*", "$+", "a^b", "\\Aa\\z", "\\Aa\\Z", "a\\b-", "a\\B", "\\ba\\b.*", "\\Ba", "\\Qa.b\\E", "\\Qa.b",
            "\\Qab\\E+", "\\Q\\E", "\\E", "\\x61", "\\x{61}", "\\x{110000}", "\\x6", "\\x{}", "\\x{61", "\\xg", "\\141", "\\0", "\\1", "\\12",
            "\\8", "\\a", "\\f", "\\n", "\\r", "\\t", "\\v", "\\.", "\\_", "\\-", "\\\\", "\\", "\\q", "\\C", "\\G", "\\u0061", "\\\u00e9", "a\\",
            "\u00e9", "[\u00e9]", "a#b", "a b", "(?x)a b", "x{1000}", "((a{10}){10}){10}", "(a{100}){100}", "((a{100}){100}){100}",
            "(a{1000}){2}", "a{500}b{500}c{500}", "[[=a=]]", "[[.a.]]", "a&&b", "[a-z&&[^b]]+", "a||b", "(a)(b)\\1", "[\\b]", "[\\Q]\\E]",
            "[\\x61-\\x63]+", "[\\141]", "[\\n]", "[\\8]", "[\\pL-z]", "[a-\\pL]", "[[:alpha:]-z]", "[z-[:alpha:]]", "(?i)\\x{17f}",
            "(?i)\\x{212a}", "(?i)[\\x{17f}]", "(?i)\\pL", "(?i)\\p{Lu}+", "(?i)[[:upper:]]+", ".|\\n", "[^a]", "a\\z$", "(^)(a)", "(a$)b?"));
        regexes.add("(".repeat(500) + "a" + ")".repeat(500));
        regexes.add("(".repeat(1500) + "a" + ")".repeat(1500));
        regexes.addAll(random());
        ArrayNode list = JSON.createArrayNode();
        for (String regex : regexes) list.add(pattern(regex));
        return list;
    }

    /** Of pieces, put together by chance. */
    static List<String> random() {
        String[] pieces = {"a", "b", "(", ")", "|", "*", "+", "?", "[", "]", "^", "-", "$", ".", "{2}", "{1,}", "{", "}", "\\d", "\\w", "\\",
            "(?:", "(?i)", "(?i:", "[^", "[:alpha:]", "\\pL", "\\b", "\\Q", "\\E", "1", ","};
        List<String> regexes = new ArrayList<>();
        for (int index = 0; index < 700; index++) {
            StringBuilder regex = new StringBuilder();
            for (int count = 1 + RANDOM.nextInt(8); count > 0; count--) regex.append(pieces[RANDOM.nextInt(pieces.length)]);
            regexes.add(regex.toString());
        }
        return regexes;
    }

    static ObjectNode pattern(String regex) {
        ObjectNode node = JSON.createObjectNode().put("regex", regex);
        try {
            Pattern pattern = Pattern.compile(regex);
            ArrayNode matches = node.putArray("matches");
            for (String name : NAMES) if (pattern.matcher(name).matches()) matches.add(name);
        } catch (PatternSyntaxException error) {
            node.put("error", error.getDescription());
        } catch (RuntimeException | StackOverflowError error) {
            node.put("crash", error.getClass().getSimpleName());
        }
        return node;
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
