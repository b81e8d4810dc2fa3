/** The same with a client that costs little: batches made beforehand, several connections, records that nobody decodes. */

import { brokerCpu } from "./produce.ts";
import { cpuDuring, gibibyte, type Measured, mebibyte, type SharedRow } from "./row.ts";

const partitionCount = 6;
const connectionCount = 4;
/** At the least; what was produced is read again and again: CPU time is told in steps of 10 ms. */
const consumedBytes = 4 * gibibyte;
const sizes = [
  // Here it is the request that costs, not the bytes.
  { name: "2 KiB", batchBytes: 2048, totalBytes: gibibyte / 4 },
  { name: "16 KiB", batchBytes: 16_384, totalBytes: gibibyte / 2 },
  { name: "64 KiB", batchBytes: 65_536, totalBytes: gibibyte },
  { name: "256 KiB", batchBytes: 262_144, totalBytes: 2 * gibibyte },
  // A batch of a whole MiB is over what both take by default.
  { name: "1 MiB", batchBytes: 1_000_000, totalBytes: 2 * gibibyte },
] as const;

export const loadRows: readonly SharedRow[] = sizes.map(({ name, batchBytes, totalBytes }) => ({
  kind: "shared",
  name: `made batches of ${name}`,
  passes: ["os", "synced"],
  hasLimit: true,
  writtenBytes: totalBytes,
  isShort: name === "16 KiB" || name === "64 KiB" || name === "1 MiB",
  measure: async (subject, { pass, scale, generator, freshName }) => {
    const topic = freshName("made");
    await subject.makeTopic(topic, partitionCount);
    const load = { port: subject.port, topic, partitionCount, connectionCount, totalBytes: totalBytes * scale };
    const produced = await cpuDuring(
      subject,
      () => generator.produce({ ...load, recordBytes: 1024, batchBytes: [batchBytes] }),
    );
    const figures: Measured[] = [
      rate("produce", produced.value),
      { ...brokerCpu(produced.cpuSeconds, produced.value.bytes), figure: "produce, broker CPU" },
    ];
    if (pass === "os" && batchBytes > 2048) {
      const times = Math.ceil(consumedBytes * scale / produced.value.bytes);
      const consumed = await cpuDuring(subject, () => {
        return repeated(times, () => generator.consume({ ...load, totalBytes: produced.value.bytes }));
      });
      figures.push(
        rate("consume", consumed.value),
        { ...brokerCpu(consumed.cpuSeconds, consumed.value.bytes), figure: "consume, broker CPU" },
      );
    }
    await subject.deleteTopic(topic);
    return figures;
  },
}));

async function repeated(times: number, run: () => Promise<Transfer>): Promise<Transfer> {
  let [bytes, seconds] = [0, 0];
  for (let time = 0; time < times; time++) {
    const load = await run();
    bytes += load.bytes;
    seconds += load.seconds;
  }
  return { bytes, seconds };
}

interface Transfer {
  readonly bytes: number;
  readonly seconds: number;
}

function rate(what: string, { bytes, seconds }: Transfer): Measured {
  return { figure: `${what}, rate`, kind: "rate", value: bytes / mebibyte / seconds, unit: "MiB/s" };
}
