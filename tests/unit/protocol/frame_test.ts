import { describe, expect, test } from "bun:test";
import { apiVersions } from "../../../protocol/api/18_api_versions.ts";
import { heartbeat } from "../../../protocol/api/12_heartbeat.ts";
import { apiByKey, apis } from "../../../protocol/apis.ts";
import { codecFor } from "../../../protocol/codec.ts";
import {
  decodeRequestHeader,
  decodeResponseFrame,
  EncodedResponse,
  encodeRequestFrame,
  encodeResponseFrame,
} from "../../../protocol/frame.ts";
import { MalformedFrame, Reader } from "../../../protocol/wire.ts";

const beat = { groupId: "g", generationId: 3, memberId: "m" };

describe("request frames", () => {
  test("have header v1 before the first flexible version, v2 from there on, and a client id that is never compact", () => {
    // length · key 12 · version · correlation id 7 · client id "c" · [no tags] · the request
    expect(whole(encodeRequestFrame(heartbeat, 3, 7, "c", beat)))
      .toEqual(hex("00000017 000c 0003 00000007 0001 63  0001 67 00000003 0001 6d ffff"));
    expect(whole(encodeRequestFrame(heartbeat, 4, 7, "c", beat)))
      .toEqual(hex("00000016 000c 0004 00000007 0001 63 00  02 67 00000003 02 6d 00 00"));
    expect(whole(encodeRequestFrame(heartbeat, 0, 7, null, beat)))
      .toEqual(hex("00000014 000c 0000 00000007 ffff  0001 67 00000003 0001 6d"));
  });

  test("come back, header and request", () => {
    for (const version of [0, 1, 2, 3, 4]) {
      const frame = whole(encodeRequestFrame(heartbeat, version, -9, "client ü", beat));
      const reader = new Reader(frame, 4);
      expect(decodeRequestHeader(reader))
        .toEqual({ apiKey: 12, apiVersion: version, correlationId: -9, clientId: "client ü" });
      expect(codecFor(heartbeat, version).decodeRequest(reader)).toEqual({ ...beat, groupInstanceId: null });
      expect(reader.remaining).toBe(0);
    }
  });

  test("of a version above what we know are read with the header of a flexible one", () => {
    const reader = new Reader(hex("0012 0063 00000007 0001 63 00 aabb"));
    expect(decodeRequestHeader(reader)).toEqual({ apiKey: 18, apiVersion: 99, correlationId: 7, clientId: "c" });
    expect(reader.remaining).toBe(2);
  });

  test("of an unknown api give key, version and correlation id, and a client id if there is one", () => {
    expect(decodeRequestHeader(new Reader(hex("03e7 0001 00000007 0001 63"))))
      .toEqual({ apiKey: 999, apiVersion: 1, correlationId: 7, clientId: "c" });
    expect(decodeRequestHeader(new Reader(hex("ffff 8000 00000007 7fff 63"))))
      .toEqual({ apiKey: -1, apiVersion: -32768, correlationId: 7, clientId: null });
    expect(decodeRequestHeader(new Reader(hex("03e7 0001 00000007"))).clientId).toBe(null);
  });

  test("that end inside their header are malformed", () => {
    const frame = hex("000c 0004 00000007 0001 63 00");
    for (let length = 0; length < frame.length; length++) {
      expect(() => decodeRequestHeader(new Reader(frame.subarray(0, length)))).toThrow(MalformedFrame);
    }
  });
});

describe("response frames", () => {
  test("that are encoded to know their size are as ever, and can still be told how long to wait", () => {
    const response = { throttleTimeMs: 0, errorCode: 27 };
    for (const [version, sizeBytes] of [[3, 10], [4, 11]] as const) {
      const encoded = EncodedResponse.of(heartbeat, { version, correlationId: 7 }, response);
      expect(whole(encoded.frame)).toEqual(whole(encodeResponseFrame(heartbeat, version, 7, response)));
      expect(encoded.sizeBytes).toBe(sizeBytes);
      encoded.patchFirstInt32(500);
      const throttled = { ...response, throttleTimeMs: 500 };
      expect(whole(encoded.frame)).toEqual(whole(encodeResponseFrame(heartbeat, version, 7, throttled)));
    }
  });

  test("have header v0 before the first flexible version, v1 from there on", () => {
    expect(whole(encodeResponseFrame(heartbeat, 3, 7, { errorCode: 5 }))).toEqual(
      hex("0000000a 00000007 00000000 0005"),
    );
    expect(whole(encodeResponseFrame(heartbeat, 4, 7, { errorCode: 5 })))
      .toEqual(hex("0000000c 00000007 00 00000000 0005 00"));
  });

  test("of ApiVersions have header v0 in every version", () => {
    for (const version of [0, 3, 5]) {
      const frame = whole(encodeResponseFrame(apiVersions, version, 7, { errorCode: 35, apiKeys: [] }));
      expect(frame.subarray(4, 10)).toEqual(hex("00000007 0023"));
    }
  });

  test("come back in every version", () => {
    for (const version of [0, 1, 2, 3, 4]) {
      const frame = whole(encodeResponseFrame(heartbeat, version, 11, { errorCode: 5 }));
      expect(new Reader(frame).int32()).toBe(frame.length - 4);
      expect(decodeResponseFrame(heartbeat, version, frame.subarray(4)))
        .toEqual({ correlationId: 11, response: { throttleTimeMs: 0, errorCode: 5 } });
    }
  });
});

describe("the registry", () => {
  test("finds every api by its key, in ascending order", () => {
    for (const api of apis) expect(apiByKey(api.key)).toBe(api);
    const keys = apis.map(({ key }) => key);
    expect(keys).toEqual([...new Set(keys)].sort((left, right) => left - right));
    for (const key of [-1, 999, 0.5]) expect(apiByKey(key)).toBe(undefined);
  });
});

function whole(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}

function hex(text: string): Uint8Array {
  const digits = text.replaceAll(" ", "");
  return Uint8Array.from({ length: digits.length / 2 }, (_, at) => parseInt(digits.slice(2 * at, 2 * at + 2), 16));
}
