import { describe, expect, test } from "bun:test";
import {
  boolean,
  double,
  int,
  list,
  long,
  longMax,
  password,
  short,
  string,
} from "../../../server/config/definition.ts";
import { allowedText, ConfigError, formatConfig, parseConfig } from "../../../server/config/values.ts";

const text = "A config for tests.";

describe("config value", () => {
  test("LIST of the longest text that a request carries is read at once, whatever it holds", () => {
    const startMs = performance.now();
    for (let count = 0; count < 20; count++) parseConfig("x", list([], text), `a${" ".repeat(32_000)}b`);
    expect(performance.now() - startMs).toBeLessThan(2_000); // 0.4 s each, where spaces were looked for from each of them on
  });

  test.each([
    ["BOOLEAN true", boolean(false, text), " TRUE ", true, "true"],
    ["INT", int(0, text), " 12 ", 12, "12"],
    ["INT with a plus sign", int(0, text), "+12", 12, "12"],
    ["INT at its largest", int(0, text), "2147483647", 2_147_483_647, "2147483647"],
    ["SHORT at its smallest", short(0, text), "-32768", -32_768, "-32768"],
    ["LONG at its largest is without limit", long(0, text), "9223372036854775807", Infinity, "9223372036854775807"],
    ["LONG past 2^53 keeps its digits", long(0, text), "9007199254740993", Infinity, "9007199254740993"],
    ["LONG below 2^53", long(0, text), "9007199254740991", 9_007_199_254_740_991, "9007199254740991"],
    ["DOUBLE", double(0, text), "0.5", 0.5, "0.5"],
    ["whole DOUBLE", double(0, text), "1", 1, "1.0"],
    ["DOUBLE with an exponent", double(0, text), "1e10", 1e10, "1.0E10"],
    ["small DOUBLE", double(0, text), "0.0001", 0.0001, "1.0E-4"],
    ["LIST", list([], text), "a , b,c", ["a", "b", "c"], "a,b,c"],
    ["empty LIST", list([], text), "", [], ""],
    ["STRING", string("", text), " a b ", "a b", "a b"],
    ["empty STRING", string("", text), "", "", ""],
  ])("%s is parsed and shown as Java does", (_, definition, given, value, shown) => {
    const parsed = parseConfig("a.config", definition, given);
    expect(parsed.value).toEqual(value);
    expect(parsed.text).toBe(shown);
  });

  test.each([
    ["BOOLEAN", boolean(false, text), "yes", "true or false"],
    ["INT", int(0, text), "12x", "a whole number (INT)"],
    ["INT out of its bits", int(0, text), "2147483648", "a whole number (INT)"],
    ["INT without digits", int(0, text), "", "a whole number (INT)"],
    ["INT below its bound", int(0, text, { min: 1 }), "0", "a whole number (INT), at least 1"],
    ["INT beside its range", int(0, text, { min: 1, max: 9, or: -1 }), "0", "a whole number (INT) from 1 to 9, or -1"],
    ["LONG out of its bits", long(0, text), "9223372036854775808", "a whole number (LONG)"],
    ["DOUBLE", double(0, text), "half", "a number"],
    ["STRING", string("a", text, { oneOf: ["a", "b"] }), "c", "one of a, b"],
    ["empty STRING", string("a", text, { nonEmpty: true }), " ", "a text that is not empty"],
    ["LIST", list([], text, { oneOf: ["a", "b"] }), "a,c", "a list of a, b"],
    ["LIST with a hole", list([], text), "a,,b", "a list separated by commas"],
    ["LIST with a repetition", list([], text, { oneOf: ["a", "b"], distinct: true }), "a,a", "a list of a, b"],
  ])("bad %s is refused with what is allowed", (_, definition, given, allowed) => {
    expect(() => parseConfig("a.config", definition, given)).toThrow(
      new ConfigError("a.config", given, allowed).message,
    );
  });

  test("refusal names config, value, origin and what is allowed", () => {
    const error = new ConfigError("num.partitions", "x", "a whole number (INT), at least 1").withOrigin(
      "KAFKA_NUM_PARTITIONS",
    );
    expect(error.message).toBe(
      'Invalid value "x" for num.partitions (KAFKA_NUM_PARTITIONS): must be a whole number (INT), at least 1',
    );
  });

  test("refusal of a password does not show it", () => {
    const definition = { ...password(text), rules: { satisfies: { words: "long", test: () => false } } };
    expect(() => parseConfig("a.password", definition, "secret")).toThrow("(hidden)");
  });

  test("bound without a limit is shown as Kafka's largest number", () => {
    expect(allowedText(long(0, text, { max: longMax }))).toBe("a whole number (LONG), at most 9223372036854775807");
    expect(formatConfig("LONG", longMax)).toBe("9223372036854775807");
  });
});
