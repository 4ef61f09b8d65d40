/** What an acknowledgement waits for beside this node: others that have to say that they have the message. */
export class Receipt {
  #open = 0;
  #waiting: (() => void)[] = [];
  /** One of those expected has too much to take already: who publishes is to wait. */
  full: { relieved(): Promise<void> | undefined } | undefined = undefined;

  /** Whether somebody has not said so yet. */
  get pending(): boolean {
    return this.#open > 0;
  }

  /** One more has to say so. */
  expect(): void {
    this.#open++;
  }

  /** One of those expected has said so, or will never. */
  arrived(): void {
    if (--this.#open > 0) return;
    for (const run of this.#waiting.splice(0)) run();
  }

  /** Calls `run` once nobody is expected any longer; at once if that is so. */
  whenSettled(run: () => void): void {
    if (this.#open > 0) this.#waiting.push(run);
    else run();
  }
}

/** A message's way between the nodes of a cluster. */
export interface Trail {
  /** It came from that node, and goes to no other. */
  readonly fromNode?: string;
  /** That is this one: it has come back by the cluster's log, and this node chooses among the members of groups. */
  readonly isOwn?: boolean;
  /** Others have to say that they have it. */
  readonly receipt?: Receipt;
  /** Nodes' groups of which nobody could take it: it is not for them again. */
  readonly notTakenBy?: readonly object[];
  /** The will in the cluster's log that it is. */
  readonly will?: string;
}
