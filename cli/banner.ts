/** What a person sees when the broker is up: where it is, where its data is, and one command to try. */

import type { Runtime } from "../runtime/runtime.ts";
import type { Broker } from "../server/broker.ts";
import { invocation } from "./invocation.ts";
import { version } from "./version.ts";

export function banner(runtime: Runtime, { config, listeners }: Pick<Broker, "config" | "listeners">): string {
  const addresses = listeners.map(({ advertisedHost, advertisedPort }) =>
    `${bracketed(advertisedHost)}:${advertisedPort}`
  );
  const weir = invocation(runtime);
  const first = addresses[0] ?? "";
  const at = first === "127.0.0.1:9092" ? "" : ` -b ${first}`;
  return [
    `Weir ${version} is ready for Kafka clients`,
    `  address  ${addresses.join(", ")}`,
    `  data     ${config.get("log.dirs").join(", ")}`,
    `  runtime  ${runtimeNames[runtime.name]} ${runtime.version}`,
    `  try      echo hello | ${weir} produce${at} greetings && ${weir} consume${at} greetings --from-beginning`,
    "",
  ].join("\n");
}

const runtimeNames: Record<Runtime["name"], string> = { bun: "Bun", deno: "Deno", memory: "memory" };

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
