/** Where Weir's answers are meant to differ, each by the heading of docs/differences.md that gives the reason. */

import type { Finding } from "./run.ts";
import type { Question } from "./questions.ts";

export interface Meant {
  readonly heading: string;
  readonly api: string;
  /** Of the question; all of the api's when left out. */
  readonly asked?: RegExp;
  /** Of the field's path, with the note's label in front. */
  readonly at?: RegExp;
}

export const meant: readonly Meant[] = [
  { heading: "Errors that say more", api: "DescribeShareGroupOffsets", asked: /groups\.topics\.partitions none/ },
  { heading: "Errors that say more", api: "OffsetFetch", asked: /a consumer's.*groups\.memberId null/ },
  { heading: "Errors that say more", api: "AlterUserScramCredentials", asked: /saltedPassword no bytes/ },
  { heading: "Errors that say more", api: "CreateDelegationToken", asked: /ownerPrincipalType null/ },
  {
    heading: "Errors that say more",
    api: "StreamsGroupHeartbeat",
    asked: /a first member,.*clientTags its first twice/,
  },
  { heading: "Client metrics are kept", api: "PushTelemetry", asked: /metrics (3 bytes|70 zeros)/ },
];

export function reasonFor({ question, path }: Finding): Meant | null {
  return meant.find((each) => isAbout(each, question) && (each.at?.test(path) ?? true)) ?? null;
}

export function isAbout({ api, asked }: Meant, { base, label }: Question): boolean {
  return api === base.api.name && (asked?.test(label) ?? true);
}
