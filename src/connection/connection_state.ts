import type { ResolvedListener } from "../config/config.ts";
import type { ClientSnapshot, DisconnectProperties, RefusalKind } from "../hooks/plugin.ts";
import type { ConnackProperties, ProtocolVersion, Will } from "../packet/packets.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import { quote } from "../quote.ts";
import { describeAddress, describeClient } from "../routing/describe.ts";
import type { PublishCallbacks } from "../routing/publish_pipeline.ts";
import type { Session } from "../session/session.ts";
import type { InboundTopicAliases } from "../session/topic_aliases.ts";
import type { Transport } from "../transport/transport.ts";
import type { EnhancedAuthentication } from "./authentication_exchange.ts";
import type { DeferredPublishes } from "./deferred_publishes.ts";
import type { Mountpoint } from "./mountpoint.ts";
import type { ReceiptGate } from "./receipt_gate.ts";
import type { RetainedWalk } from "./handlers/retained_walk.ts";

/** A signed-in client's part of a connection. */
export interface SignedIn {
  readonly at: "open";
  readonly session: Session;
  readonly client: ClientSnapshot;
  /** What stands before its topics; `undefined`: nothing. */
  readonly mountpoint: Mountpoint | undefined;
  readonly version: ProtocolVersion;
  /** It is a bridge of 3.x, which cannot ask for No Local and Retain As Published and wants both. */
  readonly isBridge: boolean;
  /** Its CONNECT asked for a session that ends with the connection. */
  readonly askedNoExpiry: boolean;
  /** It has its CONNACK. */
  greeted: boolean;
  /** `undefined`: there is none, or it is spent. */
  will: Will | undefined;
  readonly topicAliases: InboundTopicAliases;
  /** The client proves anew who it is; `undefined`: it does not. */
  reAuthentication: EnhancedAuthentication | undefined;
  /** `undefined`: no message of its has had to wait yet. */
  held: DeferredPublishes | undefined;
  /** What goes along with its QoS 0 and 1 messages; `undefined`: there was none yet. */
  publishCallbacks: PublishCallbacks | undefined;
  /** Holds back what other nodes must have before; `undefined`: nothing of its has gone to any. */
  receipts: ReceiptGate | undefined;
  /** Finds what is retained for its new subscriptions in later turns; `undefined`: there is nothing more to find. */
  retainedWalk: RetainedWalk | undefined;
}

/** A client whose CONNECT is being decided on. */
export interface SigningIn {
  readonly at: "signing-in";
  /** Aborted when the connection ends before it is decided. */
  readonly gone: AbortController;
  readonly clientIdentifier: string;
  /** Who it says it is, or was found to be. */
  readonly client: ClientSnapshot;
  /** The client is asked for its next AUTH; `undefined`: it is to wait. */
  authentication: EnhancedAuthentication | undefined;
}

/** What has become of a connection so far. */
export type ConnectionState = { readonly at: "awaiting-connect" } | SigningIn | SignedIn | { readonly at: "closed" };

/** How and why a connection is ended. */
export interface Ending {
  readonly reasonCode: ReasonCode;
  /** For the log, and for a 5.0 client if `properties` say nothing else. */
  readonly reason: string;
  /** The client said goodbye: there is no will. */
  readonly clean?: boolean;
  /** The client has gone or knows already: nothing is said to it. */
  readonly silent?: boolean;
  /** What a 5.0 client is told beside the reason code. */
  readonly properties?: DisconnectProperties;
}

/** Why a CONNECT is refused. */
export interface ConnectRefusal {
  readonly reasonCode: ReasonCode;
  /** For the log. */
  readonly reason: string;
  /** What a 5.0 client is told beside the reason code. */
  readonly properties?: ConnackProperties;
  /** How it is counted. @default `sign-in` or `connect`, by the reason code */
  readonly kind?: RefusalKind;
  /** The plugin that refuses it; `undefined`: none did. */
  readonly plugin?: string;
  /** Topic name of the will that it is refused for; `undefined`: it is not. */
  readonly will?: string;
}

/** A refusal whose reason is no secret: the client is told it, too. */
export function toldRefusal(reasonCode: ReasonCode, reason: string): ConnectRefusal {
  return { reasonCode, reason, properties: { reasonString: reason } };
}

/** Whether a CONNECT is refused since its client may not come in, and not since it cannot be served. */
export function isAboutPermission(reasonCode: ReasonCode): boolean {
  return PERMISSION.has(reasonCode);
}

const PERMISSION: ReadonlySet<ReasonCode> = new Set([
  ReasonCode.BadUserNameOrPassword,
  ReasonCode.NotAuthorized,
  ReasonCode.Banned,
  ReasonCode.BadAuthenticationMethod,
]);

/** Which connection that is, for the log. */
export function describe(transport: Transport, listener: ResolvedListener, state: ConnectionState): string {
  if (state.at === "open") return describeClient(state.client);
  const who = state.at === "signing-in" ? `client ${quote(state.clientIdentifier)}, ` : "";
  return `${who}${describeAddress(transport.remote)}, listener ${listener.name}`;
}
