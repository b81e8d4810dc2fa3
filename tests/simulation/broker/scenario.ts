/** One run: clients and a broker that comes and goes, then peace, and the reckoning. */

import { initCrc32c } from "../../../protocol/crc32c.ts";
import { Admin } from "./admin.ts";
import { Consumer } from "./consumer.ts";
import { GroupMember } from "./group_member.ts";
import { Broken, type TopicHistory } from "./history.ts";
import { Producer } from "./producers.ts";
import type { Life } from "./life.ts";
import { LinkBroken } from "./link.ts";
import { World } from "./world.ts";

/** Virtual time within which everything must come right once there is no more trouble. */
const HEALING_LIMIT_MS = 60_000;

export class Scenario {
  readonly world: World;
  readonly #admin: Admin;
  readonly #producers: Producer[] = [];
  readonly #consumers: Consumer[] = [];
  readonly #members: GroupMember[];
  readonly #work: Promise<void>[] = [];

  constructor(seed: number) {
    const world = this.world = new World(seed);
    this.#admin = new Admin(world, (topic) => this.#begin(topic));
    this.#members = [new GroupMember(world, "group-a", true), new GroupMember(world, "group-b", false)];
  }

  async run(): Promise<void> {
    const { world } = this;
    await initCrc32c(); // in real time, of which virtual time does not know
    const living = world.spawn("broker", () => world.live());
    this.#spawn("admin", () => this.#admin.run());
    for (const member of this.#members) this.#spawn("member", () => member.run());
    await this.#advance(world.troubleMs);
    world.isHealing = true;
    const reckoning = world.spawn("reckoning", () => living.then(() => this.#reckon()));
    await this.#until(reckoning);
    world.isOver = true;
    await this.#until(Promise.all(this.#work));
  }

  #begin(topic: TopicHistory): void {
    const { world } = this;
    for (const acks of [-1, -1, 1] as const) {
      const producer = new Producer(world, { name: `p${this.#producers.length}`, topic, acks });
      this.#producers.push(producer);
      this.#spawn(producer.name, () => producer.run());
    }
    for (let count = 0; count < 2; count++) {
      const consumer = new Consumer(world, `c${this.#consumers.length}`, topic);
      this.#consumers.push(consumer);
      this.#spawn("consumer", () => consumer.run());
    }
  }

  #spawn(name: string, work: () => Promise<void>): void {
    this.#work.push(this.world.spawn(name, work));
  }

  /** Nothing goes wrong any more. */
  async #reckon(): Promise<void> {
    const { world } = this;
    let life = await world.heal();
    await this.#settled("on a healthy disk");
    this.#checkIdle(life);
    for (const how of ["stop", "kill", "stop"] as const) {
      if (how === "stop") await life.stop();
      else life.die();
      life = await world.startAgain();
      if (life.broker!.logDir.wasClean !== (how === "stop")) throw new Broken(`after a ${how} the folder is not right`);
      await this.#settled(`after a ${how}`);
    }
    world.isOver = true;
    await life.stop();
  }

  /** Producers are answered, consumers have read everything, groups can commit, topics are as they should be. */
  async #settled(when: string): Promise<void> {
    const { world } = this;
    const startMs = world.runtime.clock.monotonicMs();
    for (const consumer of this.#consumers) consumer.startOver();
    for (const member of this.#members) member.healedCommitCount = 0;
    await this.#insist(() => this.#admin.check());
    for (;;) {
      const missing = this.#missing();
      if (missing === null) break;
      if (world.runtime.clock.monotonicMs() - startMs > HEALING_LIMIT_MS) {
        throw new Broken(`${when}, after ${HEALING_LIMIT_MS} ms: ${missing}`);
      }
      await world.sleep(200);
    }
    for (const member of this.#members) {
      for (const topic of world.history.liveTopics()) {
        const isAnswered = await this.#insist(() => member.check(topic));
        if (!isAnswered) throw new Broken(`${when}: committed offsets cannot be asked for`);
      }
    }
  }

  /** Once more where the connection was still the one to the broker before. */
  async #insist<Result>(ask: () => Promise<Result>): Promise<Result> {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof LinkBroken)) throw error;
      return await ask();
    }
  }

  #missing(): string | null {
    const producer = this.#producers.find(({ isDone }) => !isDone);
    if (producer !== undefined) return `${producer.name} has records of ${producer.topic.name} without an answer`;
    const consumer = this.#consumers.find(({ hasAll }) => !hasAll);
    if (consumer !== undefined) return consumer.describe();
    if (this.world.history.liveTopics().length === 0) return null;
    const member = this.#members.findIndex(({ healedCommitCount }) => healedCommitCount === 0);
    return member < 0 ? null : `group ${member} has not committed`;
  }

  /** Nobody asks for anything: nothing is held for anybody. */
  #checkIdle(life: Life): void {
    for (const log of life.broker!.logDir.logs()) {
      if (log.isOffline) throw new Broken(`log ${log.name} is offline on a healthy disk`);
    }
  }

  async #advance(ms: number): Promise<void> {
    const { world } = this;
    const endMs = world.runtime.clock.monotonicMs() + ms;
    while (world.runtime.clock.monotonicMs() < endMs) {
      await world.runtime.advance(100);
      if (world.failure !== null) throw world.failure;
    }
  }

  async #until(promise: Promise<unknown>): Promise<void> {
    let isDone = false;
    promise.then(() => isDone = true, () => isDone = true);
    while (!isDone) await this.#advance(100);
    await promise;
    if (this.world.failure !== null) throw this.world.failure;
  }
}
