/**
 * `weir serve`: puts the configuration together, starts the broker, and stops it in order when asked to.
 *
 *     SIGTERM or SIGINT → stop: no new connections, answers sent, data synced, folder marked clean → exit 0
 *     a second one, or no end within the bound → exit at once, as after a crash
 */

import { FileError, NetworkError, type Runtime } from "../runtime/runtime.ts";
import { Broker } from "../server/broker.ts";
import { BrokerConfig, ConfigError, type StaticEntry } from "../server/config.ts";
import { entriesFromEnvironment } from "../server/config/environment.ts";
import { parseProperties } from "../server/config/properties.ts";
import { createLogger, type Logger } from "../server/log.ts";
import { remedyFor, StorageError } from "../storage/errors.ts";
import { parseArgs, type ParsedArgs, UsageError } from "./args.ts";
import { banner } from "./banner.ts";
import { serveOptions } from "./commands.ts";
import { portEntries } from "./port_option.ts";

/** Longest wait for an orderly stop; the broker's own bounds are shorter. */
const stopMsMax = 60_000;

/** When what only a start runs is over, also what it leaves to be compiled and collected. */
const releaseCodeAfterMs = 1000;

export async function run(runtime: Runtime, args: readonly string[]): Promise<number> {
  const parsed = parseArgs(args, serveOptions);
  if (parsed.positional.length > 0) throw new UsageError(`Unexpected "${parsed.positional[0]}"`);
  let config: BrokerConfig;
  try {
    config = BrokerConfig.parse(collectEntries(runtime, parsed));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    runtime.process.printError(`weir: ${error.message}\n`);
    return 2;
  }
  const logger = createLogger(runtime);
  let broker: Broker;
  try {
    broker = await Broker.start({ runtime, config, logger });
  } catch (error) {
    runtime.process.printError(`weir: ${startProblem(error)}\n`);
    return 1;
  }
  runtime.process.print(banner(runtime, broker));
  runtime.timers.after(releaseCodeAfterMs, () => runtime.process.releaseCode());
  return await runUntilSignal(runtime, broker, logger);
}

// ---------------------------------------------------------------------------------------------- below: how

/** Everything that was given, weakest first. */
function collectEntries(runtime: Runtime, args: ParsedArgs<typeof serveOptions>): StaticEntry[] {
  const entries: StaticEntry[] = [];
  const file = args.get("config");
  if (file !== null) entries.push(...readConfigFile(runtime, file));
  entries.push(...entriesFromEnvironment(runtime.process.environment()));
  const data = args.get("data");
  if (data !== null) entries.push({ source: "option", name: "log.dirs", value: data, origin: "--data" });
  const port = args.wholeNumber("port", { min: 0, max: 65_535 });
  if (port !== null) entries.push(...portEntries(port, entries));
  for (const override of args.all("override")) entries.push(overrideEntry(override));
  return entries;
}

function readConfigFile(runtime: Runtime, path: string): StaticEntry[] {
  let text: string;
  try {
    text = new TextDecoder().decode(runtime.files.readFile(path));
  } catch (cause) {
    throw new UsageError(`Cannot read the config file "${path}": ${(cause as Error).message}`);
  }
  return parseProperties(text).map(({ name, value, line }) => ({
    source: "file",
    name,
    value,
    origin: `${path}:${line}`,
  }));
}

function overrideEntry(text: string): StaticEntry {
  const equals = text.indexOf("=");
  if (equals < 1) throw new UsageError(`Invalid value "${text}" for --override: must be NAME=VALUE`);
  return {
    source: "override",
    name: text.slice(0, equals).trim(),
    value: text.slice(equals + 1),
    origin: "--override",
  };
}

/** One line that says what to do about it, for what can be expected; for the rest, where it happened. */
function startProblem(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof NetworkError) {
    const advice = error.code === "EADDRINUSE"
      ? "; another program listens there: stop it, or choose a port with --port"
      : error.code === "EACCES"
      ? "; ports below 1024 need special rights: choose another with --port"
      : "";
    return `${error.message}${advice}`;
  }
  if (error instanceof StorageError || error instanceof FileError) {
    const remedy = remedyFor(error.code);
    return remedy === null ? error.message : `${error.message}; ${remedy}`;
  }
  if (error.name === "CorruptMetadata") return error.message;
  return error.stack ?? error.message;
}

function runUntilSignal(runtime: Runtime, broker: Broker, logger: Logger): Promise<number> {
  return new Promise((resolve) => {
    let isStopping = false;
    const stop = (signal: string) => {
      if (isStopping) {
        logger.warn("stopping at once", { signal });
        return resolve(1);
      }
      isStopping = true;
      logger.info("stopping", { signal });
      runtime.timers.after(stopMsMax, () => {
        logger.error("stop took too long", { afterMs: stopMsMax });
        resolve(1);
      });
      broker.stop().then(() => resolve(0), (error: unknown) => {
        logger.error("stop failed", { error: error instanceof Error ? error : String(error) });
        resolve(1);
      });
    };
    runtime.process.onSignal("SIGTERM", () => stop("SIGTERM"));
    runtime.process.onSignal("SIGINT", () => stop("SIGINT"));
  });
}
