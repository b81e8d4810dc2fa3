import { describe, expect, test } from "bun:test";
import { NetworkError, type Socket, type SocketHandler } from "../../../runtime/runtime.ts";
import { TURN_BYTES_MAX } from "../../../runtime/turn_bytes.ts";
import { joined } from "../../../protocol/bytes.ts";
import { connectPair, firstDifference, pattern, Peer, stalled, stopNowAndThen, turns } from "./peer.ts";
import { worlds } from "./worlds.ts";

const MEBIBYTE = 1024 * 1024;

for (const { name, runtime, isReal, pass } of worlds) {
  const { network, timers } = runtime;

  describe(`sockets of ${name}`, () => {
    test("bytes arrive in order, both ways", async () => {
      const { client, server } = await connectPair(network);
      const request = pattern(3 * MEBIBYTE);
      const answer = pattern(2 * MEBIBYTE, 7);
      client.socket.write([request.subarray(0, 10), request.subarray(10)]);
      server.socket.write([answer]);
      await Promise.all([server.received(request.length), client.received(answer.length)]);
      expect(firstDifference(server.bytes(), request)).toBe(-1);
      expect(firstDifference(client.bytes(), answer)).toBe(-1);
      client.socket.destroy();
      await server.closed();
    });

    test("both ends agree on their addresses", async () => {
      const { client, server } = await connectPair(network);
      expect(client.socket.remoteHostname).toBe("127.0.0.1");
      expect(server.socket.remoteHostname).toBe("127.0.0.1");
      expect(client.socket.remotePort).toBe(server.socket.localPort);
      expect(client.socket.localPort).toBe(server.socket.remotePort);
      expect(client.socket.isOpen && server.socket.isOpen).toBe(true);
      client.socket.destroy();
      await server.closed();
    });

    test("many small and large chunks in one turn keep their order", async () => {
      const { client, server } = await connectPair(network);
      const whole = pattern(5 * MEBIBYTE);
      const sizes = [60, 1, 0, 16_384, 16_383, 300_000, 7, 65_536, 59];
      let at = 0;
      for (let index = 0; at < whole.length; index++) {
        const size = sizes[index % sizes.length]!;
        client.socket.write([whole.subarray(at, at + size)]);
        at += size;
      }
      await server.received(whole.length);
      expect(firstDifference(server.bytes(), whole)).toBe(-1);
      client.socket.destroy();
      await server.closed();
    });

    test("kept chunks do not change when more arrives", async () => {
      const { client, server } = await connectPair(network);
      const copies: Uint8Array[] = [];
      server.onData = (chunk) => copies.push(chunk.slice());
      for (let round = 0; round < 40; round++) {
        client.socket.write([new Uint8Array(50_000).fill(round)]);
        await server.received((round + 1) * 50_000);
      }
      expect(firstDifference(joined(server.chunks), joined(copies))).toBe(-1);
      client.socket.destroy();
      await server.closed();
    });

    test("answers of small and large chunks arrive as they were written at a reader that stops now and then", async () => {
      let expected = 0;
      const { client, server } = await connectPair(network, () => {});
      stopNowAndThen(client, timers);
      const written: Uint8Array[] = [];
      let sentCount = 0;
      for (let index = 0; index < 60; index++) {
        const chunks = [pattern(40, index), pattern(300_000, index), pattern(30, index), pattern(70_000, index + 1)];
        written.push(...chunks);
        for (const chunk of chunks) expected += chunk.length;
        server.socket.write(chunks, () => sentCount++);
      }
      await client.received(expected);
      expect(firstDifference(joined(client.chunks), joined(written))).toBe(-1);
      expect([sentCount, server.socket.pendingBytes]).toEqual([60, 0]);
      client.socket.destroy();
      await server.closed();
    });

    test("a chunk that is given back takes nothing of the others along", async () => {
      const kept: Uint8Array[] = [];
      let seenBytes = 0;
      const { client, server } = await connectPair(network, (peer) => {
        peer.data = (chunk) => {
          const copy = chunk.slice();
          if (kept.length % 2 === 0) peer.socket.recycle(chunk);
          kept.push(kept.length % 2 === 0 ? copy : chunk);
          seenBytes += copy.length;
          if (seenBytes === 4 * MEBIBYTE) peer.socket.end();
        };
      });
      for (let index = 0; index < 4; index++) client.socket.write([pattern(MEBIBYTE, index)]);
      await server.closed();
      const expected = joined(Array.from({ length: 4 }, (_, index) => pattern(MEBIBYTE, index)));
      expect(firstDifference(joined(kept), expected)).toBe(-1);
    });

    test("large frames are filled in place or handed over, whole and in order", async () => {
      let reader!: FrameReader;
      const listener = await network.listen({ hostname: "127.0.0.1", port: 0 }, (socket) => {
        return reader = new FrameReader(socket);
      });
      const sizes = [1, 100, 3 * MEBIBYTE, 5, 200_000, 0, 65_536, MEBIBYTE, 2];
      let client!: Peer;
      await network.connect(
        { hostname: "127.0.0.1", port: listener.port, timeoutMs: 5000 },
        (socket) => client = new Peer(socket),
      );
      for (const [index, size] of sizes.entries()) {
        const length = new Uint8Array(4);
        new DataView(length.buffer).setInt32(0, size);
        client.socket.write([length.subarray(0, 3)]);
        if (index % 2 === 0) await turns(timers, 3); // The length itself comes in two parts.
        client.socket.write([length.subarray(3), pattern(size, index)]);
      }
      client.socket.end();
      await client.closed();
      expect(reader.frames.map((frame) => frame.length)).toEqual(sizes);
      for (const [index, frame] of reader.frames.entries()) {
        expect(firstDifference(frame, pattern(frame.length, index))).toBe(-1);
      }
      listener.close();
    });

    test("nothing arrives at a socket that was paused when accepted, until it resumes", async () => {
      const { client, server } = await connectPair(network, (peer) => peer.socket.pause());
      client.socket.write([pattern(1000)]);
      await stalled(timers, () => client.socket.pendingBytes);
      expect(server.receivedBytes).toBe(0);
      server.socket.resume();
      await server.received(1000);
      client.socket.destroy();
      await server.closed();
    });

    test("a reader that does not read leaves the rest with the writer", async () => {
      const { client, server } = await connectPair(network, (peer) => peer.socket.pause());
      const chunk = pattern(MEBIBYTE);
      const chunkCount = 48;
      const sentOrder: number[] = [];
      for (let index = 0; index < chunkCount; index++) client.socket.write([chunk], () => sentOrder.push(index));
      expect(client.socket.pendingBytes).toBe(chunkCount * MEBIBYTE);
      await stalled(timers, () => client.socket.pendingBytes);

      expect(server.receivedBytes).toBe(0);
      expect(client.drainCount).toBe(0);
      expect(client.socket.pendingBytes).toBeGreaterThan(0);
      // `sent` tells of every chunk that is with the kernel, and of no other.
      expect(sentOrder.length).toBe(Math.floor(chunkCount - client.socket.pendingBytes / MEBIBYTE));

      server.socket.resume();
      await Promise.all([client.drained(), server.received(chunkCount * MEBIBYTE)]);
      expect(client.socket.pendingBytes).toBe(0);
      expect(sentOrder).toEqual(Array.from({ length: chunkCount }, (_, index) => index));
      const bytes = server.bytes();
      expect(bytes.length).toBe(chunkCount * MEBIBYTE);
      for (let at = 0; at < bytes.length; at += MEBIBYTE) {
        expect(firstDifference(bytes.subarray(at, at + MEBIBYTE), chunk)).toBe(-1);
      }
      client.socket.destroy();
      await server.closed();
    });

    test("a reader that pauses after every chunk gets all of it", async () => {
      const { client, server } = await connectPair(network);
      const whole = pattern(4 * MEBIBYTE);
      server.onData = () => {
        server.socket.pause();
        timers.soon(() => server.socket.resume());
      };
      client.socket.write([whole]);
      await server.received(whole.length);
      expect(firstDifference(server.bytes(), whole)).toBe(-1);
      client.socket.destroy();
      await server.closed();
    });

    test("a large answer to a fast reader holds up small ones by no more than a turn's bytes", async () => {
      const [large, small] = await Promise.all([connectPair(network), connectPair(network)]);
      const totalBytes = 32 * MEBIBYTE;
      small.server.onData = (question) => small.server.socket.write([question]);
      large.server.socket.write(Array.from({ length: 32 }, () => new Uint8Array(MEBIBYTE)));
      for (let count = 1; count <= 5; count++) {
        const pendingBytes = large.server.socket.pendingBytes;
        small.client.socket.write([pattern(100)]);
        await small.client.received(100 * count);
        // The question and its answer are two trips, of one or two turns each; on Deno of more.
        const turnCountMax = name === "deno" ? 8 : 4;
        expect(pendingBytes - large.server.socket.pendingBytes).toBeLessThanOrEqual(turnCountMax * TURN_BYTES_MAX);
      }
      await large.client.received(totalBytes);
      expect(large.client.receivedBytes).toBe(totalBytes);
      for (const { client } of [large, small]) client.socket.destroy();
      await Promise.all([large.server.closed(), small.server.closed()]);
    });

    test("fast readers of large answers take turns", async () => {
      const [first, second] = await Promise.all([connectPair(network), connectPair(network)]);
      const answer = Array.from({ length: 16 }, (_, index) => pattern(MEBIBYTE, index));
      const sent: string[] = [];
      for (const chunk of answer) first.server.socket.write([chunk], () => sent.push("first"));
      for (const chunk of answer) second.server.socket.write([chunk], () => sent.push("second"));
      await Promise.all([first, second].map(({ client }) => client.received(16 * MEBIBYTE)));
      for (const { client, server } of [first, second]) {
        expect(firstDifference(client.bytes(), joined(answer))).toBe(-1);
        client.socket.destroy();
        await server.closed();
      }
      expect(new Set(sent.slice(0, 4))).toEqual(new Set(["first", "second"]));
    });

    test("drain comes when everything written is with the kernel", async () => {
      const { client, server } = await connectPair(network);
      client.socket.write([pattern(100)]);
      expect(client.socket.pendingBytes).toBe(100);
      await client.drained();
      expect(client.socket.pendingBytes).toBe(0);
      client.socket.destroy();
      await server.closed();
    });

    test("end sends what is pending before it closes, on both sides in order", async () => {
      const { client, server } = await connectPair(network);
      let sentCount = 0;
      client.socket.write([pattern(6 * MEBIBYTE)], () => sentCount++);
      client.socket.end();
      expect(client.socket.isOpen).toBe(false);
      await Promise.all([client.closed(), server.closed()]);
      expect(sentCount).toBe(1);
      expect(server.receivedBytes).toBe(6 * MEBIBYTE);
      expect([client.closeError, server.closeError]).toEqual([null, null]);
    });

    test("end delivers the last answer to a peer that is still sending", async () => {
      const { client, server } = await connectPair(network);
      server.onData = () => {
        server.onData = null;
        server.socket.pause();
        server.socket.write([pattern(5000)]);
        server.socket.end();
      };
      client.socket.write([pattern(8 * MEBIBYTE)]);
      await client.closed();
      expect(firstDifference(client.bytes(), pattern(5000))).toBe(-1);
      await server.closed();
      expect(server.closeCount).toBe(1);
    });

    test("destroy drops what is pending, tells every sender once, and closes once", async () => {
      const { client, server } = await connectPair(network, (peer) => peer.socket.pause());
      const sentCounts = Array.from({ length: 50 }, () => 0);
      for (let index = 0; index < sentCounts.length; index++) {
        client.socket.write([pattern(MEBIBYTE)], () => sentCounts[index]!++);
      }
      await stalled(timers, () => client.socket.pendingBytes);
      client.socket.destroy();
      client.socket.destroy();
      await client.closed();
      server.socket.resume();
      await server.closed();
      await turns(timers, 20);
      expect(sentCounts.every((count) => count === 1)).toBe(true);
      expect(client.closeError).toBe(null);
      expect([client.closeCount, server.closeCount]).toEqual([1, 1]);
      expect(client.socket.pendingBytes).toBe(0);
      expect(server.receivedBytes).toBeLessThan(50 * MEBIBYTE);
    });

    test("a closed socket ignores everything but still tells the sender", async () => {
      const { client, server } = await connectPair(network);
      server.socket.destroy();
      await Promise.all([client.closed(), server.closed()]);
      let sentCount = 0;
      for (const { socket } of [client, server]) {
        await new Promise<void>((resolve) => {
          socket.write([pattern(10)], () => {
            sentCount++;
            resolve();
          });
          expect(sentCount).toBe(socket === client.socket ? 0 : 1); // Never before `write` returns.
        });
        socket.pause();
        socket.resume();
        socket.end();
        socket.destroy();
        expect(socket.isOpen).toBe(false);
        expect(socket.pendingBytes).toBe(0);
      }
      await turns(timers, 20);
      expect(sentCount).toBe(2);
      expect([client.closeCount, server.closeCount]).toEqual([1, 1]);
    });

    test("a write of nothing is told as sent", async () => {
      const { client, server } = await connectPair(network);
      await new Promise<void>((resolve) => client.socket.write([], resolve));
      await new Promise<void>((resolve) => client.socket.write([new Uint8Array(0)], resolve));
      client.socket.destroy();
      await server.closed();
    });

    test("calls do not nest, and none comes after close", async () => {
      const { client, server } = await connectPair(network);
      server.onData = () => {
        server.socket.write([pattern(100)]);
        server.socket.pause();
        server.socket.resume();
        server.socket.destroy();
      };
      client.socket.write([pattern(MEBIBYTE)]);
      await Promise.all([server.closed(), client.closed()]);
      await turns(timers, 20);
      expect(server.depthMax).toBe(1);
      expect(server.callsAfterClose + client.callsAfterClose).toBe(0);
      expect(server.chunks.length).toBe(1);
    });

    test("a hundred connections at once keep their bytes apart", async () => {
      const listener = await network.listen({ hostname: "127.0.0.1", port: 0 }, (socket) => {
        const echo = new Peer(socket);
        echo.onData = (chunk) => socket.write([chunk]);
        return echo;
      });
      const clients = await Promise.all(Array.from({ length: 100 }, async (_, index) => {
        let client!: Peer;
        await network.connect({ hostname: "127.0.0.1", port: listener.port, timeoutMs: 5000 }, (socket) => {
          client = new Peer(socket);
          socket.write([pattern(5000, index)]);
          return client;
        });
        return client;
      }));
      await Promise.all(clients.map((client) => client.received(5000)));
      for (const [index, client] of clients.entries()) {
        expect(firstDifference(client.bytes(), pattern(5000, index))).toBe(-1);
        client.socket.destroy();
      }
      await Promise.all(clients.map((client) => client.closed()));
      listener.close();
    });

    test("a closed listener refuses new connections and keeps the open ones", async () => {
      const { client, server } = await connectPair(network); // Closes its listener.
      client.socket.write([pattern(10)]);
      await server.received(10);
      const error = await failure(network.connect(
        { hostname: "127.0.0.1", port: client.socket.remotePort, timeoutMs: 5000 },
        (socket) => new Peer(socket),
      ));
      expect(error.code).toBe("ECONNREFUSED");
      client.socket.destroy();
      await server.closed();
    });

    test("a port in use is refused", async () => {
      const accept = (socket: Socket) => new Peer(socket);
      const listener = await network.listen({ hostname: "127.0.0.1", port: 0 }, accept);
      const error = await failure(network.listen({ hostname: "127.0.0.1", port: listener.port }, accept));
      expect(error).toBeInstanceOf(NetworkError);
      expect(error.code).toBe("EADDRINUSE");
      expect(error.message).toContain(`127.0.0.1:${listener.port}`);
      listener.close();
      await turns(timers, 20);
      const again = await network.listen({ hostname: "127.0.0.1", port: listener.port }, accept);
      expect(again.port).toBe(listener.port);
      again.close();
    });

    // A real address that never answers cannot be counted on where the tests run.
    test.skipIf(isReal)("a connection that is not made in time is given up", async () => {
      const connecting = failure(
        network.connect({ hostname: "192.0.2.1", port: 9, timeoutMs: 500 }, (socket) => new Peer(socket)),
      );
      await pass(500);
      expect((await connecting).code).toBe("ETIMEDOUT");
    });
  });
}

