import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { commandHelpText, commands, helpText, runCommandLine } from "../../../cli/commands.ts";
import { invocation } from "../../../cli/invocation.ts";
import { version } from "../../../cli/version.ts";
import { encodeBatch } from "../../../protocol/record.ts";
import { createMemoryRuntime } from "../../../runtime/memory.ts";
import type { Runtime } from "../../../runtime/runtime.ts";
import { METADATA_TOPIC, METADATA_TOPIC_ID } from "../../../server/cluster/topic_name.ts";
import { DEFAULT_LOG_CONFIG } from "../../../storage/log_config.ts";
import { LogDir } from "../../../storage/log_dir.ts";
import { brokerConfigs, topicConfigs } from "../../../server/config.ts";

/** Runs `weir ARGS` in memory: exit code, output and errors. */
async function weir(
  args: readonly string[],
  { environment = {}, files = {} }: { environment?: Record<string, string>; files?: Record<string, string> } = {},
) {
  const runtime = createMemoryRuntime({ environment });
  for (const [path, text] of Object.entries(files)) {
    runtime.files.makeDirectory(path.replace(/\/[^/]*$/, ""));
    const file = runtime.files.open(path, { create: true });
    file.write([new TextEncoder().encode(text)], 0);
    file.close();
  }
  const code = await runCommandLine(runtime, args);
  return { code, output: runtime.process.output, errors: runtime.process.errorOutput };
}

describe("weir", () => {
  test.each([["--help"], ["-h"], ["help"]])("%s lists the commands", async (arg) => {
    const { code, output } = await weir([arg]);
    expect(code).toBe(0);
    expect(output).toBe(helpText());
    for (const [name, { summary }] of Object.entries(commands)) {
      expect(output).toContain(name);
      expect(output).toContain(summary);
    }
  });

  test.each(Object.keys(commands))("help of %s says what it is asked in three ways", async (name) => {
    const expected = commandHelpText(name, commands[name]!);
    for (const args of [["help", name], [name, "--help"], [name, "-h"]]) {
      expect(await weir(args)).toEqual({ code: 0, output: expected, errors: "" });
    }
  });

  test.each([["--version"], ["-V"], ["version"]])("%s says the version and the runtime", async (arg) => {
    const { code, output } = await weir([arg]);
    expect(code).toBe(0);
    expect(output).toMatch(new RegExp(`^weir ${version.replaceAll(".", "\\.")} \\(memory .*\\)\n$`));
  });

  test("version is that of the packages", () => {
    for (const file of ["package.json", "deno.json"]) {
      const { version: packaged } = JSON.parse(readFileSync(new URL(`../../../${file}`, import.meta.url), "utf8"));
      expect(packaged).toBe(version);
    }
  });

  test("unknown command is refused", async () => {
    expect(await weir(["sevre"])).toEqual({
      code: 2,
      output: "",
      errors: 'weir: Unknown command "sevre"\nTry: weir help\n',
    });
    expect((await weir(["help", "sevre"])).code).toBe(2);
    expect((await weir(["toString"])).code).toBe(2);
  });

  test("options without a command are those of serve", async () => {
    expect(await weir(["--prot", "1"])).toEqual(await weir(["serve", "--prot", "1"]));
  });
});

describe("weir help", () => {
  test("lists every config of the broker and of topics that is not hidden", async () => {
    const { code, output } = await weir(["help", "configs"]);
    expect(code).toBe(0);
    for (const [name, { isInternal }] of [...Object.entries(brokerConfigs), ...Object.entries(topicConfigs)]) {
      expect(`${name} ${new RegExp(`^  ${name} `, "m").test(output)}`).toBe(`${name} ${!isInternal}`);
    }
  });

  test("explains a config of the broker", async () => {
    expect((await weir(["help", "log.retention.hours"])).output).toBe(
      `log.retention.hours (broker)

Hours that records are kept under the delete policy; used when log.retention.ms and log.retention.minutes are not set.

  type     INT
  default  168
  allowed  a whole number (INT), at least 1, or -1
  altered  at a restart
`,
    );
  });

  test("explains a name that broker and topic share under both", async () => {
    const { output } = await weir(["help", "min.insync.replicas"]);
    expect(output).toContain("min.insync.replicas (broker)");
    expect(output).toContain("min.insync.replicas (topic)");
  });
});

