import { expect, test } from "bun:test";
import { noEntries, SmallMap } from "../../../../server/groups/small_map.ts";
import { RandomRun, testRandomRuns } from "../../../support/random_runs.ts";

testRandomRuns("a small map is what a Map is, however many entries come and go", 100, (seed) => {
  const run = new RandomRun(seed);
  const expected = new Map<string | number, number>();
  let map = new SmallMap<string | number, number>();
  const keyCount = run.pick([2, 8, 10, 20]);
  for (let round = 0; round < 200; round++) {
    const key = run.chance(0.5) ? run.below(keyCount) : `${run.below(keyCount)}`;
    if (run.chance(0.45)) expect(map.delete(key)).toBe(expected.delete(key));
    else {
      expect(map.set(key, round)).toBe(map);
      expected.set(key, round);
    }
    if (run.chance(0.02)) {
      map.clear();
      expected.clear();
    }
    if (run.chance(0.1)) map = new SmallMap(run.chance(0.5) ? map : expected);
    check(map, expected, key);
  }
});

test("a copy of a small map goes its own way", () => {
  for (const count of [0, 1, 8, 9]) {
    const map = new SmallMap(Array.from({ length: count }, (_, index) => [index, index] as const));
    const copy = new SmallMap(map).set(0, -1).set(100, 100);
    expect(copy.get(100)).toBe(100);
    expect(map.get(0)).toBe(count === 0 ? undefined : 0);
    expect(map.has(100)).toBe(false);
    expect(map.size).toBe(count);
  }
});

test("a copy of what all share that have no entries leaves it empty", () => {
  new SmallMap(noEntries<string, number>()).set("a", 1);
  new SmallMap<string, number>().set("a", 1).set("b", 2);
  expect(noEntries().size).toBe(0);
  expect(new SmallMap().size).toBe(0);
});

test("entries may be taken out of a small map on the way through it", () => {
  for (const count of [3, 9]) {
    const map = new SmallMap(Array.from({ length: count }, (_, index) => [index, index] as const));
    const seen: number[] = [];
    for (const key of map.keys()) {
      seen.push(key);
      map.delete(key);
    }
    expect(seen).toEqual(Array.from({ length: count }, (_, index) => index));
    expect(map.size).toBe(0);
  }
});

function check(
  map: ReadonlyMap<string | number, number>,
  expected: Map<string | number, number>,
  key: string | number,
) {
  expect(map.size).toBe(expected.size);
  expect(map.get(key)).toBe(expected.get(key));
  expect(map.has(key)).toBe(expected.has(key));
  expect([...map]).toEqual([...expected]);
  expect([...map.keys()]).toEqual([...expected.keys()]);
  expect([...map.values()]).toEqual([...expected.values()]);
  const pairs: [string | number, number][] = [];
  map.forEach((value, each) => pairs.push([each, value]));
  expect(pairs).toEqual([...expected]);
}
