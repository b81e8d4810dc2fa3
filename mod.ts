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
 * ```
 *
 * A client, here of that broker. In memory time is virtual and stands still: `runtime.until` lets it pass until a promise
 * has its result.
 *
 * ```ts
 * import { Client } from "./mod.ts";
 *
 * const greet = async () => {
 *   const client = new Client({ runtime, brokers: ["127.0.0.1:9092"] });
 *   const producer = client.producer();
 *   await producer.send({ topic: "greetings", value: new TextEncoder().encode("hello") });
 *
 *   const consumer = client.consumer({ groupId: "readers", startAt: "earliest" });
 *   consumer.subscribe(["greetings"]);
 *   for await (const { value } of consumer) {
 *     console.log(new TextDecoder().decode(value!)); // hello
 *     break;
 *   }
 *   await consumer.close();
 *   await producer.close();
 *   await client.close();
 * };
 * await runtime.until(greet());
 * await runtime.until(broker.stop());
 * ```
 *
 * With `await detectRuntime()` in place of `createMemoryRuntime()` it listens on a socket and writes to disk, on Bun
 * and on Deno; time passes by itself there, so `await greet()` is all.
 *
 * @module
 */

export { Admin, type OffsetSpec, type TopicSpec } from "./client/admin.ts";
export { Client, type ClientOptions } from "./client/client.ts";
export { type Assignment, Consumer, type ConsumerOptions, type ConsumerRecord } from "./client/consumer.ts";
export {
  BufferFullError,
  ClosedError,
  ConnectionError,
  CorruptRecordsError,
  isRetriable,
  TimeoutError,
  UnsupportedVersionError,
} from "./client/errors.ts";
export { type Delivery, Producer, type ProducerOptions, type ProducerRecord } from "./client/producer.ts";
export { ErrorCode, errorName, ProtocolError } from "./protocol/errors.ts";
export type { RecordHeader } from "./protocol/record.ts";
export { createMemoryRuntime, type MemoryRuntime, type MemoryRuntimeOptions } from "./runtime/memory.ts";
export { detectRuntime } from "./runtime/detect.ts";
export type { Runtime } from "./runtime/runtime.ts";
export { Broker, type BrokerOptions } from "./server/broker.ts";
export { BrokerConfig, type BrokerConfigName, ConfigError, type StaticEntry } from "./server/config.ts";
export { createLogger, type Logger, type LoggerOptions, silentLogger } from "./server/log.ts";
