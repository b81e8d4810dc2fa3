// Writes vectors.json: what Kafka's own group coordinator makes of the same streams groups. Assignments by its assignor,
// members on their way from one assignment to the next, and topologies against topics. Run through
// `tests/golden/java_streams/make`.
//
//     java -cp 'BROKER_JARS/*' StreamsVectors.java >vectors.json
//
// Members, processes and topics have names of one letter, and few: their order in Java's hash tables is that of the
// alphabet, so that what comes out does not depend on it.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.coordinator.common.runtime.CoordinatorMetadataImage;
import org.apache.kafka.coordinator.group.api.streams.assignor.GroupAssignment;
import org.apache.kafka.coordinator.group.api.streams.assignor.MemberAssignment;
import org.apache.kafka.coordinator.group.api.streams.assignor.TopologyDescriber;
import org.apache.kafka.coordinator.group.generated.StreamsGroupTopologyValue;
import org.apache.kafka.coordinator.group.generated.StreamsGroupTopologyValue.CopartitionGroup;
import org.apache.kafka.coordinator.group.generated.StreamsGroupTopologyValue.Subtopology;
import org.apache.kafka.coordinator.group.generated.StreamsGroupTopologyValue.TopicInfo;
import org.apache.kafka.coordinator.group.streams.CurrentAssignmentBuilder;
import org.apache.kafka.coordinator.group.streams.MemberState;
import org.apache.kafka.coordinator.group.streams.StreamsGroupMember;
import org.apache.kafka.coordinator.group.streams.StreamsTopology;
import org.apache.kafka.coordinator.group.streams.TasksTuple;
import org.apache.kafka.coordinator.group.streams.TasksTupleWithEpochs;
import org.apache.kafka.coordinator.group.streams.assignor.AssignmentConfigsImpl;
import org.apache.kafka.coordinator.group.streams.assignor.GroupSpecImpl;
import org.apache.kafka.coordinator.group.streams.assignor.MemberMetadataAndStateImpl;
import org.apache.kafka.coordinator.group.streams.assignor.StickyTaskAssignor;
import org.apache.kafka.coordinator.group.streams.topics.ConfiguredTopology;
import org.apache.kafka.coordinator.group.streams.topics.InternalTopicManager;
import org.slf4j.helpers.NOPLogger;

public class StreamsVectors {
    static final ObjectMapper JSON = new ObjectMapper();
    static final Random RANDOM = new Random(1071);

    public static void main(String[] args) {
        ObjectNode root = JSON.createObjectNode();
        root.set("assignments", assignments());
        root.set("reconciliations", reconciliations());
        root.set("topologies", topologies());
        System.out.println(pretty(root));
    }

    static String letter(int index) {
        return String.valueOf((char) ('a' + index));
    }

    /** In a hash table of 4 places or more, these few are in the order of the alphabet whichever of them are there. */
    static String process(int index) {
        return String.valueOf((char) ('p' + index));
    }

    static boolean chance(int percent) {
        return RANDOM.nextInt(100) < percent;
    }

    // ------------------------------------------------------------------------------------------ assignments

    record Input(int taskCount, boolean isStateful) { }

    /** What members have; a group goes on from one round to the next with other members. */
    static ArrayNode assignments() {
        ArrayNode list = JSON.createArrayNode();
        for (int run = 0; run < 40; run++) {
            TreeMap<String, Input> subtopologies = new TreeMap<>();
            for (int index = 0; index <= RANDOM.nextInt(3); index++) {
                subtopologies.put("" + index, new Input(1 + RANDOM.nextInt(7), chance(60)));
            }
            int standbyReplicas = RANDOM.nextInt(3);
            TreeMap<String, String> processes = new TreeMap<>();
            TreeMap<String, MemberAssignment> had = new TreeMap<>();
            for (int round = 0; round < 4; round++) {
                for (int index = 0; index < 9; index++) {
                    if (chance(30)) processes.remove(letter(index));
                    else processes.putIfAbsent(letter(index), process(RANDOM.nextInt(4)));
                }
                if (processes.isEmpty()) processes.put("a", process(0));
                had.keySet().retainAll(processes.keySet());
                had = assign(list, subtopologies, standbyReplicas, processes, had);
            }
        }
        return list;
    }

