/** The program: `weir COMMAND OPTIONS`. What the commands are is in `cli/commands.ts`. */

import { runCommandLine } from "./cli/commands.ts";
import { detectRuntime } from "./runtime/detect.ts";

const runtime = await detectRuntime();
runtime.process.exit(await runCommandLine(runtime, runtime.process.args));
