/** Reads a topic at full speed and prints what it read: bun bench/run/consumer.ts LOAD (`ConsumeLoad` as JSON) */

import { type ConsumeLoad, consumeLoad } from "../load.ts";

console.log(JSON.stringify(await consumeLoad(JSON.parse(process.argv[2] ?? "") as ConsumeLoad)));
process.exit(0);
