import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { pagePath, protocolSupportPage } from "../../scripts/protocol_support.ts";

test("docs/protocol_support.md is what its generator prints", () => {
  expect(readFileSync(pagePath, "utf8")).toBe(protocolSupportPage());
});
