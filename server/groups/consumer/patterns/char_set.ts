/**
 * Sets of characters. Only what a topic's name can be made of matters, and that is ASCII: other characters are understood
 * where a pattern names them, and match nothing.
 */

/** 1 for each of the 128 that is in. */
export type CharSet = Uint8Array;

export interface Range {
  readonly first: number;
  readonly last: number;
}

const SIZE = 128;
/** Characters beyond ASCII that are a letter of it in another case. */
const foldedOutsiders: readonly (readonly [code: number, letter: string])[] = [[0x017f, "s"], [0x212a, "k"]];

export function setOf(ranges: readonly Range[], options: { readonly ignoreCase: boolean }): CharSet {
  const set = new Uint8Array(SIZE);
  for (const { first, last } of ranges) {
    for (let code = first; code <= last && code < SIZE; code++) set[code] = 1;
  }
  if (!options.ignoreCase) return set;
  for (const [code, letter] of foldedOutsiders) {
    if (ranges.some(({ first, last }) => first <= code && code <= last)) set[letter.charCodeAt(0)] = 1;
  }
  for (let upper = 65; upper <= 90; upper++) {
    const lower = upper + 32;
    if (set[upper] === 1 || set[lower] === 1) set[upper] = set[lower] = 1;
  }
  return set;
}

export function without(set: CharSet): CharSet {
  return set.map((isIn) => 1 - isIn);
}

export const anyChar: CharSet = new Uint8Array(SIZE).fill(1);
export const anyCharButNewline: CharSet = without(setOf([{ first: 10, last: 10 }], { ignoreCase: false }));

const digit = "0-9";
const space = "\t\n\f\r ";
const word = "0-9A-Z_a-z";

/** \d, \s, \w; in capitals, all others. */
export const perlClasses: Readonly<Record<string, string>> = { d: digit, s: space, w: word };

/** [:name:] */
export const namedClasses: Readonly<Record<string, string>> = {
  alnum: "0-9A-Za-z",
  alpha: "A-Za-z",
  ascii: "\x00-\x7f",
  blank: "\t ",
  cntrl: "\x00-\x1f\x7f",
  digit,
  graph: "!-~",
  lower: "a-z",
  print: " -~",
  punct: "!-/:-@[-`{-~",
  space: "\t\n\v\f\r ",
  upper: "A-Z",
  word,
  xdigit: "0-9A-Fa-f",
};

/** "a-z_" as ranges. */
export function rangesOf(text: string): Range[] {
  const ranges: Range[] = [];
  for (let index = 0; index < text.length; index++) {
    const first = text.charCodeAt(index);
    if (text[index + 1] === "-" && index + 2 < text.length) {
      ranges.push({ first, last: text.charCodeAt(index + 2) });
      index += 2;
    } else ranges.push({ first, last: first });
  }
  return ranges;
}

/** Of a general category or a script; null when there is none of that name. */
export function unicodeRanges(name: string): Range[] | null {
  if (name === "Any") return [{ first: 0, last: 0x10ffff }];
  const isCategory = /^[CLMNPSZ][a-z]?$/.test(name);
  if (!isCategory && !/^[A-Z][A-Za-z_]+$/.test(name)) return null;
  let pattern: RegExp;
  try {
    pattern = new RegExp(isCategory ? `^\\p{${name}}$` : `^\\p{Script=${name}}$`, "u");
  } catch {
    return null;
  }
  const ranges: Range[] = [];
  const codes = [...Array(SIZE).keys(), ...foldedOutsiders.map(([code]) => code)];
  for (const code of codes) if (pattern.test(String.fromCodePoint(code))) ranges.push({ first: code, last: code });
  return ranges;
}

/** The ranges between these, up to the last character there is. */
export function inverted(ranges: readonly Range[]): Range[] {
  const rest: Range[] = [];
  let next = 0;
  for (const { first, last } of [...ranges].sort((one, other) => one.first - other.first)) {
    if (first > next) rest.push({ first: next, last: first - 1 });
    next = Math.max(next, last + 1);
  }
  if (next <= 0x10ffff) rest.push({ first: next, last: 0x10ffff });
  return rest;
}
