import { beforeAll, describe, expect, test } from "bun:test";
import { initCrc32c } from "../../../../protocol/crc32c.ts";
import { ErrorCode, ProtocolError } from "../../../../protocol/errors.ts";
import type { CrashKind } from "../../../../runtime/memory_files.ts";
import { createMemoryRuntime, type MemoryRuntime } from "../../../../runtime/memory.ts";
import { CorruptMetadata, MetadataImage, ResourceType } from "../../../../server/cluster/image.ts";
import { LocalMetadataStore } from "../../../../server/cluster/local_metadata_store.ts";
import { openLocalMetadata } from "../../../../server/cluster/open_local_metadata.ts";
import type { MetadataRecord } from "../../../../server/cluster/records.ts";
import { silentLogger } from "../../../../server/log.ts";
import { LogDir } from "../../../../storage/log_dir.ts";

beforeAll(() => initCrc32c());

const snapshotBytes = 3000;
const directory = "/data/__cluster_metadata-0";

interface Opened {
  readonly logDir: LogDir;
  readonly store: LocalMetadataStore;
  readonly image: MetadataImage;
}

async function open(runtime: MemoryRuntime): Promise<Opened> {
  const logDir = await runtime.until(LogDir.open(runtime, "/data", { nodeId: 1 }));
  openLocalMetadata({ runtime, logDir, logger: silentLogger }); // Makes the log, settles its config.
  const log = logDir.log("__cluster_metadata", 0)!;
  const store = new LocalMetadataStore({ runtime, log, logger: silentLogger, snapshotBytes });
  const image = await runtime.until(store.load(() => {}));
  return { logDir, store, image };
}

/** The end of a process: nothing is synced or marked, what the operating system has stays. */
async function kill(runtime: MemoryRuntime, { logDir }: Opened): Promise<void> {
  await runtime.until(logDir.close({ clean: false }));
}

/** Bun's `rejects` turns the event loop in its own way, in which virtual time does not settle. */
async function refused(runtime: MemoryRuntime, change: Promise<void>, why: string): Promise<void> {
  const error = await runtime.until(change.then(() => null, (cause) => cause));
  expect(error).toBeInstanceOf(ProtocolError);
  expect(error.message).toContain(why);
}

function contentOf(image: MetadataImage): string {
  return JSON.stringify([...image.records()]);
}

function topicRecords(index: number): MetadataRecord[] {
  const topicId = idOf(index);
  const records: MetadataRecord[] = [{ kind: "topic", name: `topic-${index}`, topicId }];
  for (let partitionId = 0; partitionId < 8; partitionId++) records.push(partition(topicId, partitionId));
  records.push(config(index, "retention.ms", `${index}`));
  return records;
}

function partition(topicId: string, partitionId: number): MetadataRecord {
  return {
    kind: "partition",
    partitionId,
    topicId,
    leader: 1,
    leaderEpoch: 0,
    partitionEpoch: 0,
    replicas: [1],
    isr: [1],
  };
}

function config(index: number, name: string, value: string | null): MetadataRecord {
  return { kind: "config", resourceType: ResourceType.TOPIC, resourceName: `topic-${index}`, name, value };
}

function idOf(index: number): string {
  return `AAAAAAAAAAAAAAAAAA${String(index).padStart(3, "0")}A`;
}

/** A life of a cluster: topics come, grow, are configured and go, producer ids are given out. */
function changes(count: number): MetadataRecord[][] {
  const all: MetadataRecord[][] = [];
  for (let index = 0; all.length < count; index++) {
    all.push(topicRecords(index));
    all.push([{ kind: "producerIds", nextProducerId: 1000 * (index + 1) }]);
    all.push([partition(idOf(index), 8), partition(idOf(index), 9)]);
    all.push([config(index, "retention.ms", null), config(index, "flush.ms", "7")]);
    if (index >= 2) all.push([{ kind: "removeTopic", topicId: idOf(index - 2) }]);
  }
  return all.slice(0, count);
}

/** What the image holds after each number of changes. */
function contentsAfter(all: readonly (readonly MetadataRecord[])[]): string[] {
  const image = new MetadataImage();
  return [
    contentOf(image),
    ...all.map((records) => {
      image.apply(records);
      return contentOf(image);
    }),
  ];
}

