interface Attempt {
  /** Empty: the retained message is cleared. */
  readonly value: string;
  acknowledged: boolean;
}

/** Accounts for retained messages: which values may be there, given what was sent and acknowledged in order. */
export class RetainedLedger {
  readonly #attempts = new Map<string, Attempt[]>();

  /** A publisher begins to set a topic's value, or to clear it with an empty one. Returns what to call at PUBACK. */
  attempted(topicName: string, value: string): () => void {
    const attempt: Attempt = { value, acknowledged: false };
    const attempts = this.#attempts.get(topicName) ?? [];
    this.#attempts.set(topicName, attempts);
    attempts.push(attempt);
    return () => attempt.acknowledged = true;
  }

  /** What is wrong with the values that a fresh subscriber saw. */
  faults(seen: ReadonlyMap<string, string>): string[] {
    const topicNames = new Set([...this.#attempts.keys(), ...seen.keys()]);
    return [...topicNames].flatMap((topicName) => {
      const value = seen.get(topicName) ?? "";
      const allowed = this.#allowed(topicName);
      return allowed.has(value)
        ? []
        : [`retained ${topicName}: is "${value}", not one of "${[...allowed].join('", "')}"`];
    });
  }

  /** The last acknowledged value and all later ones. */
  #allowed(topicName: string): Set<string> {
    const attempts = this.#attempts.get(topicName) ?? [];
    const last = attempts.findLastIndex(({ acknowledged }) => acknowledged);
    return new Set([...last < 0 ? [""] : [], ...attempts.slice(Math.max(0, last)).map(({ value }) => value)]);
  }
}
