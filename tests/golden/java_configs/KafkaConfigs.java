// Prints what Kafka knows of every config (from its own definitions) and what a running broker answers to
// DescribeConfigs, as JSON. Run by make.ts.

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.DescribeConfigsOptions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigResource;

public class KafkaConfigs {
  public static void main(String[] args) throws Exception {
    Map<String, ConfigDef.ConfigKey> broker = kafka.server.KafkaConfig.configDef().configKeys();
    Map<String, ConfigDef.ConfigKey> topic = new HashMap<>(org.apache.kafka.storage.internals.log.LogConfig.configKeys());
    Map<String, ConfigDef.ConfigKey> group = org.apache.kafka.coordinator.group.GroupConfig.CONFIG_DEF.configKeys();
    Map<String, ConfigDef.ConfigKey> metrics =
        org.apache.kafka.server.metrics.ClientMetricsConfigs.configDef().configKeys();
    var result = new LinkedHashMap<String, Object>();
    result.put("definitions", Map.of(
        "broker", describeAll(broker), "topic", describeAll(topic), "group", describeAll(group),
        "clientMetrics", describeAll(metrics)));
    result.put("dynamic", new TreeMap<>(org.apache.kafka.server.config.DynamicBrokerConfig.dynamicConfigUpdateModes()));
    result.put("answers", answers(args[0]));
    var mapper = new ObjectMapper().enable(SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS);
    // One config a line: a new Kafka version is then a readable difference.
    System.out.println(mapper.writeValueAsString(result).replace("},\"", "},\n\"").replace("},{", "},\n{"));
  }

  static Map<String, Object> describeAll(Map<String, ConfigDef.ConfigKey> definitions) {
    var all = new TreeMap<String, Object>();
    for (var key : definitions.values()) {
      var facts = new LinkedHashMap<String, Object>();
      facts.put("type", key.type.name());
      facts.put("default", key.hasDefault() ? text(key.defaultValue, key.type) : "(required)");
      if (key.validator != null) facts.put("allowed", key.validator.toString());
      if (key.internalConfig) facts.put("internal", true);
      all.put(key.name, facts);
    }
    return all;
  }

  static String text(Object value, ConfigDef.Type type) {
    if (value instanceof org.apache.kafka.common.config.types.Password) return "(hidden)";
    return ConfigDef.convertToString(value, type);
  }

  static Map<String, Object> answers(String address) throws Exception {
    var all = new LinkedHashMap<String, Object>();
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", address))) {
      var configured = new NewTopic("configured", 1, (short) 1).configs(Map.of(
          "retention.ms", "3600000", "cleanup.policy", "compact,delete", "segment.bytes", "1048576",
          "compression.type", "zstd"));
      admin.createTopics(List.of(new NewTopic("plain", 1, (short) 1), configured)).all().get();
      // A config altered for one broker and for all of them, and one for all only; both are defaults of topics.
      alter(admin, new ConfigResource(ConfigResource.Type.BROKER, "1"), Map.of("log.retention.ms", "7200000"));
      alter(admin, new ConfigResource(ConfigResource.Type.BROKER, ""),
          Map.of("log.retention.ms", "9000000", "message.max.bytes", "2000000"));
      alter(admin, new ConfigResource(ConfigResource.Type.GROUP, "altered"), Map.of("consumer.session.timeout.ms", "50000"));
      alter(admin, new ConfigResource(ConfigResource.Type.CLIENT_METRICS, "altered"), Map.of("interval.ms", "1000"));
      Thread.sleep(1000); // The broker hears of it through its metadata log.
      var resources = List.of(
          new ConfigResource(ConfigResource.Type.TOPIC, "plain"), new ConfigResource(ConfigResource.Type.TOPIC, "configured"),
          new ConfigResource(ConfigResource.Type.BROKER, "1"), new ConfigResource(ConfigResource.Type.BROKER, ""),
          new ConfigResource(ConfigResource.Type.GROUP, "plain"), new ConfigResource(ConfigResource.Type.GROUP, "altered"),
          new ConfigResource(ConfigResource.Type.CLIENT_METRICS, "altered"));
      for (ConfigResource resource : resources) {
        Config config = admin.describeConfigs(List.of(resource), new DescribeConfigsOptions().includeSynonyms(true))
            .all().get().get(resource);
        all.put(resource.type() + ":" + resource.name(), entries(config.entries()));
      }
    }
    return all;
  }

  static void alter(Admin admin, ConfigResource resource, Map<String, String> values) throws Exception {
    Collection<AlterConfigOp> operations = new ArrayList<>();
    values.forEach((name, value) -> operations.add(new AlterConfigOp(new ConfigEntry(name, value), AlterConfigOp.OpType.SET)));
    admin.incrementalAlterConfigs(Map.of(resource, operations)).all().get();
  }

  static Map<String, Object> entries(Collection<ConfigEntry> entries) {
    var all = new TreeMap<String, Object>();
    for (ConfigEntry entry : entries) {
      var facts = new LinkedHashMap<String, Object>();
      facts.put("value", entry.value());
      facts.put("source", entry.source().name());
      facts.put("type", entry.type().name());
      facts.put("readOnly", entry.isReadOnly());
      facts.put("sensitive", entry.isSensitive());
      var synonyms = new ArrayList<String>();
      for (var synonym : entry.synonyms()) synonyms.add(synonym.source() + ":" + synonym.name() + "=" + synonym.value());
      facts.put("synonyms", synonyms);
      all.put(entry.name(), facts);
    }
    return all;
  }
}
