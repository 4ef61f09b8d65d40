/** What the log, the figures and plugins are told of connections that are refused, break the protocol or end. */
import type { ResolvedListener } from "../config/config.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import type { Transport } from "../transport/transport.ts";
import type { Fault } from "./connect_faults.ts";
import { CONNECTION_LOST, type ConnectionContext } from "./connection_context.ts";
import {
  type ConnectionState,
  type ConnectRefusal,
  describe,
  type Ending,
  isAboutPermission,
} from "./connection_state.ts";

/** The connection that it is about. */
export interface Subject {
  readonly context: ConnectionContext;
  readonly transport: Transport;
  readonly listener: ResolvedListener;
}

/** A CONNECT is refused. */
export function tellRefusal(subject: Subject, state: ConnectionState, refusal: ConnectRefusal): void {
  const { reasonCode, reason, kind, plugin, will } = refusal;
  tellNotLetIn(subject, state, { kind: kind ?? (isAboutPermission(reasonCode) ? "sign-in" : "connect"), reason });
  // Whose CONNECT cannot be read is not known well enough to be told of.
  if (state.at !== "signing-in" && state.at !== "open") return;
  const { client } = state;
  const what = will === undefined ? { action: "sign-in" as const } : { action: "will" as const, topic: will };
  subject.context.hooks.denied?.(Object.freeze({ ...what, client, reasonCode, reason, plugin }));
}

/** It was not let in. */
export function tellNotLetIn(subject: Subject, state: ConnectionState, fault: Fault): void {
  subject.context.statistics.refuse(subject.listener.name);
  tell(subject, state, fault);
}

/** Its client has broken the protocol, or speaks another one. */
export function tellFault(subject: Subject, state: ConnectionState, fault: Fault): void {
  if (state.at === "open") tell(subject, state, fault);
  else tellNotLetIn(subject, state, fault);
}

function tell(subject: Subject, state: ConnectionState, { kind, reason }: Fault): void {
  const { context, transport } = subject;
  context.refusals.tell(kind, transport.remote, () => `${where(subject, state)}: ${reason}`);
}

/** Its client takes nothing any longer. */
export function tellGivenUp(subject: Subject, state: ConnectionState, reason: string): void {
  const { context, transport } = subject;
  context.refusals.mention("connection-given-up", transport.remote, () => `${where(subject, state)}: ${reason}`);
}

/** It has ended; `state` is what it was before. */
export function tellEnd(subject: Subject, state: ConnectionState, ending: Ending): void {
  const { logger, statistics } = subject.context;
  const { reasonCode, reason, silent = false } = ending;
  logger.debug(`connection ended: ${where(subject, state)}: ${reason}`);
  if (state.at !== "open" || !state.greeted) return;
  const lost = silent && reasonCode === ReasonCode.UnspecifiedError;
  statistics.closed[lost ? CONNECTION_LOST : reasonCode]!++;
}

/** Its network connection does not close as it should. */
export function tellNotClosing(subject: Subject, state: ConnectionState, reason: string): void {
  subject.context.logger.debug(`connection did not close: ${where(subject, state)}: ${reason}`);
}

function where({ transport, listener }: Subject, state: ConnectionState): string {
  return describe(transport, listener, state);
}
