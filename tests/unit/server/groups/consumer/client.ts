/** A consumer that speaks the new protocol to a machine as real ones do: it gives up what it must, then says so. */
import type { HeartbeatAnswer, HeartbeatEvent, TopicPartitions } from "../../../../../server/groups/consumer/state.ts";
import { heldText, type Machine } from "./machine.ts";

export class Client {
  epoch = 0;
  owned: TopicPartitions = new Map();
  readonly memberId: string;
  readonly #machine: Machine;
  readonly #said: Partial<HeartbeatEvent>;
  #hasNews = false;

  constructor(machine: Machine, memberId: string, said: Partial<HeartbeatEvent> = {}) {
    this.#machine = machine;
    this.memberId = memberId;
    this.#said = said;
  }

  /** "t:0,1" */
  get text(): string {
    return heldText(this.owned, this.#machine.topics);
  }

  join(): HeartbeatAnswer {
    this.owned = new Map();
    return this.#take(this.#machine.join(this.memberId, this.#said));
  }

  heartbeat(changes: Partial<HeartbeatEvent> = {}): HeartbeatAnswer {
    const { instanceId = null } = this.#said;
    const owned = this.#hasNews ? this.ownedList : null;
    this.#hasNews = false;
    return this.#take(this.#machine.heartbeat(this.memberId, this.epoch, { owned, instanceId, ...changes }));
  }

  leave(epoch = -1): HeartbeatAnswer {
    const { instanceId = null } = this.#said;
    this.epoch = 0;
    this.owned = new Map();
    return this.#machine.heartbeat(this.memberId, epoch, { instanceId });
  }

  get ownedList() {
    return Array.from(this.owned, ([topicId, partitions]) => ({ topicId, partitions }));
  }

  #take(answer: HeartbeatAnswer): HeartbeatAnswer {
    if (answer.errorCode !== 0) return answer;
    this.epoch = answer.memberEpoch;
    if (answer.assignment === null) return answer;
    this.owned = answer.assignment;
    this.#hasNews = true;
    return answer;
  }
}

/** Heartbeats of all, in turn, until nothing changes any more. */
export function settle(...clients: readonly Client[]): void {
  for (let round = 0; round < 10; round++) for (const client of clients) client.heartbeat();
}
