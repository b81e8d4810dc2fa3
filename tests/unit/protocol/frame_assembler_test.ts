import { describe, expect, test } from "bun:test";
import { joined } from "../../../protocol/bytes.ts";
import { FrameAssembler, FrameSizeError } from "../../../protocol/frame_assembler.ts";

function assemblerOf(sizeBytesMax = 100_000_000) {
  const frames: Uint8Array[] = [];
  return { frames, assembler: new FrameAssembler({ sizeBytesMax, emit: (frame) => frames.push(frame) }) };
}

function framed(...sizes: number[]): Uint8Array {
  const parts = sizes.map((size, index) => {
    const bytes = new Uint8Array(4 + size);
    new DataView(bytes.buffer).setInt32(0, size);
    for (let at = 0; at < size; at++) bytes[4 + at] = (at * 7 + index) & 0xff;
    return bytes;
  });
  return joined(parts);
}

describe("FrameAssembler", () => {
  test("gives the same frames however the bytes are cut", () => {
    const sizes = [0, 1, 5, 300, 3];
    const bytes = framed(...sizes);
    const whole = assemblerOf();
    whole.assembler.data(bytes.slice());
    for (let step = 1; step <= bytes.length; step++) {
      const { frames, assembler } = assemblerOf();
      for (let at = 0; at < bytes.length; at += step) assembler.data(bytes.slice(at, at + step));
      expect(frames.map((frame) => frame.length)).toEqual(sizes);
      expect(frames.map((frame) => [...frame])).toEqual(whole.frames.map((frame) => [...frame]));
      expect(assembler.heldBytes).toBe(0);
    }
  });

  test("takes a large frame into its own buffer, through target and filled", () => {
    const { frames, assembler } = assemblerOf();
    const bytes = framed(3_000_000, 2);
    assembler.data(bytes.slice(0, 10));
    let at = 10;
    for (let target = assembler.target(); target !== null; target = assembler.target()) {
      const count = Math.min(target.length, 65_536, bytes.length - at);
      target.set(bytes.subarray(at, at + count));
      assembler.filled(count);
      at += count;
    }
    expect(at).toBe(3_000_004);
    assembler.data(bytes.slice(at));
    expect(frames.length).toBe(2);
    expect(frames[0]).toEqual(bytes.subarray(4, 3_000_004));
    expect(frames[1]).toEqual(bytes.subarray(3_000_008));
  });

  test("holds little for a frame that was only announced", () => {
    const { assembler } = assemblerOf();
    assembler.data(new Uint8Array([0x05, 0x5d, 0x4a, 0x80, 1]));
    expect(assembler.heldBytes).toBeLessThan(2_000_000);
  });

  test("refuses a length that is negative or over the limit", () => {
    for (const length of [[0xff, 0xff, 0xff, 0xff], [0x80, 0, 0, 0], [0, 0, 0, 101]]) {
      const { assembler, frames } = assemblerOf(100);
      expect(() => assembler.data(new Uint8Array([...length, 1, 2, 3]))).toThrow(FrameSizeError);
      expect(frames.length).toBe(0);
    }
  });
});

describe("FrameAssembler with buffers of its own", () => {
  test("takes large frames' memory there and says which buffer a frame is in", () => {
    const given: Uint8Array[] = [];
    const taken: number[] = [];
    const frames: { frame: Uint8Array; buffer: Uint8Array | null }[] = [];
    const assembler = new FrameAssembler({
      sizeBytesMax: 1e7,
      emit: (frame, buffer) => frames.push({ frame, buffer }),
      buffers: {
        take: (sizeBytes) => {
          taken.push(sizeBytes);
          return new Uint8Array(sizeBytes + 7).fill(0xdb); // larger than asked for, and full of something else
        },
        give: (buffer) => given.push(buffer),
      },
    });
    const bytes = framed(3, 2_000_000);
    for (let at = 0; at < bytes.length; at += 100_000) assembler.data(bytes.slice(at, at + 100_000));
    expect(frames.map(({ frame }) => frame.length)).toEqual([3, 2_000_000]);
    expect(frames[0]?.buffer).toBe(null);
    expect(frames[1]?.buffer?.buffer).toBe(frames[1]?.frame.buffer);
    expect(Buffer.compare(frames[1]!.frame, bytes.subarray(11))).toBe(0);
    expect(taken).toEqual([1024 * 1024 + 64 * 1024, 2_000_000]);
    expect(given.length).toBe(1); // the first, which it grew out of
    expect(assembler.target()).toBe(null);
  });
});
