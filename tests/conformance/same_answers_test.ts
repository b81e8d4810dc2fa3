/**
 * The same question, the same answer: a generated set of requests, each api at each version that both serve, is put to Weir
 * and to Apache Kafka, and the answers are compared field by field, but for the differences that docs/differences.md
 * explains. `npm run answers -- --seed N --rounds M` asks others.
 */

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { apis } from "../../protocol/apis.ts";
import { encodeRequestFrame } from "../../protocol/frame.ts";
import { offsetCommit } from "../../protocol/api/08_offset_commit.ts";
import { root, target } from "../support/broker.ts";
import { whyNoKafka } from "../support/kafka_peer.ts";
import { compareNotes } from "./same_answers/compare.ts";
import { meant } from "./same_answers/differences.ts";
import { mutated, mutationsOf, plainest } from "./same_answers/mutations.ts";
import { questionsOf } from "./same_answers/questions.ts";
import { isNeverAsked } from "./same_answers/unasked.ts";
import { report } from "./same_answers/report.ts";
import { askBoth } from "./same_answers/run.ts";

const seed = Number(process.env.SEED ?? 1);
const timeoutMs = 300_000;
const reason = whyNoKafka();
if (reason !== null) console.warn(`skipped: the same questions to Kafka, for ${reason}`);

describe("the same questions", () => {
  // Once for all targets: this is about what is answered, which does not depend on where we run.
  test.skipIf(reason !== null || target !== "bun")("have the same answers", async () => {
    const outcome = await askBoth({ seed, roundCount: 1 });
    console.info(`same answers: SEED=${seed}, ${outcome.questionCount} questions of ${outcome.apiCount} apis`);
    expect(outcome.apiCount).toBeGreaterThan(70);
    expect(outcome.questionCount).toBeGreaterThan(1_900);
    if (outcome.findings.length > 0) throw new Error(`SEED=${seed}: ${report(outcome)}`);
    expect(outcome.unmet).toEqual([]); // a difference that is no more
  }, timeoutMs);

  test("that are meant to have different answers have their reasons in docs/differences.md", () => {
    const page = readFileSync(join(root, "docs/differences.md"), "utf8");
    for (const { heading } of meant) expect(page).toContain(`\n## ${heading}\n`);
  });
});

/** Produce v0 to v2: Kafka 4 lists them, and refuses them. */
const unbased = ["Produce 0", "Produce 1", "Produce 2"];

describe("generated questions", () => {
  const served = new Map(apis.map(({ key, versions }) => [key, versions]));

  test("are the same for the same seed, and others for another", () => {
    const labels = (seed: number) => questionsOf({ seed, round: 0, served }).map(({ label }) => label);
    expect(labels(1)).toEqual(labels(1));
    expect(labels(2)).not.toEqual(labels(1));
  });

  test("are of every api at every version", () => {
    const asked = new Set(
      questionsOf({ seed, round: 0, served }).map(({ base, version }) => `${base.api.name} ${version}`),
    );
    const missing = apis.filter((api) => !isNeverAsked(api)).flatMap(({ name, versions: [first, last] }) =>
      Array.from({ length: last - first + 1 }, (_, index) => `${name} ${first + index}`)
    ).filter((each) => !asked.has(each));
    expect(missing).toEqual(unbased);
  });

  test("say every field of a request otherwise", () => {
    const mutations = mutationsOf(offsetCommit, 9);
    const fields = new Set(mutations.map(({ path }) => path.join(".")));
    expect([...fields]).toEqual([
      "groupId",
      "generationIdOrMemberEpoch",
      "memberId",
      "groupInstanceId",
      "topics",
      "topics.0.name",
      "topics.0.partitions",
      "topics.0.partitions.0.partitionIndex",
      "topics.0.partitions.0.committedOffset",
      "topics.0.partitions.0.committedLeaderEpoch",
      "topics.0.partitions.0.committedMetadata",
    ]);
  });

  test("can be written in their versions", () => {
    const named = (name: string) => `${name}.1`;
    for (const api of apis) {
      for (let version = api.versions[0]; version <= api.versions[1]; version++) {
        for (const mutation of mutationsOf(api, version)) {
          const draft = mutated(plainest(api, version), [mutation], named);
          expect(() => encodeRequestFrame(api, version, 1, "c", draft)).not.toThrow();
        }
      }
    }
  });
});

describe("compared answers", () => {
  const note = (answer: unknown) => [{ label: "answer", answer }];

  test("are the same in another order of what has a name", () => {
    const [one, other] = [{ name: "a", partitions: [1, 2] }, { name: "b", partitions: [] }];
    expect(compareNotes(note({ topics: [one, other] }), note({ topics: [other, one] }))).toEqual([]);
  });

  test("differ by the field that differs", () => {
    const topics = (errorCode: string) =>
      note({ topics: [{ name: "a", errorCode }, { name: "b", errorCode: "NONE" }] });
    expect(compareNotes(topics("NONE"), topics("INVALID_REQUEST"))).toEqual([
      { path: "answer.topics[0].errorCode", weir: '"NONE"', kafka: '"INVALID_REQUEST"' },
    ]);
  });

  test("differ where one has more, and where one is none", () => {
    expect(compareNotes(note([1]), note([1, 2]))).toEqual([{ path: "answer", weir: "[1]", kafka: "[1,2]" }]);
    expect(compareNotes(note("closed"), note({ errorCode: "NONE" }))).toEqual([
      { path: "answer", weir: '"closed"', kafka: '{"errorCode":"NONE"}' },
    ]);
    expect(compareNotes([], note("closed"))).toHaveLength(1);
  });
});
