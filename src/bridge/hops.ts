import type { MessageProperties, UserProperty } from "../packet/packets.ts";
import { propertyBytes } from "../packet/property_codec.ts";
import { PublishBody } from "../packet/publish_body.ts";

/** The user property that tells how many bridges a message has crossed. */
export const HOPS = "amqtt-bridge-hops";

/** What a message that has crossed its first bridge says of it: the property as it is encoded. */
export const ONE_HOP = encoded(1);

/** Its identifier and name, which stand in every message that has crossed a bridge. */
const NAMED = ONE_HOP.subarray(0, 3 + HOPS.length);

/** How many bridges a message has crossed, as it says. */
export function hopsOf(body: PublishBody): number {
  // Most have crossed none, and their properties need not be read for that.
  return body.constantsSizeBytes === 0 || !body.mayHave(NAMED) ? 0 : hopsSaid(body);
}

function hopsSaid(body: PublishBody): number {
  const said = body.properties?.userProperties?.find(([name]) => name === HOPS)?.[1];
  const hops = Number(said ?? 0);
  // Who says nonsense is not let round in circles.
  return Number.isInteger(hops) && hops >= 0 ? hops : Infinity;
}

/** A body in memory of its own that says how many bridges it has crossed. */
export function withHops(body: PublishBody, hops: number): PublishBody {
  if (!body.mayHave(NAMED)) return body.with(hops === 1 ? ONE_HOP : encoded(hops));
  return PublishBody.of(body.payload, counted(body.properties, hops));
}

function counted(properties: MessageProperties | undefined, hops: number): MessageProperties {
  const others = properties?.userProperties?.filter(([name]) => name !== HOPS) ?? [];
  const own: UserProperty = [HOPS, String(hops)];
  return { ...properties, userProperties: [...others, own] };
}

function encoded(hops: number): Uint8Array {
  return propertyBytes("will", counted(undefined, hops));
}
