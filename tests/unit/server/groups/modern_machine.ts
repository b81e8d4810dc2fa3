/**
 * The state machine of a group of one of the newer protocols on a desk: answers are looked up by ticket. After every event the
 * state is checked against itself, and against what the log would give back.
 */
import type { Words } from "../../../../server/groups/modern/groups.ts";
import type { ModernEffect } from "../../../../server/groups/modern/state.ts";
import { SmallMap } from "../../../../server/groups/small_map.ts";
import type { FakeTopics } from "./consumer/topics.ts";
import { answerOnce, TimedMachine } from "./timed_machine.ts";

type MemberOf<W extends Words> = W["state"]["members"] extends ReadonlyMap<string, infer Member> ? Member : never;

export abstract class ModernMachine<W extends Words> extends TimedMachine<W["event"]> {
  readonly answers = new Map<number, W["answer"]>();
  /** What the last event wrote. */
  written: readonly W["part"][] = [];
  #lastTicket = 0;

  constructor(public state: W["state"], public rules: W["rules"], readonly topics: FakeTopics) {
    super();
  }

  get context() {
    return { nowMs: this.nowMs, rules: this.rules, topics: this.topics };
  }

  override feed(event: W["event"]): void {
    const [state, effects] = this.step(event);
    this.state = state;
    this.written = [];
    this.carryOutAll(effects);
    this.check();
  }

  protected abstract step(event: W["event"]): readonly [W["state"], readonly W["effect"][]];

  carryOutAll(effects: readonly W["effect"][]): void {
    for (const effect of effects) this.carryOut(effect);
  }

  /** Effects of the protocol's own, and `carryOutCommon` for all others. */
  protected abstract carryOut(effect: W["effect"]): void;

  protected carryOutCommon(effect: ModernEffect<W["event"], W["part"], W["answer"], string>): void {
    switch (effect.kind) {
      case "persist":
        this.written = [...this.written, ...effect.records];
        for (const part of effect.records) this.store(part);
        break;
      case "answer":
        answerOnce(this.answers, effect.ticket, effect.answer);
        break;
      case "startTimer":
        if (effect.isKept && this.timers.has(effect.timer)) break;
        this.startTimer(effect.timer, effect.delayMs, effect.event);
        break;
      case "cancelTimer":
        this.timers.delete(effect.timer);
        break;
      case "note":
        break;
    }
  }

  protected newTicket(): number {
    return ++this.#lastTicket;
  }

  answer(ticket: number): W["answer"] {
    const answer = this.answers.get(ticket);
    if (answer === undefined) throw new Error(`ticket ${ticket} is not answered`);
    return answer;
  }

  member(memberId: string): MemberOf<W> {
    const member = this.state.members.get(memberId);
    if (member === undefined) throw new Error(`${memberId} is not a member`);
    return member as MemberOf<W>;
  }

  // -------------------------------------------------------------------------------------------- checks

  check(): void {
    this.checkCounts();
    if (this.state.isDead) return;
    const restored = this.restored();
    if (restored === null) {
      if (this.state.members.size > 0) throw new Error("the log does not know the group");
      return;
    }
    sameOrThrow("log", this.asLogged(restored), this.asLogged(this.state));
  }

  /** Throws when what is counted is not what there is. */
  protected abstract checkCounts(): void;
  protected abstract store(part: W["part"]): void;
  /** What the log gives back. */
  protected abstract restored(): W["state"] | null;
  /** What the log keeps of a state. */
  protected abstract asLogged(state: W["state"]): unknown;
}

export function sameOrThrow(subject: string, one: unknown, other: unknown): void {
  const [left, right] = [print(one), print(other)];
  if (left !== right) throw new Error(`${subject}: ${left} is not ${right}`);
}

/** A text that is the same for the same content, in whatever order maps, sets and fields are. */
function print(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part === "bigint") return `${part}`;
    if (part instanceof Uint8Array) return [...part];
    if (part instanceof Set) return [...part].sort();
    if (part instanceof Map || part instanceof SmallMap) {
      return [...part].map(([name, content]) => [name, JSON.parse(print(content) ?? "null")] as const)
        .sort(([one], [another]) => `${one}` < `${another}` ? -1 : 1);
    }
    if (typeof part !== "object" || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([one], [another]) => one < another ? -1 : 1));
  });
}
