import type { ResolvedLimits } from "../config/config.ts";
import type { SenderLimits } from "../session/sender.ts";

/** What the listeners' limits mean for what is sent to their clients; the sessions of a listener share it. */
export class SenderLimitsOf {
  readonly #known = new WeakMap<ResolvedLimits, SenderLimits>();

  /** The same object for the same limits. */
  get(limits: ResolvedLimits): SenderLimits {
    const known = this.#known.get(limits);
    if (known) return known;
    const made = senderLimits(limits);
    this.#known.set(limits, made);
    return made;
  }
}

function senderLimits(limits: ResolvedLimits): SenderLimits {
  return {
    maximumInflight: limits.maxInflight,
    queue: {
      maximumMessages: limits.queueLimit,
      maximumBytes: limits.queueLimitBytes,
      policy: limits.queuePolicy === "drop-newest" ? "newest" : "oldest",
    },
    queueQoS0: limits.queueQos0,
  };
}
