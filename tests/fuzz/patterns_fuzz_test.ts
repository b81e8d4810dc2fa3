/**
 * Regular expressions that members of groups subscribe with. Whatever was sent ends in a program or in PatternError, and matches
 * any name in time that grows with the two and no faster; what JavaScript's expressions say, too, matches as they do.
 *
 *     SEED=123 bun test tests/fuzz/patterns_fuzz_test.ts        the run that failed, again
 *     ROUNDS=1000000 bun test tests/fuzz/patterns_fuzz_test.ts  a long one
 */
import { describe, expect, test } from "bun:test";
import process from "node:process";
import { compilePattern } from "../../server/groups/consumer/patterns/pattern.ts";
import { PatternError } from "../../server/groups/consumer/patterns/syntax.ts";
import { seedOf } from "../support/prng.ts";
import { Chance } from "./damage.ts";

const seed = seedOf(process.env.SEED);
const rounds = Number(process.env.ROUNDS ?? 3_000);
console.info(`patterns fuzz: SEED=${seed} ROUNDS=${rounds}`);

const nameLengthMax = 249;
const pieces = "a b - . * + ? | ( ) [ ] ^ $ { } , 0 1 9 \\ (?: (?i) (?P<n> (?<n> (?=  [^ a-z [[:alpha:]] [[:^digit:]]"
  .split(" ")
  .concat(
    "\\d \\W \\pL \\p{Greek} \\P{Lu} \\b \\B \\A \\z \\Q \\E \\x41 \\x{10FFFF} \\103 {2} {0,} {1000} {1001}".split(" "),
  )
  .concat([" ", "é", "\u{1f600}", "\ud800", "\u0000", "\n"]);

function eachRound(round: (chance: Chance) => void): void {
  for (let index = 0; index < rounds; index++) {
    try {
      round(new Chance(seed + index));
    } catch (error) {
      throw new Error(`SEED=${seed + index} ROUNDS=1`, { cause: error });
    }
  }
}

describe("a pattern", () => {
  test(`of any text is a program or an error, and matches any name or not (SEED=${seed})`, () => {
    let programCount = 0;
    eachRound((chance) => {
      const regex = chance.text(pieces, 12);
      const name = chance.text(["a", "b", "-", "é", "A", "1"], 20).padEnd(chance.pick([0, nameLengthMax]), "a");
      try {
        compilePattern(regex).matches(name);
        programCount++;
      } catch (error) {
        if (!(error instanceof PatternError)) throw new Error(`of ${JSON.stringify(regex)}`, { cause: error });
      }
    });
    // If hardly anything is a pattern, the texts are too wild to reach the inside.
    expect(programCount).toBeGreaterThan(rounds / 20);
  }, { timeout: 3_600_000 });

  test(`that JavaScript reads as well matches the same names (SEED=${seed})`, () => {
    let matchCount = 0;
    eachRound((chance) => {
      const regex = patternOf(chance, 3);
      const program = compilePattern(regex);
      const theirs = new RegExp(`^(?:${regex})$`, "u");
      for (let count = 0; count < 5; count++) {
        const name = chance.text(["a", "b", "B", "-", "1"], 7);
        const isMatch = theirs.test(name);
        if (isMatch) matchCount++;
        expect({ regex, name, isMatch: program.matches(name) }).toEqual({ regex, name, isMatch });
      }
    });
    expect(matchCount).toBeGreaterThan(rounds / 20);
  }, { timeout: 3_600_000 });
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
