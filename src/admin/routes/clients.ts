/** Clients, their sessions, subscriptions, messages and timelines. */
import { z } from "zod";
import type { ClientFigures } from "../../embedding/inspection.ts";
import { type Call, get, post, type Route } from "../route.ts";
import { page } from "../lists.ts";
import { Problem } from "../problem.ts";
import { clientIdentifier, flag, limit, listQuery, qos, topic } from "../schemas.ts";
import { clientView, eventView, messageView, sessionView, subscriptionView, time } from "../views.ts";
import { filterOf, topicNameOf } from "../parse.ts";
import { matches } from "../../packet/topic.ts";
import type { ReasonCode } from "../../packet/reason_code.ts";

const clientsQuery = listQuery(["clientIdentifier", "connectedAt", "queued", "received", "sent"], {
  user: z.string().optional(),
  listener: z.string().optional(),
});

const byClient = z.strictObject({ id: clientIdentifier });

/** What only a part of a client's names has to hold. */
function found(text: string | undefined, ...names: readonly (string | undefined)[]): boolean {
  return text === undefined || names.some((name) => name?.toLowerCase().includes(text.toLowerCase()));
}

function listClients({ host, query }: Call<z.output<typeof clientsQuery>>) {
  const keys: Readonly<Record<string, (client: ClientFigures) => string | number>> = {
    clientIdentifier: ({ client }) => client.clientIdentifier,
    connectedAt: ({ connectedAtMs }) => connectedAtMs ?? 0,
    queued: ({ client }) => host.session(client.clientIdentifier)?.messagesQueued ?? 0,
    received: ({ publishesReceived }) => publishesReceived ?? 0,
    sent: ({ publishesSent }) => publishesSent ?? 0,
  };
  return page(query, {
    items: host.inspection.clients(),
    wanted: ({ client }) =>
      (query.user === undefined || client.username === query.user) &&
      (query.listener === undefined || client.listener === query.listener) &&
      found(query.search, client.clientIdentifier, client.username, client.remote.hostname),
    key: keys[query.sort],
    identity: ({ client }) => client.clientIdentifier,
    show: (figures) => clientView(figures, host.session(figures.client.clientIdentifier)),
    letRun: () => host.letRun(),
  });
}

/** Subscriptions that are shown with their client; there is a list of its own for more. */
const SHOWN_SUBSCRIPTIONS = 1000;

function showClient({ host, recorder, query: { id } }: Call<z.output<typeof byClient>>) {
  const figures = host.inspection.client(id);
  const session = host.session(id);
  if (!figures && !session && !recorder.timelines.of(id)) throw new Problem(404, "there is no such client");
  const subscriptions = host.inspection.subscriptions(id).take(SHOWN_SUBSCRIPTIONS).map(subscriptionView);
  return {
    client: figures ? clientView(figures, session) : null,
    session: session ? sessionView(session) : null,
    subscriptions: [...subscriptions],
    subscriptionsTotal: session?.subscriptions ?? 0,
  };
}

const messagesQuery = z.strictObject({ id: clientIdentifier, payload: flag, limit });

function showMessages({ host, identity, query }: Call<z.output<typeof messagesQuery>>) {
  const messages = host.inspection.messages(query.id, query.limit);
  if (!messages) throw new Problem(404, "there is no such session");
  const withPayload = query.payload === true && identity.payloads;
  return {
    underWay: messages.underWay.map((message) => messageView(message, withPayload)),
    waiting: messages.waiting.map((message) => messageView(message, withPayload)),
    inStore: messages.inStore,
  };
}

const timelinesQuery = listQuery(["lastAt", "clientIdentifier"], {});

const sessionsQuery = listQuery(["clientIdentifier", "queued"], { connected: flag });
const subscriptionsQuery = listQuery(["clientIdentifier", "topicFilter"], {
  client: clientIdentifier.optional(),
  topic: topic.optional(),
});

function listSubscriptions({ host, query }: Call<z.output<typeof subscriptionsQuery>>) {
  const name = query.topic === undefined ? undefined : topicNameOf("topic", query.topic);
  return page(query, {
    items: host.inspection.subscriptions(query.client),
    wanted: ({ topicFilter, clientIdentifier }) =>
      (name === undefined || matches(topicFilter, name)) && found(query.search, topicFilter, clientIdentifier),
    key: (one) => query.sort === "topicFilter" ? one.key : one.clientIdentifier,
    identity: (one) => `${one.clientIdentifier}\0${one.key}`,
    show: subscriptionView,
    letRun: () => host.letRun(),
  });
}

