/** How a client that signs in gets its mountpoint, and why it may get none. */
import type { ClientSnapshot } from "../hooks/plugin.ts";
import type { Will } from "../packet/packets.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import { compactWill } from "../packet/will.ts";
import { quote } from "../quote.ts";
import { type ConnectRefusal, toldRefusal } from "./connection_state.ts";
import { mountedName, mountedProperties, type Mountpoint } from "./mountpoint.ts";

/**
 * The mountpoint of a client, or why it can have none: a name that is empty or holds `+`, `#` or `/` would reach beyond
 * its level.
 *
 * @param template as the listener has it
 */
export function mountpointOf(
  template: string,
  listener: string,
  { username, clientIdentifier }: ClientSnapshot,
): Mountpoint | ConnectRefusal {
  const place = `listeners.${listener}.mountpoint`;
  const what = { "%u": "a user name", "%c": "a client identifier" } as const;
  const names = { "%u": username, "%c": clientIdentifier } as const;
  for (const sign of ["%u", "%c"] as const) {
    if (!template.includes(sign)) continue;
    const name = names[sign];
    const got = name === undefined ? "none" : quote(name);
    if (name === undefined || name === "" || /[+#/]/.test(name)) {
      const reason = `${place} needs ${what[sign]} that is not empty and has no "+", "#" or "/": got ${got}`;
      return toldRefusal(sign === "%u" ? ReasonCode.NotAuthorized : ReasonCode.ClientIdentifierNotValid, reason);
    }
  }
  const mountpoint = template.replace(/%[uc]/g, (sign) => names[sign as "%u" | "%c"] ?? "");
  if (mountpoint.startsWith("$")) {
    return toldRefusal(ReasonCode.NotAuthorized, `${place} must not begin with "$": got ${quote(mountpoint)}`);
  }
  return mountpoint as Mountpoint;
}

/** A client's will where it is to be published; a refusal: a topic of it is too long there. */
export function mountedWill(mountpoint: Mountpoint, will: Will): Will | ConnectRefusal {
  const topicName = mountedName(mountpoint, will.topicName);
  const properties = will.properties === undefined ? {} : mountedProperties(mountpoint, will.properties);
  if (topicName === undefined || properties === undefined) {
    return toldRefusal(ReasonCode.TopicNameInvalid, "will: its topic is too long with the mountpoint in front");
  }
  const { payload, qos, retain, delayIntervalSeconds } = will;
  return compactWill({ topicName, payload, qos, retain, properties, delayIntervalSeconds });
}
