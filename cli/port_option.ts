/**
 * `--port N` as configs: the first listener for clients moves to port N, the others stay where they are. Its advertised
 * address moves along when it had the same port; where it had another (behind a proxy), it was meant to differ.
 */

import { brokerConfigs, type StaticEntry } from "../server/config.ts";
import { type Address, formatListener, parseListeners } from "../server/config/listeners.ts";

/** @param weaker entries of the environment and the file, weakest first */
export function portEntries(port: number, weaker: readonly StaticEntry[]): StaticEntry[] {
  const listeners = parseListeners(listOf(weaker, "listeners") ?? brokerConfigs.listeners.default as readonly string[]);
  const controllers = (listOf(weaker, "controller.listener.names") ?? ["CONTROLLER"]).map((name) => name.toUpperCase());
  const moved = [...listeners].find(([name]) => !controllers.includes(name));
  if (moved === undefined) return [entry("listeners", new Map([["PLAINTEXT", { host: "127.0.0.1", port }]]))];
  const [name, { host, port: before }] = moved;
  const entries = [entry("listeners", new Map([...listeners, [name, { host, port }]]))];
  const advertised = parseListeners(listOf(weaker, "advertised.listeners"));
  const address = advertised.get(name);
  if (address?.port === before) {
    entries.push(entry("advertised.listeners", new Map([...advertised, [name, { host: address.host, port }]])));
  }
  return entries;
}

function entry(name: string, listeners: ReadonlyMap<string, Address>): StaticEntry {
  const value = [...listeners].map(([name, address]) => formatListener(name, address)).join(",");
  return { source: "option", name, value, origin: "--port" };
}

/** The strongest value given, if any: the environment's comes after the file's. */
function listOf(entries: readonly StaticEntry[], name: string): string[] | null {
  const last = entries.findLast((entry) => entry.name === name);
  return last === undefined
    ? null
    : last.value.split(",").map((element) => element.trim()).filter((element) => element !== "");
}
