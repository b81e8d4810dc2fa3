/** The bare server of `bench/limit`: what the machine can do with the same requests, beside which a broker's share is seen. */

import { type LimitServer, type LimitServerOptions, startLimitServer } from "../limit/limit.ts";
import { createTopic } from "../../tests/support/requests.ts";
import type { Subject } from "./contender.ts";
import { ProcessSubject } from "./process_subject.ts";

/**
 * It has two ways to read; and as the system's congestion control may set a timer for every packet, which a peer on the same
 * machine does not need, one that leaves it out, as Weir does (decision 27).
 */
export const limitNames = {
  sendfile: "limit sendfile",
  mmap: "limit mmap",
  unpaced: "limit sendfile unpaced",
} as const;
export type LimitName = keyof typeof limitNames;

const options: Readonly<Record<LimitName, LimitServerOptions>> = {
  sendfile: { read: "sendfile" },
  mmap: { read: "mmap" },
  unpaced: { read: "sendfile", congestion: "reno" },
};

export class LimitSubject extends ProcessSubject implements Subject {
  readonly contender: Subject["contender"];

  private constructor(name: LimitName, private readonly server: LimitServer) {
    super();
    this.contender = { name: limitNames[name], target: "limit" };
  }

  static async start(name: LimitName): Promise<LimitSubject> {
    return new LimitSubject(name, await startLimitServer(options[name]));
  }

  get port(): number {
    return this.server.port;
  }

  get pid(): number {
    return this.server.pid;
  }

  async makeTopic(name: string, partitionCount = 1): Promise<void> {
    const client = await this.connect();
    await createTopic(client, { name, partitionCount });
    client.close();
  }

  /** It cannot: all that it was given goes at its end. */
  async deleteTopic(): Promise<void> {}

  dispose(): Promise<void> {
    return this.server.stop();
  }
}
