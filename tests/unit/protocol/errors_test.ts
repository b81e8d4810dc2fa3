import { describe, expect, test } from "bun:test";
import { ErrorCode, errorInfo, errorName, errors, ProtocolError } from "../../../protocol/errors.ts";

describe("the error table", () => {
  test("has each code and each message once, without a gap", () => {
    const rows = Object.values(errors);
    expect(rows.map(({ code }) => code)).toEqual(rows.map((_, index) => index - 1));
    expect(new Set(rows.map(({ message }) => message)).size).toBe(rows.length);
  });

  test("finds codes by name and names by code", () => {
    expect([ErrorCode.UNKNOWN_SERVER_ERROR, ErrorCode.NONE, ErrorCode.NOT_LEADER_OR_FOLLOWER]).toEqual([-1, 0, 6]);
    for (const [name, { code }] of Object.entries(errors)) expect(String(errorName(code))).toBe(name);
    expect(errorName(9999)).toBe("UNKNOWN_SERVER_ERROR");
    expect(errorInfo(3).retriable).toBe(true);
  });
});

describe("ProtocolError", () => {
  test("carries its code, and says what the code means unless told better", () => {
    const plain = new ProtocolError(ErrorCode.INVALID_GROUP_ID);
    expect([plain.code, plain.message, plain.isRetriable]).toEqual([24, "The group id is not valid", false]);
    const cause = new Error("disk");
    const told = new ProtocolError(ErrorCode.KAFKA_STORAGE_ERROR, "Cannot append", { cause });
    expect([told.message, told.cause, told.isRetriable]).toEqual(["Cannot append", cause, true]);
    expect(told instanceof Error).toBe(true);
  });
});
