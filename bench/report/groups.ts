/** How figures are grouped on the page and in charts. */

export interface Group {
  /** Also the name of the chart's file. */
  readonly name: string;
  readonly title: string;
  readonly says: string;
  readonly figure: RegExp;
}

export const groups: readonly Group[] = [
  {
    name: "produce-cpu",
    title: "Produce: CPU seconds of the broker per GiB",
    says: "Kafka's own perf tool; less is better",
    figure: /^produce .*: broker CPU$/,
  },
  {
    name: "produce-rate",
    title: "Produce: records per second",
    says: "Kafka's own perf tool, which is often what limits; more is better",
    figure: /^produce .*: rate$/,
  },
  {
    name: "produce-latency",
    title: "Produce: how long records wait",
    says: "Kafka's own perf tool, in whole milliseconds; less is better",
    figure: /^produce .*: p[\d.]+$/,
  },
  {
    name: "consume",
    title: "Consume",
    says: "Kafka's own perf tool from the page cache, a cold backlog, and fan-out; CPU: less is better, rate: more",
    figure: /^(consume|cold backlog|fan-out|tail)\b/,
  },
  {
    name: "transactions",
    title: "Exactly-once",
    says: "one producer, transactions one after the other; CPU and latency: less is better, rate: more",
    figure: /^transactions\b/,
  },
  {
    name: "made-batches",
    title: "A client that is not what limits",
    says: "batches made beforehand, several connections; CPU: less is better, rate: more",
    figure: /^made batches/,
  },
  {
    name: "latency",
    title: "End to end, and producers beside a reader",
    says: "a client of little cost, its own share shown as the floor; less is better",
    figure: /^(end to end|catch-up)/,
  },
  {
    name: "many",
    title: "Many partitions, topics and connections",
    says: "rate: more is better, all else: less",
    figure: /^[\d,]+ (partitions|tiny topics|connections)/,
  },
  {
    name: "groups",
    title: "Consumer groups",
    says: "rate: more is better, all else: less",
    figure: /^(offset commits|[\d,]+ (members|idle groups))\b/,
  },
  {
    name: "footprint",
    title: "Start, memory and size",
    says: "less is better",
    figure: /^(start|memory|installed)\b/,
  },
];
