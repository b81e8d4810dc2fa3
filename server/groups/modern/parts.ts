/** A group as the log is told of it: the parts that all of the newer protocols have. */
import type { ModernGroup, ModernPart } from "./state.ts";

export interface WholeParts<Member, Target> {
  readonly members: readonly ModernPart<Member, Target>[];
  readonly targets: readonly ModernPart<Member, Target>[];
  readonly currents: readonly ModernPart<Member, Target>[];
}

/** All of them. What a protocol has besides goes between them, or after. */
export function wholeParts<Member, Target>(state: ModernGroup<Member, Target>): WholeParts<Member, Target> {
  const { members, targets, assignmentEpoch: epoch, assignmentTimestampMs: timestampMs } = state;
  return {
    members: Array.from(members, ([memberId, value]) => ({ kind: "member", memberId, value })),
    targets: [
      ...Array.from(targets, ([memberId, value]) => ({ kind: "memberTarget", memberId, value } as const)),
      { kind: "target", value: { epoch, timestampMs } },
    ],
    currents: Array.from(members, ([memberId, value]) => ({ kind: "memberCurrent", memberId, value })),
  };
}

/** That none of them is left, in the order in which Kafka wants to read it. What a protocol has besides goes after. */
export function forgottenParts(
  { members, targets }: ModernGroup<unknown, unknown>,
): readonly ModernPart<never, never>[] {
  const memberIds = [...members.keys()];
  const withTarget = new Set([...memberIds, ...targets.keys()]);
  return [
    ...memberIds.map((memberId) => ({ kind: "memberCurrent", memberId, value: null } as const)),
    ...Array.from(withTarget, (memberId) => ({ kind: "memberTarget", memberId, value: null } as const)),
    { kind: "target", value: null },
    ...memberIds.map((memberId) => ({ kind: "member", memberId, value: null } as const)),
  ];
}
