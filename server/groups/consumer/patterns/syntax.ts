/**
 * Reads a regular expression in RE2's syntax, as Kafka's group coordinator does: Perl's, without what cannot be matched in
 * linear time (look-around, back references).
 *
 *     xy  x|y  x*  x+  x?  x{n}  x{n,}  x{n,m}, each also with a ? after it
 *     .  [abc]  [^abc]  [a-z]  [[:alpha:]]  \d \D \s \S \w \W  \pN  \p{Greek}  \PN
 *     (x)  (?P<name>x)  (?<name>x)  (?:x)  (?i)  (?i:x), with the flags i, m, s, U
 *     ^  $  \A  \z  \b  \B  \a \f \n \r \t \v  \123  \x7F  \x{10FFFF}  \Q…\E  \ before punctuation
 *
 * What is wrong with one is said in RE2's words.
 */
import {
  anyChar,
  anyCharButNewline,
  type CharSet,
  inverted,
  namedClasses,
  perlClasses,
  type Range,
  rangesOf,
  setOf,
  unicodeRanges,
  without,
} from "./char_set.ts";

export type Node =
  | { readonly kind: "set"; readonly set: CharSet }
  | { readonly kind: "sequence"; readonly parts: readonly Node[] }
  | { readonly kind: "choice"; readonly parts: readonly Node[] }
  /** `max` -1: no limit. */
  | { readonly kind: "repeat"; readonly part: Node; readonly min: number; readonly max: number }
  | { readonly kind: "assert"; readonly what: "begin" | "end" | "boundary" | "noBoundary" };

export class PatternError extends Error {
  override readonly name = "PatternError";
}

const repeatMax = 1000;
const depthMax = 1000;
/** Names of groups and classes. */
const nameLengthMax = 256;

interface Flags {
  readonly ignoreCase: boolean;
  readonly dotIsAll: boolean;
}

export function parsePattern(text: string): Node {
  return new Parser(text).parse();
}

class Parser {
  readonly #chars: readonly string[];
  readonly #names = new Set<string>();
  #at = 0;
  #depth = 0;
  #flags: Flags = { ignoreCase: false, dotIsAll: false };

  constructor(text: string) {
    this.#chars = [...text];
  }

