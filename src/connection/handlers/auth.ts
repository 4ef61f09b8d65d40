import { type AuthPacket, PacketType } from "../../packet/packets.ts";
import { protocolError } from "../../packet/protocol_error.ts";
import { ReasonCode } from "../../packet/reason_code.ts";
import { quote } from "../../quote.ts";
import type { Connection, SignedIn } from "../connection.ts";
import { isDisconnectReason } from "../disconnect_rules.ts";
import { advance } from "../enhanced_authentication.ts";
import type { EnhancedAuthentication } from "../authentication_exchange.ts";

/** AUTH (MQTT 5.0 §3.15): the next step of a sign-in, or of a re-authentication. */
export function handleAuth(connection: Connection, packet: AuthPacket): void | Promise<void> {
  const { signingIn, open } = connection;
  const authentication = signingIn ? signingIn.authentication : authenticationOf(connection, open, packet);
  if (!authentication) throw protocolError("AUTH without an authentication method in CONNECT");
  const { authenticationMethod, authenticationData } = packet.properties ?? {};
  // [MQTT-4.12.0-5], [MQTT-4.12.1-1] 5.0
  if (authenticationMethod !== authentication.method) {
    throw protocolError(
      `AUTH: authentication method must be ${quote(authentication.method)}: got ${quote(authenticationMethod ?? "")}`,
    );
  }
  if (signingIn) {
    // [MQTT-4.12.0-3] 5.0
    if (packet.reasonCode !== ReasonCode.ContinueAuthentication) {
      throw protocolError("AUTH: reason code must be 0x18 during the sign-in");
    }
    // It is the plugin's turn now.
    signingIn.authentication = undefined;
  }
  return advance(connection, authentication, authenticationData);
}

/** The re-authentication that an AUTH belongs to or begins. */
function authenticationOf(
  connection: Connection,
  open: SignedIn | undefined,
  packet: AuthPacket,
): EnhancedAuthentication | undefined {
  const method = open?.client.authenticationMethod;
  if (!open || method === undefined) return undefined;
  const beginning = packet.reasonCode === ReasonCode.ReAuthenticate;
  if (beginning && open.reAuthentication) throw protocolError("AUTH: a re-authentication is under way already");
  if (!beginning && !open.reAuthentication) throw protocolError("AUTH: no authentication is under way");
  return open.reAuthentication ??= reAuthenticate(connection, open, method);
}

/** MQTT 5.0 §4.12.1: the client stays signed in as before until it is decided. */
function reAuthenticate(connection: Connection, open: SignedIn, method: string): EnhancedAuthentication | undefined {
  const { context, listener } = connection;
  const gone = new AbortController();
  const request = Object.freeze({
    ...open.client,
    timeoutSeconds: listener.limits.connectTimeout,
    signal: gone.signal,
    authenticationMethod: method,
    reAuthenticating: true,
  });
  const exchange = context.hooks.beginAuthentication?.(request);
  if (!exchange) return undefined;
  return {
    method,
    exchange,
    gone,
    deadlineMs: context.clientTime.now() + listener.limits.connectTimeout * 1000,
    succeed: ({ username = request.username, authenticationData, reasonString, userProperties }) => {
      open.reAuthentication = undefined;
      if (username !== open.client.username) {
        const reason = "re-authentication must be by the user of the session";
        return connection.close({ reasonCode: ReasonCode.NotAuthorized, reason });
      }
      const properties = { authenticationMethod: method, authenticationData, reasonString, userProperties };
      connection.send({ type: PacketType.Auth, reasonCode: ReasonCode.Success, properties });
    },
    // [MQTT-4.12.1-2] 5.0
    refuse: ({ reasonCode, reasonString, userProperties, serverReference }) => {
      const denial = { action: "sign-in", client: open.client, plugin: exchange.plugin, reasonCode } as const;
      context.hooks.denied?.(Object.freeze({ ...denial, reason: reasonString }));
      connection.close({
        // [MQTT-3.14.2-1] 5.0
        reasonCode: isDisconnectReason(reasonCode) ? reasonCode : ReasonCode.NotAuthorized,
        reason: reasonString ?? "re-authentication failed",
        properties: { reasonString, userProperties, serverReference },
      });
    },
  };
}
