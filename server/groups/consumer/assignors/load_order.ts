/**
 * Members of one topic by how many partitions they have: the least loaded are served from the left, the most loaded from
 * the right, always one level at a time.
 *
 *     loads │          ##    whoever is at the lowest level gets one each, then the level rises, and takes in those
 *           │        ####    who are at it by now; on the other side the same downwards
 *           │ ▒▒▒▒▒#######
 *           └──────────────
 *
 * `loads` is the caller's, who changes it as partitions move.
 */
export class LoadOrder {
  readonly #loads: Int32Array;
  #order: number[] = [];
  /** Members before it are at the low level, or above it by what they got. */
  #lowEnd = 0;
  #lowLevel = 0;
  #lowNext = 0;
  /** Members from `#highStart` to `#highEnd` are at the high level; those after have nothing to give. */
  #highStart = 0;
  #highEnd = 0;
  #highLevel = 0;
  #highNext = 0;

  constructor(loads: Int32Array) {
    this.#loads = loads;
  }

  /** @returns the difference between the most and the least loaded */
  begin(members: readonly number[]): number {
    const loads = this.#loads;
    this.#order = [...members].sort((one, other) => loads[one]! - loads[other]! || one - other);
    const least = loads[this.#order[0]!]!;
    const most = loads[this.#order.at(-1)!]!;
    this.#lowEnd = 0;
    this.#lowLevel = least - 1;
    this.#lowNext = 0;
    this.#highStart = members.length;
    this.#highEnd = members.length;
    this.#highLevel = most + 1;
    this.#highNext = members.length - 1;
    return most - least;
  }

  /** The member that is to get a partition. */
  nextLeast(): number {
    if (this.#lowNext >= this.#lowEnd) {
      this.#lowLevel++;
      while (this.#lowEnd < this.#order.length && this.#loadAt(this.#lowEnd) === this.#lowLevel) this.#lowEnd++;
      this.#lowNext = 0;
    }
    return this.#order[this.#lowNext++]!;
  }

  /** The member that is to give a partition, of those that can; null when none can. */
  nextMost(canGive: (member: number) => boolean): number | null {
    for (;;) {
      if (this.#highNext < this.#highStart) this.#lowerHighLevel();
      if (this.#highNext < 0) return null;
      const at = this.#highNext--;
      const member = this.#order[at]!;
      if (canGive(member)) return member;
      // It changes places with the last of the level, which is then one shorter.
      this.#highEnd--;
      this.#order[at] = this.#order[this.#highEnd]!;
      this.#order[this.#highEnd] = member;
    }
  }

  /** To move one more would not make it more even. */
  get isEven(): boolean {
    return this.#highLevel - this.#lowLevel <= 1;
  }

  #lowerHighLevel(): void {
    const isEmpty = this.#highEnd <= this.#highStart && this.#highStart > 0;
    this.#highLevel = isEmpty ? this.#loadAt(this.#highStart - 1) : this.#highLevel - 1;
    while (this.#highStart > 0 && this.#loadAt(this.#highStart - 1) === this.#highLevel) this.#highStart--;
    this.#highNext = this.#highEnd - 1;
  }

  #loadAt(position: number): number {
    return this.#loads[this.#order[position]!]!;
  }
}
