/**
 * The house rules that a machine can check. A finding is printed with the reason for its rule.
 */

import { describe, expect, test } from "bun:test";
import { blank, importsOf, placeOf, type SourceFile, sourceFiles } from "./support/source.ts";

/** The broker itself; the rest (tests, scripts, bench) may name the runtime and the clock. */
const product = ["protocol", "runtime", "storage", "server", "client", "cli"];

/** What a folder may import from. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  runtime: ["types"],
  protocol: ["types"],
  storage: ["types", "runtime", "protocol"],
  server: ["types", "runtime", "protocol", "storage"],
  client: ["types", "runtime", "protocol"],
  cli: ["types", "runtime", "protocol", "storage", "server", "client"],
  types: [],
};

const linesMax = 500;
/** Files that may be longer, and why. */
const longFiles: Readonly<Record<string, string>> = {};

const bannedOutsideRuntime =
  /(?<![\w.])(?:(?:Bun|Deno|performance|process|console|crypto)\s*(?:\?\.|[.[])|Date\.now|new Date\(\s*\)|Math\.random|setTimeout|setInterval|setImmediate)|\bglobalThis\b|\bgetBuiltinModule\b/g;
/** Files outside of runtime/ that look for something on the host all the same, and for what. */
const askTheHost: Readonly<Record<string, string>> = {
  "protocol/host_zlib.ts": "gzip and zstd in native code, which only compute",
  "protocol/wire.ts": "Buffer's faster way with texts of one byte a character, where there is one",
};

const files = sourceFiles();
const ours = files.filter((file) => product.includes(file.folder));

describe("source files", () => {
  test("import only from the folders below them", () => {
    const findings = files.filter((file) => mayImport[file.folder]).flatMap((file) =>
      importsOf(file).filter((module) => module.startsWith(".")).map((module) => folderOf(file, module))
        .filter((folder) => folder !== file.folder && !mayImport[file.folder]?.includes(folder))
        .map((folder) => `${file.path} imports from ${folder || "the root"}`)
    );
    check(findings, "imports point one way (runtime, protocol, storage, server, cli), else no part can be read alone");
  });

  test("name the runtime, the clock and chance only in runtime/", () => {
    const findings = ours.filter((file) => file.folder !== "runtime").flatMap((file) => [
      ...places(file, bannedOutsideRuntime).filter((place) =>
        !(file.path in askTheHost && /(?:globalThis|getBuiltinModule)$/.test(place))
      ),
      ...importsOf(file).filter((module) => /^(node|bun):/.test(module)).map((module) => `${file.path}: ${module}`),
    ]);
    check(findings, "what goes round the seam cannot run in the simulator or on the other runtime");
    const stale = Object.keys(askTheHost).filter((path) =>
      !files.some((file) => file.path === path && file.code.includes("globalThis"))
    );
    check(stale, "an exception for a file that asks the host for nothing");
  });

  test("in storage/ and server/ begin by saying what they are for", () => {
    const findings = files.filter((file) => file.folder === "storage" || file.folder === "server")
      .filter((file) => !/^\s*\/\*\*/.test(file.text)).map((file) => file.path);
    check(findings, "a reader who opens the file wants to know what can be lost here, before how");
  });

  test("stay short", () => {
    const findings = files.filter((file) => !(file.path in longFiles))
      .map((file) => ({ path: file.path, lines: file.text.split("\n").length - 1 }))
      .filter(({ lines }) => lines > linesMax).map(({ path, lines }) => `${path} has ${lines} lines`);
    check(findings, `past ${linesMax} lines a second subject has moved in`);
    const stale = Object.keys(longFiles).filter((path) => !files.some((file) => file.path === path));
    check(stale, "an exception for a file that is gone");
  });

  test("export by name", () => {
    check(
      files.flatMap((file) => places(file, /\bexport\s+default\b/g)),
      "a default export has a name in every importer",
    );
  });

  test("leave no unnumbered TODO, no `.only` and no stray console.log", () => {
    const todo = files.flatMap((file) =>
      [...file.text.matchAll(/(?:\/\/|\*)\s*(?:TODO|FIXME)\b(?!\s*\(#\d+)/g)].map(({ index }) => placeOf(file, index))
    );
    check(todo, "a TODO without an issue is forgotten: TODO(#12)");
    check(files.flatMap((file) => places(file, /\b(?:test|describe|it)\.only\b/g)), "it turns all other tests off");
    // Random tests print their seed, tests of peers say why they skip.
    const mayPrint = ({ path }: SourceFile) => /^(?:scripts|bench|tests)\/(?!unit\/)/.test(path);
    const prints = files.filter((file) => !mayPrint(file)).flatMap((file) =>
      places(file, /\bconsole\.(?:log|debug)\b/g)
    );
    check(prints, "output belongs to the log or to the command");
  });

  test("name only error codes that exist", async () => {
    const { errors } = await import("../protocol/errors.ts");
    const known = new Set(Object.keys(errors));
    const findings = files.flatMap((file) =>
      [...file.code.matchAll(/\bErrorCode\.([A-Z][A-Z0-9_]+)/g)].filter(([, name]) => !known.has(name ?? ""))
        .map(({ index, 1: name }) => `${placeOf(file, index)} ${name}`)
    );
    check(findings, "protocol/errors.ts is the one table");
  });
});

describe("the seam", () => {
  test("is not gone round by a cast or a question mark", () => {
    const found = (code: string) => [...code.matchAll(bannedOutsideRuntime)].map(([text]) => text);
    expect(found("(globalThis as Host).process?.getBuiltinModule?.(name)")).toEqual(["globalThis", "getBuiltinModule"]);
    expect(found("process?.env; Deno?.cwd(); Bun[name]; crypto . subtle")).toEqual([
      "process?.",
      "Deno?.",
      "Bun[",
      "crypto .",
    ]);
    expect(found("runtime.process.id; this.process?.id; processes.length; options.clock.nowMs()")).toEqual([]);
  });
});

describe("API files", () => {
  const numbered = (folder: string) =>
    files.filter((file) => file.path.startsWith(folder) && /\/\d+_\w+\.ts$/.test(file.path));
  const numberOf = (file: SourceFile) => Number(/\/(\d+)_/.exec(file.path)?.[1]);
  const stem = (path: string) => path.slice(path.lastIndexOf("/") + 1);

  test("carry the key they declare", () => {
    const findings = numbered("protocol/api/").filter((file) =>
      Number(/\bapi\(\s*(\d+)/.exec(file.code)?.[1]) !== numberOf(file)
    ).map((file) => file.path);
    check(findings, "the number in the name is the key in the file");
  });

  test("have handlers of the same number and name", () => {
    const schemas = new Set(numbered("protocol/api/").map((file) => stem(file.path)));
    const findings = numbered("server/handlers/").map((file) => stem(file.path)).filter((name) => !schemas.has(name));
    check(findings, "server/handlers/NN_name.ts answers protocol/api/NN_name.ts");
  });

  test("are all in the tables", () => {
    const inTable = (table: string) => new Set(files.filter(({ path }) => path === table).flatMap(importsOf).map(stem));
    const missing = (folder: string, table: string) => {
      const known = inTable(table);
      return numbered(folder).filter((file) => !known.has(stem(file.path))).map((file) =>
        `${file.path} is not in ${table}`
      );
    };
    const findings = [
      ...missing("protocol/api/", "protocol/apis.ts"),
      ...missing("server/handlers/", "server/handlers/table.ts"),
    ];
    check(findings, "what is not in the table is not served");
  });
});

describe("blank", () => {
  test("keeps code and takes out comments and the insides of strings", () => {
    const text = 'a("b // c"); // d\nconst e = /"[/]/g.test(`x${f("y")}z`) / 2; /* " */ g';
    const code = blank(text);
    expect(code.length).toBe(text.length);
    expect(code.replace(/ +/g, " ")).toBe('a(" "); \nconst e = / /g.test(` ${f(" ")} `) / 2; g');
  });
});

/** Fails with the findings and the reason when there are any. */
function check(findings: readonly string[], reason: string): void {
  if (findings.length > 0) throw new Error(`${reason}:\n  ${findings.join("\n  ")}`);
}

function places(file: SourceFile, pattern: RegExp): string[] {
  return [...file.code.matchAll(pattern)].map(({ index, 0: text }) => `${placeOf(file, index)} ${text.trim()}`);
}

/** The first folder of what `module` points to; "" is the root. */
function folderOf(file: SourceFile, module: string): string {
  const path = new URL(module, `file:///${file.path}`).pathname.slice(1);
  return path.includes("/") ? path.slice(0, path.indexOf("/")) : "";
}