describe("weir serve", () => {
  test("says in one line what it cannot take over of a Kafka's folder", async () => {
    const runtime = createMemoryRuntime();
    const dir = await LogDir.open(runtime, "/data", { nodeId: 1 });
    const log = dir.createLog({
      topic: METADATA_TOPIC,
      partition: 0,
      topicId: METADATA_TOPIC_ID,
      config: DEFAULT_LOG_CONFIG,
    });
    const accessRule = Uint8Array.of(1, 18, 0);
    log.append(encodeBatch({ records: [{ value: accessRule }] }), { leaderEpoch: 1, origin: "coordinator" });
    await runtime.until(dir.close({ clean: true }));
    expect(await runCommandLine(runtime, ["serve", "--data", "/data"])).toBe(1);
    const complaint = runtime.process.errorOutput.split("\n").filter((line) => line.startsWith("weir: "));
    expect(complaint).toEqual([
      expect.stringContaining("a record of it is an access rule (ACL), which this version of Weir"),
    ]);
    expect(runtime.process.errorOutput).not.toContain("    at ");
  });

  test.each([
    ["unknown option", ["--prot", "1"], 'weir: Unknown option "--prot"\nTry: weir help serve\n'],
    ["argument", ["now"], 'weir: Unexpected "now"\nTry: weir help serve\n'],
    [
      "impossible port",
      ["--port", "high"],
      'Invalid value "high" for --port: must be a whole number from 0 to 65535',
    ],
    [
      "incomplete override",
      ["--override", "num.partitions"],
      'Invalid value "num.partitions" for --override: must be NAME=VALUE',
    ],
    ["absent config file", ["--config", "/no/such"], 'Cannot read the config file "/no/such"'],
    [
      "impossible value",
      ["--override", "log.retention.ms=abc"],
      'weir: Invalid value "abc" for log.retention.ms (--override): must be a whole number (LONG), at least 1, or -1\n',
    ],
  ])("refuses an %s with exit code 2", async (_, args, message) => {
    const { code, output, errors } = await weir(["serve", ...args]);
    expect(code).toBe(2);
    expect(output).toBe("");
    expect(errors).toContain(message);
  });

  test("bad value of the environment is told with its variable", async () => {
    const { code, errors } = await weir(["serve"], { environment: { KAFKA_NUM_PARTITIONS: "0" } });
    expect(code).toBe(2);
    expect(errors).toBe(
      'weir: Invalid value "0" for num.partitions (KAFKA_NUM_PARTITIONS): must be a whole number (INT), at least 1\n',
    );
  });

  test("bad value of a file is told with its line", async () => {
    const files = { "/etc/server.properties": "# Kafka\nnode.id=1\nnum.partitions=\\\n  many\n" };
    const { code, errors } = await weir(["serve", "--config", "/etc/server.properties"], { files });
    expect(code).toBe(2);
    expect(errors).toContain('Invalid value "many" for num.partitions (/etc/server.properties:3)');
  });

  test("stronger source hides a bad value of a weaker one", async () => {
    const environment = { KAFKA_NUM_PARTITIONS: "many" };
    const { errors } = await weir(["serve", "-o", "num.partitions=1", "-o", "node.id=x"], { environment });
    expect(errors).toContain('Invalid value "x" for node.id (--override)');
  });
});

describe("invocation", () => {
  const runtimeWith = (name: "bun" | "deno", environment: Record<string, string>, hasPackages: boolean): Runtime => {
    const runtime = createMemoryRuntime({ environment });
    if (hasPackages) runtime.files.makeDirectory(`node_modules/.bin/${name}`);
    return { ...runtime, name };
  };

  test.each(
    [
      ["Bun", "bun", {}, false, "file:///src/main.ts", "bun main.ts"],
      ["Bun from npm", "bun", {}, true, "file:///src/main.ts", "npx bun main.ts"],
      ["Deno", "deno", {}, false, "file:///src/main.ts", "deno run -A main.ts"],
      ["Deno from npm", "deno", {}, true, "file:///src/main.ts", "npx deno run -A main.ts"],
      ["executable by its path", "bun", { _: "./dist/weir" }, true, "file:///$bunfs/root/weir", "./dist/weir"],
      ["executable on the path", "bun", { _: "/usr/bin/env" }, true, "file:///$bunfs/root/weir", "weir"],
      ["Deno's executable", "deno", {}, false, "file:///tmp/deno-compile-weir/main.ts", "weir"],
    ] as const,
  )("%s is what one would type", (_, name, environment, hasPackages, url, expected) => {
    expect(invocation(runtimeWith(name, environment, hasPackages), url)).toBe(expected);
  });
});
