import { spawn } from "node:child_process";
import process from "node:process";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { lines } from "../../../runtime/lines.ts";
import { FileError } from "../../../runtime/runtime.ts";
import { joined } from "../../../protocol/bytes.ts";
import { firstDifference, pattern } from "./peer.ts";
import { worlds } from "./worlds.ts";

for (const world of worlds) {
  const { files } = world.runtime;

  describe(`files of ${world.name}`, () => {
    let directory = "";
    beforeAll(() => {
      directory = world.makeDirectory();
    });
    afterAll(() => world.removeDirectory(directory));

    test("chunks of all sizes are written one behind the other", () => {
      const file = files.open(`${directory}/gathered`, { create: true });
      const sizes = [3, 0, 70_000, 16_383, 16_384, 1, 1, 300_000, 5];
      const chunks = sizes.map((size, index) => pattern(size, index));
      file.write([pattern(10)], 0);
      file.write(chunks, 10);
      const whole = joined([pattern(10), ...chunks]);
      expect(file.size()).toBe(whole.length);
      expect(firstDifference(files.readFile(`${directory}/gathered`), whole)).toBe(-1);
      file.close();
    });

    test("thousands of small chunks are written one behind the other", () => {
      const file = files.open(`${directory}/many`, { create: true });
      const chunks = Array.from({ length: 5000 }, (_, index) => pattern(100 + index % 50, index));
      file.write(chunks, 0);
      expect(firstDifference(files.readFile(`${directory}/many`), joined(chunks))).toBe(-1);
      file.close();
    });

    test("a write behind the end leaves zeros between", () => {
      const file = files.open(`${directory}/hole`, { create: true });
      file.write([pattern(3, 1)], 1000);
      expect(joined([new Uint8Array(1000), pattern(3, 1)])).toEqual(files.readFile(`${directory}/hole`));
      file.close();
    });

    test("reads are positioned and short only at the end", async () => {
      const file = files.open(`${directory}/read`, { create: true });
      const whole = pattern(100_000);
      file.write([whole], 0);
      for (const read of [file.read.bind(file), file.readAsync.bind(file)]) {
        const target = new Uint8Array(50_000);
        expect(await read(target, 20_000)).toBe(50_000);
        expect(firstDifference(target, whole.subarray(20_000, 70_000))).toBe(-1);
        expect(await read(target, 80_000)).toBe(20_000);
        expect(firstDifference(target.subarray(0, 20_000), whole.subarray(80_000))).toBe(-1);
        expect(await read(target, 100_000)).toBe(0);
        expect(await read(target, 200_000)).toBe(0);
        expect(await read(new Uint8Array(0), 0)).toBe(0);
      }
      file.close();
    });

    test("truncate cuts, and grows with zeros", () => {
      const file = files.open(`${directory}/truncate`, { create: true });
      file.write([pattern(100, 1)], 0);
      file.truncate(10);
      expect(file.size()).toBe(10);
      file.truncate(20);
      expect(files.readFile(`${directory}/truncate`)).toEqual(joined([pattern(10, 1), new Uint8Array(10)]));
      file.close();
    });

    test("open creates, truncates and protects as it is asked to", () => {
      const path = `${directory}/open`;
      expect(failure(() => files.open(path, {})).code).toBe("ENOENT");
      expect(failure(() => files.open(path, { readOnly: true })).code).toBe("ENOENT");
      files.open(path, { create: true }).write([pattern(10)], 0);
      expect(files.open(path, { create: true }).size()).toBe(10);
      const readOnly = files.open(path, { readOnly: true });
      expect(failure(() => readOnly.write([pattern(1)], 0)).code).toBe("EBADF");
      expect(readOnly.read(new Uint8Array(20), 0)).toBe(10);
      expect(files.open(path, { create: true, truncate: true }).size()).toBe(0);
    });

    test("failures carry the code and the path", async () => {
      const missing = `${directory}/missing/file`;
      for (
        const action of [
          () => files.open(missing, { create: true }),
          () => files.readFile(missing),
          () => files.list(missing),
          () => files.syncDirectory(missing),
          () => files.rename(missing, `${directory}/other`),
          () => files.map(missing, 10),
          () => files.lock(missing),
          () => files.freeBytes(missing),
        ]
      ) {
        const error = failure(action);
        expect([error.code, error.path]).toEqual(["ENOENT", missing]);
        expect(error.message).toContain(missing);
      }
      const file = files.open(`${directory}/closed`, { create: true });
      file.close();
      file.close();
      expect(failure(() => file.write([pattern(1)], 0)).code).toBe("EBADF");
      expect(failure(() => file.read(new Uint8Array(1), 0)).code).toBe("EBADF");
      await expect(file.syncData()).rejects.toBeInstanceOf(FileError);
      await expect(file.readAsync(new Uint8Array(1), 0)).rejects.toBeInstanceOf(FileError);
    });

    test("directories are made with their parents, listed in order and removed with all in them", () => {
      const root = `${directory}/tree`;
      files.makeDirectory(`${root}/b/c`);
      files.makeDirectory(`${root}/b/c`);
      files.open(`${root}/z`, { create: true }).close();
      files.open(`${root}/a`, { create: true }).close();
      files.open(`${root}/b/c/deep`, { create: true }).close();
      expect(files.list(root)).toEqual(["a", "b", "z"]);
      expect(files.list(`${root}/b/c`)).toEqual(["deep"]);
      expect(failure(() => files.list(`${root}/a`)).code).toBe("ENOTDIR");
      expect(failure(() => files.makeDirectory(`${root}/a`)).code).toBe("EEXIST");
      files.remove(root);
      files.remove(root);
      expect(files.stat(root)).toBe(null);
    });

    test("a directory is removed off the loop with all in it, and fine when it is missing", async () => {
      const root = `${directory}/removed`;
      files.makeDirectory(`${root}/b`);
      files.open(`${root}/b/a`, { create: true }).close();
      await files.removeAsync(root);
      expect(files.stat(root)).toBe(null);
      await files.removeAsync(root);
    });

    test("stat tells kind, size and time, or that there is nothing", () => {
      const path = `${directory}/stat`;
      const file = files.open(path, { create: true });
      file.write([pattern(123)], 0);
      file.close();
      const stat = files.stat(path)!;
      expect([stat.kind, stat.sizeBytes]).toEqual(["file", 123]);
      expect(Math.abs(stat.modifiedMs - world.runtime.clock.nowMs())).toBeLessThan(60_000);
      expect(files.stat(directory)!.kind).toBe("directory");
      expect(files.stat(`${path}-not`)).toBe(null);
      expect(files.stat(`${directory}/not/there`)).toBe(null);
    });

    test("rename replaces a file, moves a directory, and open handles follow", () => {
      const [source, target] = [`${directory}/source`, `${directory}/target`];
      const file = files.open(source, { create: true });
      files.open(target, { create: true }).write([pattern(99)], 0);
      files.rename(source, target);
      file.write([pattern(5)], 0);
      expect(files.stat(source)).toBe(null);
      expect(files.readFile(target)).toEqual(pattern(5));
      files.makeDirectory(`${directory}/from/inner`);
      files.rename(`${directory}/from`, `${directory}/to`);
      expect(files.list(`${directory}/to`)).toEqual(["inner"]);
      file.close();
    });

    test("a map shows the file, also while it grows, is written to, and after it is removed", () => {
      const path = `${directory}/map`;
      const file = files.open(path, { create: true });
      const whole = pattern(200_000);
      file.write([whole], 0);
      const map = files.map(path, 150_001);
      if (map === null) return; // Not possible here; the reader falls back to `read`.
      expect(firstDifference(map.bytes, whole.subarray(0, 150_001))).toBe(-1);
      file.write([pattern(3_000_000)], 200_000);
      file.write([new Uint8Array([1, 2, 3])], 100_000);
      expect([...map.bytes.subarray(100_000, 100_003)]).toEqual([1, 2, 3]);
      file.close();
      files.remove(path);
      expect(firstDifference(map.bytes.subarray(0, 100_000), whole.subarray(0, 100_000))).toBe(-1);
      map.release();
      map.release();
      expect(() => map.bytes).toThrow("after its release");
    });

    test("a map grows with its file as far as it has room, and what was seen of it before stays", () => {
      const path = `${directory}/map-grown`;
      const file = files.open(path, { create: true });
      const whole = pattern(400_000);
      file.write([whole.subarray(0, 100_001)], 0);
      const map = files.map(path, 100_001, 300_000);
      if (map === null) return;
      const view = map.bytes.subarray(50_000);
      expect(map.grow(100_002)).toBe(false);
      file.write([whole.subarray(100_001)], 100_001);
      expect(map.bytes.length).toBe(100_001);
      expect(map.grow(300_000)).toBe(true);
      expect(firstDifference(map.bytes, whole.subarray(0, 300_000))).toBe(-1);
      expect(map.grow(300_001)).toBe(false);
      file.write([new Uint8Array([1, 2, 3])], 60_000);
      expect([...view.subarray(10_000, 10_003)]).toEqual([1, 2, 3]);
      expect([...map.bytes.subarray(60_000, 60_003)]).toEqual([1, 2, 3]);
      file.close();
      map.release();
      expect(() => map.grow(100_003)).toThrow("after its release");
    });

    test("a map does not grow into another file of its name", () => {
      const path = `${directory}/map-replaced`;
      files.open(path, { create: true }).write([pattern(100)], 0);
      const map = files.map(path, 100, 1000);
      files.open(`${path}-new`, { create: true }).write([pattern(500)], 0);
      files.rename(`${path}-new`, path);
      expect(map?.grow(500) ?? false).toBe(false);
      map?.release();
    });

    test("a map of nothing is empty, and one past the end is refused", () => {
      const path = `${directory}/map-end`;
      files.open(path, { create: true }).write([pattern(10)], 0);
      expect(files.map(path, 0)!.bytes.length).toBe(0);
      expect(failure(() => files.map(path, 11)).code).toBe("EINVAL");
    });

    test("a lock keeps others out until it is released", () => {
      const path = `${directory}/lock`;
      const lock = files.lock(path)!;
      expect(lock).not.toBe(null);
      expect(files.lock(path)).toBe(null);
      lock.release();
      lock.release();
      const again = files.lock(path)!;
      expect(again).not.toBe(null);
      again.release();
    });

    test.skipIf(!world.isReal)("a lock keeps other processes out and ends with its own", async () => {
      const path = `${directory}/lock-process`;
      const script = new URL("./lock_holder.ts", import.meta.url).pathname;
      const args = world.name === "deno" ? ["run", "-A", script, path] : [script, path];
      const holder = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
      const exited = new Promise((resolve) => holder.on("exit", resolve));
      for await (const line of lines(holder.stdout)) {
        expect(line).toBe("locked");
        break;
      }
      expect(files.lock(path)).toBe(null);
      holder.kill("SIGKILL");
      await exited;
      const lock = files.lock(path);
      expect(lock).not.toBe(null);
      lock!.release();
    }, 20_000);

    test("syncs succeed, also when the file is closed right after", async () => {
      const file = files.open(`${directory}/sync`, { create: true });
      file.write([pattern(1000)], 0);
      file.syncDataNow();
      const syncing = [file.syncData(), file.syncData()];
      file.close();
      await Promise.all(syncing);
      files.syncDirectory(directory);
      await files.syncDirectoryAsync(directory);
      await expect(files.syncDirectoryAsync(`${directory}/missing`)).rejects.toThrow(FileError);
    });

    test("a file system has room", () => {
      expect(files.freeBytes(directory)).toBeGreaterThan(0);
      expect(files.totalBytes(directory) >= files.freeBytes(directory)).toBe(true);
    });
  });
}

function failure(run: () => unknown): FileError {
  try {
    run();
  } catch (error) {
    if (error instanceof FileError) return error;
    throw error;
  }
  throw new Error("It should have failed");
}
