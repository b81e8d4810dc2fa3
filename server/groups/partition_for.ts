/** The partition of `__consumer_offsets` that a group belongs to: Java's hash of its id, as all Kafka clients know it. */
export function partitionFor(groupId: string, partitionCount: number): number {
  let hash = 0;
  for (let index = 0; index < groupId.length; index++) hash = Math.imul(hash, 31) + groupId.charCodeAt(index) | 0;
  // Not Math.abs: the most negative number has no positive counterpart, and counts as 0.
  return (hash === -0x80000000 ? 0 : Math.abs(hash)) % partitionCount;
}
