import { describe, expect, test } from "bun:test";
import { createMemoryRuntime, ProcessExit } from "../../../runtime/memory.ts";
import { SECTOR_BYTES } from "../../../runtime/memory_files.ts";
import { FileError } from "../../../runtime/runtime.ts";
import { pattern } from "./peer.ts";

describe("virtual time", () => {
  test("advance runs what falls due at its own time, also what is set meanwhile", async () => {
    const { advance, clock, timers } = createMemoryRuntime();
    const seen: number[] = [];
    timers.after(100, () => {
      seen.push(clock.monotonicMs());
      timers.after(50, () => seen.push(clock.monotonicMs()));
      timers.after(500, () => seen.push(clock.monotonicMs()));
    });
    await advance(200);
    expect(seen).toEqual([100, 150]);
    expect(clock.monotonicMs()).toBe(200);
    await advance(400);
    expect(seen).toEqual([100, 150, 600]);
  });

  test("time stands still on its own", async () => {
    const { clock, settle } = createMemoryRuntime({ startMs: 1000 });
    await settle();
    expect([clock.nowMs(), clock.monotonicMs()]).toEqual([1000, 0]);
  });

  test("until lets as much time pass as a promise takes", async () => {
    const { clock, timers, until } = createMemoryRuntime();
    const wait = (ms: number) => new Promise<void>((resolve) => timers.after(ms, resolve));
    await until(wait(1000).then(() => wait(500)));
    expect(clock.monotonicMs()).toBe(1500);
    await expect(until(wait(5000), 100)).rejects.toThrow("pending after 100 ms");
    await expect(createMemoryRuntime().until(new Promise(() => {}))).rejects.toThrow("no timer is left");
  });

  test("the same seed gives the same chance, another another", () => {
    const draw = (seed: number) => {
      const { random } = createMemoryRuntime({ seed });
      return [random.next(), random.next(), ...random.bytes(5)];
    };
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
  });
});

