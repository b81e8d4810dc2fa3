/** The streams groups of one shard (`modern/groups.ts`). */
import { type GroupEntry, ModernGroups, type ModernGroupsOptions, type Protocol } from "./modern/groups.ts";
import type { GroupTopics } from "./modern/state.ts";
import { isTopicRead } from "./streams/checks.ts";
import { forgottenGroup, logRecord, wholeGroup } from "./streams/records.ts";
import type {
  HeartbeatEvent,
  StreamsAnswer,
  StreamsEffect,
  StreamsEvent,
  StreamsGroupRules,
  StreamsGroupState,
  StreamsRecord,
} from "./streams/state.ts";
import { emptyStreamsGroup, refusedHeartbeat } from "./streams/state.ts";
import { step } from "./streams/step.ts";
import { requiredTopics } from "./streams/topology.ts";

export interface StreamsWords {
  readonly state: StreamsGroupState;
  readonly event: StreamsEvent;
  readonly effect: StreamsEffect;
  readonly part: StreamsRecord;
  readonly answer: StreamsAnswer;
  readonly rules: StreamsGroupRules;
  readonly topics: GroupTopics;
}

const protocol: Protocol<StreamsWords> = {
  step,
  encode: logRecord,
  whole: wholeGroup,
  forgotten: forgottenGroup,
  revived: (state) => ({ ...state, isDead: false, isDelayed: false }),
  concerns: ({ topology }, topic) => topology !== null && requiredTopics(topology).has(topic),
  reads: isTopicRead,
  refused: (_event, errorCode) => refusedHeartbeat(errorCode, null),
};

export class StreamsGroups extends ModernGroups<StreamsWords> {
  constructor(options: ModernGroupsOptions<StreamsWords>) {
    super(options, protocol);
  }

  /**
   * Makes the group by its first heartbeat; `replaced` is what the log must be told before. False when the heartbeat was
   * refused, and all is as it was.
   */
  create(groupId: string, event: HeartbeatEvent, replaced: readonly StreamsRecord[]): boolean {
    return this.found(emptyStreamsGroup(groupId), event, [{ kind: "persist", records: replaced }]);
  }

  protected override carryOut(group: GroupEntry<StreamsWords>, event: StreamsEvent, effect: StreamsEffect): void {
    this.carryOutCommon(group, event, effect);
  }
}
