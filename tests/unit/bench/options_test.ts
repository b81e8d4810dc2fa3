import { describe, expect, test } from "bun:test";
import { readRunOptions } from "../../../bench/run/options.ts";

const today = new Date("2026-11-23T10:00:00Z");

describe("options of the bench", () => {
  test("are a whole run when nothing is said", () => {
    expect(readRunOptions([], today)).toEqual({
      rounds: 3,
      scale: 1,
      only: /./,
      weir: ["exe"],
      before: null,
      passes: ["os", "synced"],
      isFull: false,
      isShort: false,
      isList: false,
      name: "2026-11-23",
      generator: "limit",
      warmUpMebibytes: 512,
    });
  });

  test("are taken as they are said", () => {
    const args = ["--rounds", "1", "--scale=0.01", "--only", "^made", "--weir", "deno,exe", "--pass=synced", "--full"];
    expect(
      readRunOptions([...args, "--name", "first", "--warm-up", "8", "--list", "--generator=own", "--before=old/weir"]),
    ).toEqual({
      rounds: 1,
      scale: 0.01,
      only: /^made/,
      weir: ["deno", "exe"],
      before: "old/weir",
      passes: ["synced"],
      isFull: true,
      isShort: false,
      isList: true,
      name: "first",
      generator: "own",
      warmUpMebibytes: 8,
    });
  });

  test("are small for CI", () => {
    expect(readRunOptions(["--short"], today)).toMatchObject({ isShort: true, scale: 0.2, passes: ["os"] });
    expect(readRunOptions(["--short", "--scale", "2"], today)).toMatchObject({ scale: 2 });
  });

  test("are refused when there are none such", () => {
    const wrong = [
      ...[
        "--rounds=0",
        "--rounds=x",
        "--scale=-1",
        "--scale=",
        "--only=(",
        "--weir=kafka",
        "--weir=exe,",
        "--pass=all",
      ],
      ...["--warm-up=0", "--what", "more"],
    ];
    for (const arg of wrong) expect(() => readRunOptions([arg]), arg).toThrow();
  });
});
