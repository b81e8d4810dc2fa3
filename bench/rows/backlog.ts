/** A backlog that has left memory, and one that is read while producers go on. */

import { dropFromPageCache } from "../page_cache.ts";
import { BrokerSubject, warmUp } from "../run/contender.ts";
import { brokerCpu, cpuDuring, gibibyte, rateOf, type Row } from "./row.ts";

const partitionCount = 4;
/** After a restart: enough for a JVM to compile what reads. */
const warmUpMebibytes = 128;
const pace = { recordsPerRequest: 10, requestsPerSecond: 500 };

export const backlogRows: readonly Row[] = [
  {
    kind: "own",
    name: "cold backlog of 1 KiB records in 64 KiB batches",
    passes: ["os"],
    warmUp: `${warmUpMebibytes} MiB after its restart`,
    measure: async (contender, { pass, scale, generator }) => {
      const subject = await BrokerSubject.start(contender, pass);
      try {
        const load = { port: subject.port, topic: "cold", partitionCount, totalBytes: gibibyte * scale };
        await subject.makeTopic(load.topic, partitionCount);
        const { bytes } = await generator.produce({ ...load, recordBytes: 1024, batchBytes: [65_536] });
        await subject.stop(); // what a process has mapped stays in the page cache
        dropFromPageCache(subject.dataDirectory);
        await subject.startAgain();
        await warmUp(subject, warmUpMebibytes * Math.min(1, scale));
        const { value, cpuSeconds } = await cpuDuring(subject, () => generator.consume({ ...load, totalBytes: bytes }));
        return [
          rateOf(value),
          brokerCpu(cpuSeconds, value.bytes),
        ];
      } finally {
        await subject.dispose();
      }
    },
  },
  {
    kind: "shared",
    name: "catch-up of a slow consumer over 1 GiB, producers at 5,000 records/s",
    passes: ["os", "synced"],
    limits: ["sendfile", "mmap", "unpaced"],
    measure: async (subject, { scale, generator, freshName }) => {
      const topic = freshName("catch-up");
      await subject.makeTopic(topic, partitionCount);
      const load = { port: subject.port, topic, partitionCount, totalBytes: gibibyte * scale };
      const { bytes } = await generator.produce({ ...load, recordBytes: 1024, batchBytes: [65_536] });
      const producers = { ...pace, port: subject.port, topic, partitionCount, seconds: Math.max(0.3, 10 * scale) };
      const alone = await generator.p99AtPace(producers);
      let isOver = false;
      const besides = generator.p99AtPace(producers).finally(() => isOver = true);
      const read = { bytes: 0, seconds: 0 };
      do {
        const { bytes: readBytes, seconds } = await generator.consumeApart({ ...load, totalBytes: bytes });
        read.bytes += readBytes;
        read.seconds += seconds;
      } while (!isOver);
      const beside = await besides;
      await subject.deleteTopic(topic);
      return [
        { figure: "producers' p99 alone", kind: "latency", value: alone, unit: "ms" },
        { figure: "producers' p99 while it is read", kind: "latency", value: beside, unit: "ms" },
        rateOf(read),
      ];
    },
  },
];
