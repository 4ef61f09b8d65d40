/** Bridges to other brokers: how each is doing, and what it can be told. */
import { z } from "zod";
import type { BridgeAction } from "../host.ts";
import { Problem } from "../problem.ts";
import { type Call, get, post, type Route } from "../route.ts";

function listBridges({ host, recorder }: Call) {
  const startedAtMs = host.statistics.startedAt.getTime();
  return {
    items: host.bridges().map((bridge) => ({
      name: bridge.name,
      state: bridge.state,
      error: bridge.error ?? null,
      address: bridge.address ?? null,
      clientIdentifier: bridge.clientIdentifier,
      queued: bridge.messagesQueued,
      inflight: bridge.messagesInflight,
      sent: bridge.messagesSent,
      received: bridge.messagesReceived,
      ...recorder.bridgeRates.of(bridge, startedAtMs, host.epoch()),
    })),
  };
}

const body = z.strictObject({ name: z.string().min(1).max(65_535) });

function tell(action: BridgeAction, summary: string): Route {
  return post(`/bridge/${action}`, {
    needs: "operator",
    summary,
    body,
    handle: ({ host, body: { name } }) => {
      if (!host.tellBridge(name, action)) throw new Problem(404, "there is no such bridge");
      return {};
    },
  });
}

export const bridgeRoutes: readonly Route[] = [
  get("/bridges", {
    needs: "viewer",
    summary: "The bridges to other brokers, with what went wrong last and what waits",
    handle: listBridges,
  }),
  tell("pause", "Ends a bridge's connection until it is resumed; what is for the remote waits"),
  tell("resume", "Connects a bridge that was paused, at once; does nothing if it was not"),
  tell("reconnect", "Ends a bridge's connection if there is one, and connects it without a wait"),
];
