/** What is told about simulated clients, and what they share. */
import type { ProtocolVersion, QoS } from "../../src/packet/packets.ts";
import type { Random } from "../support/random.ts";
import type { Arrived, Sent, Wanted, Wills } from "./promises.ts";
import type { Line, LineEnds, Wire } from "./network.ts";
import type { World } from "./world.ts";

/** What stays the same of a client. */
export interface Profile {
  readonly name: string;
  readonly version: ProtocolVersion;
  /** 0: its sessions end with their connections. */
  readonly expirySeconds: number;
  readonly receiveMaximum: number;
  readonly topicAliasMaximum: number;
  /** 0: none. */
  readonly keepAliveSeconds: number;
  /** Milliseconds after which it comes back by itself; `undefined`: it waits to be told. */
  readonly returnsAfterMs: number | undefined;
  /** Bytes of the largest packet that it takes. @default any */
  readonly maximumPacketBytes?: number;
  readonly line: Line;
}

/** How a client connects. */
export interface ConnectWish {
  /** The session is begun anew. */
  readonly clean: boolean;
  /** Seconds of a will's delay; `undefined`: it leaves no will. */
  readonly willDelay: number | undefined;
}

/** A message that a client is to publish. */
export interface PublishWish {
  readonly topicName: string;
  readonly qos: QoS;
  readonly retain: boolean;
  /** It has no payload. */
  readonly clears: boolean;
  readonly expirySeconds?: number;
  /** The payload is filled up to so many. */
  readonly bytes: number;
}

/** What else is known of a message that is sent. */
export interface MessageForm {
  readonly bytes: number;
  /** `undefined`: it never expires. */
  readonly expirySeconds: number | undefined;
}

/** How a client goes. */
export type Leaving = "disconnect" | "disconnect-with-will" | "close" | "cut" | "vanish";

/** Who is told what clients do and see. */
export interface ClientLedger {
  readonly wills: Pick<Wills, "armed" | "decide">;
  /** Counts what happens. */
  readonly now: number;
  fault(text: string): void;
  /** A publisher begins to send. */
  attempted(sent: Sent, form: MessageForm): void;
  /** The publisher has PUBACK or PUBREC, without a refusal. */
  acknowledged(sent: Sent): void;
  /** The publisher cannot know whether this has come already. */
  mayRepeat(sent: Sent): void;
  /** The publisher sends it again, since it has heard nothing. */
  sentAgain(sent: Sent): void;
  /** The publisher has given it up, and goes on in another session. */
  mayComeLate(sent: Sent): void;
  /** A client is told that it has a new session. */
  sessionBegins(client: string, transient: boolean): void;
  /** A client is told that it has a session. */
  sessionGoesOn(client: string, transient: boolean): void;
  /** A client knows, or has to reckon with it, that its session is over. */
  sessionEnds(client: string): void;
  /** A client sends SUBSCRIBE. */
  subscribing(client: string, wanted: Wanted): void;
  /** A client has SUBACK. */
  subscribed(client: string, wanted: Wanted, refused: boolean): void;
  /** A client sends UNSUBSCRIBE. */
  unsubscribing(client: string, filter: string): void;
  /** A client has UNSUBACK. */
  unsubscribed(client: string, filter: string, before: number): void;
  /** A client's application has got a message. */
  delivered(client: string, arrived: Arrived): void;
}

/** What clients share. */
export interface ClientWorld {
  readonly world: World;
  readonly ledger: ClientLedger;
  readonly seed: number;
  /** The present broker's life: it changes with each start, and is -1 while there is none. */
  readonly life: () => number;
  /** Connects, or fails if there is nobody. */
  readonly dial: (line: Line, random: Random, ends: LineEnds) => Wire | undefined;
  /** The last moment at which the store was found failing. */
  readonly storeFailedAtMs: () => number;
  /** In a cluster, where sessions end with {@linkcode ClientWorld.life}. @default one broker, whose store keeps them */
  readonly cluster?: {
    /** What it had at the node where it is going to connect may not be what it has been told of. */
    readonly mustBeginAnew: () => boolean;
    readonly welcomed: (will: string | undefined) => void;
  };
}

/** A number that stands for a text. */
export function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}
