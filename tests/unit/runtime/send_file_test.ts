/** Views of mapped files on their way to a peer: in order, whole, and without a hold on anything once they are gone. */
import * as fs from "node:fs";
import { afterAll, describe, expect, test } from "bun:test";
import { BunNetwork } from "../../../runtime/bun_network.ts";
import { type ChunkSender, FileSender, openFileSender, type SendFileCalls } from "../../../runtime/bun_send_file.ts";
import { openBunNative } from "../../../runtime/bun_native.ts";
import { NodeFileSystem } from "../../../runtime/node_files.ts";
import { nodeTimers } from "../../../runtime/node_process.ts";
import type { FileSystem, MappedFile, Network, Timers } from "../../../runtime/runtime.ts";
import { joined } from "../../../protocol/bytes.ts";
import { createPrng, seedOf } from "../../support/prng.ts";
import { connectPair, firstDifference, pattern, stalled, stopNowAndThen, turns } from "./peer.ts";
import { worlds } from "./worlds.ts";

const FILE_BYTES = 3_000_017;
const [real] = worlds;
const sender = openFileSender();
const isBun = real!.name === "bun";

interface Place {
  readonly name: string;
  readonly network: Network;
  readonly timers: Timers;
  readonly files: FileSystem;
  readonly directory: string;
}

/** Takes less than it is given, or nothing though there is room, as a socket or a file system may. */
function moody(inner: ChunkSender, random: () => number): ChunkSender {
  const some = (bytes: Uint8Array) => bytes.subarray(0, Math.ceil(bytes.length * random()));
  return {
    has: (chunk) => inner.has(chunk),
    send: (socket, chunk) => random() < 0.3 ? 0 : inner.send(socket, random() < 0.5 ? some(chunk) : chunk),
    refused: () => {},
    sendAhead: (socket, bytes) => random() < 0.3 ? -1 : inner.sendAhead(socket, random() < 0.5 ? some(bytes) : bytes),
  };
}

const places: Place[] = worlds.map(({ name, runtime: { network, timers, files }, makeDirectory }) => {
  return { name, network, timers, files, directory: makeDirectory() };
});
if (isBun && sender !== null) {
  const { timers } = real!.runtime;
  const files = new NodeFileSystem(openBunNative(sender), nodeTimers, 1);
  const bun = (name: string, inner: ChunkSender | null) => {
    places.push({ name, network: new BunNetwork(timers, inner), timers, files, directory: real!.makeDirectory() });
  };
  const seed = seedOf(process.env.SEED);
  const random = createPrng(seed);
  bun("bun without sendfile", null);
  bun(`bun with a sendfile that takes some, or nothing (SEED=${seed})`, moody(sender, random));
}

afterAll(() => places.forEach(({ files, directory }) => files.remove(directory)));

