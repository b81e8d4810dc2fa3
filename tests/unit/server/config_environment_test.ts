import { describe, expect, test } from "bun:test";
import { BrokerConfig } from "../../../server/config.ts";
import { entriesFromEnvironment } from "../../../server/config/environment.ts";

function names(environment: Record<string, string>): string[] {
  return entriesFromEnvironment(environment).map(({ name, value }) => `${name}=${value}`);
}

describe("environment", () => {
  test.each([
    ["one underscore is a dot", "KAFKA_LOG_RETENTION_MS", "log.retention.ms"],
    ["two underscores are one", "KAFKA_A__B_C", "a_b.c"],
    [
      "three underscores are a dash",
      "KAFKA_LISTENER_NAME_X_SCRAM___SHA___256_SASL_JAAS_CONFIG",
      "listener.name.x.scram-sha-256.sasl.jaas.config",
    ],
    ["CLUSTER_ID is the id of the cluster", "CLUSTER_ID", "cluster.id"],
  ])("%s", (_, variable, name) => {
    expect(names({ [variable]: "x" })).toEqual([`${name}=x`]);
  });

  test("variables of others are left alone", () => {
    expect(names({ HOME: "/", PATH: "/bin", LOG_RETENTION_MS: "1", kafka_num_partitions: "3" })).toEqual([]);
  });

  test.each([
    "KAFKA_HEAP_OPTS",
    "KAFKA_OPTS",
    "KAFKA_JMX_OPTS",
    "KAFKA_JMX_PORT",
    "KAFKA_JVM_PERFORMANCE_OPTS",
    "KAFKA_LOG4J_ROOT_LOGLEVEL",
    "KAFKA_LOG4J_LOGGERS",
    "KAFKA_SSL_KEYSTORE_FILENAME",
    "KAFKA_PORT",
    "KAFKA_PORT_9092_TCP_ADDR",
    "KAFKA_SERVICE_HOST",
  ])("%s speaks to start scripts and is ignored without a word", (variable) => {
    expect(names({ [variable]: "x" })).toEqual([]);
  });

  test("log.dir is a config, not a start script's variable", () => {
    expect(names({ KAFKA_LOG_DIR: "/data" })).toEqual(["log.dir=/data"]);
  });

  test("unknown name is told once, with its variable", () => {
    const config = BrokerConfig.parse(entriesFromEnvironment({ KAFKA_NO_SUCH_CONFIG: "1", KAFKA_NUM_PARTITIONS: "3" }));
    expect(config.get("num.partitions")).toBe(3);
    expect(config.notices).toEqual([
      {
        level: "warn",
        event: "unknown config ignored",
        facts: { name: "no.such.config", from: "KAFKA_NO_SUCH_CONFIG" },
      },
    ]);
  });
});
