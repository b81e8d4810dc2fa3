/** Memory of a broker nobody has asked anything, of one under load, and some seconds after. */

import { pause } from "../../tests/support/broker.ts";
import { BrokerSubject } from "../run/contender.ts";
import { highestMemoryOf, type ProcessMemory } from "../run/process.ts";
import { gibibyte, type Measured, mebibyte, type OwnRow } from "./row.ts";

/** Longer than a start keeps what only it needs (`runtime/program_code.ts`). */
const settleMs = 5000;

export const memoryRows: readonly OwnRow[] = [{
  kind: "own",
  name: "memory",
  passes: ["os"],
  measure: async (contender, { pass, scale, generator }) => {
    const subject = await BrokerSubject.start(contender, pass);
    try {
      await pause(settleMs);
      const idle = subject.memory();
      const [topic, partitionCount] = ["load", 6];
      await subject.makeTopic(topic, partitionCount);
      const load = { port: subject.port, topic, partitionCount, totalBytes: 4 * gibibyte * scale };
      const loaded = await highestMemoryOf(subject.pid, async () => {
        const batchBytes = [16_384, 65_536, 262_144, 1_000_000];
        const { bytes } = await generator.produce({ ...load, recordBytes: 1024, batchBytes });
        await generator.consume({ ...load, totalBytes: bytes });
      });
      await pause(settleMs);
      return [...figures("idle", idle), ...figures("loaded", loaded), ...figures("after", subject.memory())];
    } finally {
      await subject.dispose();
    }
  },
}];

function figures(when: string, { residentBytes, ownBytes, mappedBytes }: ProcessMemory): Measured[] {
  return [
    { figure: `${when}, resident`, kind: "memory", value: residentBytes / mebibyte, unit: "MiB" },
    { figure: `${when}, own`, kind: "memory", value: ownBytes / mebibyte, unit: "MiB" },
    { figure: `${when}, mapped page cache`, kind: "memory", value: mappedBytes / mebibyte, unit: "MiB" },
  ];
}