for (const { name, network, timers, files, directory } of places) {
  const mapped = (stem: string, start: number): { path: string; whole: Uint8Array; map: MappedFile } | null => {
    const path = `${directory}/${stem}`;
    const whole = pattern(FILE_BYTES, start);
    const file = files.open(path, { create: true });
    file.write([whole], 0);
    file.close();
    const map = files.map(path, FILE_BYTES);
    return map === null ? null : { path, whole, map };
  };

  describe(`views of maps on ${name}`, () => {
    test("arrive in order between other chunks at a reader that stops now and then", async () => {
      const [first, other] = [mapped("first", 1), mapped("other", 100)];
      if (first === null || other === null) return; // Not possible here.
      const { client, server } = await connectPair(network);
      stopNowAndThen(client, timers);
      const written: Uint8Array[] = [];
      let sentCount = 0;
      for (let index = 0; index < 24; index++) {
        const { map, whole } = index % 2 === 0 ? first : other;
        const [start, end] = [index * 997, index % 5 === 4 ? FILE_BYTES : index * 997 + 1000 + index * 20_000];
        written.push(pattern(60, index), whole.subarray(start, end), pattern(index === 7 ? 40_000 : 2, index));
        server.socket.write([written.at(-3)!, map.bytes.subarray(start, end), written.at(-1)!], () => sentCount++);
      }
      const expected = joined(written);
      await client.received(expected.length);
      expect(firstDifference(client.bytes(), expected)).toBe(-1);
      expect([sentCount, server.socket.pendingBytes]).toEqual([24, 0]);
      server.socket.end();
      await client.closed();
      first.map.release();
      other.map.release();
    });

    test("end with the connection: each write is told once, and the map can end", async () => {
      const found = mapped("closed", 7);
      if (found === null) return;
      for (const closer of ["client", "server"] as const) {
        const pair = await connectPair(network);
        pair.client.socket.pause();
        const sentCounts = [0, 0, 0, 0, 0, 0];
        for (const index of sentCounts.keys()) {
          pair.server.socket.write([pattern(60), found.map.bytes, pattern(2)], () => sentCounts[index]!++);
        }
        await stalled(timers, () => pair.server.socket.pendingBytes);
        expect(pair.server.socket.pendingBytes).toBeGreaterThan(0);
        pair[closer].socket.destroy();
        if (closer === "client") pair.server.socket.write([pattern(60), found.map.bytes]);
        await Promise.all([pair.server.closed(), ...(closer === "server" ? [] : [pair.client.closed()])]);
        await turns(timers, 3);
        expect(sentCounts).toEqual([1, 1, 1, 1, 1, 1]);
        pair.client.socket.destroy();
      }
      found.map.release();
    });

    test("show the file as it was when it is removed, and another has its name", async () => {
      const found = mapped("removed", 11);
      if (found === null) return;
      const { client, server } = await connectPair(network);
      client.socket.pause();
      let isSent = false;
      server.socket.write([found.map.bytes.subarray(5), pattern(3)], () => {
        isSent = true;
        found.map.release();
      });
      await stalled(timers, () => server.socket.pendingBytes);
      files.remove(found.path);
      const another = files.open(found.path, { create: true });
      another.write([new Uint8Array(FILE_BYTES)], 0);
      another.close();
      client.socket.resume();
      await client.received(FILE_BYTES - 5 + 3);
      expect(isSent).toBe(true);
      expect(firstDifference(client.bytes(), joined([found.whole.subarray(5), pattern(3)]))).toBe(-1);
      client.socket.destroy();
      await server.closed();
    });
  });
}

describe.skipIf(!isBun || sender === null)("descriptors of sent files", () => {
  const { timers } = real!.runtime;
  const directory = real!.makeDirectory();
  afterAll(() => real!.removeDirectory(directory));
  const openOnes = (path: string) =>
    fs.readdirSync("/proc/self/fd").filter((descriptor) => {
      try {
        return fs.readlinkSync(`/proc/self/fd/${descriptor}`).startsWith(path);
      } catch {
        return false; // The directory that is read.
      }
    }).length;

  test("are bounded, however many maps there are, and all maps are sent", async () => {
    const files = new NodeFileSystem(openBunNative(sender), nodeTimers, 1);
    const maps = Array.from({ length: 200 }, (_, index) => {
      fs.writeFileSync(`${directory}/many-${index}`, pattern(20_000, index));
      return files.map(`${directory}/many-${index}`, 20_000)!;
    });
    const openCount = openOnes(`${directory}/many-`);
    expect(openCount > 50 && openCount < 150).toBe(true);
    const { client, server } = await connectPair(new BunNetwork(timers, sender));
    server.socket.write(maps.map((map) => map.bytes));
    await client.received(200 * 20_000);
    const expected = joined(maps.map((_, index) => pattern(20_000, index)));
    expect(firstDifference(client.bytes(), expected)).toBe(-1);
    client.socket.destroy();
    await server.closed();
    for (const map of maps) map.release();
    expect(openOnes(`${directory}/many-`)).toBe(0);
  });

  test("are closed where the file system refuses, which is asked no more", async () => {
    let askedCount = 0;
    const refusing: SendFileCalls = {
      sendfile: () => (askedCount++, -1),
      send: () => -1,
      fcntl: (descriptor) => fs.openSync(`/proc/self/fd/${descriptor}`, "r"),
      close: (descriptor) => (fs.closeSync(descriptor), 0),
    };
    const refused = new FileSender(refusing);
    const files = new NodeFileSystem(openBunNative(refused), nodeTimers, 1);
    fs.writeFileSync(`${directory}/refused`, pattern(40_000));
    const map = files.map(`${directory}/refused`, 40_000)!;
    expect(openOnes(`${directory}/refused`)).toBe(1);
    const { client, server } = await connectPair(new BunNetwork(timers, refused));
    for (let index = 1; index <= 100; index++) {
      server.socket.write([map.bytes]);
      await client.received(index * 40_000);
    }
    expect(firstDifference(client.bytes(), joined(Array(100).fill(pattern(40_000))))).toBe(-1);
    expect(askedCount).toBeLessThan(100);
    expect(openOnes(`${directory}/refused`)).toBe(0);
    client.socket.destroy();
    await server.closed();
    map.release();
  });
});
