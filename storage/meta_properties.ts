/**
 * `meta.properties`, whose folder this is: cluster, node, and an id of the folder itself. Kafka's form, version 1.
 *
 * (1) Written once, when the folder is new, before anything else is kept in it; never changed.
 * (2) A folder of another node or cluster is refused: two nodes on one folder's data would both be wrong.
 */
import { type FileSystem, type Random } from "../runtime/runtime.ts";
import { readTextIfPresent, writeFileAtomically } from "./atomic_file.ts";
import { StorageError } from "./errors.ts";

export const META_PROPERTIES_FILE = "meta.properties";

export interface MetaProperties {
  readonly clusterId: string;
  readonly nodeId: number;
  readonly directoryId: string;
}

export interface ExpectedOwner {
  readonly nodeId: number;
  /** Taken from the file when left out; made up when the folder is new. */
  readonly clusterId?: string | undefined;
}

/** Reads the file, or writes it in a new folder. */
export function openMetaProperties(
  files: FileSystem,
  random: Random,
  directory: string,
  owner: ExpectedOwner,
): MetaProperties {
  const path = `${directory}/${META_PROPERTIES_FILE}`;
  const text = readTextIfPresent(files, path);
  if (text === null || text.trim() === "") {
    const made = {
      clusterId: owner.clusterId ?? randomUuid(random),
      nodeId: owner.nodeId,
      directoryId: randomUuid(random),
    };
    writeFileAtomically(files, path, formatMetaProperties(made));
    return made;
  }
  const found = parseMetaProperties(path, text);
  if (found.nodeId !== owner.nodeId) {
    throw new StorageError(
      `Cannot use folder "${directory}": it belongs to node ${found.nodeId}, this is node ${owner.nodeId}; ` +
        "set node.id to its own, or choose another folder with --data",
      "VERSION",
    );
  }
  if (owner.clusterId !== undefined && owner.clusterId !== found.clusterId) {
    throw new StorageError(
      `Cannot use folder "${directory}": it belongs to cluster "${found.clusterId}", this is "${owner.clusterId}"; ` +
        "set cluster.id to its own, or choose another folder with --data",
      "VERSION",
    );
  }
  return found;
}

export function formatMetaProperties(properties: MetaProperties): string {
  return [
    "#",
    `cluster.id=${properties.clusterId}`,
    `directory.id=${properties.directoryId}`,
    `node.id=${properties.nodeId}`,
    "version=1",
    "",
  ].join("\n");
}

export function parseMetaProperties(path: string, text: string): MetaProperties {
  const values = new Map<string, string>();
  for (const line of text.split("\n")) {
    const equals = line.indexOf("=");
    if (line.startsWith("#") || equals < 0) continue;
    values.set(line.slice(0, equals).trim(), line.slice(equals + 1).trim().replaceAll("\\", ""));
  }
  const version = values.get("version");
  // Version 0 is of Kafka before KRaft and names the node broker.id.
  if (version !== "1" && version !== "0") {
    throw new StorageError(
      `Cannot use "${path}": its version is "${version}", this program knows 0 and 1; start the program that wrote it, or choose another folder with --data`,
      "VERSION",
    );
  }
  const nodeId = values.get("node.id") ?? values.get("broker.id") ?? "";
  const clusterId = values.get("cluster.id");
  if (!/^\d{1,10}$/.test(nodeId) || clusterId === undefined || clusterId === "") {
    throw new StorageError(`Cannot use "${path}": it lacks node.id or cluster.id; restore it from a backup`, "CORRUPT");
  }
  return { clusterId, nodeId: Number(nodeId), directoryId: values.get("directory.id") ?? "" };
}

/** A random id in Kafka's printed form: 16 bytes, base64url, not starting with "-" (tools would take it for an option). */
export function randomUuid(random: Random): string {
  for (;;) {
    const bytes = random.bytes(16);
    bytes[6] = (bytes[6]! & 0x0f) | 0x40;
    bytes[8] = (bytes[8]! & 0x3f) | 0x80;
    const printed = btoa(String.fromCharCode(...bytes)).slice(0, 22).replaceAll("+", "-").replaceAll("/", "_");
    if (!printed.startsWith("-")) return printed;
  }
}
