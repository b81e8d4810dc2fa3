/** Rules of configs that have a small language of their own. */

import type { Rules } from "./definition.ts";

export const securityProtocols = ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] as const;
export type SecurityProtocol = typeof securityProtocols[number];

type Satisfies = NonNullable<Rules["satisfies"]>;

/** NAME://HOST:PORT; the host may be empty, or an IPv6 address in brackets. */
export const listenerPattern = /^([A-Za-z0-9_.-]+):\/\/(\[[0-9A-Fa-f:.%A-Za-z0-9]*\]|[^:/[\]]*):(\d{1,5})$/;

export const isListenerList: Satisfies = {
  words: "listeners of the form NAME://HOST:PORT, separated by commas, each name once, ports up to 65535",
  test: (value) => {
    const matches = (value as readonly string[]).map((listener) => listenerPattern.exec(listener));
    if (!matches.every((match) => match !== null && Number(match[3]) <= 65_535)) return false;
    return new Set(matches.map((match) => match?.[1]?.toUpperCase())).size === matches.length;
  },
};

export const isProtocolMap: Satisfies = {
  words: `NAME:PROTOCOL pairs separated by commas, each name once, with the protocols ${securityProtocols.join(", ")}`,
  test: (value) => {
    const names = new Set<string>();
    for (const pair of pairs(value as string)) {
      const [name, protocol, rest] = pair;
      if (!name || rest !== undefined || names.has(name.toUpperCase())) return false;
      if (!securityProtocols.some((known) => known === protocol?.toUpperCase())) return false;
      names.add(name.toUpperCase());
    }
    return names.size > 0;
  },
};

/** Kafka would load other classes; we have none to load. */
export const isAssignorList: Satisfies = {
  words: "names of assignors that the broker has: uniform, range",
  test: (value) =>
    (value as readonly string[]).every((name) =>
      /^(uniform|range|org\.apache\.kafka\.coordinator\.group\.assignor\.(Uniform|Range)Assignor)$/.test(name)
    ),
};

export const isTaskAssignorList: Satisfies = {
  words: "names of task assignors that the broker has: sticky",
  test: (value) =>
    (value as readonly string[]).every((name) =>
      /^(sticky|org\.apache\.kafka\.coordinator\.group\.streams\.assignor\.StickyTaskAssignor)$/.test(name)
    ),
};

export const isCountPerHost: Satisfies = {
  words: "HOST:COUNT pairs separated by commas",
  test: (value) => pairs(value as string).every((pair) => pair.length >= 2 && /^\d{1,10}$/.test(pair.at(-1) ?? "")),
};

/** Who asks for authorization must not get a broker that is open to everybody. */
export const isNoAuthorizer: Satisfies = {
  words: "empty: authorization is not supported yet",
  test: (value) => value === "",
};

/** Configs of Kafka's own authorizer, which are in none of its tables. They ask for authorization as much as its name does. */
export const authorizerConfigs: ReadonlySet<string> = new Set(["super.users", "allow.everyone.if.no.acl.found"]);

/** "a:b, c:d" as [["a", "b"], ["c", "d"]]. */
export function pairs(text: string): string[][] {
  if (text.trim() === "") return [];
  return text.split(",").map((pair) => pair.trim().split(":").map((part) => part.trim()));
}
