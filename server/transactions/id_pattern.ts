/** Regular expressions over transactional ids (ListTransactions v2). */

/** Whether the whole of an id is as the pattern says; null when the pattern is none. */
export function matcherOf(pattern: string): ((transactionalId: string) => boolean) | null {
  try {
    const whole = new RegExp(`^(?:${pattern})$`, "u");
    return (transactionalId) => whole.test(transactionalId);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
