/**
 * The consumer groups of one shard (`modern/groups.ts`): made by a first heartbeat, or out of classic groups, which they may
 * become again; and the patterns that members subscribe by.
 */
import { assert } from "../../storage/errors.ts";
import type { GroupState } from "./classic/state.ts";
import { forgottenGroup, fromClassic, wholeGroup } from "./consumer/conversion.ts";
import { compilePattern } from "./consumer/patterns/pattern.ts";
import type { Program } from "./consumer/patterns/program.ts";
import { PatternError } from "./consumer/patterns/syntax.ts";
import { logRecord } from "./consumer/records.ts";
import type {
  ConsumerAnswer,
  ConsumerEffect,
  ConsumerEvent,
  ConsumerGroupRules,
  ConsumerGroupState,
  GroupRecord,
  GroupTopics,
  HeartbeatEvent,
} from "./consumer/state.ts";
import { emptyConsumerGroup, isTopicSubscribed } from "./consumer/state.ts";
import { refusedAnswer, step } from "./consumer/step.ts";
import { type GroupEntry, ModernGroups, type ModernGroupsOptions, type Protocol } from "./modern/groups.ts";

/** The topics that patterns are matched with. */
export interface TopicNames extends GroupTopics {
  names(): Iterable<string>;
}

export interface ConsumerWords {
  readonly state: ConsumerGroupState;
  readonly event: ConsumerEvent;
  readonly effect: ConsumerEffect;
  readonly part: GroupRecord;
  readonly answer: ConsumerAnswer;
  readonly rules: ConsumerGroupRules;
  readonly topics: TopicNames;
}

type ConsumerGroup = GroupEntry<ConsumerWords>;

export interface ConsumerGroupsOptions extends ModernGroupsOptions<ConsumerWords> {
  /** The group goes on as a classic one. */
  readonly becomeClassic: (group: GroupState, rebalanceReason: string | null) => void;
}

const protocol: Protocol<ConsumerWords> = {
  step,
  encode: logRecord,
  whole: wholeGroup,
  forgotten: forgottenGroup,
  revived: (state) => ({ ...state, isDead: false, isResolving: false }),
  concerns: isTopicSubscribed,
  reads: isTopicSubscribed,
  refused: (event, errorCode) => {
    assert("ticket" in event, "answers are to requests");
    return refusedAnswer(event, errorCode, null);
  },
};

/** Names of topics that are matched with the patterns of a group in one turn of the event loop. */
const namesPerTurn = 200;

export class ConsumerGroups extends ModernGroups<ConsumerWords> {
  readonly #options: ConsumerGroupsOptions;

  constructor(options: ConsumerGroupsOptions) {
    super(options, protocol);
    this.#options = options;
  }

  /**
   * Makes the group by its first heartbeat; `replaced` is what the log must be told before. False when the heartbeat was
   * refused, and all is as it was.
   */
  create(groupId: string, event: HeartbeatEvent, replaced: readonly GroupRecord[]): boolean {
    return this.found(emptyConsumerGroup(groupId), event, [{ kind: "persist", records: replaced }]);
  }

  /**
   * Makes a classic group a consumer group by the heartbeat of its first member that speaks the new protocol.
   * False when the heartbeat was refused, and all is as it was.
   * @throws {ProtocolError} GROUP_ID_NOT_FOUND when the group may not become one
   */
  upgrade(classic: GroupState, event: HeartbeatEvent): boolean {
    const [state, effects] = fromClassic(classic, this.context(classic.groupId));
    if (!this.found(state, event, effects)) return false;
    this.#options.logger.info("group upgraded", { group: classic.groupId, members: classic.members.size });
    return true;
  }

  protected override carryOut(group: ConsumerGroup, event: ConsumerEvent, effect: ConsumerEffect): void {
    const { groupId } = group.durable.state;
    switch (effect.kind) {
      case "resolve":
        this.#resolve(group, effect.regexes).catch((cause) =>
          this.#options.logger.error("patterns not matched", { group: groupId, cause })
        );
        break;
      case "becomeClassic":
        this.groups.delete(groupId);
        this.stopTimers(group);
        this.#options.becomeClassic(effect.group, effect.rebalanceReason);
        break;
      default:
        this.carryOutCommon(group, event, effect);
    }
  }

  // -------------------------------------------------------------------------------------------- patterns

  /** A turn of the event loop for every few topics: there may be many, and patterns may be slow. */
  async #resolve(group: ConsumerGroup, regexes: readonly string[]): Promise<void> {
    const { topics, clock, timers } = this.#options;
    const { version } = topics;
    const timestampMs = clock.nowMs();
    const programs = regexes.map((regex) => ({ regex, program: this.#compiled(regex), matches: [] as string[] }));
    const names = [...topics.names()];
    for (let at = 0; at <= names.length; at += namesPerTurn) {
      await new Promise<void>((resolve) => timers.soon(resolve));
      if (group.durable.state.isDead) return;
      for (const name of names.slice(at, at + namesPerTurn)) {
        for (const { program, matches } of programs) if (program?.matches(name)) matches.push(name);
      }
    }
    const matches = new Map(programs.map(({ regex, matches: found }) => [regex, found.sort()] as const));
    this.step(group, { kind: "regexesResolved", matches, version, timestampMs });
  }

  /** Patterns are checked when members bring them; one that was stored by another version may still be strange to us. */
  #compiled(regex: string): Program | null {
    try {
      return compilePattern(regex);
    } catch (cause) {
      if (!(cause instanceof PatternError)) throw cause;
      this.#options.logger.error("pattern matches nothing", { pattern: regex, reason: cause.message });
      return null;
    }
  }
}
