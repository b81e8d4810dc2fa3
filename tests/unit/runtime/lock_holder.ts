/** Holds a lock until it is killed: the other process of a test. */

import { detectRuntime } from "../../../runtime/detect.ts";

const runtime = await detectRuntime();
const lock = runtime.files.lock(runtime.process.args[0] ?? "");
runtime.process.print(lock === null ? "refused\n" : "locked\n");
for await (const _ of runtime.process.inputLines()) continue;
