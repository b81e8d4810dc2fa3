import { describe, expect, test } from "bun:test";
import { parseProperties } from "../../../server/config/properties.ts";

function pairs(text: string): string[] {
  return parseProperties(text).map(({ name, value }) => `${name}|${value}`);
}

describe("properties file", () => {
  test.each([
    ["name and value are separated by an equals sign", "a=1", ["a|1"]],
    ["name and value are separated by a colon", "a:1", ["a|1"]],
    ["name and value are separated by space", "a 1", ["a|1"]],
    ["space around the separator belongs to neither", "  a \t=  1", ["a|1"]],
    ["only the first separator counts", "a=b=c:d", ["a|b=c:d"]],
    ["value may contain spaces and keeps those at its end", "a=b c  ", ["a|b c  "]],
    ["name without a value has an empty one", "a\nb=\nc:", ["a|", "b|", "c|"]],
    ["blank lines are nothing", "\n  \n\t\na=1\n\n", ["a|1"]],
    ["hash and exclamation mark begin comments", "# a=1\n  ! b=2\nc=3 # not a comment", ["c|3 # not a comment"]],
    ["lines end by any of the three line ends", "a=1\r\nb=2\rc=3\nd=4", ["a|1", "b|2", "c|3", "d|4"]],
    ["backslash at the end goes on in the next line", "a=1,\\\n    2,\\\n    3\nb=4", ["a|1,2,3", "b|4"]],
    ["two backslashes at the end are one backslash", "a=1\\\\\nb=2", ["a|1\\", "b|2"]],
    ["backslash at the end of the file is dropped", "a=1\\", ["a|1"]],
    ["comment does not go on in the next line", "# a=1\\\nb=2", ["b|2"]],
    ["comment sign in a continued line is part of the value", "a=1\\\n# 2", ["a|1# 2"]],
    ["escaped separators are part of the name", "a\\=b\\:c\\ d=1", ["a=b:c d|1"]],
    ["escapes are characters", "a=\\t\\n\\r\\f\\u0041\\u00e9", ["a|\t\n\r\fAé"]],
    ["backslash before any other character is dropped", "a=C:\\dir\\\\x", ["a|C:dir\\x"]],
  ])("%s", (_, text, expected) => {
    expect(pairs(text)).toEqual(expected);
  });

  test("property tells the line it begins on", () => {
    const lines = parseProperties("# head\na=1\\\n  2\n\nb=3").map(({ name, line }) => `${name}:${line}`);
    expect(lines).toEqual(["a:2", "b:5"]);
  });
});
