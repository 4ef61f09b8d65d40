/** Faults that the broker once had, as changes that bring them back one at a time. */

/** A fault, and how it is brought back. */
export interface FormerFault {
  readonly name: string;
  /** Where it was. */
  readonly file: string;
  /** What stands there now, once. */
  readonly now: string;
  /** What brings the fault back in its place. */
  readonly then: string;
}

export const formerFaults: readonly FormerFault[] = [
  {
    name: "what a session leaves in the store for other members of its share is given up",
    file: "src/session/session.ts",
    now: "    const handOver = this.sender.end();\n",
    then: "    this.sender.end();\n    const handOver = undefined as StoredHandOver | undefined;\n",
  },
  {
    name: "what is sent again comes in another order than that in which it was sent",
    file: "src/session/sender.ts",
    now: "    if (delivery.sequence < this.#inflight.newest) this.#renew(delivery);\n",
    then: "",
  },
  {
    name: "SUBACK comes after what the subscription brings",
    file: "src/connection/packet_writer.ts",
    now: "    this.#gate?.fence(topicFilters);\n",
    then: "",
  },
  {
    name: "a member of a share to whom a message is too large swallows it",
    file: "src/session/sender.ts",
    now: '(this.#onReturn?.(delivery, "refused") ?? false)',
    then: "false",
  },
  {
    name: "a message with message expiry interval 0 is queued",
    file: "src/session/sender.ts",
    now: "    if (delivery.message.isForNow) {\n",
    then: "    if (delivery.message.isForNow && delivery.qos === 0) {\n",
  },
];