describe("a disk that loses power", () => {
  test("keeps what was synced and loses the rest", () => {
    const { files } = createMemoryRuntime();
    const file = files.open("/a", { create: true });
    file.write([pattern(1000)], 0);
    file.syncDataNow();
    files.syncDirectory("/");
    file.write([pattern(1000, 1)], 1000);
    file.write([new Uint8Array(10)], 5);
    files.open("/b", { create: true }).syncDataNow();
    files.crash();
    expect(files.readFile("/a")).toEqual(pattern(1000));
    expect(files.stat("/b")).toBe(null);
  });

  test("does not save by a later sync what a failed one was to save, unless it is written again", async () => {
    const runtime = createMemoryRuntime();
    const { files } = runtime;
    const write = (text: string, position: number) => file.write([new TextEncoder().encode(text)], position);
    const file = files.open("/a", { create: true });
    files.syncDirectory("/");
    write("lost", 0);
    write("kept", 4096);
    files.loseWrites("/a");
    write("kept", 4096);
    await runtime.until(file.syncData());
    const read = (position: number) => new TextDecoder().decode(files.readFile("/a").subarray(position, position + 4));
    expect([read(0), read(4096)]).toEqual(["lost", "kept"]);
    files.crash("lost");
    expect([read(0), read(4096)]).toEqual(["\0\0\0\0", "kept"]);
  });

  test("never loses a durable file by renaming it", () => {
    for (let seed = 0; seed < 20; seed++) {
      const { files } = createMemoryRuntime({ seed });
      const file = files.open("/a", { create: true });
      file.write([pattern(100)], 0);
      file.syncDataNow();
      files.syncDirectory("/");
      files.rename("/a", "/b");
      files.crash("torn");
      expect(files.stat("/a") ?? files.stat("/b")).not.toBe(null);
    }
  });

  test("undoes a truncate that was not synced", () => {
    const { files } = createMemoryRuntime();
    const file = files.open("/a", { create: true });
    file.write([pattern(5000)], 0);
    file.syncDataNow();
    files.syncDirectory("/");
    file.truncate(100);
    file.write([new Uint8Array(50)], 100);
    files.crash();
    expect(files.readFile("/a")).toEqual(pattern(5000));
  });

  test("a sync of a directory covers the names that were there when it started", async () => {
    const { files } = createMemoryRuntime();
    files.open("/a", { create: true });
    const syncing = files.syncDirectoryAsync("/");
    files.open("/b", { create: true });
    files.crash("lost");
    expect(files.list("/")).toEqual([]);
    await expect(syncing).rejects.toThrow("EIO");

    files.open("/a", { create: true });
    const first = files.syncDirectoryAsync("/");
    files.open("/b", { create: true });
    files.syncDirectory("/");
    files.open("/c", { create: true });
    await first; // begun before, and does not take back what the one in between saved
    files.crash("lost");
    expect(files.list("/")).toEqual(["a", "b"]);
  });

  test("a sync covers what was written before it started, not what came while it ran", async () => {
    const { files } = createMemoryRuntime();
    const file = files.open("/a", { create: true });
    files.syncDirectory("/");
    file.write([pattern(600)], 0);
    const syncing = file.syncData();
    file.write([pattern(600, 3)], 600);
    file.write([new Uint8Array(4)], 0);
    await syncing;
    files.crash();
    expect(files.readFile("/a")).toEqual(pattern(600));
  });

  test("a sync that is under way fails, and its handle and locks are dead", async () => {
    const { files } = createMemoryRuntime();
    const file = files.open("/a", { create: true });
    expect(files.lock("/lock")).not.toBe(null);
    const syncing = file.syncData();
    files.crash();
    await expect(syncing).rejects.toBeInstanceOf(FileError);
    expect(() => file.size()).toThrow("EIO");
    expect(files.lock("/lock")).not.toBe(null);
  });

  test("a torn write keeps some sectors whole and none in part", () => {
    const kinds = new Set<string>();
    for (let seed = 0; seed < 20; seed++) {
      const { files } = createMemoryRuntime({ seed });
      const file = files.open("/a", { create: true });
      file.write([new Uint8Array(16 * SECTOR_BYTES).fill(1)], 0);
      file.syncDataNow();
      files.syncDirectory("/");
      file.write([new Uint8Array(16 * SECTOR_BYTES).fill(2)], 0);
      files.crash("torn");
      const bytes = files.readFile("/a");
      expect(bytes.length).toBe(16 * SECTOR_BYTES);
      for (let at = 0; at < bytes.length; at += SECTOR_BYTES) {
        const sector = new Set(bytes.subarray(at, at + SECTOR_BYTES));
        expect(sector.size).toBe(1);
        kinds.add([...sector].join());
      }
    }
    expect([...kinds].sort()).toEqual(["1", "2"]);
  });

  test("in a mixed crash each write lands whole, vanishes or tears, whatever becomes of the next", () => {
    const outcomes = new Set<string>();
    for (let seed = 0; seed < 60; seed++) {
      const { files } = createMemoryRuntime({ seed });
      const file = files.open("/a", { create: true });
      file.write([new Uint8Array(8 * SECTOR_BYTES)], 0);
      file.syncDataNow();
      files.syncDirectory("/");
      file.write([new Uint8Array(4 * SECTOR_BYTES).fill(1)], 0);
      file.write([new Uint8Array(4 * SECTOR_BYTES).fill(1)], 4 * SECTOR_BYTES);
      files.crash("mixed");
      const bytes = files.readFile("/a");
      const count = (at: number) => new Set(bytes.subarray(at, at + 4 * SECTOR_BYTES)).size;
      const fate = (at: number) => count(at) === 2 ? "torn" : bytes[at] === 1 ? "whole" : "gone";
      outcomes.add(`${fate(0)} ${fate(4 * SECTOR_BYTES)}`);
    }
    for (const outcome of ["whole gone", "gone whole", "torn whole", "whole torn", "gone gone", "whole whole"]) {
      expect([...outcomes]).toContain(outcome);
    }
  });

  test("a sector has what the newest write that landed left there", () => {
    const seen = new Set<number>();
    for (let seed = 0; seed < 30; seed++) {
      const { files } = createMemoryRuntime({ seed });
      const file = files.open("/a", { create: true });
      file.syncDataNow();
      files.syncDirectory("/");
      for (const value of [1, 2, 3]) file.write([new Uint8Array(10).fill(value)], 0);
      files.crash("mixed");
      seen.add(files.readFile("/a")[0] ?? -1);
    }
    for (const value of [-1, 1, 2, 3]) expect([...seen]).toContain(value);
  });

  test("a file's size lands apart from its data", () => {
    const sizes = new Set<string>();
    for (let seed = 0; seed < 30; seed++) {
      const { files } = createMemoryRuntime({ seed });
      const file = files.open("/a", { create: true });
      file.syncDataNow();
      files.syncDirectory("/");
      file.write([new Uint8Array(10).fill(7)], 0);
      files.crash("torn");
      sizes.add([...files.readFile("/a").subarray(0, 1)].join());
    }
    expect([...sizes].sort()).toEqual(["", "0", "7"]);
  });

  test("a size that was set is not lost with data that could not be written", async () => {
    const runtime = createMemoryRuntime();
    const { files } = runtime;
    const file = files.open("/a", { create: true });
    files.syncDirectory("/");
    file.write([pattern(1000)], 0);
    file.syncDataNow();
    file.truncate(100);
    files.loseWrites("/a");
    await runtime.until(file.syncData());
    files.crash("lost");
    expect(files.readFile("/a")).toEqual(pattern(1000).slice(0, 100));
  });

  test("a sync that fails takes what it was to save with it", async () => {
    const runtime = createMemoryRuntime();
    const { files } = runtime;
    const file = files.open("/a", { create: true });
    files.syncDirectory("/");
    file.write([pattern(10)], 0);
    files.fault = (operation) => operation === "syncData" ? "EIO" : null;
    await expect(file.syncData()).rejects.toThrow("EIO");
    files.fault = null;
    await runtime.until(file.syncData());
    expect(files.readFile("/a")).toEqual(pattern(10));
    files.crash("lost");
    expect(files.stat("/a")?.sizeBytes).toBe(0);
  });

  test("a rename that was not synced comes back under the old name", () => {
    const { files } = createMemoryRuntime();
    files.open("/old", { create: true }).syncDataNow();
    files.syncDirectory("/");
    files.rename("/old", "/new");
    files.crash();
    expect(files.list("/")).toEqual(["old"]);
  });
});

