/**
 * Who makes the load where the broker, not the client, is to be what limits: premade batches over several connections. The one
 * of bench/limit has the same two methods, and takes this one's place where it can be built.
 */

import { type Consumed, type ConsumeLoad, consumeLoad, type Load, type ProduceLoad, produceLoad } from "./load.ts";

export interface LoadGenerator {
  readonly name: string;
  /** Sends batches made beforehand until so many bytes are acknowledged. */
  produce(load: ProduceLoad): Promise<Load>;
  /** Reads a topic from its start until so many bytes of batches have come. */
  consume(load: ConsumeLoad): Promise<Consumed>;
}

/** In the process of the bench. */
export const ownGenerator: LoadGenerator = { name: "bench/load.ts", produce: produceLoad, consume: consumeLoad };
