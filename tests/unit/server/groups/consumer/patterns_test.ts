import { describe, expect, test } from "bun:test";
import { ErrorCode, ProtocolError } from "../../../../../protocol/errors.ts";
import { checkPattern, compilePattern } from "../../../../../server/groups/consumer/patterns/pattern.ts";

const matching: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ["orders", ["orders"], ["orders2", "my-orders", ""]],
  ["", [""], ["a"]],
  ["orders-.*", ["orders-", "orders-1"], ["orders"]],
  ["a|b|", ["a", "b", ""], ["ab"]],
  ["(a|b)+", ["a", "abba"], ["", "abc"]],
  ["a*?b", ["b", "aab"], ["a"]],
  ["a{2}", ["aa"], ["a", "aaa"]],
  ["a{2,}", ["aa", "aaaa"], ["a"]],
  ["a{1,3}", ["a", "aaa"], ["", "aaaa"]],
  ["a{,3}", ["a{,3}"], ["aa"]],
  ["[a-c_]+", ["abc_"], ["d", "A"]],
  ["[^a-c]+", ["xyz", "A"], ["xaz"]],
  ["[]a]+", ["]a"], ["["]],
  ["[a\\-z]+", ["a-z"], ["b"]],
  ["[[:alpha:]]+", ["aZ"], ["1"]],
  ["[[:^digit:]]+", ["aZ"], ["1"]],
  ["\\d+\\.\\w+", ["12.a_1"], ["1.-"]],
  ["\\D\\W", ["a-"], ["1-", "aa"]],
  ["\\p{Lu}\\p{L}*\\PL", ["Ab1", "A-"], ["ab1"]],
  ["\\pN+", ["123"], ["a"]],
  ["\\p{Latin}+", ["abc"], ["1"]],
  ["(?i)orders", ["OrDeRs"], ["order"]],
  ["(?i:o)rders", ["Orders"], ["ORDERS"]],
  ["o(?i)r(?-i)d", ["oRd"], ["oRD"]],
  ["(?P<name>a)(?<other>b)", ["ab"], ["a"]],
  ["^a$", ["a"], ["^a$"]],
  ["\\Aa\\z", ["a"], []],
  ["a\\b-\\bb\\B", [], ["a-b"]],
  ["a\\b-b", ["a-b"], []],
  ["\\Qa.b*\\E+", ["a.b*", "a.b**"], ["axb*"]],
  ["\\x41\\x{42}\\103\\.", ["ABC."], []],
  ["(a*)*", ["", "aaa"], ["b"]],
  ["(a?){3}b", ["b", "aaab"], ["aaaab"]],
  [".", ["a"], ["", "ab"]],
];

test.each(matching)("%p matches as it should", (regex, matches, others) => {
  const program = compilePattern(regex);
  expect(matches.filter((name) => !program.matches(name))).toEqual([]);
  expect(others.filter((name) => program.matches(name))).toEqual([]);
});

const refused: readonly (readonly [string, string])[] = [
  ["(", "missing closing )"],
  ["a)", "unexpected )"],
  ["[a", "missing closing ]"],
  ["[b-a]", "invalid character class range"],
  ["[[:nothing:]]", "invalid character class range"],
  ["\\p{Nothing}", "invalid character class range"],
  ["*", "missing argument to repetition operator"],
  ["a|*", "missing argument to repetition operator"],
  ["a**", "invalid nested repetition operator"],
  ["a{1001}", "invalid repeat count"],
  ["a{3,2}", "invalid repeat count"],
  ["\\", "trailing backslash at end of expression"],
  ["\\q", "invalid escape sequence"],
  ["\\1", "invalid escape sequence"],
  ["(?=a)", "invalid or unsupported Perl syntax"],
  ["(?<!a)", "invalid named capture"],
  ["(?P<n>a)(?P<n>b)", "duplicate capture group name"],
  ["((a{100}){100}){100}", "expression too large"],
  ["(".repeat(1500), "expression nests too deeply"],
];

test.each(refused)("%p is refused", (regex, reason) => {
  try {
    checkPattern(regex);
    throw new Error("it was not");
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError);
    expect(error).toMatchObject({
      code: ErrorCode.INVALID_REGULAR_EXPRESSION,
      message: `SubscribedTopicRegex \`${regex}\` is not a valid regular expression: ${reason}.`,
    });
  }
});

describe("a pattern made to be slow", () => {
  test("is not tried on what no name is as long as", () => {
    const program = compilePattern("(a?){1000}(a?){1000}(a?){1000}(a?){1000}a*");
    expect([1_024, 1_025, 32_767].map((length) => program.matches("a".repeat(length)))).toEqual([true, false, false]);
  });

  test.each([["(a+)+b"], ["(a|a)*b"], ["(.*)(.*)(.*)(.*)(.*)b"], ["(a?){100}a{100}b"]])("%p is not", (regex) => {
    const program = compilePattern(regex);
    expect(program.matches("a".repeat(249))).toBe(false);
  });
});
