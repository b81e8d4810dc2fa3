import { describe, expect, test } from "bun:test";
import { createMemoryRuntime } from "../../../runtime/memory.ts";
import { createLogger, type LoggerOptions } from "../../../server/log.ts";

/** A logger and the lines it wrote, without their time. */
function logging(options: LoggerOptions = {}) {
  const runtime = createMemoryRuntime();
  const lines: string[] = [];
  const logger = createLogger(runtime, {
    ...options,
    write: (line) => lines.push(line.replace(/^time=\S+ /, "").trimEnd()),
  });
  return { runtime, lines, logger };
}

describe("log", () => {
  test("line has time, level, event and facts", () => {
    const runtime = createMemoryRuntime();
    let written = "";
    createLogger(runtime, { write: (line) => written += line }).info("broker started", { port: 9092, ready: true });
    expect(written).toMatch(/^time=\d{4}-\d\d-\d\dT[\d:.]+Z level=info event="broker started" port=9092 ready=true\n$/);
  });

  test("values that could be misread are quoted, and never break the line", () => {
    const { lines, logger } = logging();
    logger.info("x", { path: "/a/b", spaced: "a b", empty: "", equals: "a=b", broken: "a\nb", quoted: 'say "hi"' });
    expect(lines).toEqual([
      'level=info event=x path=/a/b spaced="a b" empty="" equals="a=b" broken="a\\nb" quoted="say \\"hi\\""',
    ]);
  });

  test("facts that are not there are left out, and errors are their message", () => {
    const { lines, logger } = logging();
    logger.error("append failed", { a: null, b: undefined, cause: new Error("disk full") });
    expect(lines).toEqual(['level=error event="append failed" cause="disk full"']);
  });

  test("facts that a client made long are cut", () => {
    const { lines, logger } = logging();
    logger.warn("refused", { group: "g".repeat(2_000), reason: new Error("r".repeat(30_000)) });
    expect(lines).toEqual([
      `level=warn event=refused group=${"g".repeat(2_000)} reason="${"r".repeat(2_000)}… (30000 characters)"`,
    ]);
  });

  test("levels below the lowest are not written, and the lowest can be changed", () => {
    const { lines, logger } = logging();
    logger.debug("one");
    logger.level = "debug";
    logger.debug("two");
    logger.level = "error";
    logger.warn("three");
    expect(lines).toEqual(["level=debug event=two"]);
  });

  test("repeated complaint is counted, not repeated", async () => {
    const { runtime, lines, logger } = logging({ repeatCountMax: 2, repeatWindowMs: 1_000 });
    for (let time = 0; time < 10; time++) logger.warn("frame refused", { remote: `10.0.0.${time}` });
    logger.warn("something else");
    await runtime.advance(1_000);
    expect(lines).toEqual([
      'level=warn event="frame refused" remote=10.0.0.0',
      'level=warn event="frame refused" remote=10.0.0.1',
      'level=warn event="something else"',
      'level=warn event="frame refused" repeated=8 windowMs=1000',
    ]);
  });

  test("complaint is written again once its window is over", async () => {
    const { runtime, lines, logger } = logging({ repeatCountMax: 1, repeatWindowMs: 1_000 });
    logger.warn("a");
    await runtime.advance(1_000);
    logger.warn("a");
    expect(lines).toEqual(["level=warn event=a", "level=warn event=a"]);
  });

  test("what is told without complaint is never held back", () => {
    const { lines, logger } = logging({ repeatCountMax: 1 });
    for (let time = 0; time < 3; time++) logger.info("a");
    expect(lines.length).toBe(3);
  });
});
