/**
 * Every decoder and every state machine has a random test. The list of them is read from the source: one that is new is here before
 * anybody has thought of it, and fails until a random test names it, or until `registry.ts` says through what one reaches it.
 */
import { expect, test } from "bun:test";
import { type SourceFile, sourceFiles } from "../support/source.ts";
import { namedByRandomTests, reachedThrough, type Target, targetsOf, valuesImported } from "./registry.ts";

const files = sourceFiles();
const byPath = new Map(files.map((file) => [file.path, file]));
const targets = files.flatMap(targetsOf);
const named = namedByRandomTests(files);

test("every decoder and state machine is given random input", () => {
  const through = new Set(Object.values(reachedThrough).flat());
  const missing = targets.filter((target) => !named.has(target) && !through.has(target));
  if (missing.length > 0) {
    throw new Error(`no test in tests/fuzz or tests/simulation gives these random input:\n  ${missing.join("\n  ")}`);
  }
});

test("what is reached through something else is there, is not named, and can be reached", () => {
  const known = new Set(targets);
  const reachable = new Map<string, ReadonlySet<string>>();
  for (const [by, reached] of Object.entries(reachedThrough)) {
    const path = by.slice(0, by.indexOf(" "));
    expect([by, named.has(by)]).toEqual([by, true]);
    if (!reachable.has(path)) reachable.set(path, importedBy(path));
    for (const target of reached) {
      expect([target, known.has(target), named.has(target)]).toEqual([target, true, false]);
      expect([target, reachable.get(path)!.has(target.slice(0, target.indexOf(" ")))]).toEqual([target, true]);
    }
  }
});

test("what is a decoder or a state machine is seen in the source, whatever it is called", () => {
  const seen = (path: string, text: string): Target[] =>
    targetsOf({ path, folder: path.slice(0, path.indexOf("/")), text, code: text }).map((target) =>
      target.split(" ")[1]!
    );
  expect(seen(
    "server/x.ts",
    [
      "export function unfold<T>(",
      "  source: Uint8Array | null,",
      "): T {}",
      "export const parseThing = (text: string) => text;",
      "export function encodeThing(bytes: Uint8Array): void {}",
      "function own(bytes: Uint8Array): void {}",
      "export class Kept {",
      "  note(batch: BatchView): void {}",
      "}",
      "export class Other {",
      "  write(batch: Uint8Array): void {}",
      "}",
      "export function planThings(image: Image): MetadataRecord[] {}",
      "export function advanced(state: ThingState, nowMs: number): [ThingState, readonly Effect[]] {}",
    ].join("\n"),
  )).toEqual(["unfold", "parseThing", "planThings", "advanced", "Kept"]);
  expect(seen("server/things/step.ts", "export function advance(state: State): State {}")).toEqual(["advance"]);
  expect(seen("client/x.ts", "export function parseThing(text: string): void {}")).toEqual([]);
  // The conventions still fit the code: these are among what is found.
  for (
    const target of [
      "protocol/record.ts decodeRecords",
      "server/cluster/kraft_voters.ts KraftVoters",
      "server/cluster/feature_plans.ts planFeatureUpdates",
      "server/groups/streams/step.ts step",
      "storage/leader_epochs.ts LeaderEpochs",
    ]
  ) expect(targets).toContain(target);
});

/** Files that a file leads to. */
function importedBy(path: string, into = new Set<string>()): ReadonlySet<string> {
  if (into.has(path)) return into;
  into.add(path);
  for (const target of valuesImported(byPath.get(path) as SourceFile)) {
    importedBy(target.slice(0, target.indexOf(" ")), into);
  }
  return into;
}
