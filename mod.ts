/**
 * Weir: an event-streaming broker that speaks the Apache Kafka protocol, as a module. Importing it does nothing.
 *
 * A broker inside a program, here one that lives in memory:
 *
 * ```ts
 * import { Broker, BrokerConfig, createLogger, createMemoryRuntime } from "./mod.ts";
 *
 * const runtime = createMemoryRuntime();
 * const config = BrokerConfig.parse([{ source: "override", name: "num.partitions", value: "3" }]);
 * const broker = await Broker.start({ runtime, config, logger: createLogger(runtime) });
 * console.log(broker.listeners[0]?.advertisedPort); // 9092
 * await broker.stop();
 * ```
 *
 * With `await detectRuntime()` in place of `createMemoryRuntime()` it listens on a socket and writes to disk, on Bun
 * and on Deno.
 *
 * @module
 */

export { createMemoryRuntime, type MemoryRuntime, type MemoryRuntimeOptions } from "./runtime/memory.ts";
export { detectRuntime } from "./runtime/detect.ts";
export type { Runtime } from "./runtime/runtime.ts";
export { Broker, type BrokerOptions } from "./server/broker.ts";
export { BrokerConfig, type BrokerConfigName, ConfigError, type StaticEntry } from "./server/config.ts";
export { createLogger, type Logger, type LoggerOptions, silentLogger } from "./server/log.ts";
