/**
 * What is asked in one round: each base at each version that both brokers serve, as it should be; and of all that its fields could
 * say otherwise, one or two at once and at versions that chance picks, as many as chance picks too.
 *
 * The same seed, round and versions give the same questions in the same order.
 */

import { apis } from "../../../protocol/apis.ts";
import type { AnyApi } from "../../../protocol/schema.ts";
import { createPrng } from "../../support/prng.ts";
import { type Base, base } from "./base.ts";
import { bases } from "./bases/table.ts";
import { areNested, fitted, labelOf, mutated, type Mutation, mutationsOf, plainest } from "./mutations.ts";
import type { Talk } from "./talk.ts";
import { isAskable } from "./unasked.ts";
import { isShared } from "./values.ts";

export interface Question {
  readonly base: Base;
  readonly version: number;
  readonly mutations: readonly Mutation[];
  readonly label: string;
}

/** By an api's key: versions that both serve. */
export type Served = ReadonlyMap<number, readonly [min: number, max: number]>;

export interface Choice {
  readonly seed: number;
  readonly round: number;
  readonly served: Served;
  /** Of the names of apis. */
  readonly only?: RegExp;
}

/** How many pairs of fields each base could be asked with. */
const pairsPerBase = 12;
/** How many of all the questions that there are a round asks of each base, beside those that are as they should be. */
const askedPerBase = 24;

export function questionsOf({ seed, round, served, only = /./ }: Choice): Question[] {
  const questions = allBases(served).filter(({ api }) => only.test(api.name)).flatMap((each) => {
    const [first, last] = versionsOf(each, served);
    return first > last ? [] : ofBase(each, first, last, createPrng(seed + 7_919 * round + hash(each)));
  });
  return questions.filter(isAskable);
}

export function draftOf({ base: { api, draft }, version, mutations }: Question, prepared: unknown, talk: Talk): object {
  return mutated(fitted(api, version, draft(prepared, talk)), mutations, talk.named);
}

/** Whether it may use what another question uses too: then no other must be under way. */
export function isAlone({ base, mutations }: Question): boolean {
  return base.isAlone || mutations.some(({ change }) => isShared(change));
}

/** What is written down, and for an api that nobody has written one for, its defaults. */
function allBases(served: Served): Base[] {
  const written = new Set(bases.map(({ api }) => api.key));
  const others = apis.filter(({ key }) => served.has(key) && !written.has(key));
  return [
    ...bases,
    ...others.map((api) => base(api, "of defaults", { draft: () => plainest(api, served.get(api.key)![1]) })),
  ];
}

function versionsOf({ api, versions }: Base, served: Served): readonly [number, number] {
  const [min, max] = served.get(api.key) ?? [1, 0];
  return [Math.max(min, versions[0]), Math.min(max, versions[1])];
}

function ofBase(each: Base, first: number, last: number, random: () => number): Question[] {
  const versions = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  const below = (limit: number) => Math.floor(random() * limit);
  const pick = <T>(from: readonly T[]): T => from[below(from.length)]!;
  const plain = versions.map((version) => question(each, version, []));

  const byLabel = new Map<string, [version: number, mutation: Mutation][]>();
  for (const version of versions) {
    for (const mutation of mutationsOf(each.api, version)) {
      const label = labelOf(mutation);
      byLabel.set(label, [...byLabel.get(label) ?? [], [version, mutation]]);
    }
  }
  const single = [...byLabel.values()].map((places) => {
    const [version, mutation] = pick(places);
    return question(each, version, [mutation]);
  });
  const pairs: Question[] = [];
  for (let tries = 0; tries < pairsPerBase; tries++) {
    const version = pick(versions);
    const all = mutationsOf(each.api, version);
    if (all.length < 2) continue;
    const [one, other] = [pick(all), pick(all)];
    if (!areNested(one, other) && !areNested(other, one)) pairs.push(question(each, version, [one, other]));
  }
  const wrong = [...single, ...pairs].map((one) => ({ one, rank: random() })).sort((a, b) => a.rank - b.rank);
  return [...plain, ...wrong.slice(0, askedPerBase).map(({ one }) => one)];
}

function question(each: Base, version: number, mutations: readonly Mutation[]): Question {
  const said = mutations.length === 0 ? "" : `, ${mutations.map(labelOf).join(", ")}`;
  return { base: each, version, mutations, label: `${each.api.name} v${version}: ${each.name}${said}` };
}

/** So that one base's questions do not depend on which others there are. */
function hash({ api, name }: { readonly api: AnyApi; readonly name: string }): number {
  let value = api.key;
  for (const letter of name) value = (Math.imul(value, 31) + letter.charCodeAt(0)) | 0;
  return value >>> 0;
}
