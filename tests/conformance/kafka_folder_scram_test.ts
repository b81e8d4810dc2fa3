/**
 * What users log in with, in a data folder that goes from Apache Kafka to Weir and back: nothing is lost, changes of either are the
 * other's, and both make the same keys of a password.
 */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  alterUserScramCredentials,
  type AlterUserScramCredentialsRequestDraft,
} from "../../protocol/api/51_alter_user_scram_credentials.ts";
import { describeUserScramCredentials } from "../../protocol/api/50_describe_user_scram_credentials.ts";
import { wholeBatches } from "../../protocol/batch.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { decodeRecords } from "../../protocol/record.ts";
import { decodeMetadataRecord, type MetadataRecord } from "../../server/cluster/records.ts";
import { BrokerProcess, runWeir, target, until } from "../support/broker.ts";
import { whyNoKafkaTools } from "../support/kafka_tools.ts";
import { TestClient } from "../support/test_client.ts";

const reason = whyNoKafkaTools();
if (reason !== null) console.warn(`skipped: credentials in a folder of Kafka, for ${reason}`);

const sha256 = 1;
const sha512 = 2;
const [ann, bob, carl, dora] = ["ann", "bob", "carl", "dora"];
const salt = new TextEncoder().encode("the salt that nobody prints");
const saltedPassword = new Uint8Array(64).map((_, index) => index + 1);

type Kept = Readonly<Record<string, readonly (readonly [mechanism: number, iterations: number])[]>>;

async function withClient<Result>(broker: BrokerProcess, use: (client: TestClient) => Promise<Result>) {
  const client = await TestClient.connect(broker.port);
  try {
    return await use(client);
  } finally {
    client.close();
  }
}

function put(name: string, mechanism: number, iterations = 4096) {
  return { name, mechanism, iterations, salt, saltedPassword };
}

async function alter(broker: BrokerProcess, draft: Partial<AlterUserScramCredentialsRequestDraft>): Promise<void> {
  const { results } = await withClient(
    broker,
    (client) => client.send(alterUserScramCredentials, 0, { deletions: [], upsertions: [], ...draft }),
  );
  expect(results.map(({ errorCode }) => errorCode)).toEqual(results.map(() => ErrorCode.NONE));
}

/** Waits until the broker tells of these and no others: Kafka's hears of what its controller did a moment later. */
async function untilKept(broker: BrokerProcess, expected: Kept): Promise<void> {
  let kept: Kept = {};
  await until(async () => {
    const { results } = await withClient(
      broker,
      (client) => client.send(describeUserScramCredentials, 0, { users: null }),
    );
    kept = Object.fromEntries(
      results.toSorted((one, other) => one.user < other.user ? -1 : 1).map(({ user, credentialInfos }) => [
        user,
        credentialInfos.map(({ mechanism, iterations }) => [mechanism, iterations] as const).sort(),
      ]),
    );
    return JSON.stringify(kept) === JSON.stringify(expected);
  }, { what: "The credentials", timeoutMs: 20_000 }).catch(() => expect(kept).toEqual(expected));
}

type Credential = MetadataRecord & { readonly kind: "scramCredential" };

/** The last that the files of a metadata log, snapshots first, say of each user and mechanism. */
function credentialsIn(directory: string): Map<string, Credential> {
  const found = new Map<string, Credential>();
  const names = readdirSync(directory).sort();
  const files = [".checkpoint", ".log"].flatMap((suffix) => names.filter((name) => name.endsWith(suffix)));
  for (const name of files) {
    for (const batch of wholeBatches(readFileSync(join(directory, name)))) {
      if (batch.isControl) continue;
      for (const { value } of decodeRecords(batch)) {
        const record = decodeMetadataRecord(value);
        if (record === null || typeof record === "string" || record.kind !== "scramCredential") continue;
        found.set(`${record.name} ${record.mechanism}`, record);
      }
    }
  }
  return found;
}

function keysOf({ salt, storedKey, serverKey, iterations }: Credential) {
  return { salt, storedKey, serverKey, iterations };
}

