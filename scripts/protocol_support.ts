/**
 * Prints docs/protocol_support.md from the tables that the broker itself uses: bun scripts/protocol_support.ts
 *
 * Versions served come from the handlers, names and flexible versions from the schemas, and what each version brought
 * from the head comment of the api's file. A test fails when the page is out of date.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { apis } from "../protocol/apis.ts";
import type { AnyApi } from "../protocol/schema.ts";
import { handlers } from "../server/handlers/table.ts";

export const pagePath = fileURLToPath(new URL("../docs/protocol_support.md", import.meta.url));
const apiFolder = fileURLToPath(new URL("../protocol/api", import.meta.url));

export function protocolSupportPage(): string {
  const rows = apis.map((api) => {
    const handler = handlers.find((candidate) => candidate.api.key === api.key);
    const served = handler === undefined ? "not yet" : versions(handler.minVersion, handler.maxVersion);
    return `| ${api.key} | [${api.name}](#${api.name.toLowerCase()}) | ${served} | ${api.flexible ?? "never"} |`;
  });
  return `# The protocol that Weir speaks

Printed by \`scripts/protocol_support.ts\` from the schemas in \`protocol/api/\` and the handlers in \`server/handlers/\`;
do not edit. ApiVersions tells clients the same, from the same tables. [differences.md](differences.md) lists where answers
are other than Kafka's, and why: a test puts requests generated from these schemas to Weir and to a real Kafka.

| key | api | versions served | flexible from |
| --- | --- | --- | --- |
${rows.join("\n")}

## What each version brought

"Answer" is the response; what is not said to be in the answer is in the request.

${apis.map(story).join("\n\n")}
`;
}

/** The head comment of an api's file. */
function story(api: AnyApi): string {
  const prefix = `${String(api.key).padStart(2, "0")}_`;
  const file = readdirSync(apiFolder).find((name) => name.startsWith(prefix));
  if (file === undefined) throw new Error(`Cannot find the file of api ${api.key} in "${apiFolder}"`);
  const comment = /^\/\*\*\n([\s\S]*?)\n \*\//.exec(readFileSync(`${apiFolder}/${file}`, "utf8"))?.[1];
  if (comment === undefined) throw new Error(`Cannot read the head comment of "${file}"`);
  const lines = comment.split("\n").map((line) => line.replace(/^ \* ?/, ""));
  const text = lines.map((line) => line.replace(/^v(\d+) +(.*)$/, "- **v$1** $2")).join("\n");
  const body = text.replace(new RegExp(`^${api.name}(: |\\.)`), "").trim();
  return `### ${api.name}\n\n${body[0]!.toUpperCase()}${body.slice(1)}`;
}

function versions(first: number, last: number): string {
  return first === last ? String(first) : `${first}–${last}`;
}

if (import.meta.main) {
  writeFileSync(pagePath, protocolSupportPage());
  console.log(`wrote ${pagePath}`);
}
