/** A budget on a clock that nothing but steps of work moves on: a microsecond each. */
import { WorkBudget } from "../../src/work_budget.ts";

export class SteppedBudget {
  /** Most steps between two looks at the clock. */
  longestPiece = 0;
  /** How often the sockets were looked at. */
  polls = 0;
  /** Called each time they are. */
  onPoll: () => void = () => {};
  #nowMs = 1000;
  readonly work = new WorkBudget({
    now: (steps) => {
      this.longestPiece = Math.max(this.longestPiece, steps);
      return this.#nowMs += steps / 1000;
    },
    pollSockets: () => {
      this.polls++;
      this.onPoll();
      return Promise.resolve();
    },
    letRun: async () => {
      for (let i = 0; i < 20; i++) await Promise.resolve();
    },
  });
}