    static TreeMap<String, MemberAssignment> assign(
        ArrayNode list,
        TreeMap<String, Input> subtopologies,
        int standbyReplicas,
        TreeMap<String, String> processes,
        TreeMap<String, MemberAssignment> had
    ) {
        ObjectNode vector = JSON.createObjectNode().put("standbyReplicas", standbyReplicas);
        ObjectNode inputs = vector.putObject("subtopologies");
        subtopologies.forEach((id, input) ->
            inputs.putObject(id).put("taskCount", input.taskCount()).put("isStateful", input.isStateful()));
        ObjectNode members = vector.putObject("members");
        TreeMap<String, MemberMetadataAndStateImpl> states = new TreeMap<>();
        processes.forEach((memberId, processId) -> {
            MemberAssignment has = had.getOrDefault(memberId, new MemberAssignment(Map.of(), Map.of()));
            Map<String, Map<Integer, Long>> offsets = new TreeMap<>();
            subtopologies.forEach((id, input) -> {
                for (int partition = 0; partition < input.taskCount(); partition++) {
                    if (chance(15)) offsets.computeIfAbsent(id, ignored -> new TreeMap<>()).put(partition, (long) RANDOM.nextInt(4));
                }
            });
            states.put(memberId, new MemberMetadataAndStateImpl(Optional.empty(), Optional.empty(), processId, Map.of(),
                has.activeTasks(), has.standbyTasks(), Map.of(), offsets, Map.of()));
            ObjectNode node = members.putObject(memberId).put("processId", processId);
            node.set("active", tasks(has.activeTasks()));
            node.set("standby", tasks(has.standbyTasks()));
            node.set("offsets", JSON.valueToTree(offsets));
        });
        TopologyDescriber topology = new TopologyDescriber() {
            public List<String> subtopologies() {
                return new ArrayList<>(subtopologies.keySet());
            }

            public int maxNumInputPartitions(String id) {
                return subtopologies.get(id).taskCount();
            }

            public boolean isStateful(String id) {
                return subtopologies.get(id).isStateful();
            }
        };
        GroupAssignment given = new StickyTaskAssignor().assign(
            new GroupSpecImpl(states, new AssignmentConfigsImpl(standbyReplicas, List.of())), topology);
        ObjectNode result = vector.putObject("given");
        new TreeMap<>(given.members()).forEach((memberId, assignment) -> {
            ObjectNode node = result.putObject(memberId);
            node.set("active", tasks(assignment.activeTasks()));
            node.set("standby", tasks(assignment.standbyTasks()));
        });
        list.add(vector);
        return new TreeMap<>(given.members());
    }

    /** By subtopology, in order. */
    static JsonNode tasks(Map<String, Set<Integer>> tasks) {
        TreeMap<String, TreeSet<Integer>> sorted = new TreeMap<>();
        tasks.forEach((id, partitions) -> {
            if (!partitions.isEmpty()) sorted.put(id, new TreeSet<>(partitions));
        });
        return JSON.valueToTree(sorted);
    }

    // ------------------------------------------------------------------------------------------ reconciliation

    static final int TASKS = 6;

    /** Subtopology "0" only; a task is in one role at most. */
    static ArrayNode reconciliations() {
        ArrayNode list = JSON.createArrayNode();
        for (int run = 0; run < 300; run++) list.add(reconciliation());
        return list;
    }

