/**
 * Texts of people: properties files, command lines, environment variables and values of configs. Whatever was typed ends in
 * a value or in the error that is shown to them, in time that grows with the text and no faster.
 *
 *     SEED=123 bun test tests/fuzz/text_fuzz_test.ts        the run that failed, again
 *     ROUNDS=1000000 bun test tests/fuzz/text_fuzz_test.ts  a long one
 */
import { describe, expect, test } from "bun:test";
import { parseArgs, UsageError } from "../../cli/args.ts";
import { consumeOptions, serveOptions } from "../../cli/commands.ts";
import { ProtocolError } from "../../protocol/errors.ts";
import { BrokerConfig, brokerConfigs, ConfigError } from "../../server/config.ts";
import { type Changes, planChanges, planReplacement, refuseOddRequests } from "../../server/config/alter.ts";
import { brokerDefinition } from "../../server/config/broker_configs.ts";
import {
  clientMetricsConfigs,
  clientMetricsDefinition,
  readMatches,
  selectors,
} from "../../server/config/client_metrics_configs.ts";
import { entriesFromEnvironment } from "../../server/config/environment.ts";
import { groupConfigs, groupDefinition } from "../../server/config/group_configs.ts";
import { parseListeners, readListeners } from "../../server/config/listeners.ts";
import { parseProperties } from "../../server/config/properties.ts";
import { topicConfigs, topicDefinition } from "../../server/config/topic_configs.ts";
import { parseConfig } from "../../server/config/values.ts";
import { type ClientFacts, readSubscription } from "../../server/telemetry/subscriptions.ts";
import { options, roundsOf } from "./rounds.ts";

const eachRound = roundsOf("text", 2_000);

