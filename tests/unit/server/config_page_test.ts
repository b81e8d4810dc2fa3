import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { configurationPage, pagePath } from "../../../scripts/configuration.ts";

test("docs/configuration.md is what its generator prints", () => {
  expect(readFileSync(pagePath, "utf8") === configurationPage()).toBe(true);
});
