/**
 * Matches in time that grows with the text times the pattern, whatever the pattern: all ways through it are followed at
 * once, a character at a time (Thompson's construction). A client's pattern must not be able to stop the broker.
 */
import type { CharSet } from "./char_set.ts";
import { type Node, PatternError } from "./syntax.ts";

/** One pattern may cost so much per character of a text, and no more. */
const instructionsMax = 10_000;
/**
 * What is longer is matched by no pattern: 32,767 characters, which a client's id may have, kept the event loop for three seconds with
 * the largest pattern, and these keep it for a tenth of one. Names of topics have 249, ids of Kafka Streams' clients some 350.
 */
export const TEXT_LENGTH_MAX = 1_024;

type Assertion = (Node & { readonly kind: "assert" })["what"];

type Instruction =
  | { readonly kind: "char"; readonly set: CharSet }
  /** Both ways. */
  | { readonly kind: "fork"; first: number; other: number }
  | { readonly kind: "assert"; readonly what: Assertion }
  | { readonly kind: "end" };

export class Program {
  readonly #instructions: Instruction[] = [];
  /** The step in which each was last reached. */
  readonly #reachedIn: Int32Array;
  #step = 0;

  /** @throws {PatternError} when it is too large */
  constructor(pattern: Node) {
    this.#compile(pattern);
    this.#emit({ kind: "end" });
    this.#reachedIn = new Int32Array(this.#instructions.length);
  }

  /** Whether all of `text` is as the pattern says. */
  matches(text: string): boolean {
    if (text.length > TEXT_LENGTH_MAX) return false;
    this.#step = 0;
    this.#reachedIn.fill(0);
    let current: number[] = [];
    let next: number[] = [];
    this.#follow(0, text, 0, current);
    for (let at = 0; at < text.length && current.length > 0; at++) {
      const code = text.charCodeAt(at);
      next.length = 0;
      this.#step++;
      for (const index of current) {
        const instruction = this.#instructions[index]!;
        if (instruction.kind === "char" && instruction.set[code] === 1) this.#follow(index + 1, text, at + 1, next);
      }
      [current, next] = [next, current];
    }
    return current.some((index) => this.#instructions[index]!.kind === "end");
  }

  /** Adds every instruction that wants a character, or the end, and can be reached from here without one. */
  #follow(from: number, text: string, at: number, reached: number[]): void {
    const open = [from];
    for (let index = open.pop(); index !== undefined; index = open.pop()) {
      // Steps count from 0, what was never reached is 0 too.
      if (this.#reachedIn[index] === this.#step + 1) continue;
      this.#reachedIn[index] = this.#step + 1;
      const instruction = this.#instructions[index]!;
      if (instruction.kind === "fork") open.push(instruction.other, instruction.first);
      else if (instruction.kind !== "assert") reached.push(index);
      else if (holds(instruction.what, text, at)) open.push(index + 1);
    }
  }

  #compile(node: Node): void {
    switch (node.kind) {
      case "set":
        this.#emit({ kind: "char", set: node.set });
        break;
      case "assert":
        this.#emit(node);
        break;
      case "sequence":
        for (const part of node.parts) this.#compile(part);
        break;
      case "choice":
        this.#compileChoice(node.parts);
        break;
      case "repeat":
        this.#compileRepeat(node.part, node.min, node.max);
        break;
    }
  }

  #compileChoice(parts: readonly Node[]): void {
    const exits: { first: number; other: number }[] = [];
    for (const [index, part] of parts.entries()) {
      if (index === parts.length - 1) {
        this.#compile(part);
        break;
      }
      const fork = this.#emitFork();
      fork.first = this.#instructions.length;
      this.#compile(part);
      exits.push(this.#emitFork());
      fork.other = this.#instructions.length;
    }
    for (const exit of exits) exit.first = exit.other = this.#instructions.length;
  }

  #compileRepeat(part: Node, min: number, max: number): void {
    const before = this.#instructions.length;
    for (let count = 0; count < min; count++) {
      this.#compile(part);
      // An empty part is as good once as a thousand times, and a thousand times a thousand times.
      if (this.#instructions.length === before) return;
    }
    if (max === -1) {
      const start = this.#instructions.length;
      const fork = this.#emitFork();
      fork.first = this.#instructions.length;
      this.#compile(part);
      const back = this.#emitFork();
      back.first = back.other = start;
      fork.other = this.#instructions.length;
      return;
    }
    const exits: { other: number }[] = [];
    for (let count = min; count < max; count++) {
      const fork = this.#emitFork();
      fork.first = this.#instructions.length;
      this.#compile(part);
      exits.push(fork);
    }
    for (const exit of exits) exit.other = this.#instructions.length;
  }

  #emitFork(): { first: number; other: number } {
    const fork = { kind: "fork" as const, first: 0, other: 0 };
    this.#emit(fork);
    return fork;
  }

  #emit(instruction: Instruction): void {
    if (this.#instructions.length >= instructionsMax) throw new PatternError("expression too large");
    this.#instructions.push(instruction);
  }
}

function holds(what: Assertion, text: string, at: number): boolean {
  switch (what) {
    case "begin":
      return at === 0;
    case "end":
      return at === text.length;
    case "boundary":
      return isWord(text, at - 1) !== isWord(text, at);
    case "noBoundary":
      return isWord(text, at - 1) === isWord(text, at);
  }
}

function isWord(text: string, at: number): boolean {
  return /^\w$/.test(text.charAt(at));
}