describe("properties", () => {
  const pieces = [
    "\\",
    "\\\\",
    "\n",
    "\r\n",
    "\r",
    " ",
    "\t",
    "\f",
    "=",
    ":",
    "#",
    "!",
    "a",
    "log.dirs",
    "\\u",
    "00",
    "4",
  ]
    .concat(["é", "\u0000", "\ud800", "\\u0041", "\\u00e", "\\n", "\\ ", "\\=", "value"]);

  eachRound("of any text are names and values no longer than it, in the order of their lines", (chance) => {
    const text = chance.text(pieces, 60);
    const found = parseProperties(text);
    const lineCount = text.split(/\r\n|\r|\n/).length;
    let length = 0;
    let line = 0;
    for (const property of found) {
      expect(property.line > line && property.line <= lineCount).toBe(true);
      line = property.line;
      length += property.name.length + property.value.length;
    }
    expect(length <= text.length).toBe(true);
  });

  eachRound("come back as they were written", (chance) => {
    const written = Array.from({ length: chance.below(5) }, () => ({
      name: `n${chance.text(pieces, 4)}`,
      value: chance.text(pieces, 6),
    }));
    const text = written.map(({ name, value }) =>
      `${escape(name)}${chance.pick(["=", " = ", ":", " "])}${escape(value)}`
    );
    const found = parseProperties(text.join(chance.pick(["\n", "\r\n", "\n\n#\n"])));
    expect(found.map(({ name, value }) => ({ name, value }))).toEqual(written);
  });

  test("take time in proportion to their size, whatever they are made of", () => {
    const size = 200_000;
    const startMs = performance.now();
    for (const piece of ["\\", "\\\n", "\\\\", " ", "a\\\n", "=", "\\u", "\t\\", " \\\n", "\\ ", "#"]) {
      const text = piece.repeat(size / piece.length);
      parseProperties(text);
      parseProperties(`${text}a`);
      parseProperties(`a=b${text}c`);
    }
    // 6 MB of text: half a second when all is well, minutes when one step looks back over what it has read.
    expect(performance.now() - startMs).toBeLessThan(10_000);
  }, options);

  /** By Java's rules, the plainest way: everything that could mean something gets a backslash. */
  function escape(text: string): string {
    return text.replace(/[\\=: #!\t\f\n\r]/g, (character) => named[character] ?? `\\${character}`);
  }
  const named: Readonly<Record<string, string>> = { "\t": "\\t", "\n": "\\n", "\r": "\\r", "\f": "\\f" };
});

describe("command lines", () => {
  const words = [
    "--",
    "-",
    "",
    "--config",
    "--config=",
    "--override",
    "-",
    "--port",
    "--port=1",
    "-p",
    "-p9",
    "--from-beginning",
  ]
    .concat([
      "--from-beginning=x",
      "topic",
      "--group",
      "--constructor",
      "--__proto__",
      "--toString=",
      "-é",
      "--help",
      "-h",
    ]);

  for (const [name, table] of [["serve", serveOptions], ["consume", consumeOptions]] as const) {
    eachRound(`of weir ${name} end in their values or UsageError`, (chance) => {
      const args = Array.from({ length: chance.below(8) }, () => chance.pick(words));
      let parsed;
      try {
        parsed = parseArgs(args, table);
      } catch (error) {
        if (error instanceof UsageError) return;
        throw error;
      }
      for (const [option, values] of parsed.values) {
        expect(Object.hasOwn(table, option)).toBe(true);
        expect(values.length).toBeGreaterThan(0);
      }
      // Each word is an argument, an option with its value, or the value of the one before it; "--" is one of its own.
      const valueCount = [...parsed.values.values()].reduce((sum, values) => sum + values.length, 0);
      expect(parsed.positional.length + valueCount <= args.length).toBe(true);
    });
  }

  eachRound("whose numbers are none end in UsageError", (chance) => {
    const text = chance.text(["1", "9", "0", "-", "+", ".", "e", "x", " ", "99999999999999", "NaN", "Infinity"], 3);
    try {
      const value = parseArgs([`--port=${text}`], serveOptions).wholeNumber("port", { min: 0, max: 65_535 });
      expect(value! >= 0 && value! <= 65_535 && Number.isInteger(value)).toBe(true);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
    }
  });
});

describe("configs", () => {
  const names = [
    ...Object.keys(brokerConfigs),
    "constructor",
    "__proto__",
    "listener.name.x.sasl.jaas.config",
    "no.such",
  ];
  const pieces = [
    "1",
    "0",
    "-",
    "9223372036854775807",
    "9223372036854775808",
    "1e9",
    "0x1",
    ".5",
    "true",
    "TRUE",
    "false",
  ]
    .concat([
      "",
      " ",
      ",",
      ":",
      "//",
      "PLAINTEXT",
      "PLAINTEXT://:9092",
      "[::1]",
      "a",
      "é",
      "delete",
      "compact",
      "group",
      "*",
    ])
    .concat(["\u0000", "%", "100", "999999999999999999999", "null", "NaN", "://:", "PLAINTEXT://h:99999"]);

  eachRound("of any names and values end in a configuration or ConfigError", (chance) => {
    const entries = Array.from({ length: 1 + chance.below(4) }, () => ({
      source: chance.pick(["override", "option", "environment", "file"] as const),
      name: chance.pick(names),
      value: chance.text(pieces, 3),
    }));
    try {
      BrokerConfig.parse(entries);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw new Error(JSON.stringify(entries), { cause: error });
    }
  });

  eachRound("of any environment are entries", (chance) => {
    const pieces = ["KAFKA_", "_", "__", "___", "LOG", "DIRS", "A", "é", "OPTS", "CLUSTER_ID", "", "PORT"];
    const environment = Object.fromEntries(
      Array.from({ length: 3 }, () => [chance.text(pieces, 6), chance.text(pieces, 2)]),
    );
    for (const { name, value, origin } of entriesFromEnvironment(environment)) {
      expect(environment[origin!]).toBe(value);
      expect(name.length > 0 || origin === "KAFKA_").toBe(true);
    }
  });
});

describe("what is asked of configs", () => {
  const broker = BrokerConfig.parse([]);
  const topicNames = Object.keys(topicConfigs);
  const groupNames = Object.keys(groupConfigs);
  const clientNames = Object.keys(clientMetricsConfigs);
  const words = [
    "1",
    "-1",
    "true",
    "compact",
    "delete",
    ",",
    ", ",
    " ",
    "",
    "é",
    "client_id=a.*",
    "client_id=(",
    "*",
    "PT1S",
    "=",
  ]
    .concat(["\u0000", "1e3", "0x10", "9223372036854775807", "9223372036854775808", "100", "[1:2]"]);
  const namesOf = {
    topic: topicNames,
    group: groupNames,
    "client-metrics": clientNames,
    broker: Object.keys(brokerConfigs),
  };

  eachRound("is granted as it can be read back, or refused", (chance) => {
    const kind = chance.pick(["topic", "group", "client-metrics", "broker"] as const);
    const names = [...namesOf[kind], "nonsense", "__proto__", ""];
    let current: ReadonlyMap<string, string> = new Map();
    for (let step = 0; step < 4; step++) {
      const situation = { kind, name: "1", current, broker };
      const requested = Array.from({ length: chance.below(4) }, () => ({
        name: chance.pick(names),
        operation: chance.pick([0, 0, 1, 2, 3, 4, -1]),
        value: chance.below(10) === 0 ? null : chance.text(words, 3),
      }));
      let changes: Changes;
      try {
        refuseOddRequests(requested);
        changes = chance.below(3) === 0 ? planReplacement(requested, situation) : planChanges(requested, situation);
      } catch (error) {
        if (error instanceof ProtocolError) continue;
        throw new Error(JSON.stringify(requested), { cause: error });
      }
      const after = new Map(current);
      for (const [name, text] of changes) {
        if (text === null) after.delete(name);
        else after.set(name, text);
      }
      // What was granted is a value: it is read again at each start, and there is nobody to refuse it to.
      for (const [name, text] of after) {
        const definition = definitionOf(kind, name);
        if (definition !== undefined) parseConfig(name, definition, text);
      }
      current = after;
    }
    if (kind !== "client-metrics") return;
    const { intervalMs, isFor } = readSubscription(current);
    expect(Number.isSafeInteger(intervalMs)).toBe(true);
    const client = Object.fromEntries(selectors.map((name) => [name, chance.text(["a", "b", "é"], 5)]));
    expect(typeof isFor(client as ClientFacts)).toBe("boolean");
  });

  function definitionOf(kind: keyof typeof namesOf, name: string) {
    if (kind === "topic") return topicDefinition(name);
    if (kind === "group") return groupDefinition(name);
    return kind === "client-metrics" ? clientMetricsDefinition(name) : brokerDefinition(name);
  }

  const addresses = [
    "PLAINTEXT://",
    "A://",
    "CONTROLLER://",
    "h",
    "[::1]",
    "0.0.0.0",
    "",
    ":9092",
    ":0",
    ":99999",
    ",",
    " ",
  ];

  eachRound("of listeners is a place to listen and one to name, or ConfigError", (chance) => {
    try {
      const config = BrokerConfig.parse([
        { source: "file", name: "listeners", value: chance.text(addresses, 6) },
        { source: "file", name: "advertised.listeners", value: chance.text(addresses, 6) },
        {
          source: "file",
          name: "listener.security.protocol.map",
          value: chance.text(["A:PLAINTEXT", "PLAINTEXT:PLAINTEXT", ",", "A:SSL"], 4),
        },
      ]);
      expect(parseListeners(config.get("listeners")).size).toBeGreaterThan(0);
      for (const { host, port, advertisedHost } of readListeners(config, "here")) {
        expect([host !== "", port >= 0 && port < 65_536, advertisedHost !== ""]).toEqual([true, true, true]);
      }
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
    }
  });

  test("takes time in proportion to its size, whatever it is made of", () => {
    // The longest text that a request may have, ten times over: a request may have more of them.
    const startMs = performance.now();
    for (const piece of [" ", ",", " ,", ", ", "\t", "a", "=", "-", "0"]) {
      const text = `a${piece.repeat(300_000 / piece.length)}b`;
      for (
        const definition of [topicConfigs["cleanup.policy"], clientMetricsConfigs.match, clientMetricsConfigs.metrics]
      ) {
        try {
          parseConfig("x", definition, text);
        } catch (error) {
          if (!(error instanceof ConfigError)) throw error;
        }
      }
      readMatches([`client_id=${text.slice(0, 30_000)}`]);
      for (const definition of Object.values(brokerConfigs)) {
        try {
          parseConfig("x", definition, text.slice(0, 30_000));
        } catch (error) {
          if (!(error instanceof ConfigError)) throw error;
        }
      }
    }
    // A second when all is well; one list of spaces alone took half a minute when each was looked at from each.
    expect(performance.now() - startMs).toBeLessThan(10_000);
  }, options);
});
