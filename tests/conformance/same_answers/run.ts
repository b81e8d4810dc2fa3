/**
 * Puts generated questions to Weir and to Apache Kafka, and compares the answers field by field.
 *
 * Each question is a conversation of its own on each side: what it needs is made anew, it is asked, what it has done is
 * looked at. Several questions are under way at once; none touches what another uses.
 */

import { apiVersions } from "../../../protocol/api/18_api_versions.ts";
import { getTelemetrySubscriptions } from "../../../protocol/api/71_get_telemetry_subscriptions.ts";
import { pushTelemetry } from "../../../protocol/api/72_push_telemetry.ts";
import { initCrc32c } from "../../../protocol/crc32c.ts";
import { BrokerProcess } from "../../support/broker.ts";
import type { Dialogue } from "../../support/dialogue.ts";
import { config } from "../answers/scripts.ts";
import { compareNotes, type Difference } from "./compare.ts";
import { isAbout, type Meant, meant, reasonFor } from "./differences.ts";
import { guardMemory } from "./guard.ts";
import { draftOf, isAlone, type Question, questionsOf, type Served } from "./questions.ts";
import { type Note, type Side, Talk } from "./talk.ts";
import { makeWorld, worldConfig } from "./world.ts";

export interface Finding extends Difference {
  readonly question: Question;
}

export interface Outcome {
  readonly questionCount: number;
  readonly apiCount: number;
  readonly findings: readonly Finding[];
  /** Differences that have a reason, by it. */
  readonly met: ReadonlyMap<Meant, number>;
  /** Differences that should have shown, and did not. */
  readonly unmet: readonly Meant[];
}

export interface RunOptions {
  readonly seed: number;
  readonly roundCount: number;
  readonly only?: RegExp;
  /** Is called with each difference that has no reason, as it is found. */
  readonly onFinding?: (finding: Finding) => void;
}

/** As many as keep both brokers busy; more would only make each wait longer. */
const questionsAtOnce = 8;
const kafkaReadyTimeoutMs = 120_000;

export async function askBoth(options: RunOptions): Promise<Outcome> {
  await initCrc32c();
  const settings = { ...config, ...worldConfig };
  const brokers = [
    BrokerProcess.start({ config: settings }),
    BrokerProcess.start({ target: "kafka", config: settings, readyTimeoutMs: kafkaReadyTimeoutMs }),
  ] as const;
  const dialogues: Dialogue[] = [];
  let guard: { stop(): void } | null = null;
  try {
    const [weir, kafka] = await Promise.all(brokers);
    guard = guardMemory(weir, (sizeBytes) => {
      console.error(`Weir is ended, for it takes ${Math.round(sizeBytes / 2 ** 20)} MiB: see the first that is closed`);
    });
    const worlds = await Promise.all([makeWorld(weir.port), makeWorld(kafka.port)]);
    dialogues.push(...worlds.map(({ dialogue }) => dialogue));
    return await askAll({
      weir: { name: "Weir", port: weir.port, world: worlds[0].world },
      kafka: { name: "Kafka", port: kafka.port, world: worlds[1].world },
    }, options);
  } finally {
    guard?.stop();
    for (const dialogue of dialogues) dialogue.close();
    for (const broker of await Promise.allSettled(brokers)) {
      if (broker.status === "fulfilled") await broker.value.dispose();
    }
  }
}

interface Sides {
  readonly weir: Side;
  readonly kafka: Side;
}

async function askAll(
  sides: Sides,
  { seed, roundCount, only, onFinding }: RunOptions,
): Promise<Outcome> {
  const served = await servedByBoth(sides);
  const findings: Finding[] = [];
  const met = new Map<Meant, number>();
  const questions = Array.from({ length: roundCount }, (_, round) => {
    return questionsOf({ seed, round, served, ...(only !== undefined && { only }) });
  }).flat();
  let runCount = 0;
  const ask = async (question: Question) => {
    const run = `${++runCount}`;
    const [weir, kafka] = await Promise.all([notesOf(sides.weir, question, run), notesOf(sides.kafka, question, run)]);
    for (const difference of [...compareNotes(weir, kafka), ...troubleOf(question, weir, kafka)]) {
      const finding = { ...difference, question };
      const reason = reasonFor(finding);
      if (reason === null) {
        findings.push(finding);
        onFinding?.(finding);
      } else met.set(reason, (met.get(reason) ?? 0) + 1);
    }
  };
  await Promise.all(lanes(questions.filter((question) => !isAlone(question)), questionsAtOnce, ask));
  await Promise.all(lanes(questions.filter(isAlone), 1, ask));
  const apiCount = new Set(questions.map(({ base }) => base.api.key)).size;
  return { questionCount: questions.length, apiCount, findings, met, unmet: unmetOf(questions, met) };
}

/** A question with two things wrong may have its answer for the other. */
function unmetOf(questions: readonly Question[], met: ReadonlyMap<Meant, number>): Meant[] {
  const simple = questions.filter(({ mutations }) => mutations.length < 2);
  return meant.filter((each) => !met.has(each) && simple.some((question) => isAbout(each, question)));
}

/** What could not be asked, or not be looked at, is no answer, though it be alike on both sides. */
function troubleOf({ mutations }: Question, weir: readonly Note[], kafka: readonly Note[]): Difference[] {
  const troubles = [weir, kafka].map((notes) => {
    const trouble = notes.find(({ label }) => label === "trouble");
    const isAsked = notes.some(({ label }) => label === "answer");
    return trouble !== undefined && (!isAsked || mutations.length === 0) ? String(trouble.answer) : null;
  });
  const [ours, theirs] = troubles;
  return ours === null && theirs === null ? [] : [{ path: "trouble", weir: `${ours}`, kafka: `${theirs}` }];
}

/** So many at once, each taking the next when it is done. */
function lanes(questions: readonly Question[], count: number, ask: (question: Question) => Promise<void>) {
  const left = questions.values();
  return Array.from({ length: count }, async () => {
    for (const question of left) await ask(question);
  });
}

async function notesOf(side: Side, question: Question, run: string) {
  const { base, version } = question;
  const talk = new Talk(side, run);
  try {
    const prepared = await base.prepare(talk);
    await talk.ask("answer", base.api, version, draftOf(question, prepared, talk));
    await base.probe(talk, prepared);
  } catch (error) {
    talk.fail(error);
  } finally {
    talk.close();
  }
  return talk.notes;
}

/** Kafka serves these, and lists them only where a plugin takes what clients report. */
const unlisted = [getTelemetrySubscriptions, pushTelemetry];

async function servedByBoth({ weir, kafka }: Sides): Promise<Served> {
  const [ours, theirs] = await Promise.all([weir, kafka].map(servedBy));
  const both = new Map<number, readonly [number, number]>();
  for (const [key, [min, max]] of ours!) {
    const other = theirs!.get(key);
    if (other !== undefined) both.set(key, [Math.max(min, other[0]), Math.min(max, other[1])]);
  }
  for (const { key, versions } of unlisted) both.set(key, versions);
  return both;
}

async function servedBy(side: Side): Promise<Served> {
  const talk = new Talk(side, "versions");
  const client = await talk.dialogue.main();
  const { apiKeys } = await client.send(apiVersions, 0, {});
  talk.close();
  return new Map(apiKeys.map(({ apiKey, minVersion, maxVersion }) => [apiKey, [minVersion, maxVersion]]));
}
