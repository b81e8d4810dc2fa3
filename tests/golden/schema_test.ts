/**
 * Our schemas against Kafka's own message definitions, field by field, for every version: those inside the jars of
 * Kafka 4.4 (`kafka-clients`, and four more for records of internal topics), and for versions that it dropped, of 3.9.
 * What differs fails; apis that we lack are listed.
 */
import { describe, expect, test } from "bun:test";
import { apis } from "../../protocol/apis.ts";
import { metadataRecords } from "../../protocol/embedded/cluster_metadata.ts";
import { consumerGroupRecords } from "../../protocol/embedded/consumer_group_log.ts";
import { consumerProtocolAssignment, consumerProtocolSubscription } from "../../protocol/embedded/consumer_protocol.ts";
import {
  groupMetadataKey,
  groupMetadataValue,
  offsetCommitKey,
  offsetCommitValue,
} from "../../protocol/embedded/offsets_log.ts";
import { streamsGroupRecords } from "../../protocol/embedded/streams_group_log.ts";
import { shareGroupRecords } from "../../protocol/embedded/share_group_log.ts";
import { shareStateRecords } from "../../protocol/embedded/share_state_log.ts";
import { transactionLogKey, transactionLogValue } from "../../protocol/embedded/transactions_log.ts";
import { requestHeader, responseHeader } from "../../protocol/frame.ts";
import type { AnyMessage } from "../../protocol/schema.ts";
import { flattenKafka, flattenOurs, stableVersions } from "./flatten.ts";
import { kafkaJar, type KafkaMessage, kafkaMessages } from "./kafka_jar.ts";

const newest = definitions(
  "4.4.0",
  "kafka-clients",
  "kafka-group-coordinator",
  "kafka-metadata",
  "kafka-share-coordinator",
  "kafka-transaction-coordinator",
);
const older = definitions("3.9.2", "kafka-clients", "kafka-group-coordinator", "kafka-metadata");

/** Those of all the jars, or null where one cannot be had. */
function definitions(version: string, ...artifacts: string[]): ReadonlyMap<string, KafkaMessage> | null {
  const all = new Map<string, KafkaMessage>();
  for (const artifact of artifacts) {
    const jar = kafkaJar(artifact, version);
    if (jar === null) return null;
    for (const [name, message] of kafkaMessages(jar)) all.set(name, message);
  }
  return all;
}

describe.skipIf(newest === null || older === null)("schemas against Kafka's", () => {
  for (const api of apis) {
    test(`${api.name} ${api.versions.join("-")}`, () => {
      const kafka = newest!.get(`${api.name}Request`)!;
      expect(kafka.apiKey).toBe(api.key);
      // A response carries the unstable version too, but only its request says so.
      expect(api.versions[1]).toBe(stableVersions(kafka)[1]);
      expectSame(api.request);
      expectSame(api.response);
    });
  }

  test("request and response header", () => {
    expectSame(requestHeader);
    expectSame(responseHeader);
  });

  test("bytes inside bytes: consumer protocol, offsets log, transactions log, cluster metadata", () => {
    const embedded: AnyMessage[] = [
      consumerProtocolAssignment,
      consumerProtocolSubscription,
      offsetCommitKey,
      offsetCommitValue,
      groupMetadataKey,
      groupMetadataValue,
      ...Object.values(consumerGroupRecords).flatMap(({ key, value }): AnyMessage[] => [key, value]),
      ...Object.values(streamsGroupRecords).flatMap(({ key, value }): AnyMessage[] => [key, value]),
      ...[...Object.values(shareGroupRecords), ...Object.values(shareStateRecords)].flatMap(
        ({ key, value }): AnyMessage[] => [key, value],
      ),
      transactionLogKey,
      transactionLogValue,
      ...Object.values(metadataRecords).map(({ schema }) => schema),
    ];
    for (const message of embedded) expectSame(message);
  });

  test("names every api of Kafka that is not here yet", () => {
    const known = new Set(apis.map(({ key }) => key));
    const requests = [...newest!.values()]
      .filter((message) => message.type === "request" && message.validVersions !== "none");
    const lacking = requests
      .filter((message) => !known.has(message.apiKey!))
      .sort((left, right) => left.apiKey! - right.apiKey!)
      .map((message) => `${message.name.replace(/Request$/, "")} (${message.apiKey})`);
    console.info(`apis of Kafka 4.4 without a schema here: ${lacking.length}: ${lacking.join(", ")}`);
    expect(lacking.length + known.size).toBe(requests.length);
  });
});

function expectSame(message: AnyMessage): void {
  const [first, last] = message.versions;
  for (let version = first; version <= last; version++) {
    const kafka = definitionFor(message.name, version);
    // What may be dropped is a property of the field in all versions: the newest definition has the say.
    const lines = (all: string[]) => kafka === newest!.get(message.name) ? all : all.map(withoutIgnorable);
    expect({ version, lines: lines(flattenOurs(message, version)) })
      .toEqual({ version, lines: lines(flattenKafka(kafka, version)) });
  }
}

function withoutIgnorable(line: string): string {
  return line.replace(" ignorable", "");
}

/** The newest definition that has the version. */
function definitionFor(name: string, version: number): KafkaMessage {
  const candidates = [newest!.get(name), older!.get(name)].filter((message) => message !== undefined);
  const found = candidates.find((message) => {
    const [first, last] = stableVersions(message);
    return version >= first && version <= last;
  });
  if (found === undefined) throw new Error(`Kafka has no ${name} v${version}`);
  return found;
}
