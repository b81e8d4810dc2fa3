/** How long a record takes to its acknowledgement and to a consumer, by a client whose own share is shown beside it. */

import { atPace, highestPace, oneAtATime } from "../run/latency_client.ts";
import { percentiles, type SharedRow } from "./row.ts";

const load = { partitionCount: 4, recordsPerRequest: 10 };
const highestRateNote = "Kafka's highest rate of requests";

export const latencyRows: readonly SharedRow[] = [
  {
    kind: "shared",
    name: "end to end, 1 KiB, one at a time, acks=all",
    passes: ["os", "synced"],
    isShort: true,
    hasFloor: true,
    limits: ["unpaced"],
    measure: async (subject, { scale, freshName }) => {
      const topic = freshName("latency");
      await subject.makeTopic(topic);
      const { acknowledgedMs, consumedMs } = await oneAtATime(subject.port, topic, countOf(10_000, scale));
      await subject.deleteTopic(topic);
      return [...percentiles("acknowledged", acknowledgedMs), ...percentiles("consumed", consumedMs)];
    },
  },
  {
    kind: "shared",
    name: "end to end, 10 x 1 KiB a request, half of Kafka's highest rate, acks=all",
    passes: ["os", "synced"],
    hasFloor: true,
    needsKafka: true,
    limits: ["unpaced"],
    measure: async (subject, { scale, freshName, notes }) => {
      const topic = freshName("half");
      await subject.makeTopic(topic, load.partitionCount);
      const place = { ...load, port: subject.port, topic };
      if (!notes.has(highestRateNote)) {
        if (subject.contender.target !== "kafka") throw new Error("Kafka is measured first, for its highest rate");
        notes.set(highestRateNote, await highestPace({ ...place, seconds: Math.max(0.5, 4 * scale) }));
      }
      const requestsPerSecond = notes.get(highestRateNote)! / 2;
      const { acknowledgedMs, consumedMs } = await atPace({
        ...place,
        requestsPerSecond,
        seconds: Math.max(0.3, 6 * scale),
        isConsumed: true,
      });
      await subject.deleteTopic(topic);
      return [
        ...percentiles("acknowledged", acknowledgedMs),
        ...percentiles("consumed", consumedMs),
        { figure: "requests sent", kind: "given", value: requestsPerSecond, unit: "requests/s" },
      ];
    },
  },
];

function countOf(full: number, scale: number): number {
  return Math.max(100, Math.round(full * Math.min(1, scale)));
}
