/** Clients of all kinds and a broker that comes and goes. */

import { Admin } from "./admin.ts";
import { Consumer } from "./consumer.ts";
import { GroupMember } from "./group_member.ts";
import { Broken, type TopicHistory } from "./history.ts";
import { Producer } from "./producers.ts";
import { LinkBroken } from "./link.ts";
import { Play } from "./play.ts";
import { World } from "./world.ts";

export class Scenario extends Play {
  readonly #admin: Admin;
  readonly #producers: Producer[] = [];
  readonly #consumers: Consumer[] = [];
  readonly #members: GroupMember[];

  constructor(seed: number) {
    const world = new World(seed);
    super(world, ["stop", "kill", "stop"]);
    this.#admin = new Admin(world, (topic) => this.#beginWith(topic));
    this.#members = [new GroupMember(world, "group-a", true), new GroupMember(world, "group-b", false)];
  }

  protected override begin(): void {
    this.spawn("admin", () => this.#admin.run());
    for (const member of this.#members) this.spawn("member", () => member.run());
  }

  #beginWith(topic: TopicHistory): void {
    const { world } = this;
    for (const acks of [-1, -1, 1] as const) {
      const producer = new Producer(world, { name: `p${this.#producers.length}`, topic, acks });
      this.#producers.push(producer);
      this.spawn(producer.name, () => producer.run());
    }
    for (let count = 0; count < 2; count++) {
      const consumer = new Consumer(world, `c${this.#consumers.length}`, topic);
      this.#consumers.push(consumer);
      this.spawn("consumer", () => consumer.run());
    }
  }

  protected override async beginToSettle(): Promise<void> {
    for (const consumer of this.#consumers) consumer.startOver();
    for (const member of this.#members) member.healedCommitCount = 0;
    await this.#onceMore(() => this.#admin.check());
  }

  protected override async checkSettled(when: string): Promise<void> {
    for (const member of this.#members) {
      for (const topic of this.world.history.liveTopics()) {
        const isAnswered = await this.#onceMore(() => member.check(topic));
        if (!isAnswered) throw new Broken(`${when}: committed offsets cannot be asked for`);
      }
    }
  }

  /** Once more where the connection was still the one to the broker before. */
  async #onceMore<Result>(ask: () => Promise<Result>): Promise<Result> {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof LinkBroken)) throw error;
      return await ask();
    }
  }

  /** Producers are answered, consumers have read everything, groups can commit. */
  protected override missing(): string | null {
    const producer = this.#producers.find(({ isDone }) => !isDone);
    if (producer !== undefined) return `${producer.name} has records of ${producer.topic.name} without an answer`;
    const consumer = this.#consumers.find(({ hasAll }) => !hasAll);
    if (consumer !== undefined) return consumer.describe();
    if (this.world.history.liveTopics().length === 0) return null;
    const member = this.#members.findIndex(({ healedCommitCount }) => healedCommitCount === 0);
    return member < 0 ? null : `group ${member} has not committed`;
  }
}
