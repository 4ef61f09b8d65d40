/** What the ledger of a simulated world keeps account of. */
import type { QoS } from "../../src/packet/packets.ts";
import type { Sent, Wanted } from "./promises.ts";

/** A message, and what is known of it. */
export interface Entry {
  readonly sent: Sent;
  readonly attemptedAt: number;
  readonly expires: boolean;
  /** Of its payload. */
  readonly bytes: number;
  acknowledged: boolean;
  /** `Infinity`: not yet. */
  acknowledgedAt: number;
  /** It is for who can take it at once. */
  readonly isForNow: boolean;
  /** Its publisher has sent it to two sessions. */
  mayRepeat: boolean;
  wasSentAgain: boolean;
  /** It has left by another node than what its publisher sent later. */
  isLate: boolean;
  /** Where it was published. */
  readonly place: ClientPlace | undefined;
}

/** Where in a cluster a client is. */
export interface ClientPlace {
  readonly node: string;
  /** Since when the others take that node for dead, while it does not know it; `undefined`: they do not, or it does. */
  readonly unawareSince: number | undefined;
}

/** What a client has asked for. */
export interface Subscription {
  readonly wanted: Wanted;
  readonly share: string | undefined;
  readonly topicFilter: string;
  /** When SUBSCRIBE left. */
  readonly askedAt: number;
  /** When SUBACK came; `undefined`: not yet. */
  since: number | undefined;
  /** SUBACK is still to come on this connection. */
  awaits: boolean;
  /** When UNSUBACK came, or UNSUBSCRIBE left. */
  endedAt: number | undefined;
  endsAt: number | undefined;
  /** When SUBACK came for another one in its place. */
  replacedAt: number | undefined;
  /** Topics whose retained message is promised, with the least number. */
  readonly retained: Map<string, number>;
}

/** A message that did not come as a retained one. */
export interface Live {
  readonly sent: Sent;
  readonly qos: QoS;
  readonly payload: string;
  /** It was sent after SUBACK. */
  readonly isPromised: boolean;
}

/** A session, as far as its client knows. */
export interface SessionBook {
  readonly client: string;
  /** `undefined`: there is one broker. */
  readonly node: string | undefined;
  readonly transient: boolean;
  /** When the client was told of the session that came after it, so that it was over for sure. */
  followedAt: number;
  readonly subscriptions: Subscription[];
  readonly got: Map<string, number>;
  /** What came before the client lost sight of its session. */
  readonly before: Set<string>;
  /** What came at a lower QoS than 2, too. */
  readonly notOnce: Set<string>;
  readonly gotRetained: Set<string>;
  readonly last: Map<string, number>;
  over: boolean;
}

/** What is retained for a topic: the number of the last message that was accepted and of the last that was tried. */
export interface RetainedBook {
  acknowledged: number;
  attempted: number;
  readonly clears: Set<number>;
  uncertain: boolean;
  /** Who publishes there, at which QoS. */
  stream: string | undefined;
}

/** The members of a shared subscription, and what they have got. */
export interface Group {
  readonly members: Set<SessionBook>;
  readonly got: Map<string, number>;
  readonly notOnce: Set<string>;
  /** Somebody has given up what it had got. */
  isVague: boolean;
}
