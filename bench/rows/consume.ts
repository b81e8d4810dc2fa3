/** Consuming what is in the page cache with Kafka's own tool. */

import { Compression, type CompressionName } from "../../protocol/compression.ts";
import { runConsumer } from "../run/tool.ts";
import { brokerCpu, cpuDuring, mebibyte, type SharedRow } from "./row.ts";

/** Each row's topic holds so much; the tool reads all of it. */
const topicBytes = 1024 * mebibyte;

export const consumeRows: readonly SharedRow[] = [
  consumeRow(100, 1, "none"),
  consumeRow(100, 6, "none"),
  consumeRow(1024, 1, "none"),
  consumeRow(1024, 6, "none"),
  consumeRow(1024, 1, "lz4"),
  consumeRow(1024, 1, "zstd"),
];

function consumeRow(recordBytes: 100 | 1024, partitionCount: number, compression: CompressionName): SharedRow {
  const size = recordBytes === 100 ? "100 B" : "1 KiB";
  return {
    kind: "shared",
    name: `consume ${size}, ${partitionCount} partition${partitionCount === 1 ? "" : "s"}, ${compression}`,
    passes: ["os"],
    isShort: recordBytes === 1024 && partitionCount === 1 && compression === "none",
    limits: ["unpaced"],
    measure: async (subject, { scale, generator, freshName }) => {
      const topic = freshName("consume");
      await subject.makeTopic(topic, partitionCount);
      const produced = await generator.produce({
        port: subject.port,
        topic,
        partitionCount,
        recordBytes,
        batchBytes: [65_536],
        totalBytes: Math.max(mebibyte, topicBytes * scale),
        compression: Compression[compression],
      });
      // A record more in each partition: the first, by which one sees that it is led.
      const recordCount = produced.records;
      const { value, cpuSeconds } = await cpuDuring(
        subject,
        () => runConsumer({ address: subject.address, topic, recordCount }),
      );
      await subject.deleteTopic(topic);
      return [
        { figure: "rate", kind: "rate", value: value.recordsPerSecond, unit: "records/s" },
        brokerCpu(cpuSeconds, value.mebibytes * mebibyte),
      ];
    },
  };
}
