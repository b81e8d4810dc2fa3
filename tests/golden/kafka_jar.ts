/**
 * Kafka's own jars, found through Maven and kept in a folder outside the tree, and the message definitions inside.
 *
 * Where Maven or its repository is out of reach there is no jar, and tests that need one are skipped with a line that
 * says so; `WEIR_REQUIRE_MAVEN=1`, which the gate of CI sets, makes that a failure.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { inflateRawSync } from "node:zlib";

const cacheFolder = join(homedir(), ".cache", "weir-golden");
const MAVEN_TIMEOUT_MS = 240_000;

/** Maven's first refusal: it is not asked again for the next jar. */
let refusal: string | null = null;

/** Path of an artifact of `org.apache.kafka`, or null where it cannot be had. */
export function kafkaJar(artifact: string, version: string): string | null {
  return mavenJar("org.apache.kafka", artifact, version);
}

export function mavenJar(group: string, artifact: string, version: string): string | null {
  const path = join(cacheFolder, `${artifact}-${version}.jar`);
  if (existsSync(path)) return path;
  mkdirSync(cacheFolder, { recursive: true });
  const coordinates = `${group}:${artifact}:${version}`;
  if (refusal !== null) return null;
  const run = spawnSync("mvn", [
    "-B",
    "-q",
    "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy",
    `-Dartifact=${coordinates}`,
    `-DoutputDirectory=${cacheFolder}`,
  ], { cwd: cacheFolder, timeout: MAVEN_TIMEOUT_MS, encoding: "utf8" });
  if (existsSync(path)) return path;
  const reason = run.error?.message ?? `${run.stdout}${run.stderr}`.trim().split("\n")[0] ?? "";
  if (process.env.WEIR_REQUIRE_MAVEN === "1") throw new Error(`Cannot get ${coordinates} through Maven: ${reason}`);
  refusal = reason;
  console.warn(`skipped: no ${coordinates}, for Maven did not give it (${reason})`);
  return null;
}

/** A message as Kafka's JSON defines it. */
export interface KafkaMessage {
  readonly name: string;
  readonly apiKey?: number;
  readonly type: string;
  readonly validVersions: string;
  readonly flexibleVersions?: string;
  readonly latestVersionUnstable?: boolean;
  readonly fields?: readonly KafkaField[];
  readonly commonStructs?: readonly { readonly name: string; readonly fields: readonly KafkaField[] }[];
}

export interface KafkaField {
  readonly name: string;
  readonly type: string;
  readonly versions: string;
  readonly nullableVersions?: string;
  readonly taggedVersions?: string;
  readonly flexibleVersions?: string;
  readonly tag?: number;
  readonly default?: string | number | boolean | null;
  readonly ignorable?: boolean | string;
  readonly fields?: readonly KafkaField[];
}

/** All message definitions of a jar, by name. */
export function kafkaMessages(jarPath: string): ReadonlyMap<string, KafkaMessage> {
  const messages = new Map<string, KafkaMessage>();
  for (const [name, bytes] of zipEntries(readFileSync(jarPath), /^common\/(message|metadata)\/.*\.json$/)) {
    const text = new TextDecoder().decode(bytes).replaceAll(/^\s*\/\/.*$|\s\/\/ .*$/gm, "");
    try {
      const message = JSON.parse(text) as KafkaMessage;
      messages.set(message.name, message);
    } catch (cause) {
      throw new Error(`Cannot parse "${name}" of "${jarPath}"`, { cause });
    }
  }
  return messages;
}

/** Runs a Java program of one file with jars on its class path; null where there is no Java. */
export function runJava(sourcePath: string, jarPaths: readonly string[]): string | null {
  const run = spawnSync("java", ["-cp", jarPaths.join(delimiter), sourcePath], { timeout: 60_000, encoding: "utf8" });
  if (run.status === 0) return run.stdout;
  if (run.error === undefined || process.env.WEIR_REQUIRE_MAVEN === "1") {
    throw new Error(`Cannot run "${sourcePath}": ${run.error?.message ?? run.stderr}`);
  }
  return null;
}

const END_OF_DIRECTORY = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;

/** The entries of a zip file whose name matches, unpacked. Enough of the format for a jar. */
function* zipEntries(zip: Uint8Array, wanted: RegExp): Generator<[name: string, bytes: Uint8Array]> {
  const view = new DataView(zip.buffer, zip.byteOffset, zip.byteLength);
  let end = zip.byteLength - 22;
  while (end >= 0 && view.getUint32(end, true) !== END_OF_DIRECTORY) end--;
  if (end < 0) throw new Error("Cannot read the zip file: it has no end of directory");
  const count = view.getUint16(end + 10, true);
  let at = view.getUint32(end + 16, true);
  for (let index = 0; index < count; index++) {
    if (view.getUint32(at, true) !== DIRECTORY_ENTRY) throw new Error(`Cannot read the zip file's directory at ${at}`);
    const method = view.getUint16(at + 10, true);
    const packedBytes = view.getUint32(at + 20, true);
    const nameBytes = view.getUint16(at + 28, true);
    const local = view.getUint32(at + 42, true);
    const name = new TextDecoder().decode(zip.subarray(at + 46, at + 46 + nameBytes));
    at += 46 + nameBytes + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
    if (!wanted.test(name)) continue;
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    const packed = zip.subarray(start, start + packedBytes);
    yield [name, method === 0 ? packed : inflateRawSync(packed)];
  }
}
