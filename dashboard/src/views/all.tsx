import { text } from "../strings.ts";
import { BridgesView } from "./bridges.tsx";
import { ClientView } from "./client.tsx";
import { ClientsView } from "./clients.tsx";
import { ListenersView } from "./listeners.tsx";
import { ClusterView } from "./cluster.tsx";
import { LogView } from "./log.tsx";
import { OverviewView } from "./overview.tsx";
import { RetainedView } from "./retained.tsx";
import { SettingsView } from "./settings.tsx";
import { SubscriptionsView } from "./subscriptions.tsx";
import { TopicsView } from "./topics.tsx";
import { TryItView } from "./try_it.tsx";
import type { ViewEntry } from "./view.ts";

const t = text.navigation;

/** By their name in the address, in the order of the navigation. */
export const views: Readonly<Record<string, ViewEntry>> = {
  overview: { title: t.overview, View: OverviewView },
  topics: { title: t.topics, View: TopicsView },
  clients: { title: t.clients, View: ClientsView },
  client: { title: text.client, View: ClientView, hidden: true, under: "clients" },
  subscriptions: { title: t.subscriptions, View: SubscriptionsView },
  retained: { title: t.retained, View: RetainedView },
  listeners: { title: t.listeners, View: ListenersView },
  bridges: { title: t.bridges, View: BridgesView },
  cluster: { title: t.cluster, View: ClusterView },
  log: { title: t.log, View: LogView },
  try: { title: t.try, View: TryItView },
  settings: { title: t.settings, View: SettingsView },
};
