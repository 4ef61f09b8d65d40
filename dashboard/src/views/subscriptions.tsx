import { useState } from "preact/hooks";
import { number } from "../format.ts";
import { useDelayed } from "../hooks.ts";
import { Choice, ClientLink, Name } from "../parts/basics.tsx";
import { type Column, List } from "../parts/table.tsx";
import { text } from "../strings.ts";
import type { ShareGroup, Subscription } from "../types.ts";

const t = text.subscriptions;
const yes = (value: boolean) => value ? text.yes : "";

const columns: readonly Column<Subscription>[] = [
  { title: text.filter, sort: "topicFilter", cell: (one) => <Name of={one.topicFilter} /> },
  { title: text.client, sort: "clientIdentifier", cell: (one) => <ClientLink id={one.clientIdentifier} /> },
  { title: text.clients.state, cell: (one) => one.connected ? text.clients.isConnected : text.topics.offline },
  { title: text.qos, cell: (one) => one.qos },
  { title: t.share, cell: (one) => one.shareName === null ? "" : <Name of={one.shareName} /> },
  { title: t.noLocal, cell: (one) => yes(one.noLocal) },
  { title: t.asPublished, cell: (one) => yes(one.retainAsPublished) },
];

const groupColumns: readonly Column<ShareGroup>[] = [
  { title: t.share, cell: (one) => <Name of={one.shareName} /> },
  { title: text.filter, cell: (one) => <Name of={one.topicFilter} /> },
  { title: t.members, right: true, cell: (one) => number(one.members) },
];

type Tab = "list" | "groups";

export function SubscriptionsView() {
  const [tab, setTab] = useState<Tab>("list");
  const [topic, setTopic] = useState("");
  const matched = useDelayed(topic, 250);
  const options = [["list", t.list], ["groups", t.groups]] as const;
  const chosen = <Choice<Tab> label={text.navigation.subscriptions} options={options} value={tab} choose={setTab} />;
  if (tab === "groups") {
    return (
      <List key={tab} label={t.groups} path="/share-groups" columns={groupColumns} search={t.search}>{chosen}</List>
    );
  }
  return (
    <List
      key={tab}
      label={t.list}
      path="/subscriptions"
      query={{ topic: matched === "" ? undefined : matched }}
      columns={columns}
      search={t.search}
      firstSort={{ by: "topicFilter", order: "asc" }}
    >
      <input
        type="search"
        aria-label={t.matching}
        placeholder={t.matching}
        value={topic}
        onInput={({ currentTarget }) => setTopic(currentTarget.value)}
      />
      {chosen}
    </List>
  );
}
