import { setImmediate } from "node:timers";
import { host, type HostConnectOptions, type HostTcpConnection } from "./host.ts";
import { SocketPoll } from "./socket_poll.ts";

/**
 * What the machine does for a broker beside telling the protocol's time. A broker whose clock, machine, store and transports
 * are all handed in does the same whenever it is given the same.
 */
export interface Machine {
  /**
   * Milliseconds that only grow, of the clock of `Transport.acceptedAt`.
   *
   * @param steps work done since the last call with some, about a microsecond each, for who counts in place of measuring
   */
  now(steps: number): number;
  /** Resolves once every socket was looked at. */
  pollSockets(): Promise<void>;
  /** Resolves after everything that is ready to run has run. */
  letRun(): Promise<void>;
  /** Calls `run` once, in `ms` milliseconds, unless the returned function is called before. */
  after(ms: number, run: () => void): () => void;
  /** A number from 0 to below 1, to spread over time what many would do at once. */
  random(): number;
  /** A text that nobody can guess, for the identifier of a client that has none. */
  uniqueName(): string;
  /**
   * Connects to another machine over TCP, as bridges do.
   *
   * @throws {Error} if nobody answers, or the attempt was given up
   */
  connect(options: HostConnectOptions): Promise<HostTcpConnection>;
  /** Frees what was asked for; the broker has ended. */
  close(): Promise<void>;
}

/** The system's timer. */
export const systemTimer: Pick<Machine, "after"> = {
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

/** The machine that this process runs on. */
export function systemMachine(): Machine {
  const sockets = new SocketPoll();
  return {
    now: () => performance.now(),
    pollSockets: () => sockets.look(),
    letRun: () => new Promise((resolve) => setImmediate(resolve)),
    after: systemTimer.after,
    random: () => Math.random(),
    uniqueName: () => crypto.randomUUID(),
    connect: (options) => host.connect(options),
    close: () => sockets.close(),
  };
}
