/**
 * Consumers on a coordinator in virtual time that is killed, and whose log fails and stalls. What consumers do is the test's
 * own; that committed offsets never go back unasked is seen to here.
 */
import { ErrorCode } from "../../protocol/errors.ts";
import { RandomRun } from "../support/random_runs.ts";
import type { Desk } from "../unit/server/groups/desk.ts";

export const partitionCount = 6;
export const consumerCount = 5;
const stepCount = 400;

export abstract class TroubledGroups<Consumer extends { act(): void }> extends RandomRun {
  desk!: Desk;
  /** Counts restarts: what an earlier coordinator was asked is never answered. */
  life = 0;
  readonly consumers: Consumer[] = [];
  /** By partition: the offset committed last, and the highest one that was answered or seen. */
  readonly committed = new Array<number>(partitionCount).fill(-1);
  readonly known = new Array<number>(partitionCount).fill(-1);
  failure: unknown = null;

  /** Trouble, and consumers in the midst of it; then what comes after. */
  protected async play(): Promise<void> {
    for (let round = 0; round < stepCount; round++) {
      await this.#disturb();
      for (const consumer of this.consumers) if (this.chance(0.8)) consumer.act();
      await this.desk.runtime.advance(this.below(1_000));
      if (round % 10 === 0) await this.checkOffsets();
      if (this.failure !== null) throw this.failure;
    }
    await this.calm();
    if (this.failure !== null) throw this.failure;
  }

  /** Ends the trouble, and checks what must hold then. */
  protected abstract calm(): Promise<void>;

  async #disturb(): Promise<void> {
    const dice = this.random();
    const { topic } = this.desk;
    if (dice < 0.01) {
      this.life++;
      topic.errorCode = 0;
      topic.gate = null;
      this.desk = await this.desk.restart();
      await this.checkOffsets();
    } else if (dice < 0.04) {
      topic.errorCode = topic.errorCode === 0 ? ErrorCode.NOT_ENOUGH_REPLICAS : 0;
    } else if (dice < 0.06) {
      const { timers } = this.desk.runtime;
      const stallMs = this.random() * 12_000; // longer than offsets.commit.timeout.ms, at times
      topic.gate ??= new Promise((resolve) =>
        timers.after(stallMs, () => {
          topic.gate = null;
          resolve();
        })
      );
    }
  }

  protected async checkOffsets(): Promise<void> {
    const offsets = await this.desk.coordinator.offsetsOf("g", { requireStable: false });
    if (typeof offsets === "number") return;
    for (let partition = 0; partition < partitionCount; partition++) {
      const found = offsets.get("g", "t", partition)?.offset ?? -1;
      const [low, high] = [this.known[partition]!, this.committed[partition]!];
      if (found < low || found > high) throw new Error(`partition ${partition}: ${found} is not in ${low}…${high}`);
      this.known[partition] = found;
    }
  }
}
