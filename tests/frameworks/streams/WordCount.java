import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.GroupListing;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.StreamsGroupDescription;
import org.apache.kafka.clients.admin.StreamsGroupMemberDescription;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.LongDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StoreQueryParameters;
import org.apache.kafka.streams.state.QueryableStoreTypes;

/**
 * Counts words with Kafka Streams, while instances of the application come and go.
 *
 *   WordCount HOST:PORT [PROTOCOL [GUARANTEE]]      classic or streams; at_least_once or exactly_once_v2
 *
 * One instance counts alone; a second one takes half of the tasks; the first goes, and the second counts on alone; it
 * goes too, and a third one goes on from its files. After each of these the counts of all words so far must be right.
 * What the broker has made of it is printed too, without names and times that are other each time: internal topics,
 * and the group as an administrator sees it.
 */
public class WordCount {
    static final int PARTITIONS = 4;
    static final int WORDS = 40;
    static final Duration PATIENCE = Instance.PATIENCE;

    final String bootstrap;
    final String protocol;
    final String guarantee;
    final String application = "words-" + UUID.randomUUID().toString().substring(0, 8);
    final String input = application + "-input";
    final String output = application + "-output";
    final Path files;
    final Admin admin;
    /** What the counts must be. */
    final Map<String, Long> expected = new TreeMap<>();
    long produced;

    public static void main(String[] args) throws Exception {
        String protocol = args.length > 1 ? args[1] : "streams";
        String guarantee = args.length > 2 ? args[2] : "at_least_once";
        WordCount program = new WordCount(args[0], protocol, guarantee);
        int status = 1;
        try {
            program.run();
            status = 0;
        } catch (Throwable error) {
            System.out.println("FAIL " + error.getMessage());
            error.printStackTrace();
        }
        System.out.flush();
        Runtime.getRuntime().halt(status);
    }

    WordCount(String bootstrap, String protocol, String guarantee) throws Exception {
        this.bootstrap = bootstrap;
        this.protocol = protocol;
        this.guarantee = guarantee;
        files = Files.createTempDirectory("weir-streams-");
        admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
    }

    void run() throws Exception {
        admin.createTopics(List.of(new NewTopic(input, PARTITIONS, (short) 1), new NewTopic(output, PARTITIONS, (short) 1))).all().get();
        try {
            produce(25);
            KafkaStreams first = start("first");
            awaitCounts("one instance counts alone");
            describeTopics();
            awaitTasks("one instance has all tasks", first);
            describeGroup();

            KafkaStreams second = start("second");
            awaitTasks("a second instance takes half of the tasks", first, second);
            produce(25);
            awaitCounts("two instances count together");
            describeGroup();

            stop(first);
            produce(25);
            awaitTasks("the second instance has all tasks once the first is gone", second);
            awaitCounts("the second instance counts on");

            stop(second);
            produce(25);
            KafkaStreams third = start("second");
            awaitCounts("an instance that is started again goes on from its files");
            check("its state store has the same counts", storeCounts(third).equals(expected));
            stop(third);
            if (guarantee.equals("exactly_once_v2")) {
                check("each word was counted once", outputCount() == produced);
            }
            awaitEmpty();
        } finally {
            try (Stream<Path> all = Files.walk(files)) {
                all.sorted(Comparator.reverseOrder()).map(Path::toFile).forEach(File::delete);
            }
        }
    }

    // ------------------------------------------------------------------------------------------ the application

    KafkaStreams start(String instance) {
        String ownFiles = files.resolve(instance).toString();
        KafkaStreams streams = Instance.create(bootstrap, application, instance, protocol, guarantee, ownFiles, 200);
        streams.start();
        return streams;
    }

    void stop(KafkaStreams streams) {
        if (!Instance.stop(streams)) throw new AssertionError("an instance does not stop");
    }

