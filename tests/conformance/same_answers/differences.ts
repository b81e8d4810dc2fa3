/** Where Weir's answers are meant to differ, each by the heading of docs/differences.md that gives the reason. */

import type { Finding } from "./run.ts";

export interface Meant {
  readonly heading: string;
  readonly api: string;
  /** Of the question; all of the api's when left out. */
  readonly asked?: RegExp;
  /** Of the field's path, with the note's label in front. */
  readonly at?: RegExp;
}

export const meant: readonly Meant[] = [];

export function reasonFor({ question, path }: Finding): Meant | null {
  return meant.find(({ api, asked, at }) =>
    api === question.base.api.name && (asked?.test(question.label) ?? true) && (at?.test(path) ?? true)
  ) ?? null;
}
