/** Metrics about connections, sign-ins and sessions. */
import { byLabel, counter, type Family, gauge, type Sample } from "./family.ts";
import type { Figures, ListenerFigures } from "./figures.ts";

const LISTENER = ["listener"];

export const clientFamilies: readonly Family[] = [
  gauge("amqtt_connections", "Connections, signed in or not.", ({ connections }) => connections),
  gauge("amqtt_clients_connected", "Clients that are signed in.", ({ statistics }) => statistics.clientsConnected),
  gauge(
    "amqtt_clients_maximum",
    "Most clients at once since the start.",
    ({ statistics }) => statistics.clientsMaximum,
  ),
  gauge("amqtt_listener_up", "1 if the listener accepts connections.", byListener(({ up }) => Number(up)), LISTENER),
  gauge("amqtt_listener_clients", "Clients that are signed in.", byListener(({ clients }) => clients), LISTENER),
  counter(
    "amqtt_connections_accepted",
    "Connections that were taken in, whether they have signed in or not.",
    byListener(({ accepted }) => accepted),
    LISTENER,
  ),
  counter(
    "amqtt_connections_refused",
    "Connections that were not let in.",
    byListener(({ refused }) => refused),
    LISTENER,
  ),
  gauge(
    "amqtt_listener_certificate_expiry_timestamp_seconds",
    "When the listener's certificate expires, in seconds since 1970.",
    (figures) => [
      ...byListener(({ certificateExpirySeconds }) => certificateExpirySeconds)(figures),
      ...figures.adminCertificates.map(({ name, certificateExpirySeconds = 0 }) => ({
        labels: { listener: name },
        value: certificateExpirySeconds,
      })),
    ],
    LISTENER,
  ),
  counter(
    "amqtt_refused",
    "What was refused, by kind: connections, sign-ins, packets, and what a client may not do.",
    ({ statistics }) => byLabel("reason", statistics.refused),
    ["reason"],
  ),
  counter(
    "amqtt_connections_closed",
    "Connections of signed-in clients that have ended, by reason.",
    ({ statistics }) => byLabel("reason", statistics.connectionsClosed),
    ["reason"],
  ),
  counter("amqtt_sign_ins", "What the plugins have said about sign-ins.", signIns, ["plugin", "result"]),
  gauge("amqtt_sessions", "Sessions with a client, and without.", ({ statistics }) => {
    return byLabel("state", { connected: statistics.clientsConnected, offline: statistics.clientsDisconnected });
  }, ["state"]),
  gauge("amqtt_subscriptions", "Subscriptions of all sessions.", ({ statistics }) => statistics.subscriptions),
  gauge(
    "amqtt_shared_subscription_groups",
    "Groups that share a subscription.",
    ({ statistics }) => statistics.sharedSubscriptions,
  ),
];

/** A listener without the figure has no sample. */
function byListener(of: (listener: ListenerFigures) => number | undefined): (figures: Figures) => readonly Sample[] {
  return ({ listeners }) =>
    listeners.flatMap((listener) => {
      const value = of(listener);
      return value === undefined ? [] : [{ labels: { listener: listener.name }, value }];
    });
}

function signIns({ statistics }: Figures): readonly Sample[] {
  return statistics.signIns.flatMap(({ plugin, allowed, denied }) => [
    { labels: { plugin, result: "allowed" }, value: allowed },
    { labels: { plugin, result: "denied" }, value: denied },
  ]);
}
