import type { MessageProperties, UserProperty } from "../packet/packets.ts";

/** The user property that tells how many bridges a message has crossed. */
export const HOPS = "amqtt-bridge-hops";

/** How many bridges a message has crossed, as it says. */
export function hopsOf(properties: MessageProperties | undefined): number {
  const said = properties?.userProperties?.find(([name]) => name === HOPS)?.[1];
  const hops = Number(said ?? 0);
  // Who says nonsense is not let round in circles.
  return Number.isInteger(hops) && hops >= 0 ? hops : Infinity;
}

/** The properties of a message that has crossed so many bridges. */
export function withHops(properties: MessageProperties | undefined, hops: number): MessageProperties {
  const others = properties?.userProperties?.filter(([name]) => name !== HOPS) ?? [];
  const own: UserProperty = [HOPS, String(hops)];
  return { ...properties, userProperties: [...others, own] };
}
