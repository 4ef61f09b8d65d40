import { PacketType } from "../packet/packets.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import type { EnhancedAuthentication } from "./authentication_exchange.ts";
import type { Connection } from "./connection.ts";

/** Hands the mechanism what the client says, and does what it answers. */
export async function advance(
  connection: Connection,
  authentication: EnhancedAuthentication,
  authenticationData: Uint8Array | undefined,
): Promise<void> {
  const step = await authentication.exchange.next(authenticationData);
  if (connection.closed) return;
  if (step.decision === "allow") return await authentication.succeed(step);
  if (step.decision === "deny") return authentication.refuse(step);
  const { authenticationData: answer, reasonString, userProperties } = step;
  if (connection.signingIn) connection.signingIn.authentication = authentication;
  connection.send({
    type: PacketType.Auth,
    reasonCode: ReasonCode.ContinueAuthentication,
    // [MQTT-4.12.0-2], [MQTT-4.12.0-5] 5.0
    properties: {
      authenticationMethod: authentication.method,
      authenticationData: answer,
      reasonString,
      userProperties,
    },
  });
}