    /** Of both subtopologies, shared evenly. */
    void awaitTasks(String name, KafkaStreams... instances) throws Exception {
        int share = 2 * PARTITIONS / instances.length;
        await(name, () -> {
            for (KafkaStreams streams : instances) {
                if (streams.state() != KafkaStreams.State.RUNNING || Instance.taskCount(streams) != share) return false;
            }
            return true;
        }, () -> Arrays.stream(instances).map(one -> one.state() + " " + Instance.taskCount(one)).toList());
    }

    Map<String, Long> storeCounts(KafkaStreams streams) throws Exception {
        Map<String, Long> counts = new TreeMap<>();
        await(null, () -> streams.state() == KafkaStreams.State.RUNNING, streams::state);
        var store = streams.store(StoreQueryParameters.fromNameAndType("counts", QueryableStoreTypes.<String, Long>keyValueStore()));
        try (var all = store.all()) {
            all.forEachRemaining(entry -> counts.put(entry.key, entry.value));
        }
        return counts;
    }

    // ------------------------------------------------------------------------------------------ words and counts

    void produce(int lineCount) throws Exception {
        Map<String, Object> config = Map.of("bootstrap.servers", bootstrap);
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            for (int line = 0; line < lineCount; line++) {
                List<String> words = new ArrayList<>();
                for (int index = 0; index < 4; index++) {
                    String word = "word-" + (produced * produced + 7 * produced) % WORDS;
                    produced++;
                    words.add(word);
                    expected.merge(word, 1L, Long::sum);
                }
                producer.send(new ProducerRecord<>(input, line % PARTITIONS, null, String.join(" ", words))).get();
            }
        }
    }

    void awaitCounts(String name) throws Exception {
        try (KafkaConsumer<String, Long> consumer = outputConsumer()) {
            Map<String, Long> counts = new TreeMap<>();
            await(name, () -> {
                for (ConsumerRecord<String, Long> record : consumer.poll(Duration.ofMillis(200))) counts.put(record.key(), record.value());
                return counts.equals(expected);
            }, () -> "counts " + counts + ", expected " + expected);
        }
    }

    /** Records in the output, as one sees them who reads what is committed. */
    long outputCount() {
        try (KafkaConsumer<String, Long> consumer = outputConsumer()) {
            Map<TopicPartition, Long> ends = consumer.endOffsets(consumer.assignment());
            long count = 0;
            while (ends.entrySet().stream().anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
                count += consumer.poll(Duration.ofMillis(200)).count();
            }
            return count;
        }
    }

    KafkaConsumer<String, Long> outputConsumer() {
        Map<String, Object> config = new HashMap<>();
        config.put("bootstrap.servers", bootstrap);
        config.put("isolation.level", "read_committed");
        KafkaConsumer<String, Long> consumer = new KafkaConsumer<>(config, new StringDeserializer(), new LongDeserializer());
        List<TopicPartition> partitions = new ArrayList<>();
        for (int index = 0; index < PARTITIONS; index++) partitions.add(new TopicPartition(output, index));
        consumer.assign(partitions);
        consumer.seekToBeginning(partitions);
        return consumer;
    }

    // ------------------------------------------------------------------------------------------ the broker's side

    void describeTopics() throws Exception {
        Set<String> names = admin.listTopics().names().get();
        List<String> internal = names.stream().filter(name -> name.startsWith(application) && !name.equals(input) && !name.equals(output)).sorted().toList();
        for (String name : internal) {
            TopicDescription topic = admin.describeTopics(List.of(name)).allTopicNames().get().get(name);
            ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, name);
            var own = admin.describeConfigs(List.of(resource)).all().get().get(resource).entries().stream()
                .filter(entry -> entry.source().name().equals("DYNAMIC_TOPIC_CONFIG")).map(entry -> entry.name() + "=" + entry.value()).sorted().toList();
            print("topic " + name + ": " + topic.partitions().size() + " partitions, " + String.join(", ", own));
        }
    }

    void describeGroup() throws Exception {
        if (!protocol.equals("streams")) return;
        StreamsGroupDescription[] last = new StreamsGroupDescription[1];
        await(null, () -> {
            last[0] = admin.describeStreamsGroups(List.of(application)).all().get().get(application);
            return last[0].groupState().toString().equals("Stable");
        }, () -> last[0]);
        StreamsGroupDescription group = last[0];
        print("group " + group.groupId() + ": " + group.groupState() + ", topology epoch " + group.topologyEpoch()
            + ", assigned in its epoch " + (group.groupEpoch() == group.targetAssignmentEpoch()));
        group.subtopologies().stream().sorted(Comparator.comparing(one -> one.subtopologyId())).forEach(one -> print(
            "subtopology " + one.subtopologyId() + ": reads " + one.sourceTopics() + " and " + partitions(one.repartitionSourceTopics())
                + ", writes " + one.repartitionSinkTopics() + ", changelogs " + partitions(one.stateChangelogTopics())));
        List<String> members = new ArrayList<>();
        for (StreamsGroupMemberDescription member : group.members()) {
            members.add("member of " + member.clientId().replaceAll("-StreamThread.*", "") + " in the group's epoch "
                + (member.memberEpoch() == group.groupEpoch()) + ": " + tasks(member.assignment().activeTasks()) + " active, "
                + tasks(member.assignment().standbyTasks()) + " standby, " + tasks(member.assignment().warmupTasks())
                + " warm-up, as its target " + member.assignment().equals(member.targetAssignment()));
        }
        members.stream().sorted().forEach(this::print);
    }

    static Map<String, Integer> partitions(Map<String, ?> topics) {
        Map<String, Integer> counts = new TreeMap<>();
        topics.forEach((name, info) -> counts.put(name, ((org.apache.kafka.clients.admin.StreamsGroupSubtopologyDescription.TopicInfo) info).partitions()));
        return counts;
    }

    static int tasks(List<org.apache.kafka.clients.admin.StreamsGroupMemberAssignment.TaskIds> tasks) {
        return tasks.stream().mapToInt(one -> one.partitions().size()).sum();
    }

    /** Then the group is deleted, with its offsets. */
    void awaitEmpty() throws Exception {
        await("the group is empty in the end", () -> listing().equals(protocol + " Empty"), this::listing);
        long offsets = protocol.equals("streams")
            ? admin.listStreamsGroupOffsets(Map.of(application, new org.apache.kafka.clients.admin.ListStreamsGroupOffsetsSpec()))
                .partitionsToOffsetAndMetadata(application).get().size()
            : admin.listConsumerGroupOffsets(application).partitionsToOffsetAndMetadata().get().size();
        check("it has committed offsets of all its input", offsets == 2 * PARTITIONS);
        if (protocol.equals("streams")) admin.deleteStreamsGroups(List.of(application)).all().get();
        else admin.deleteConsumerGroups(List.of(application)).all().get();
        check("it can be deleted", listing().equals("none"));
    }

    String listing() throws Exception {
        for (GroupListing group : admin.listGroups().all().get()) {
            if (group.groupId().equals(application)) {
                return group.type().map(type -> type.toString().toLowerCase()).orElse("?") + " " + group.groupState().map(Object::toString).orElse("?");
            }
        }
        return "none";
    }

    // ------------------------------------------------------------------------------------------ how

    void check(String name, boolean isSo) {
        if (!isSo) throw new AssertionError(name);
        System.out.println("ok " + name);
    }

    void print(String line) {
        System.out.println("   " + line.replace(application, "words"));
    }

    void await(String name, Callable<Boolean> isSo, Callable<Object> now) throws Exception {
        long endNs = System.nanoTime() + PATIENCE.toNanos();
        while (!isSo.call()) {
            if (System.nanoTime() > endNs) throw new AssertionError(name + ": after " + PATIENCE.toSeconds() + " s it is " + now.call());
            Thread.sleep(50);
        }
        if (name != null) System.out.println("ok " + name);
    }
}