    static ObjectNode reconciliation() {
        MemberState state = List.of(MemberState.STABLE, MemberState.UNREVOKED_TASKS, MemberState.UNRELEASED_TASKS, MemberState.UNKNOWN)
            .get(chance(3) ? 3 : RANDOM.nextInt(3));
        int epoch = 2 + RANDOM.nextInt(3);
        int targetEpoch = state == MemberState.STABLE && chance(10) ? epoch : epoch + 1 + RANDOM.nextInt(2);
        TreeMap<Integer, Integer> assignedActive = new TreeMap<>();
        TreeMap<Integer, Integer> revokedActive = new TreeMap<>();
        List<TreeSet<Integer>> assigned = List.of(new TreeSet<>(), new TreeSet<>());
        List<TreeSet<Integer>> revoked = List.of(new TreeSet<>(), new TreeSet<>());
        List<TreeSet<Integer>> target = List.of(new TreeSet<>(), new TreeSet<>(), new TreeSet<>());
        List<TreeSet<Integer>> owned = List.of(new TreeSet<>(), new TreeSet<>(), new TreeSet<>());
        TreeMap<Integer, String> active = new TreeMap<>();
        TreeMap<Integer, TreeSet<String>> standby = new TreeMap<>();
        TreeMap<Integer, TreeSet<String>> warmup = new TreeMap<>();
        for (int task = 0; task < TASKS; task++) {
            int role = RANDOM.nextInt(6);
            boolean isRevoked = state == MemberState.UNREVOKED_TASKS && chance(30);
            if (role == 0) (isRevoked ? revokedActive : assignedActive).put(task, 1 + RANDOM.nextInt(epoch));
            else if (role < 3) (isRevoked ? revoked : assigned).get(role - 1).add(task);
            int targetRole = RANDOM.nextInt(5);
            if (targetRole < 3) target.get(targetRole).add(task);
            if (role < 3 && chance(60)) owned.get(role).add(task);
            if (role == 0) active.put(task, "p");
            else if (chance(30)) active.put(task, chance(30) ? "p" : "q");
            if (role == 1 || chance(15)) standby.computeIfAbsent(task, ignored -> new TreeSet<>()).add("p");
            if (role == 2 || chance(15)) warmup.computeIfAbsent(task, ignored -> new TreeSet<>()).add("p");
            if (chance(20)) standby.computeIfAbsent(task, ignored -> new TreeSet<>()).add("q");
        }
        boolean isSaid = chance(70);
        boolean isNothing = state == MemberState.UNKNOWN && chance(50);
        if (isNothing) owned.forEach(TreeSet::clear);

        StreamsGroupMember member = StreamsGroupMember.Builder.withDefaults("m").setProcessId("p").setState(state)
            .setMemberEpoch(epoch).setPreviousMemberEpoch(epoch - 1)
            .setAssignedTasks(held(assignedActive, assigned)).setTasksPendingRevocation(held(revokedActive, revoked)).build();
        ObjectNode vector = JSON.createObjectNode().put("state", state.name()).put("epoch", epoch).put("targetEpoch", targetEpoch);
        vector.set("assigned", held(member.assignedTasks()));
        vector.set("revoking", held(member.tasksPendingRevocation()));
        vector.set("target", JSON.valueToTree(target));
        vector.set("owned", isSaid || isNothing ? JSON.valueToTree(owned) : null);
        vector.set("active", JSON.valueToTree(active));
        vector.set("standby", JSON.valueToTree(standby));
        vector.set("warmup", JSON.valueToTree(warmup));
        try {
            StreamsGroupMember next = new CurrentAssignmentBuilder(member)
                .withTargetAssignment(targetEpoch, tuple(target))
                .withCurrentActiveTaskProcessId((id, task) -> active.get(task))
                .withCurrentStandbyTaskProcessIds((id, task) -> standby.getOrDefault(task, new TreeSet<>()))
                .withCurrentWarmupTaskProcessIds((id, task) -> warmup.getOrDefault(task, new TreeSet<>()))
                .withOwnedAssignment(isSaid || isNothing ? tuple(owned) : null)
                .build();
            ObjectNode result = vector.putObject("next").put("state", next.state().name())
                .put("epoch", next.memberEpoch()).put("previousEpoch", next.previousMemberEpoch());
            result.set("assigned", held(next.assignedTasks()));
            result.set("revoking", held(next.tasksPendingRevocation()));
        } catch (RuntimeException error) {
            vector.put("error", error.getMessage());
        }
        return vector;
    }

    static TasksTuple tuple(List<TreeSet<Integer>> tasks) {
        return new TasksTuple(map(tasks.get(0)), map(tasks.get(1)), map(tasks.get(2)));
    }

    static TasksTupleWithEpochs held(TreeMap<Integer, Integer> active, List<TreeSet<Integer>> others) {
        return new TasksTupleWithEpochs(active.isEmpty() ? Map.of() : Map.of("0", active), map(others.get(0)), map(others.get(1)));
    }

    static Map<String, Set<Integer>> map(TreeSet<Integer> tasks) {
        return tasks.isEmpty() ? Map.of() : Map.of("0", tasks);
    }

    static ArrayNode held(TasksTupleWithEpochs tasks) {
        ArrayNode node = JSON.createArrayNode();
        node.add(JSON.valueToTree(new TreeMap<>(tasks.activeTasksWithEpochs().getOrDefault("0", Map.of()))));
        node.add(JSON.valueToTree(new TreeSet<>(tasks.standbyTasks().getOrDefault("0", Set.of()))));
        node.add(JSON.valueToTree(new TreeSet<>(tasks.warmupTasks().getOrDefault("0", Set.of()))));
        return node;
    }

    // ------------------------------------------------------------------------------------------ topologies

    static ArrayNode topologies() {
        ArrayNode list = JSON.createArrayNode();
        for (int run = 0; run < 250; run++) list.add(topology());
        return list;
    }

