/**
 * What a folder would hold if the power had gone: read from the journal that `disk_trouble.c` writes beside a broker.
 *
 * The rules are those that a file system promises and no more:
 *
 *   what a write or a truncation did      is on the disk once a sync of the file began after it and succeeded
 *   a name made, changed or removed       is on the disk once a sync of its directory began after it and succeeded
 *   what a failed sync was to bring       is gone: the kernel keeps it in its cache, calls it clean, and never writes it again
 *
 * All else may be there or not, in any combination: none of it without a `Chance`, some of it with one, and writes in part.
 */

import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Numbers in [0, 1); see `prng.ts`. */
export type Chance = () => number;

/** In the order of `enum kind` in `disk_trouble.c`. */
const kinds = [
  "",
  "write",
  "truncate",
  "synced",
  "syncFailed",
  "create",
  "rename",
  "unlink",
  "mkdir",
  "rmdir",
] as const;
const recordBytes = 32;
/** A write that is torn lands up to a border of these. */
const sectorBytes = 512;

interface FileChange {
  /** Where in the journal it is. */
  readonly at: number;
  /** Null: the file is cut, or grown with zeros, to `position`. */
  readonly bytes: Uint8Array | null;
  readonly position: number;
}

interface NameChange {
  readonly at: number;
  readonly name: string;
  /** Null: there is nothing by that name any more. */
  readonly node: Node | null;
}

interface FileNode {
  readonly kind: "file";
  durable: Uint8Array;
  pending: FileChange[];
}

interface DirectoryNode {
  readonly kind: "directory";
  readonly durable: Map<string, Node>;
  /** As the process sees it. */
  readonly live: Map<string, Node>;
  pending: NameChange[];
}

type Node = FileNode | DirectoryNode;

/** A folder and what of it is on the disk for good. */
export class JournaledFolder {
  readonly #root: DirectoryNode;
  readonly #byInode = new Map<number, Node>();
  /** All journals so far: positions in one go on where the last one ended. */
  #replayedBytes = 0;

  /** All that is in the folder now counts as on the disk. */
  constructor(readonly path: string) {
    this.#root = this.#read(path) as DirectoryNode;
  }

  /** Follows what a process did to the folder since, of which the journal is new. */
  replay(journal: Uint8Array): void {
    const view = new DataView(journal.buffer, journal.byteOffset, journal.byteLength);
    const base = this.#replayedBytes;
    this.#replayedBytes += journal.length;
    for (let start = 0; start + recordBytes <= journal.length;) {
      const kind = kinds[view.getUint32(start, true)];
      const sizeBytes = view.getUint32(start + 4, true);
      const payload = journal.subarray(start + recordBytes, start + recordBytes + sizeBytes);
      if (payload.length < sizeBytes) return; // The process was killed while it wrote this down.
      const at = base + start;
      const inode = Number(view.getBigUint64(start + 8, true));
      const number = Number(view.getBigUint64(start + 16, true));
      const text = () => new TextDecoder().decode(payload);
      switch (kind) {
        case "write":
          this.#file(inode)?.pending.push({ at, bytes: payload.slice(), position: number });
          break;
        case "truncate":
          this.#file(inode)?.pending.push({ at, bytes: null, position: number });
          break;
        case "synced":
          this.#synced(inode, base + number);
          break;
        case "syncFailed":
          this.#syncFailed(inode, base + number);
          break;
        case "create":
          this.#name(text(), this.#made(inode, { kind: "file", durable: new Uint8Array(0), pending: [] }), at);
          break;
        case "mkdir":
          this.#name(text(), this.#made(inode, emptyDirectory()), at);
          break;
        case "unlink":
        case "rmdir":
          this.#name(text(), null, at);
          break;
        case "rename": {
          const [source, target] = text().split("\n") as [string, string];
          const node = this.#find(source);
          this.#name(target, node, at);
          this.#name(source, null, at);
          break;
        }
        default:
          throw new Error(`The journal has a record of kind ${view.getUint32(start, true)} at ${start}`);
      }
      start += recordBytes + sizeBytes;
    }
  }

  /** Takes over what a killed process has done and not come to write down: it is there, and not on the disk for good. */
  reconcile(): void {
    this.#reconcile(this.#root, this.path, this.#replayedBytes++);
  }