/** Reads frames of a 4-byte length and a body the way the broker does: the rest of a large frame has a place. */
class FrameReader implements SocketHandler {
  readonly frames: Uint8Array[] = [];
  readonly #socket: Socket;
  readonly #length = new Uint8Array(4);
  #lengthBytes = 0;
  #frame: Uint8Array | null = null;
  #frameBytes = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  data(chunk: Uint8Array): void {
    let at = 0;
    for (;;) {
      if (this.#frame === null) {
        const count = Math.min(4 - this.#lengthBytes, chunk.length - at);
        this.#length.set(chunk.subarray(at, at + count), this.#lengthBytes);
        this.#lengthBytes += count;
        at += count;
        if (this.#lengthBytes < 4) return;
        this.#lengthBytes = 0;
        this.#frame = new Uint8Array(new DataView(this.#length.buffer).getInt32(0));
        this.#frameBytes = 0;
      }
      const count = Math.min(this.#frame.length - this.#frameBytes, chunk.length - at);
      this.#frame.set(chunk.subarray(at, at + count), this.#frameBytes);
      at += count;
      this.filled(count);
      if (this.#frame !== null) return;
    }
  }

  target(): Uint8Array | null {
    return this.#frame === null ? null : this.#frame.subarray(this.#frameBytes);
  }

  filled(byteCount: number): void {
    if (this.#frame === null) throw new Error("filled without a target");
    this.#frameBytes += byteCount;
    if (this.#frameBytes < this.#frame.length) return;
    this.frames.push(this.#frame);
    this.#frame = null;
  }

  drain(): void {}

  close(): void {
    this.#socket.destroy();
  }
}

async function failure(promise: Promise<unknown>): Promise<NetworkError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof NetworkError) return error;
    throw error;
  }
  throw new Error("It should have failed");
}
