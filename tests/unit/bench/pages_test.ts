import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { charts, pages, section, sectionOf } from "../../../bench/report/pages.ts";

describe("what the pages say of the bench", () => {
  for (const page of pages) {
    test(`is in ${page} as the results have it`, () => {
      const { run, section: written } = sectionOf(page);
      expect(written === section(page, run), `run "npm run bench:pages -- ${run}"`).toBe(true);
    });
  }

  test("is drawn from the same run", () => {
    const { run } = sectionOf("docs/performance.md");
    const stale = [...charts(run)].filter(([path, text]) => readFileSync(path, "utf8") !== text).map(([path]) => path);
    expect(stale, `run "npm run bench:pages -- ${run}"`).toEqual([]);
    expect(readdirSync("docs/charts").length).toBe(charts(run).size);
  });

  test("is of one run", () => {
    expect(new Set(pages.map((page) => sectionOf(page).run)).size).toBe(1);
  });
});
