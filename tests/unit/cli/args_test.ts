import { describe, expect, test } from "bun:test";
import { describeOptions, type Options, parseArgs, UsageError } from "../../../cli/args.ts";

const options = {
  port: { short: "p", value: "PORT", text: "listen on PORT" },
  override: { short: "o", value: "NAME=VALUE", repeats: true, text: "set a config" },
  "from-beginning": { text: "begin at the beginning" },
} as const satisfies Options;

describe("command line", () => {
  test.each([
    ["value after the option", ["--port", "1"]],
    ["value after an equals sign", ["--port=1"]],
    ["value after the short option", ["-p", "1"]],
    ["value joined to the short option", ["-p1"]],
  ])("takes a %s", (_, args) => {
    const parsed = parseArgs(args, options);
    expect(parsed.get("port")).toBe("1");
    expect(parsed.wholeNumber("port", { min: 0, max: 65_535 })).toBe(1);
  });

  test("value may contain an equals sign and begin with a dash", () => {
    const parsed = parseArgs(["-o", "a=b=c", "--override=-1=x", "-o", "-x"], options);
    expect(parsed.all("override")).toEqual(["a=b=c", "-1=x", "-x"]);
  });

  test("flag is there or not", () => {
    expect(parseArgs(["--from-beginning"], options).has("from-beginning")).toBe(true);
    expect(parseArgs([], options).has("from-beginning")).toBe(false);
  });

  test("what is no option is positional, and so is everything after two dashes", () => {
    expect(parseArgs(["topic", "--port", "1", "-", "--", "--port"], options).positional).toEqual([
      "topic",
      "-",
      "--port",
    ]);
  });

  test("option that is not given has no value", () => {
    const parsed = parseArgs([], options);
    expect(parsed.get("port")).toBe(null);
    expect(parsed.wholeNumber("port", { min: 0, max: 9 })).toBe(null);
    expect(parsed.all("override")).toEqual([]);
  });

  test.each([
    ["unknown option", ["--prot", "1"], 'Unknown option "--prot"'],
    ["unknown short option", ["-x"], 'Unknown option "-x"'],
    ["name of every object", ["--constructor"], 'Unknown option "--constructor"'],
    ["missing value", ["--port"], 'Option "--port" needs a value: PORT'],
    ["value for a flag", ["--from-beginning=no"], 'Option "--from-beginning" takes no value'],
    ["second value", ["--port", "1", "--port", "2"], 'Option "--port" is given twice'],
  ])("refuses an %s", (_, args, message) => {
    expect(() => parseArgs(args, options)).toThrow(new UsageError(message).message);
  });

  test.each(["x", "", "1.5", "70000", "-1", "1e3"])("refuses %p as a port", (text) => {
    expect(() => parseArgs([`--port=${text}`], options).wholeNumber("port", { min: 0, max: 65_535 })).toThrow(
      `Invalid value "${text}" for --port: must be a whole number from 0 to 65535`,
    );
  });

  test("help has one aligned line for each option", () => {
    expect(describeOptions(options)).toBe(
      "  -p, --port PORT            listen on PORT\n" +
        "  -o, --override NAME=VALUE  set a config\n" +
        "      --from-beginning       begin at the beginning\n",
    );
  });
});