describe.skipIf(reason !== null || target === "kafka")("credentials in a folder", () => {
  let home: string;
  const running: BrokerProcess[] = [];

  async function start(which: "kafka" | "weir"): Promise<BrokerProcess> {
    const broker = await BrokerProcess.start({
      ...(which === "kafka" ? { target: "kafka" } : {}),
      dataDirectory: which === "kafka" ? home : join(home, "log"),
      // Weir's changes are in a snapshot of Weir, which Kafka then has to begin with.
      config: which === "kafka" ? {} : { "metadata.log.max.record.bytes.between.snapshots": 100 },
      readyTimeoutMs: 90_000,
    });
    running.push(broker);
    return broker;
  }

  beforeAll(() => {
    home = mkdtempSync(join(tmpdir(), "weir-scram-"));
  });

  afterAll(async () => {
    for (const broker of running) await broker.dispose();
    rmSync(home, { recursive: true, force: true });
  }, 60_000);

  test("go from Kafka to Weir, through a kill, and back", async () => {
    const metadata = join(home, "log/__cluster_metadata-0");
    const kafka = await start("kafka");
    await alter(kafka, { upsertions: [put(ann, sha256), put(bob, sha512, 8192)] });
    await alter(kafka, { upsertions: [put(ann, sha512, 16_384), put(dora, sha256)] });
    await alter(kafka, { deletions: [{ name: dora, mechanism: sha256 }] });
    const ofKafka: Kept = { ann: [[sha256, 4096], [sha512, 16_384]], bob: [[sha512, 8192]] };
    await untilKept(kafka, ofKafka);
    await kafka.stop();
    const theirs = credentialsIn(metadata);

    const weir = await start("weir");
    await untilKept(weir, ofKafka);
    await alter(weir, { deletions: [{ name: ann, mechanism: sha512 }], upsertions: [put(carl, sha256)] });
    await alter(weir, { upsertions: [put(carl, sha512, 8192)] });
    const ofBoth: Kept = { ann: [[sha256, 4096]], bob: [[sha512, 8192]], carl: [[sha256, 4096], [sha512, 8192]] };
    await untilKept(weir, ofBoth);
    await weir.kill9();
    const lines = [...weir.lines];
    await weir.restart();
    await untilKept(weir, ofBoth);
    await weir.stop();
    lines.push(...weir.lines);

    // Of the same password, salt and iterations.
    const ours = credentialsIn(metadata);
    expect(keysOf(ours.get(`${carl} ${sha256}`)!)).toEqual(keysOf(theirs.get(`${ann} ${sha256}`)!));
    expect(keysOf(ours.get(`${carl} ${sha512}`)!)).toEqual(keysOf(theirs.get(`${bob} ${sha512}`)!));
    expect(keysOf(ours.get(`${bob} ${sha512}`)!)).toEqual(keysOf(theirs.get(`${bob} ${sha512}`)!));

    const files = readdirSync(metadata).filter((name) => /\.(log|checkpoint)$/.test(name));
    const inspected = await runWeir(["inspect", "--records", ...files.map((name) => join(metadata, name))]);
    expect(inspected.output).toContain("[hidden]");
    const { storedKey, serverKey } = ours.get(`${carl} ${sha256}`)!;
    const said = [...lines, inspected.output].join("\n");
    for (const secret of [salt, saltedPassword, storedKey, serverKey]) {
      expect(said).not.toContain(btoa(String.fromCharCode(...secret)));
      expect(said).not.toContain(Array.from(secret, (byte) => byte.toString(16).padStart(2, "0")).join(""));
    }
    expect(said).not.toContain("nobody prints");

    const again = await start("kafka");
    await untilKept(again, ofBoth);
    await alter(again, { deletions: [{ name: carl, mechanism: sha256 }] });
    await untilKept(again, { ...ofBoth, carl: [[sha512, 8192]] });
    await again.stop();
    expect(again.lines.filter((line) => / ERROR |corrupt/i.test(line) && /scram|metadata/i.test(line))).toEqual([]);
  }, 240_000);
});
