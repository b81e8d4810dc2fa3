/** From nothing to the first acknowledged record: an empty folder, and one of 1,000 partitions. */

import { BrokerSubject, firstRecord } from "../run/contender.ts";
import { countAt, type Measured, type OwnRow } from "./row.ts";

const topic = "first";

export const startRows: readonly OwnRow[] = [
  {
    kind: "own",
    name: "start, empty",
    passes: ["os"],
    isShort: true,
    // Kafka's folder is formatted before, which is not counted; Weir has no such step.
    measure: async (contender, { pass }) => {
      const subject = await BrokerSubject.start(contender, pass);
      try {
        const startMs = performance.now();
        await subject.makeTopic(topic);
        return figures(subject.readyMs, subject.readyMs + performance.now() - startMs);
      } finally {
        await subject.dispose();
      }
    },
  },
  startRow(1000),
];

function startRow(partitionCount: number): OwnRow {
  return {
    kind: "own",
    name: `start, ${partitionCount.toLocaleString("en")} partitions with a record each`,
    passes: ["os"],
    measure: async (contender, { pass, scale }) => {
      const subject = await BrokerSubject.start(contender, pass);
      try {
        await subject.makeTopic(topic, countAt(scale, partitionCount));
        await subject.stop();
        const readyMs = await subject.startAgain();
        const startMs = performance.now();
        const client = await subject.connect();
        await firstRecord(client, topic, 0);
        client.close();
        return figures(readyMs, readyMs + performance.now() - startMs);
      } finally {
        await subject.dispose();
      }
    },
  };
}

function figures(answeredMs: number, acknowledgedMs: number): Measured[] {
  return [
    { figure: "to first answer", kind: "time", value: answeredMs, unit: "ms" },
    { figure: "to first acknowledged record", kind: "time", value: acknowledgedMs, unit: "ms" },
  ];
}
