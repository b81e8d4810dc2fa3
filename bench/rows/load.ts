/** The same with a client that costs little: batches made beforehand, several connections, records that nobody decodes. */

import { brokerCpu, cpuDuring, gibibyte, type Measured, rateOf, type SharedRow, type Transfer } from "./row.ts";

const partitionCount = 6;
const connectionCount = 4;
/** At the least; what was produced is read again and again: CPU time is told in steps of 10 ms. */
const consumedBytes = 4 * gibibyte;
/** Here it is the request that costs, not the bytes; what a consumer is given of them is no different from larger ones. */
const tinyBatchBytes = 2048;
const sizes = [
  { name: "2 KiB", batchBytes: tinyBatchBytes, totalBytes: gibibyte / 4 },
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
  limits: ["sendfile", "mmap", "unpaced"],
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
      rateOf(produced.value, "produce, rate"),
      brokerCpu(produced.cpuSeconds, produced.value.bytes, "produce, broker CPU"),
    ];
    if (pass === "os" && batchBytes > tinyBatchBytes) {
      const times = Math.ceil(consumedBytes * scale / produced.value.bytes);
      const consumed = await cpuDuring(subject, () => {
        return repeated(times, () => generator.consume({ ...load, totalBytes: produced.value.bytes }));
      });
      figures.push(
        rateOf(consumed.value, "consume, rate"),
        brokerCpu(consumed.cpuSeconds, consumed.value.bytes, "consume, broker CPU"),
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
