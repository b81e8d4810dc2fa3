/** A step's working copy of a share group (`../modern/draft.ts`). */
import { ModernDraft } from "../modern/draft.ts";
import { NO_PARTITIONS } from "../modern/partitions.ts";
import type {
  ShareGroupEffect,
  ShareGroupRecord,
  ShareGroupRules,
  ShareGroupState,
  ShareHeartbeatAnswer,
  ShareMember,
  StatePartitions,
  Ticket,
  TopicPartitions,
} from "./state.ts";

export class ShareDraft extends ModernDraft<
  ShareMember,
  TopicPartitions,
  ShareGroupState,
  ShareGroupRules,
  ShareGroupRecord,
  ShareGroupEffect
> {
  answer(ticket: Ticket, answer: ShareHeartbeatAnswer): void {
    this.do({ kind: "answer", ticket, answer });
  }

  override cancelTimersOf(memberId: string): void {
    this.do({ kind: "cancelTimer", timer: `session:${memberId}` });
  }

  setGroupEpoch(epoch: number, metadataHash: bigint): void {
    this.update({ groupEpoch: epoch, metadataHash });
    this.write({ kind: "group", value: { epoch, metadataHash } });
  }

  override targetOf(memberId: string): TopicPartitions {
    return this.state.targets.get(memberId) ?? NO_PARTITIONS;
  }

  setStatePartitions(value: StatePartitions): void {
    if (value === this.state.statePartitions) return;
    this.update({ statePartitions: value });
    this.write({ kind: "statePartitions", value });
  }

  /** Nothing is counted. */
  protected override recount(): void {}
}
