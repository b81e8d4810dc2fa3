/** One member of a classic group, for the scripts that talk about groups. */

import { heartbeat } from "../../../protocol/api/12_heartbeat.ts";
import { joinGroup, type JoinGroupRequestDraft, type JoinGroupResponse } from "../../../protocol/api/11_join_group.ts";
import { syncGroup } from "../../../protocol/api/14_sync_group.ts";
import { ErrorCode } from "../../../protocol/errors.ts";
import { until } from "../../support/broker.ts";
import type { Dialogue } from "../../support/dialogue.ts";
import type { TestClient } from "../../support/test_client.ts";
import { utf8 } from "./batches.ts";

export interface MemberOptions {
  readonly clientId: string;
  readonly groupInstanceId?: string;
  readonly protocols?: readonly { readonly name: string; readonly metadata: Uint8Array }[];
  readonly protocolType?: string;
}

export const twoProtocols = [{ name: "range", metadata: utf8("r") }, { name: "sticky", metadata: utf8("s") }];

export class Member {
  memberId = "";
  generationId = -1;

  private constructor(
    readonly dialogue: Dialogue,
    readonly client: TestClient,
    readonly groupId: string,
    readonly options: MemberOptions,
  ) {}

  static async connect(dialogue: Dialogue, groupId: string, options: MemberOptions): Promise<Member> {
    return new Member(dialogue, await dialogue.connect(options.clientId), groupId, options);
  }

  /** A JoinGroup of this member; `more` makes it another. */
  draft(more: Partial<JoinGroupRequestDraft> = {}): JoinGroupRequestDraft {
    const { groupInstanceId, protocols = twoProtocols, protocolType = "consumer" } = this.options;
    return {
      groupId: this.groupId,
      sessionTimeoutMs: 30_000,
      rebalanceTimeoutMs: 30_000,
      memberId: this.memberId,
      protocolType,
      protocols,
      ...(groupInstanceId !== undefined && { groupInstanceId }),
      ...more,
    };
  }

  /** Is given an id, and asks to be in the group; does not wait for the answer to that. */
  async join(version = 9): Promise<{ readonly answer: Promise<JoinGroupResponse> }> {
    if (this.memberId === "" && this.options.groupInstanceId === undefined && version >= 4) {
      const first = await this.client.send(joinGroup, version, this.draft());
      if (first.errorCode !== ErrorCode.MEMBER_ID_REQUIRED) throw new Error(`No id is given: ${first.errorCode}`);
      this.memberId = first.memberId;
    }
    const answer = this.client.send(joinGroup, version, this.draft()).then((joined) => {
      this.memberId = joined.memberId;
      this.generationId = joined.generationId;
      return joined;
    });
    return { answer };
  }

  /** Is in the group when this resolves, with a session of that length. */
  async joinFor(sessionTimeoutMs: number): Promise<void> {
    const first = await this.client.send(joinGroup, 9, this.draft({ sessionTimeoutMs }));
    this.memberId = first.memberId;
    const joined = await this.client.send(joinGroup, 9, this.draft({ sessionTimeoutMs }));
    if (joined.errorCode !== ErrorCode.NONE) throw new Error(`Cannot join "${this.groupId}": ${joined.errorCode}`);
    this.generationId = joined.generationId;
  }

  async sync(assignments: readonly (readonly [Member, string])[] = []): Promise<number> {
    const { errorCode } = await this.client.send(syncGroup, 3, {
      groupId: this.groupId,
      generationId: this.generationId,
      memberId: this.memberId,
      groupInstanceId: this.options.groupInstanceId ?? null,
      assignments: assignments.map(([member, text]) => ({ memberId: member.memberId, assignment: utf8(text) })),
    });
    return errorCode;
  }

  async beat(): Promise<number> {
    const { errorCode } = await this.client.send(heartbeat, 3, {
      groupId: this.groupId,
      generationId: this.generationId,
      memberId: this.memberId,
      groupInstanceId: this.options.groupInstanceId ?? null,
    });
    return errorCode;
  }

  /** Resolves when the group's other members are being waited for. */
  async seesRebalance(): Promise<void> {
    await until(async () => await this.beat() === ErrorCode.REBALANCE_IN_PROGRESS, { what: "A rebalance" });
  }
}

/** A group of one member that has its assignment. */
export async function stableGroup(
  dialogue: Dialogue,
  name: string,
  options: Partial<MemberOptions> = {},
): Promise<Member> {
  const member = await Member.connect(dialogue, await dialogue.group(name), { clientId: "only", ...options });
  await (await member.join()).answer;
  const errorCode = await member.sync([[member, "all"]]);
  if (errorCode !== ErrorCode.NONE) throw new Error(`"${name}" is not stable: ${errorCode}`);
  return member;
}
