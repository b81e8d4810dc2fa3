import { expect, test } from "bun:test";
import { Broker, BrokerConfig, Client, createLogger, createMemoryRuntime } from "../../mod.ts";

test("example of mod.ts runs a broker in memory", async () => {
  const runtime = createMemoryRuntime();
  const config = BrokerConfig.parse([{ source: "override", name: "num.partitions", value: "3" }]);
  const broker = await Broker.start({ runtime, config, logger: createLogger(runtime) });
  expect(broker.listeners[0]?.advertisedPort).toBe(9092);
  await runtime.until(broker.stop());
});

test("example of mod.ts sends a greeting and reads it", async () => {
  const runtime = createMemoryRuntime();
  const broker = await Broker.start({ runtime, config: BrokerConfig.parse([]), logger: createLogger(runtime) });
  const greet = async () => {
    const client = new Client({ runtime, brokers: ["127.0.0.1:9092"] });
    const producer = client.producer();
    await producer.send({ topic: "greetings", value: new TextEncoder().encode("hello") });
    const consumer = client.consumer({ groupId: "readers", startAt: "earliest" });
    consumer.subscribe(["greetings"]);
    let greeting = "";
    for await (const { value } of consumer) {
      greeting = new TextDecoder().decode(value!);
      break;
    }
    await consumer.close();
    await producer.close();
    await client.close();
    return greeting;
  };
  expect(await runtime.until(greet())).toBe("hello");
  await runtime.until(broker.stop());
});
