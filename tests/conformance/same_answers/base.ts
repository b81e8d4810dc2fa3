/** The notation of a base: a request that is as it should be, from which others are made by saying fields otherwise. */

import type { AnyApi, Api } from "../../../protocol/schema.ts";
import type { Talk } from "./talk.ts";

/** What a base is told of, its types forgotten. */
export interface Base {
  readonly api: AnyApi;
  readonly name: string;
  /** Where the base makes sense; all of the api's when left out. */
  readonly versions: readonly [min: number, max: number];
  /** Nothing else is asked meanwhile: Kafka would answer several together. */
  readonly isAlone: boolean;
  prepare(talk: Talk): Promise<unknown>;
  /** May say more than a version has: that is left out. */
  draft(prepared: unknown, talk: Talk): object;
  /** Looks at what the request has done; notes answers. */
  probe(talk: Talk, prepared: unknown): Promise<void>;
}

export interface BaseOf<QD, P> {
  readonly versions?: readonly [min: number, max: number];
  readonly isAlone?: boolean;
  /** Makes, on one side, what the request needs, anew for each question. */
  readonly prepare?: (talk: Talk) => Promise<P>;
  readonly draft: (prepared: P, talk: Talk) => QD;
  readonly probe?: (talk: Talk, prepared: P) => Promise<void>;
}

export function base<Q, QD, R, RD, P = void>(api: Api<Q, QD, R, RD>, name: string, parts: BaseOf<QD, P>): Base {
  const { versions = api.versions, isAlone = false, prepare, draft, probe } = parts;
  return {
    api,
    name,
    versions,
    isAlone,
    prepare: async (talk) => await prepare?.(talk),
    draft: (prepared, talk) => draft(prepared as P, talk) as object,
    probe: async (talk, prepared) => await probe?.(talk, prepared as P),
  };
}