describe("local metadata store", () => {
  test("what was agreed is there after a clean stop and after a kill", async () => {
    const runtime = createMemoryRuntime();
    const all = changes(12);
    const contents = contentsAfter(all);
    for (let done = 0; done < all.length; done++) {
      const opened = await open(runtime);
      expect(contentOf(opened.image)).toBe(contents[done]!);
      await runtime.until(opened.store.propose(() => all[done]!));
      if (done % 2 === 0) await kill(runtime, opened);
      else await runtime.until(opened.store.close().then(() => opened.logDir.close({ clean: true })));
    }
  });

  test("changes are decided one after the other, each on all before it", async () => {
    const runtime = createMemoryRuntime();
    const { store, image } = await open(runtime);
    const firsts: number[] = [];
    const allocate = () =>
      store.propose((now) => {
        firsts.push(now.nextProducerId);
        return [{ kind: "producerIds", nextProducerId: now.nextProducerId + 1000 }];
      });
    await runtime.until(Promise.all([allocate(), allocate(), allocate()]));
    expect(firsts).toEqual([0, 1000, 2000]);
    expect(image.nextProducerId).toBe(3000);
  });

  test("a change is seen only once it is durable, and before its promise resolves", async () => {
    const runtime = createMemoryRuntime();
    const logDir = await runtime.until(LogDir.open(runtime, "/data", { nodeId: 1 }));
    const store = openLocalMetadata({ runtime, logDir, logger: silentLogger });
    const events: string[] = [];
    runtime.files.fault = (operation, path) => {
      if (operation === "syncData" && path.endsWith(".log")) events.push(`sync, ${image.topics().length} topics`);
      return null;
    };
    const image = await store.load((told) => events.push(`told of ${told.map(({ kind }) => kind)}`));
    await runtime.until(store.propose(() => topicRecords(1)).then(() => events.push("resolved")));
    expect(events).toEqual(["sync, 0 topics", "told of topicCreated", "resolved"]);
  });

  test("a log that cannot be read is no empty one, nor is its snapshot the newest state", async () => {
    const runtime = createMemoryRuntime();
    const opened = await open(runtime);
    for (let index = 0; index < 9; index++) await runtime.until(opened.store.propose(() => topicRecords(index)));
    expect(runtime.files.list(directory).some((name) => name.endsWith(".checkpoint"))).toBe(true);
    await kill(runtime, opened);
    runtime.files.fault = (operation, path) => operation === "read" && path.endsWith(".log") ? "EIO" : null;
    await expect(open(runtime)).rejects.toThrow("EIO");
  });

  test("a refusal changes nothing and does not stop the next", async () => {
    const runtime = createMemoryRuntime();
    const { store, image } = await open(runtime);
    const first = store.propose(() => {
      throw new ProtocolError(ErrorCode.TOPIC_ALREADY_EXISTS);
    });
    const next = store.propose(() => topicRecords(1));
    await refused(runtime, first, "exists");
    await runtime.until(next);
    expect(image.topics().length).toBe(1);
  });

  test("after a failed sync nothing more is agreed", async () => {
    const runtime = createMemoryRuntime();
    const { store, image } = await open(runtime);
    runtime.files.fault = (operation, path) => operation === "syncData" && path.endsWith(".log") ? "EIO" : null;
    await refused(runtime, store.propose(() => topicRecords(1)), "could not be made durable");
    runtime.files.fault = null;
    await refused(runtime, store.propose(() => topicRecords(2)), "earlier change");
    expect(image.topics()).toEqual([]);
  });

  test("a disk that was full may be less full next time", async () => {
    const runtime = createMemoryRuntime();
    const { store, image } = await open(runtime);
    runtime.files.fault = (operation, path) => operation === "write" && path.endsWith(".log") ? "ENOSPC" : null;
    await refused(runtime, store.propose(() => topicRecords(1)), "could not be written");
    runtime.files.fault = null;
    await runtime.until(store.propose(() => topicRecords(2)));
    expect(image.topics().map(({ name }) => name)).toEqual(["topic-2"]);
  });

  test("nothing is agreed after the end", async () => {
    const runtime = createMemoryRuntime();
    const { store } = await open(runtime);
    const last = store.propose(() => topicRecords(1));
    await runtime.until(store.close());
    await runtime.until(last);
    await refused(runtime, store.propose(() => topicRecords(2)), "stopping");
  });

  test("the log stays bounded, and a snapshot with its log gives what all changes gave", async () => {
    const runtime = createMemoryRuntime();
    const all = changes(400);
    let opened = await open(runtime);
    for (const records of all) await runtime.until(opened.store.propose(() => records));
    const log = opened.logDir.log("__cluster_metadata", 0)!;
    expect(log.sizeBytes).toBeLessThan(3 * snapshotBytes);
    expect(log.logStartOffset).toBeGreaterThan(0);
    expect(runtime.files.list(directory).filter((name) => name.endsWith(".checkpoint")).length).toBe(1);
    const content = contentOf(opened.image);
    await kill(runtime, opened);
    opened = await open(runtime);
    expect(contentOf(opened.image)).toBe(content);
    expect(content).toBe(contentsAfter(all).at(-1)!);
  });

  test("a snapshot that cannot be written costs only space", async () => {
    const runtime = createMemoryRuntime();
    const all = changes(120);
    let opened = await open(runtime);
    runtime.files.fault = (operation, path) => operation === "rename" && path.includes(".checkpoint") ? "EIO" : null;
    for (const records of all) await runtime.until(opened.store.propose(() => records));
    expect(runtime.files.list(directory).filter((name) => name.endsWith(".checkpoint"))).toEqual([]);
    runtime.files.fault = null;
    await kill(runtime, opened);
    opened = await open(runtime);
    expect(contentOf(opened.image)).toBe(contentsAfter(all).at(-1)!);
  });

  test("a damaged snapshot is not believed, and a log without it not either", async () => {
    const runtime = createMemoryRuntime();
    const opened = await open(runtime);
    for (const records of changes(120)) await runtime.until(opened.store.propose(() => records));
    await kill(runtime, opened);
    const name = runtime.files.list(directory).find((other) => other.endsWith(".checkpoint"))!;
    const file = runtime.files.open(`${directory}/${name}`, {});
    file.write([new Uint8Array([0xff, 0xff])], 300);
    file.close();
    expect(await open(runtime).catch((error) => error)).toBeInstanceOf(CorruptMetadata);
  });

  // The disk stops working at some operation; then the power goes; then all begins again.
  const kinds: CrashKind[] = ["lost", "torn"];
  test.each(kinds)(
    "whatever is %s in a crash at any moment, every answered change is there and none by half",
    async (kind) => {
      const all = changes(60);
      const contents = contentsAfter(all);
      const operationCount = await countOperations(all);
      for (let first = kind === "lost" ? 0 : 3; first < operationCount; first += 7) {
        const runtime = createMemoryRuntime({ seed: first });
        const answeredCount = await runUntilFault(runtime, all, first);
        runtime.files.crash(kind);
        const opened = await open(runtime);
        const content = contentOf(opened.image);
        const doneCount = contents.indexOf(content);
        // The change that was under way may be there or not.
        if (doneCount !== answeredCount && doneCount !== answeredCount + 1) {
          throw new Error(
            `crash at operation ${first}: ${answeredCount} changes answered, the image is that of ${doneCount}`,
          );
        }
        for (const records of all.slice(doneCount)) await runtime.until(opened.store.propose(() => records));
        await kill(runtime, opened);
        expect(contentOf((await open(runtime)).image)).toBe(contents.at(-1)!);
      }
    },
  );
});

async function countOperations(all: readonly MetadataRecord[][]): Promise<number> {
  const runtime = createMemoryRuntime();
  let count = 0;
  runtime.files.fault = () => {
    count++;
    return null;
  };
  await runAll(runtime, all);
  return count;
}

/** How many changes were answered before the operation `first`, from which on all fail. */
async function runUntilFault(runtime: MemoryRuntime, all: readonly MetadataRecord[][], first: number): Promise<number> {
  let count = 0;
  runtime.files.fault = () => count++ >= first ? "EIO" : null;
  const answered = { count: 0 };
  await runAll(runtime, all, answered).catch(() => {});
  await runtime.settle();
  runtime.files.fault = null;
  return answered.count;
}

async function runAll(
  runtime: MemoryRuntime,
  all: readonly MetadataRecord[][],
  answered = { count: 0 },
): Promise<void> {
  const { store } = await open(runtime);
  for (const records of all) {
    await runtime.until(store.propose(() => records));
    answered.count++;
  }
}
