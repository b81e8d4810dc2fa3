/** A run of a world: work in the midst of trouble, then peace, in which everything must come right. */
import { initCrc32c } from "../../../protocol/crc32c.ts";
import { Broken } from "./history.ts";
import type { Life } from "./life.ts";
import { LinkBroken } from "./link.ts";
import type { World } from "./world.ts";

/** Virtual time within which everything must come right once there is no more trouble. */
const HEALING_LIMIT_MS = 60_000;

export abstract class Play {
  readonly world: World;
  readonly #ends: readonly ("stop" | "kill")[];
  readonly #work: Promise<void>[] = [];

  /** `ends` is how the broker goes, and comes back, in the peace. */
  constructor(world: World, ends: readonly ("stop" | "kill")[]) {
    this.world = world;
    this.#ends = ends;
  }

  async run(): Promise<void> {
    const { world } = this;
    await initCrc32c(); // in real time, of which virtual time does not know
    const living = world.spawn("broker", () => world.live());
    this.begin();
    await this.#advance(world.troubleMs);
    world.isHealing = true;
    await this.#until(world.spawn("reckoning", () => living.then(() => this.#reckon())));
    world.isOver = true;
    await this.#until(Promise.all(this.#work));
  }

  /** Sets everybody to work. */
  protected abstract begin(): void;

  protected spawn(name: string, work: () => Promise<void>): void {
    this.#work.push(this.world.spawn(name, work));
  }

  /** Nothing goes wrong any more. */
  async #reckon(): Promise<void> {
    const { world } = this;
    let life = await world.heal();
    await this.#settle("on a healthy disk");
    checkOnline(life);
    for (const how of this.#ends) {
      if (how === "stop") await life.stop();
      else life.die();
      life = await world.startAgain();
      if (life.broker!.logDir.wasClean !== (how === "stop")) throw new Broken(`after a ${how} the folder is not right`);
      await this.#settle(`after a ${how}`);
    }
    world.isOver = true;
    await life.stop();
  }

  async #settle(when: string): Promise<void> {
    const { world } = this;
    await this.beginToSettle();
    const untilMs = world.nowMs() + HEALING_LIMIT_MS;
    for (;;) {
      const missing = await this.missing();
      if (missing === null) break;
      if (world.nowMs() > untilMs) {
        throw new Broken(`${when}, after ${HEALING_LIMIT_MS} ms: ${missing}`);
      }
      await world.sleep(200);
    }
    await this.checkSettled(when);
  }

  /** Before things are waited for. */
  protected async beginToSettle(): Promise<void> {}

  /** What has not come right yet; null when all has. */
  protected abstract missing(): string | null | Promise<string | null>;

  /** What must hold once it has. */
  protected abstract checkSettled(when: string): Promise<void>;

  /** Until the broker answers. */
  protected async insist<Result>(ask: () => Promise<Result>): Promise<Result> {
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof LinkBroken) || this.world.isOver) throw error;
        await this.world.sleep(200);
      }
    }
  }

  async #advance(ms: number): Promise<void> {
    const { world } = this;
    const endMs = world.nowMs() + ms;
    while (world.nowMs() < endMs) {
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

function checkOnline(life: Life): void {
  for (const log of life.broker!.logDir.logs()) {
    if (log.isOffline) throw new Broken(`log ${log.name} is offline on a healthy disk`);
  }
}