  parse(): Node {
    const node = this.#choice();
    if (this.#at < this.#chars.length) throw new PatternError("unexpected )");
    return node;
  }

  // -------------------------------------------------------------------------------------------- structure

  #choice(): Node {
    const parts = [this.#sequence()];
    while (this.#take("|")) parts.push(this.#sequence());
    return parts.length === 1 ? parts[0]! : { kind: "choice", parts };
  }

  #sequence(): Node {
    const parts: Node[] = [];
    let isRepeated = false;
    while (this.#at < this.#chars.length && !this.#isNext("|") && !this.#isNext(")")) {
      const times = this.#repetition();
      if (times === null) {
        // One that stands for itself counts as a repetition too: a slip of Kafka's library, kept, so that both refuse the same.
        isRepeated = this.#isNext("{");
        parts.push(...this.#atoms());
        continue;
      }
      if (isRepeated) throw new PatternError("invalid nested repetition operator");
      const part = parts.pop();
      if (part === undefined) throw new PatternError("missing argument to repetition operator");
      parts.push({ kind: "repeat", part, ...times });
      isRepeated = true;
    }
    return { kind: "sequence", parts };
  }

  /** What stands here, if it says how often something is repeated. */
  #repetition(): { readonly min: number; readonly max: number } | null {
    let times: { readonly min: number; readonly max: number };
    if (this.#take("*")) times = { min: 0, max: -1 };
    else if (this.#take("+")) times = { min: 1, max: -1 };
    else if (this.#take("?")) times = { min: 0, max: 1 };
    else {
      const counted = this.#counted();
      if (counted === null) return null;
      times = counted;
    }
    // Of a whole match it does not matter whether it was sought from the shorter or the longer end.
    this.#take("?");
    return times;
  }

  /** {n}, {n,} or {n,m}; anything else in braces is itself. */
  #counted(): { readonly min: number; readonly max: number } | null {
    if (!this.#isNext("{")) return null;
    const match = /^\{(\d+)(,(\d*))?\}/.exec(this.#rest(32));
    // RE2 takes a leading zero for a sign that no number was meant.
    if (match === null || /^0\d/.test(match[1]!) || /^0\d/.test(match[3] ?? "")) return null;
    const min = Number(match[1]);
    const max = match[2] === undefined ? min : match[3] === "" ? -1 : Number(match[3]);
    if (min > repeatMax || max > repeatMax || (max >= 0 && min > max)) throw new PatternError("invalid repeat count");
    this.#at += match[0].length;
    return { min, max };
  }

  /** One atom; more where a run of literals is quoted, none where flags are set. */
  #atoms(): Node[] {
    const char = this.#chars[this.#at]!;
    switch (char) {
      case "(":
        return this.#group();
      case "[":
        return [{ kind: "set", set: this.#class() }];
      case ".":
        this.#at++;
        return [{ kind: "set", set: this.#flags.dotIsAll ? anyChar : anyCharButNewline }];
      case "^":
        this.#at++;
        return [{ kind: "assert", what: "begin" }];
      case "$":
        this.#at++;
        return [{ kind: "assert", what: "end" }];
      case "\\":
        return this.#escaped();
      default:
        this.#at++;
        return [this.#literal(char.codePointAt(0)!)];
    }
  }

  #group(): Node[] {
    this.#at++;
    const flagsOutside = this.#flags;
    if (this.#take("?")) {
      const isOpen = this.#groupHead();
      if (!isOpen) return []; // flags for what follows
    }
    if (++this.#depth > depthMax) throw new PatternError("expression nests too deeply");
    const node = this.#choice();
    this.#depth--;
    if (!this.#take(")")) throw new PatternError("missing closing )");
    this.#flags = flagsOutside;
    return [node];
  }

  /** After "(?": a name, or flags. False when it ends there. */
  #groupHead(): boolean {
    const named = /^P?<(.*?)(>|$)/s.exec(this.#rest(nameLengthMax));
    if (named !== null) {
      const [whole, name, end] = named;
      if (end === "" || !/^[A-Za-z0-9_]+$/.test(name!)) throw new PatternError("invalid named capture");
      if (this.#names.has(name!)) throw new PatternError("duplicate capture group name");
      this.#names.add(name!);
      this.#at += [...whole].length;
      return true;
    }
    let isOn = true;
    let hasFlag = false;
    let flags = this.#flags;
    for (;;) {
      const char = this.#chars[this.#at++];
      switch (char) {
        case "i":
          flags = { ...flags, ignoreCase: isOn };
          hasFlag = true;
          break;
        case "s":
          flags = { ...flags, dotIsAll: isOn };
          hasFlag = true;
          break;
        case "m": // a topic's name is one line
        case "U": // nor does greed matter
          hasFlag = true;
          break;
        case "-":
          if (!isOn) throw new PatternError("invalid or unsupported Perl syntax");
          isOn = false;
          hasFlag = false;
          break;
        case ":":
        case ")":
          if (!isOn && !hasFlag) throw new PatternError("invalid or unsupported Perl syntax");
          this.#flags = flags;
          return char === ":";
        default:
          throw new PatternError("invalid or unsupported Perl syntax");
      }
    }
  }

  // -------------------------------------------------------------------------------------------- escapes

  #escaped(): Node[] {
    const next = this.#chars[this.#at + 1];
    switch (next) {
      case "A":
        this.#at += 2;
        return [{ kind: "assert", what: "begin" }];
      case "z":
        this.#at += 2;
        return [{ kind: "assert", what: "end" }];
      case "b":
        this.#at += 2;
        return [{ kind: "assert", what: "boundary" }];
      case "B":
        this.#at += 2;
        return [{ kind: "assert", what: "noBoundary" }];
      case "C":
        throw new PatternError("invalid escape sequence");
      case "Q":
        return this.#quoted();
    }
    const ranges = this.#classEscape();
    if (ranges !== null) return [{ kind: "set", set: this.#set(ranges) }];
    return [this.#literal(this.#charEscape())];
  }

  #quoted(): Node[] {
    this.#at += 2;
    const nodes: Node[] = [];
    while (this.#at < this.#chars.length) {
      if (this.#isNext("\\") && this.#chars[this.#at + 1] === "E") {
        this.#at += 2;
        break;
      }
      nodes.push(this.#literal(this.#chars[this.#at++]!.codePointAt(0)!));
    }
    return nodes;
  }

  /** \d, \pN and their like; null where something else is escaped. */
  #classEscape(): Range[] | null {
    const letter = this.#chars[this.#at + 1] ?? "";
    const perl = perlClasses[letter.toLowerCase()];
    if (perl !== undefined) {
      this.#at += 2;
      const ranges = rangesOf(perl);
      return letter === letter.toLowerCase() ? ranges : inverted(ranges);
    }
    return letter === "p" || letter === "P" ? this.#unicodeClass(letter === "P") : null;
  }

  #unicodeClass(isInverted: boolean): Range[] {
    this.#at += 2;
    let name = this.#chars[this.#at++];
    if (name === undefined) throw new PatternError("invalid character class range");
    if (name === "{") {
      const end = this.#chars.indexOf("}", this.#at);
      if (end < 0) throw new PatternError("invalid character class range");
      name = this.#chars.slice(this.#at, end).join("");
      this.#at = end + 1;
    }
    const isNegated = name.startsWith("^");
    const ranges = unicodeRanges(isNegated ? name.slice(1) : name);
    if (ranges === null) throw new PatternError("invalid character class range");
    return isInverted === isNegated ? ranges : inverted(ranges);
  }

  #charEscape(): number {
    this.#at++;
    const char = this.#chars[this.#at++];
    if (char === undefined) throw new PatternError("trailing backslash at end of expression");
    const control = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 }[char];
    if (control !== undefined) return control;
    if (char === "x") return this.#hexEscape();
    if (/^[0-7]$/.test(char)) {
      const digits = /^[0-7]{0,2}/.exec(this.#rest(2))![0];
      // \1 alone would refer to a group.
      if (char !== "0" && digits === "") throw new PatternError("invalid escape sequence");
      this.#at += digits.length;
      return parseInt(char + digits, 8);
    }
    const code = char.codePointAt(0)!;
    if (/^[A-Za-z0-9]$/.test(char)) throw new PatternError("invalid escape sequence");
    return code;
  }

  #hexEscape(): number {
    const match = /^(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]+)\})/.exec(this.#rest(64));
    const code = parseInt(match?.[1] ?? match?.[2] ?? "", 16);
    if (match === null || code > 0x10ffff) throw new PatternError("invalid escape sequence");
    this.#at += match[0].length;
    return code;
  }

  // -------------------------------------------------------------------------------------------- classes

  #class(): CharSet {
    this.#at++;
    const isNegated = this.#take("^");
    const ranges: Range[] = [];
    for (let isFirst = true; isFirst || !this.#isNext("]"); isFirst = false) {
      if (this.#at >= this.#chars.length) throw new PatternError("missing closing ]");
      const named = this.#namedClass() ?? (this.#isNext("\\") ? this.#classEscape() : null);
      if (named === null) ranges.push(this.#classRange());
      else ranges.push(...named);
    }
    this.#at++;
    const set = this.#set(ranges);
    return isNegated ? without(set) : set;
  }

  #namedClass(): Range[] | null {
    if (!this.#isNext("[") || this.#chars[this.#at + 1] !== ":") return null;
    const match = /^\[:(.*?):\]/s.exec(this.#rest(nameLengthMax));
    if (match === null) return null;
    const isInverted = match[1]!.startsWith("^");
    const text = namedClasses[isInverted ? match[1]!.slice(1) : match[1]!];
    if (text === undefined) throw new PatternError("invalid character class range");
    this.#at += [...match[0]].length;
    return isInverted ? inverted(rangesOf(text)) : rangesOf(text);
  }

  #classRange(): Range {
    const first = this.#classChar();
    if (!this.#isNext("-") || this.#chars[this.#at + 1] === undefined || this.#chars[this.#at + 1] === "]") {
      return { first, last: first };
    }
    this.#at++;
    const last = this.#classChar();
    if (last < first) throw new PatternError("invalid character class range");
    return { first, last };
  }

  #classChar(): number {
    const char = this.#chars[this.#at];
    if (char === undefined) throw new PatternError("missing closing ]");
    if (char === "\\") return this.#charEscape();
    this.#at++;
    return char.codePointAt(0)!;
  }

  // -------------------------------------------------------------------------------------------- pieces

  #literal(code: number): Node {
    return { kind: "set", set: this.#set([{ first: code, last: code }]) };
  }

  #set(ranges: readonly Range[]): CharSet {
    return setOf(ranges, this.#flags);
  }

  #isNext(char: string): boolean {
    return this.#chars[this.#at] === char;
  }

  #take(char: string): boolean {
    if (!this.#isNext(char)) return false;
    this.#at++;
    return true;
  }

  #rest(lengthMax: number): string {
    return this.#chars.slice(this.#at, this.#at + lengthMax).join("");
  }
}
