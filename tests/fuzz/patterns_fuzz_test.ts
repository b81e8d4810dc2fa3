/**
 * Regular expressions that members of groups subscribe with. Whatever was sent ends in a program or in PatternError, and matches
 * any name in time that grows with the two and no faster; what JavaScript's expressions say, too, matches as they do.
 *
 *     SEED=123 bun test tests/fuzz/patterns_fuzz_test.ts        the run that failed, again
 *     ROUNDS=1000000 bun test tests/fuzz/patterns_fuzz_test.ts  a long one
 */
import { describe, expect } from "bun:test";
import { compilePattern } from "../../server/groups/consumer/patterns/pattern.ts";
import { PatternError } from "../../server/groups/consumer/patterns/syntax.ts";
import type { Chance } from "./damage.ts";
import { roundsOf } from "./rounds.ts";

const eachRound = roundsOf("patterns", 3_000);

const nameLengthMax = 249;
const pieces = "a b - . * + ? | ( ) [ ] ^ $ { } , 0 1 9 \\ (?: (?i) (?P<n> (?<n> (?=  [^ a-z [[:alpha:]] [[:^digit:]]"
  .split(" ")
  .concat(
    "\\d \\W \\pL \\p{Greek} \\P{Lu} \\b \\B \\A \\z \\Q \\E \\x41 \\x{10FFFF} \\103 {2} {0,} {1000} {1001}".split(" "),
  )
  .concat([" ", "é", "\u{1f600}", "\ud800", "\u0000", "\n"]);

describe("a pattern", () => {
  let programCount = 0;
  let matchCount = 0;

  eachRound("of any text is a program or an error, and matches any name or not", (chance) => {
    const regex = chance.text(pieces, 12);
    const name = chance.text(["a", "b", "-", "é", "A", "1"], 20).padEnd(chance.pick([0, nameLengthMax]), "a");
    try {
      compilePattern(regex).matches(name);
      programCount++;
    } catch (error) {
      if (!(error instanceof PatternError)) throw new Error(`of ${JSON.stringify(regex)}`, { cause: error });
    }
  }, (rounds) => expect(programCount).toBeGreaterThan(rounds / 20 - 1));

  eachRound("that JavaScript reads as well matches the same names", (chance) => {
    const regex = patternOf(chance, 3);
    const program = compilePattern(regex);
    const theirs = new RegExp(`^(?:${regex})$`, "u");
    for (let count = 0; count < 5; count++) {
      const name = chance.text(["a", "b", "B", "-", "1"], 7);
      const isMatch = theirs.test(name);
      if (isMatch) matchCount++;
      expect({ regex, name, isMatch: program.matches(name) }).toEqual({ regex, name, isMatch });
    }
  }, (rounds) => expect(matchCount).toBeGreaterThan(rounds / 20 - 1));
});

function patternOf(chance: Chance, depth: number): string {
  const atom = () => chance.pick(["a", "b", "-", "1", ".", "[ab]", "[^a]", "[a-b1]", "\\d", "\\w", "\\W", "\\b"]);
  if (depth === 0) return atom();
  const inner = () => patternOf(chance, depth - 1);
  switch (chance.below(6)) {
    case 0:
      return `${inner()}|${inner()}`;
    case 1:
      return `(?:${inner()})${chance.pick(["*", "+", "?", "{2}", "{1,}", "{0,2}", "*?", "+?"])}`;
    case 2:
      return `(${inner()})`;
    default:
      return inner() + inner();
  }
}
