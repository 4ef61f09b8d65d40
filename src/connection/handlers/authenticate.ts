import { type Denied, unverified } from "../../hooks/decide.ts";
import type { ClientSnapshot, SignIn } from "../../hooks/plugin.ts";
import type { ReasonProperties } from "../../packet/packets.ts";
import { ReasonCode } from "../../packet/reason_code.ts";
import { quote } from "../../quote.ts";
import { isLoopback } from "../../transport/address.ts";
import type { Connection, ConnectRefusal } from "../connection.ts";
import { nameInCertificate } from "./client_snapshot.ts";

/** What a client is told that is let in: in the plugins' words, and by the mechanism of an enhanced authentication. */
export interface Greeting extends ReasonProperties {
  readonly authenticationData?: Uint8Array;
}

const wordless: Greeting = Object.freeze({});

/** Asks whether a client may sign in with what its CONNECT holds. */
export async function authenticate(connection: Connection, request: SignIn): Promise<ConnectRefusal | Greeting> {
  if (nameInCertificate(connection) !== undefined) return wordless;
  const { hooks } = connection.context;
  if (!hooks.authenticate) return withoutPlugin(connection, request) ?? wordless;
  const authorization = await hooks.authenticate(request);
  if (authorization === unverified && request.username !== undefined) return refusalOfName(request.username);
  if (!authorization.allowed) return refusalOf(request, authorization);
  return { reasonString: authorization.reasonString, userProperties: authorization.userProperties };
}

/** What the plugins' refusal of a sign-in looks like; the client is told their words alone. */
export function refusalOf(
  { username, authenticationMethod }: Pick<ClientSnapshot, "username" | "authenticationMethod">,
  denied: Omit<Denied, "allowed">,
): ConnectRefusal {
  const { reasonCode, reasonString, userProperties, serverReference } = denied;
  const anonymous = username === undefined && authenticationMethod === undefined;
  const hint = anonymous ? " (anonymous clients need auth.allow-anonymous: true)" : "";
  const nameless = anonymous
    ? "anonymous client"
    : `client with authentication method ${quote(authenticationMethod ?? "")}`;
  const who = username === undefined ? nameless : `user ${quote(username)}`;
  const reason = `${who} was not let in${hint}${reasonString === undefined ? "" : `: ${quote(reasonString)}`}`;
  return { reasonCode, reason, properties: { reasonString, userProperties, serverReference } };
}

/** Nobody has decided whether the user is the one it says. */
function refusalOfName(username: string): ConnectRefusal {
  const advice = "auth.allow-anonymous: any-username takes every name unverified";
  const reason = `user ${quote(username)} was not let in: no plugin in auth.plugins verifies it (${advice})`;
  return { reasonCode: ReasonCode.BadUserNameOrPassword, reason };
}

/** No plugin decides: anonymous clients come in through loopback, if there is no `auth` section. */
function withoutPlugin({ context, listener }: Connection, client: ClientSnapshot): ConnectRefusal | undefined {
  if (client.username !== undefined) return refusalOfName(client.username);
  const local = listener.type !== "external" && (listener.socketPath !== undefined || isLoopback(listener.hostname));
  if (context.config.anonymous === "loopback" && local) return undefined;
  const reason = "anonymous client was not let in: listeners beyond loopback need auth.allow-anonymous: true";
  return { reasonCode: ReasonCode.NotAuthorized, reason };
}
