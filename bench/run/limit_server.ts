/** The bare server of `bench/limit`: what the machine can do with the same requests, beside which a broker's share is seen. */

import { type LimitServer, startLimitServer } from "../limit/limit.ts";
import { createTopic } from "../../tests/support/requests.ts";
import type { Subject } from "./contender.ts";
import { ProcessSubject } from "./process_subject.ts";

/** Two, for it has two ways to read. */
export const limitNames = { sendfile: "limit sendfile", mmap: "limit mmap" } as const;

export class LimitSubject extends ProcessSubject implements Subject {
  readonly contender: Subject["contender"];

  private constructor(read: keyof typeof limitNames, private readonly server: LimitServer) {
    super();
    this.contender = { name: limitNames[read], target: "limit" };
  }

  static async start(read: keyof typeof limitNames): Promise<LimitSubject> {
    return new LimitSubject(read, await startLimitServer({ read }));
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