    /** Sources "a" to "d", repartition topics "e" to "h", changelogs "i" to "l". */
    static ObjectNode topology() {
        List<Subtopology> subtopologies = new ArrayList<>();
        int count = 1 + RANDOM.nextInt(3);
        for (int index = 0; index < count; index++) {
            List<String> sources = some(0, index == 0 ? 60 : 30);
            List<TopicInfo> repartitions = new ArrayList<>();
            for (String name : some(4, index == 0 ? 10 : 40)) {
                repartitions.add(info(name, chance(25) ? 1 + RANDOM.nextInt(4) : 0));
            }
            if (sources.isEmpty() && repartitions.isEmpty() && chance(90)) sources = List.of("a");
            List<TopicInfo> changelogs = some(8, 25).stream().map(name -> info(name, 0)).toList();
            List<CopartitionGroup> groups = new ArrayList<>();
            if (chance(50)) {
                groups.add(new CopartitionGroup().setSourceTopics(indices(sources.size())).setRepartitionSourceTopics(indices(repartitions.size())));
            }
            subtopologies.add(new Subtopology().setSubtopologyId("" + index).setSourceTopics(sources)
                .setRepartitionSinkTopics(some(4, 40)).setRepartitionSourceTopics(repartitions)
                .setStateChangelogTopics(changelogs).setCopartitionGroups(groups));
        }
        TreeMap<String, Integer> topics = new TreeMap<>();
        int usual = 1 + RANDOM.nextInt(4);
        for (int index = 0; index < 12; index++) {
            if (chance(index < 4 ? 95 : 20)) topics.put(letter(index), chance(70) ? usual : 1 + RANDOM.nextInt(4));
        }
        ObjectNode vector = JSON.createObjectNode();
        StreamsGroupTopologyValue value = new StreamsGroupTopologyValue().setEpoch(3).setSubtopologies(subtopologies);
        vector.set("topology", org.apache.kafka.coordinator.group.generated.StreamsGroupTopologyValueJsonConverter.write(value, (short) 0));
        vector.set("topics", JSON.valueToTree(topics));
        try {
            ConfiguredTopology configured = InternalTopicManager.configureTopics(
                NOPLogger.NOP_LOGGER, "g", "m", 0, StreamsTopology.fromRecord(value), image(topics), Time.SYSTEM);
            ObjectNode node = vector.putObject("configured");
            configured.topicConfigurationException().ifPresent(exception ->
                node.put("status", exception.status().code()).put("detail", exception.getMessage()));
            configured.subtopologies().ifPresent(all -> {
                ObjectNode tasks = node.putObject("tasks");
                all.forEach((id, subtopology) -> tasks.put(id, subtopology.numberOfTasks()));
                ObjectNode internal = node.putObject("internal");
                all.values().forEach(subtopology -> {
                    subtopology.repartitionSourceTopics().values().forEach(topic -> internal.put(topic.name(), topic.numberOfPartitions()));
                    subtopology.stateChangelogTopics().values().forEach(topic -> internal.put(topic.name(), topic.numberOfPartitions()));
                });
            });
            node.set("toMake", JSON.valueToTree(new TreeSet<>(configured.internalTopicsToBeCreated().keySet())));
        } catch (RuntimeException error) {
            vector.put("error", error.getClass().getSimpleName()).put("message", error.getMessage());
        }
        return vector;
    }

    static TopicInfo info(String name, int partitions) {
        return new TopicInfo().setName(name).setPartitions(partitions).setTopicConfigs(List.of());
    }

    static List<String> some(int from, int percent) {
        List<String> names = new ArrayList<>();
        for (int index = from; index < from + 4; index++) if (chance(percent)) names.add(letter(index));
        return names;
    }

    static List<Short> indices(int size) {
        List<Short> indices = new ArrayList<>();
        for (short index = 0; index < size; index++) indices.add(index);
        return indices;
    }

    static CoordinatorMetadataImage image(Map<String, Integer> topics) {
        return (CoordinatorMetadataImage) Proxy.newProxyInstance(
            StreamsVectors.class.getClassLoader(),
            new Class<?>[] {CoordinatorMetadataImage.class},
            (proxy, method, arguments) -> {
                if (!method.getName().equals("topicMetadata")) throw new UnsupportedOperationException(method.getName());
                Integer count = topics.get((String) arguments[0]);
                return count == null ? Optional.empty() : Optional.of(metadata(count));
            });
    }

    static CoordinatorMetadataImage.TopicMetadata metadata(int count) {
        return (CoordinatorMetadataImage.TopicMetadata) Proxy.newProxyInstance(
            StreamsVectors.class.getClassLoader(),
            new Class<?>[] {CoordinatorMetadataImage.TopicMetadata.class},
            (proxy, method, arguments) -> {
                if (!method.getName().equals("partitionCount")) throw new UnsupportedOperationException(method.getName());
                return count;
            });
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
