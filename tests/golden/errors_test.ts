/** The error table against that of the `kafka-clients` jar: codes, names, which of them clients retry. */
import { describe, expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { errors } from "../../protocol/errors.ts";
import { kafkaJar, mavenJar, runJava } from "./kafka_jar.ts";

const kafkaTable = printedTable();

describe.skipIf(kafkaTable === null)("error table", () => {
  test("has the codes, names and retriability of Kafka's", () => {
    const ours = Object.entries(errors).map(([name, { code, retriable }]) => `${code} ${name} ${retriable}`);
    expect(ours).toEqual(kafkaTable!);
  });
});

function printedTable(): string[] | null {
  const clients = kafkaJar("kafka-clients", "4.4.0");
  const logging = mavenJar("org.slf4j", "slf4j-api", "1.7.36");
  if (clients === null || logging === null) return null;
  const program = fileURLToPath(new URL("./java/ErrorTable.java", import.meta.url));
  return runJava(program, [clients, logging])?.trim().split("\n") ?? null;
}
