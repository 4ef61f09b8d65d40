/** How the time of the event loop is shared between everybody who makes the broker work. */

/** Steps after which the clock is looked at, which costs as much as several of them: some tenths of a millisecond. */
const STEPS_PER_LOOK = 512;
/** Work of all parties together before the runtime has to look at every socket again, in milliseconds. */
const TURN_MS = 10;
/** Work of one party before another one has its turn. */
const SLICE_MS = 4;
/** A party that has used less of late is not made to wait, unless there are very many of them. */
const LIGHT_MS = 1;
/** In so many milliseconds what a party has used counts half. */
const HALF_LIFE_MS = 100;
/** After such a pause others have had their turn. */
const PAUSE_MS = 20;
/** A step is about a microsecond; what takes far longer than its steps was held up by others. */
const LONGEST_STEP_MS = 0.02;
const SPARE_STEPS = 5;
/** Parties wait in rows by what they have used, in parts of {@linkcode LIGHT_MS}: up to 1/16, 1/8 … 1, 2, 4, 8 … 128. */
const ROWS = 12;
const LIGHT_ROW = 4;
/** So many are let go on together: most are through with little, and each round of the event loop costs something. */
const AT_ONCE = 16;

/** What a {@linkcode WorkBudget} works with. */
export interface WorkBudgetParts {
  /** Milliseconds that only grow. This is about the machine, not about the protocol. It is told the steps since it was. */
  now(steps: number): number;
  /** Resolves once the runtime has looked at every socket. */
  pollSockets(): Promise<void>;
  /** Resolves after everything that is ready to run has run. */
  letRun(): Promise<void>;
}

/** Somebody who makes the broker work: a connection, or a chore such as ending sessions. */
export class WorkParty {
  /** Milliseconds of late, older ones count less, as of {@linkcode WorkParty.atMs}. */
  usedMs = 0;
  atMs = 0;
  /** Milliseconds since others had their turn. */
  sliceMs = 0;

  /** What was used of late, as of now. */
  usedAt(nowMs: number): number {
    return this.usedMs === 0 ? 0 : this.usedMs * 2 ** ((this.atMs - nowMs) / HALF_LIFE_MS);
  }
}

/** Whoever is told how much work there was: about a microsecond a step. */
export type WorkSteps = Pick<WorkBudget, "steps">;

interface Waiter {
  readonly party: WorkParty;
  readonly resume: () => void;
}

/**
 * One budget of time for the whole broker, looked at inside of every loop whose length a client chooses.
 *
 * ```
 * work.begin();
 * for (…) {
 *   work.steps += …;                                          // about a microsecond each
 *   if (work.isDue && work.look(party)) await work.turn(party);
 * }
 * if (work.look(party)) await work.turn(party);
 * ```
 *
 * Ten parties that pour do not get ten slices before anybody else: when the turn's time is used up all of them wait, the
 * runtime looks at its sockets, who has used least goes first.
 */
export class WorkBudget {
  /** Steps since the clock was looked at; who works adds its own. */
  steps = 0;
  readonly #parts: WorkBudgetParts;
  readonly #rows: Waiter[][] = Array.from({ length: ROWS }, () => []);
  #waiting = 0;
  #serving: Promise<void> | undefined;
  /** Since the sockets were looked at. */
  #usedMs = 0;
  #lookedAtMs = 0;

  constructor(parts: WorkBudgetParts) {
    this.#parts = parts;
  }

  /** Parties that wait for their turn. */
  get waiting(): number {
    return this.#waiting;
  }

  /** A party that nothing is known of yet: while there is much to do it waits for those that ask little. */
  newcomer(): WorkParty {
    const party = new WorkParty();
    party.usedMs = 2 * LIGHT_MS;
    party.atMs = this.#parts.now(0);
    return party;
  }

  /** Work begins, or goes on after something was waited for. @returns when: milliseconds of the machine */
  begin(): number {
    this.#lookedAtMs = this.#parts.now(this.steps);
    this.steps = 0;
    return this.#lookedAtMs;
  }

  /** It is time for {@linkcode WorkBudget.look}. */
  get isDue(): boolean {
    return this.steps >= STEPS_PER_LOOK;
  }

