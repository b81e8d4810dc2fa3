/** What a scenario is, and what it has at hand. */

import type { Client } from "../../client/client.ts";

export interface Stage {
  /** The broker's, "host:port". */
  readonly address: string;
  /** Ours, to feed and to judge. */
  readonly client: Client;
  /** An empty folder of the scenario's own. */
  readonly files: string;
  /** A short scenario has less of everything. */
  readonly isShort: boolean;
  readonly seed: number;
  /** Says what goes on. */
  log(text: string): void;
}

/** What came of it, by name. Nothing in it comes by chance: it is the same on every broker. */
export type Outcome = Readonly<Record<string, unknown>>;

export interface Scenario {
  readonly name: string;
  /** Its folder here. */
  readonly framework: string;
  /** Run by `--short` too. */
  readonly isInGate: boolean;
  /** @throws {Error} when something is lost, there twice, or wrong */
  run(stage: Stage): Promise<Outcome>;
}
