import { expect, test } from "bun:test";
import { Broker, BrokerConfig, createLogger, createMemoryRuntime } from "../../mod.ts";

test("example of mod.ts runs a broker in memory", async () => {
  const runtime = createMemoryRuntime();
  const config = BrokerConfig.parse([{ source: "override", name: "num.partitions", value: "3" }]);
  const broker = await Broker.start({ runtime, config, logger: createLogger(runtime) });
  expect(broker.listeners[0]?.advertisedPort).toBe(9092);
  await runtime.until(broker.stop());
});