  /** Charges a party with what was done. True: others must have their turn before it goes on. */
  look(party: WorkParty): boolean {
    this.#charge(party);
    const sliceIsOver = party.sliceMs >= SLICE_MS && (this.#waiting > 0 || this.#usedMs >= TURN_MS);
    return sliceIsOver || this.mustWait(party);
  }

  /**
   * As {@linkcode WorkBudget.look}, at the end of a piece of work: if the next one were as long and would not fit into the
   * turn, this is the better place to break off than its middle, where what was gathered leaves in two writes.
   *
   * @param beganAtMs what {@linkcode WorkBudget.begin} returned for the piece
   */
  lookAfter(party: WorkParty, beganAtMs: number): boolean {
    if (this.look(party)) return true;
    return party.sliceMs >= SLICE_MS && this.#usedMs + this.#lookedAtMs - beganAtMs >= TURN_MS;
  }

  /** Whether the turn's time is used up for this party; the clock is not looked at. */
  mustWait(party: WorkParty): boolean {
    if (this.#usedMs < TURN_MS) return false;
    return this.#usedMs >= 2 * TURN_MS || party.usedAt(this.#lookedAtMs) >= LIGHT_MS;
  }

  /** Resolves when it is the party's turn. {@linkcode WorkBudget.begin} is called for it. */
  turn(party: WorkParty): Promise<void> {
    const used = party.usedAt(this.#parts.now(0));
    const row = Math.min(ROWS - 1, Math.max(0, LIGHT_ROW + Math.ceil(Math.log2(used / LIGHT_MS))));
    this.#waiting++;
    return new Promise((resume) => {
      this.#rows[row]!.push({ party, resume });
      this.#serving ??= this.#serve();
    });
  }

  /** Resolves when nobody waits for a turn. */
  async idle(): Promise<void> {
    await this.#serving;
  }

  #charge(party: WorkParty): void {
    const nowMs = this.#parts.now(this.steps);
    const spentMs = nowMs - this.#lookedAtMs;
    // Time in which the process waited for a processor is nobody's fault.
    const chargedMs = Math.min(spentMs, (this.steps + SPARE_STEPS) * LONGEST_STEP_MS);
    this.#lookedAtMs = nowMs;
    this.steps = 0;
    this.#usedMs += spentMs;
    if (nowMs - spentMs - party.atMs > PAUSE_MS) party.sliceMs = 0;
    party.usedMs = party.usedAt(nowMs) + chargedMs;
    party.atMs = nowMs;
    party.sliceMs += spentMs;
  }

  async #serve(): Promise<void> {
    const parts = this.#parts;
    while (this.#waiting > 0) {
      await parts.pollSockets();
      this.#usedMs = 0;
      // Who was heard of just now and asks little goes first.
      await parts.letRun();
      while (this.#waiting > 0 && this.#usedMs < TURN_MS) {
        for (let left = AT_ONCE; left > 0 && this.#waiting > 0; left--) {
          const { party, resume } = this.#next();
          this.#waiting--;
          party.sliceMs = 0;
          this.begin();
          resume();
        }
        await parts.letRun();
      }
    }
    this.#serving = undefined;
  }

  /** Who has used least of those that have waited longest in their rows. */
  #next(): Waiter {
    const nowMs = this.#parts.now(0);
    let best: Waiter[] | undefined;
    let least = Infinity;
    for (const row of this.#rows) {
      const used = row[0]?.party.usedAt(nowMs) ?? Infinity;
      if (used < least) [best, least] = [row, used];
    }
    return best!.shift()!;
  }
}

/**
 * Goes through work that may be broken off at each `yield`, and is while it is the others' turn. It adds its own steps to
 * the budget.
 *
 * @returns what the work returns; a promise only if it had to wait
 */
export function inTurns<T>(
  budget: WorkBudget,
  party: WorkParty,
  work: Iterator<void, T>,
): T | Promise<Awaited<T>> {
  for (let step = work.next();; step = work.next()) {
    if (step.done) return step.value;
    if (budget.isDue && budget.look(party)) return goOn(budget, party, work);
  }
}

async function goOn<T>(budget: WorkBudget, party: WorkParty, work: Iterator<void, T>): Promise<Awaited<T>> {
  await budget.turn(party);
  return await inTurns(budget, party, work);
}

/** Work that nobody waits for, one piece after the other, all of it one party's. */
export class Chores {
  readonly #budget: WorkBudget;
  readonly #party = new WorkParty();
  readonly #waiting: Iterator<void, void>[] = [];
  #isWorking = false;
  #running: Promise<void> | undefined;

  constructor(budget: WorkBudget) {
    this.#budget = budget;
  }

  /** Adds work that may be broken off at each `yield`; what is little is done on return. It must not throw. */
  add(work: Iterator<void, void>): void {
    this.#waiting.push(work);
    // A piece of work may bring others with it.
    if (this.#isWorking) return;
    this.#budget.begin();
    this.#running = inTurns(this.#budget, this.#party, this.#all()) ?? undefined;
  }

  /** Nothing is left to do. */
  get idle(): boolean {
    return !this.#isWorking;
  }

  /** Resolves when nothing is left to do. */
  async done(): Promise<void> {
    while (this.#isWorking) await this.#running;
  }

  *#all(): Generator<void, void> {
    this.#isWorking = true;
    for (let work = this.#waiting.shift(); work; work = this.#waiting.shift()) {
      for (let step = work.next(); !step.done; step = work.next()) yield;
    }
    this.#isWorking = false;
  }
}