describe("a disk with faults", () => {
  test("a read may flip a bit, and the disk may", () => {
    const bitsOf = (bytes: Uint8Array) =>
      bytes.reduce((sum, byte) => sum + byte.toString(2).replaceAll("0", "").length, 0);
    const { files } = createMemoryRuntime();
    const file = files.open("/a", { create: true });
    file.write([new Uint8Array(100)], 0);
    files.flips = (path) => path === "/a";
    const target = new Uint8Array(50);
    file.read(target, 0);
    expect([bitsOf(target), bitsOf(files.readFile("/a"))]).toEqual([1, 1]);
    files.flips = null;
    expect(bitsOf(files.readFile("/a"))).toBe(0);
    files.rot("/a");
    expect(bitsOf(files.readFile("/a"))).toBe(1);
  });

  test("operations fail with the code a test asks for", async () => {
    const { files } = createMemoryRuntime();
    const file = files.open("/a", { create: true });
    files.fault = (operation, path) => operation === "syncData" && path === "/a" ? "EIO" : null;
    file.write([pattern(10)], 0);
    await expect(file.syncData()).rejects.toThrow("EIO");
    files.fault = null;
    await file.syncData();
  });

  test("a full disk refuses to grow", () => {
    const { files } = createMemoryRuntime({ diskBytes: 1000 });
    const file = files.open("/a", { create: true });
    file.write([pattern(900)], 0);
    expect(files.freeBytes("/")).toBe(100);
    expect(() => file.write([pattern(101)], 900)).toThrow("ENOSPC");
    file.write([pattern(900)], 0);
    files.remove("/a");
    expect(files.freeBytes("/")).toBe(1000);
    expect(files.totalBytes("/")).toBe(1000);
  });

  test("a view kept after the release of its map shows it", () => {
    const { files } = createMemoryRuntime();
    files.open("/a", { create: true }).write([pattern(10)], 0);
    const map = files.map("/a", 10)!;
    const view = map.bytes.subarray(2, 4);
    map.release();
    expect([...view]).toEqual([0xdd, 0xdd]);
  });

  test("a mapped file cannot be truncated under its readers", () => {
    const { files } = createMemoryRuntime();
    const file = files.open("/a", { create: true });
    file.write([pattern(10)], 0);
    const map = files.map("/a", 10)!;
    expect(() => file.truncate(9)).toThrow("mapped");
    map.release();
    file.truncate(9);
  });
});

describe("a process in memory", () => {
  test("keeps what it printed, hears signals and stops at its exit", async () => {
    const { process } = createMemoryRuntime({ args: ["serve"], environment: { KEY: "value" }, inputLines: ["a", "b"] });
    expect(process.args).toEqual(["serve"]);
    expect(process.environment()).toEqual({ KEY: "value" });
    let signalCount = 0;
    process.onSignal("SIGTERM", () => signalCount++);
    process.signal("SIGTERM");
    process.signal("SIGINT");
    expect(signalCount).toBe(1);
    process.print("out");
    process.printError("error");
    expect([process.output, process.errorOutput]).toEqual(["out", "error"]);
    const input: string[] = [];
    for await (const line of process.inputLines()) input.push(line);
    expect(input).toEqual(["a", "b"]);
    expect(() => process.exit(2)).toThrow(ProcessExit);
    expect(process.exitCode).toBe(2);
  });
});
