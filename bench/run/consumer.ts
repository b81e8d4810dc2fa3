/** Reads a topic at full speed and prints what it read: bun bench/run/consumer.ts LOAD (`ApartLoad` as JSON) */

import { consumeLoad } from "../load.ts";
import type { ApartLoad } from "../load_generator.ts";

console.log(JSON.stringify(await consumeLoad(JSON.parse(process.argv[2] ?? "") as ApartLoad)));
process.exit(0);