  #reconcile(directory: DirectoryNode, path: string, at: number): void {
    const names = new Set(readdirSync(path));
    for (const name of directory.live.keys()) {
      if (names.has(name)) continue;
      directory.live.delete(name);
      directory.pending.push({ at, name, node: null });
    }
    for (const name of names) {
      const place = join(path, name);
      const stat = statSync(place);
      let node = this.#byInode.get(stat.ino);
      if (node === undefined || (node.kind === "directory") !== stat.isDirectory()) {
        node = this.#made(
          stat.ino,
          stat.isDirectory() ? emptyDirectory() : {
            kind: "file",
            durable: new Uint8Array(0),
            pending: [{ at, bytes: new Uint8Array(readFileSync(place)), position: 0 }],
          },
        );
      }
      if (directory.live.get(name) !== node) {
        directory.live.set(name, node);
        directory.pending.push({ at, name, node });
      }
      if (node.kind === "directory") this.#reconcile(node, place, at);
    }
  }

  /** Puts the folder into the state that a power cut leaves. Returns how many changes were lost. */
  cutPower(chance: Chance | null): number {
    const lost = { count: 0 };
    settle(this.#root, chance, lost);
    for (const name of readdirSync(this.path)) rmSync(join(this.path, name), { recursive: true });
    write(this.path, this.#root);
    return lost.count;
  }

  #read(path: string): Node {
    const stat = statSync(path);
    if (!stat.isDirectory()) {
      return this.#made(stat.ino, { kind: "file", durable: new Uint8Array(readFileSync(path)), pending: [] });
    }
    const directory = emptyDirectory();
    for (const name of readdirSync(path)) {
      const node = this.#read(join(path, name));
      directory.durable.set(name, node);
      directory.live.set(name, node);
    }
    return this.#made(stat.ino, directory);
  }

  #made<Made extends Node>(inode: number, node: Made): Made {
    this.#byInode.set(inode, node);
    return node;
  }

  #file(inode: number): FileNode | undefined {
    const node = this.#byInode.get(inode);
    return node?.kind === "file" ? node : undefined;
  }

  #synced(inode: number, from: number): void {
    const node = this.#byInode.get(inode);
    if (node?.kind === "file") {
      for (const change of node.pending) {
        if (change.at < from) applyToFile(node, change);
      }
      node.pending = node.pending.filter((change) => change.at >= from);
    } else if (node !== undefined) {
      for (const change of node.pending) {
        if (change.at < from) applyToDirectory(node, change);
      }
      node.pending = node.pending.filter((change) => change.at >= from);
    }
  }

  #syncFailed(inode: number, from: number): void {
    const node = this.#file(inode);
    if (node !== undefined) node.pending = node.pending.filter((change) => change.at >= from);
  }

  #name(path: string, node: Node | null, at: number): void {
    const parts = path.split("/");
    const name = parts.pop()!;
    const parent = this.#find(parts.join("/"));
    if (parent?.kind !== "directory") return;
    if (node === null) parent.live.delete(name);
    else parent.live.set(name, node);
    parent.pending.push({ at, name, node });
  }

  #find(path: string): Node | null {
    let node: Node | null = this.#root;
    for (const name of path === "" ? [] : path.split("/")) {
      node = node?.kind === "directory" ? node.live.get(name) ?? null : null;
    }
    return node;
  }
}

function emptyDirectory(): DirectoryNode {
  return { kind: "directory", durable: new Map(), live: new Map(), pending: [] };
}

function applyToFile(file: FileNode, change: FileChange): void {
  const endBytes = change.bytes === null ? change.position : change.position + change.bytes.length;
  if (change.bytes === null || endBytes > file.durable.length) {
    const resized = new Uint8Array(endBytes);
    resized.set(file.durable.subarray(0, endBytes));
    file.durable = resized;
  }
  if (change.bytes !== null) file.durable.set(change.bytes, change.position);
}

function applyToDirectory(directory: DirectoryNode, change: NameChange): void {
  if (change.node === null) directory.durable.delete(change.name);
  else directory.durable.set(change.name, change.node);
}

/** Makes of a node what is left of it; changes that were not synced land by chance. */
function settle(node: Node, chance: Chance | null, lost: { count: number }): void {
  if (node.kind === "file") {
    for (const change of node.pending) {
      const fate = chance === null ? 2 : Math.floor(chance() * 3);
      if (fate === 0) applyToFile(node, change);
      else lost.count++;
      if (fate !== 1 || change.bytes === null || chance === null) continue;
      const landedBytes = Math.floor(chance() * (change.bytes.length + 1) / sectorBytes) * sectorBytes;
      if (landedBytes > 0) applyToFile(node, { ...change, bytes: change.bytes.subarray(0, landedBytes) });
    }
    return;
  }
  // The changes of one call, as the two names of a rename, land together; and a later one not without those before it,
  // which is how journaling file systems keep a directory.
  const landedCount = chance === null ? 0 : Math.floor(chance() * (node.pending.length + 1));
  const lastAt = node.pending[landedCount - 1]?.at ?? -1;
  for (const change of node.pending) {
    if (change.at <= lastAt) applyToDirectory(node, change);
    else lost.count++;
  }
  for (const child of new Set(node.durable.values())) settle(child, chance, lost);
}

function write(path: string, directory: DirectoryNode): void {
  for (const [name, node] of directory.durable) {
    const target = join(path, name);
    if (node.kind === "file") writeFileSync(target, node.durable);
    else {
      mkdirSync(target);
      write(target, node);
    }
  }
}
