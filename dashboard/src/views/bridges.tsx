/** The bridges to other brokers: how each is doing, and what it can be told. */
import { useState } from "preact/hooks";
import { post } from "../api.ts";
import { number, visible } from "../format.ts";
import { useFetch } from "../hooks.ts";
import { ClientLink, Fault, Name, type Outcome, Said } from "../parts/basics.tsx";
import { Confirm } from "../parts/dialog.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { text } from "../strings.ts";
import type { Bridge } from "../types.ts";
import { mayAct, type ViewProps } from "./view.ts";

const t = text.bridges;
const REFRESH_MS = 2000;

type Action = "pause" | "resume" | "reconnect";

const columns: readonly Column<Bridge>[] = [
  { title: t.name, cell: (one) => <Name of={one.name} /> },
  { title: t.state, cell: (one) => <span class={one.state === "waiting" ? "bad" : ""}>{t.states[one.state]}</span> },
  { title: t.address, cell: (one) => <Name of={one.address} /> },
  { title: t.error, cell: (one) => one.error === null ? "" : <bdi class="bad">{visible(one.error)}</bdi> },
  { title: t.queued, right: true, cell: (one) => number(one.queued) },
  { title: t.inflight, right: true, cell: (one) => number(one.inflight) },
  { title: t.sent, right: true, cell: (one) => t.withRate(one.sent, one.sentPerSecond) },
  { title: t.received, right: true, cell: (one) => t.withRate(one.received, one.receivedPerSecond) },
  { title: t.session, cell: (one) => <ClientLink id={one.clientIdentifier} /> },
];

function actionsOf({ state }: Bridge): readonly Action[] {
  if (state === "stopped") return [];
  return state === "paused" ? ["resume"] : ["pause", "reconnect"];
}

export function BridgesView({ session }: ViewProps) {
  const { data, error, reload } = useFetch<{ items: readonly Bridge[] }>("/bridges", {}, REFRESH_MS);
  const [asked, setAsked] = useState<{ readonly name: string; readonly action: Action }>();
  const [said, setSaid] = useState<Outcome>();
  const buttons: Column<Bridge> = {
    title: t.action,
    cell: (one) =>
      actionsOf(one).map((action) => (
        <button
          key={action}
          type="button"
          onClick={() => setAsked({ name: one.name, action })}
        >
          {t[action].go}
        </button>
      )),
  };
  const act = async () => {
    const { name, action } = asked!;
    await post(`/bridge/${action}`, { name });
    setSaid({ words: t[action].done(visible(name)) });
    reload();
  };
  return (
    <>
      <Said what={said} />
      <Fault of={error} />
      {data?.items.length === 0 && <p class="quiet">{t.hint}</p>}
      {data && data.items.length > 0 && (
        <Table label={t.list} columns={mayAct(session) ? [...columns, buttons] : columns} items={data.items} />
      )}
      {asked && (
        <Confirm title={t[asked.action].go} go={t[asked.action].go} act={act} close={() => setAsked(undefined)}>
          <p>{t[asked.action].what(visible(asked.name))}</p>
        </Confirm>
      )}
    </>
  );
}