const subscribeBody = z.strictObject({ clientIdentifier, topicFilter: topic, qos });

export const clientRoutes: readonly Route[] = [
  get("/clients", { needs: "viewer", summary: "The connected clients", query: clientsQuery, handle: listClients }),
  get("/client", { needs: "viewer", summary: "One client and its session", query: byClient, handle: showClient }),
  get("/client/messages", {
    needs: "viewer",
    summary: "What is under way to a client, and what waits for it",
    query: messagesQuery,
    handle: showMessages,
  }),
  get("/client/timeline", {
    needs: "viewer",
    summary: "What has happened to a client, also if it never got in",
    query: byClient,
    handle: ({ recorder, query }) => ({ items: (recorder.timelines.of(query.id) ?? []).map(eventView) }),
  }),
  get("/timelines", {
    needs: "viewer",
    summary: "The clients to whom something has happened",
    query: timelinesQuery,
    handle: ({ recorder, host, query }) =>
      page({ ...query, order: query.sort === "lastAt" ? query.order === "asc" ? "desc" : "asc" : query.order }, {
        items: recorder.timelines.summaries(),
        wanted: (one) => found(query.search, one.clientIdentifier),
        key: (one) => query.sort === "lastAt" ? one.last.atMs : one.clientIdentifier,
        identity: (one) => one.clientIdentifier,
        show: ({ clientIdentifier, events, last }) => {
          const connected = host.session(clientIdentifier)?.connected ?? false;
          return { clientIdentifier, lastAt: time(last.atMs), events, last: last.text, connected };
        },
        letRun: () => host.letRun(),
      }),
  }),
  get("/sessions", {
    needs: "viewer",
    summary: "The sessions, with and without a connected client",
    query: sessionsQuery,
    handle: ({ host, query }) =>
      page(query, {
        items: host.sessions(),
        wanted: (session) =>
          (query.connected === undefined || session.connected === query.connected) &&
          found(query.search, session.clientIdentifier, session.username),
        key: (session) => query.sort === "queued" ? session.messagesQueued : session.clientIdentifier,
        identity: (session) => session.clientIdentifier,
        show: sessionView,
        letRun: () => host.letRun(),
      }),
  }),
  get("/subscriptions", {
    needs: "viewer",
    summary: "The subscriptions of all sessions, of one, or to one topic",
    query: subscriptionsQuery,
    handle: listSubscriptions,
  }),
  get("/share-groups", {
    needs: "viewer",
    summary: "The groups of shared subscriptions",
    query: listQuery(["topicFilter"], {}),
    handle: ({ host, query }) =>
      page(query, {
        items: host.inspection.shareGroups(),
        wanted: (group) => found(query.search, group.shareName, group.topicFilter),
        identity: (group) => `${group.topicFilter}\0${group.shareName}`,
        show: (group) => group,
        letRun: () => host.letRun(),
      }),
  }),
  post("/client/disconnect", {
    needs: "operator",
    summary: "Cuts a client off; its session and its will are treated as after a lost connection",
    body: z.strictObject({
      clientIdentifier,
      reasonCode: z.number().int().min(0x80).max(0xff).optional(),
      reasonString: z.string().max(1000).optional(),
    }),
    handle: ({ host, body }) => ({
      disconnected: host.disconnect(body.clientIdentifier, body.reasonCode as ReasonCode, body.reasonString),
    }),
  }),
  post("/session/end", {
    needs: "operator",
    summary: "Ends a session with its subscriptions and messages; its client is cut off",
    body: z.strictObject({ clientIdentifier }),
    handle: ({ host, body }) => ({ ended: host.endSession(body.clientIdentifier) }),
  }),
  post("/client/subscribe", {
    needs: "operator",
    summary: "Subscribes a session in its client's name",
    body: subscribeBody,
    handle: ({ host, body }) => {
      const topicFilter = filterOf("topicFilter", body.topicFilter);
      return { subscribed: host.subscribeClient(body.clientIdentifier, topicFilter, body.qos) };
    },
  }),
  post("/client/unsubscribe", {
    needs: "operator",
    summary: "Takes a subscription from a session",
    body: z.strictObject({ clientIdentifier, topicFilter: topic }),
    handle: ({ host, body }) => {
      const topicFilter = filterOf("topicFilter", body.topicFilter);
      return { unsubscribed: host.unsubscribeClient(body.clientIdentifier, topicFilter) };
    },
  }),
];
