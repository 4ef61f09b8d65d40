/** What the tests of plugins' answers share. */
import type { HookChain } from "../../src/hooks/chain.ts";
import type { Authorization } from "../../src/hooks/decide.ts";
import type { ApplicationMessage } from "../../src/message.ts";
import { ReasonCode } from "../../src/packet/reason_code.ts";
import { parseTopicFilter, parseTopicName } from "../../src/packet/topic.ts";
import { clientSnapshot, signIn } from "../support/plugin_context.ts";

export const client = clientSnapshot();

export const message: ApplicationMessage = {
  topicName: parseTopicName("a"),
  payload: new Uint8Array(),
  qos: 0,
  retain: false,
};

/** What a denied without a reason comes to. */
export const notAuthorized = { allowed: false, reasonCode: ReasonCode.NotAuthorized } as const;

/** The hooks that may answer in detail. */
export type DetailedHook = "authenticate" | "authorizePublish" | "authorizeSubscribe";

/** How each of them is asked. */
export const asking: Readonly<
  Record<DetailedHook, (chain: HookChain) => Authorization | Promise<Authorization> | undefined>
> = {
  authenticate: (chain) => chain.authenticate?.(signIn({ username: "u" })),
  authorizePublish: (chain) => chain.authorizePublish?.(client, message),
  authorizeSubscribe: (chain) => chain.authorizeSubscribe?.(client, { topicFilter: parseTopicFilter("a/#"), qos: 2 }),
};

export const hooks = Object.keys(asking) as readonly DetailedHook[];
