import { useState } from "preact/hooks";
import { post } from "../api.ts";
import { visible } from "../format.ts";
import { useFetch } from "../hooks.ts";
import { Card, Fault, Name, type Outcome, Said } from "../parts/basics.tsx";
import { Confirm } from "../parts/dialog.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { text } from "../strings.ts";
import type { ConfigEntry } from "../types.ts";
import type { ViewProps } from "./view.ts";

const t = text.settings;

const columns: readonly Column<ConfigEntry>[] = [
  { title: t.key, cell: (one) => <code>{visible(one.key)}</code> },
  { title: t.inForce, cell: (one) => <bdi>{visible(one.value)}</bdi> },
  { title: t.default, cell: (one) => <bdi class="quiet">{visible(one.default)}</bdi> },
  {
    title: t.source,
    cell: ({ source }) => source === "config" ? t.config : <span class="quiet">{t.byDefault}</span>,
  },
];

interface Plugin {
  readonly specifier: string;
  readonly place: string;
}

const pluginColumns: readonly Column<Plugin>[] = [
  { title: t.plugin, cell: (one) => <Name of={one.specifier} /> },
  { title: t.place, cell: (one) => <code>{visible(one.place)}</code> },
];

export function SettingsView({ session }: ViewProps) {
  const { data, error } = useFetch<{ entries: readonly ConfigEntry[] }>("/config");
  const plugins = useFetch<{ items: readonly Plugin[] }>("/plugins");
  const [words, setWords] = useState("");
  const [changedOnly, setChangedOnly] = useState(false);
  const shown = (data?.entries ?? []).filter(({ key, source }) =>
    key.includes(words.toLowerCase()) && (!changedOnly || source === "config")
  );
  return (
    <>
      {session.role === "admin" && <Reload />}
      <Fault of={error} />
      <div class="bar">
        <input
          type="search"
          aria-label={t.search}
          placeholder={t.search}
          value={words}
          onInput={({ currentTarget }) => setWords(currentTarget.value)}
        />
        <label class="check">
          <input
            type="checkbox"
            checked={changedOnly}
            onChange={({ currentTarget }) => setChangedOnly(currentTarget.checked)}
          />
          {t.changedOnly}
        </label>
      </div>
      {data && <Table label={t.list} columns={columns} items={shown} />}
      <Card title={t.plugins}>
        <Table label={t.plugins} columns={pluginColumns} items={plugins.data?.items ?? []} />
      </Card>
    </>
  );
}

function Reload() {
  const [open, setOpen] = useState(false);
  const [said, say] = useState<Outcome>();
  const reload = async () => {
    const { certificates, plugins } = await post<{ certificates: string[]; plugins: string[] }>("/reload", {});
    say({ words: t.reloaded([...certificates, ...plugins].join(", ") || text.none) });
  };
  return (
    <>
      <Said what={said} />
      <div class="bar">
        <button type="button" onClick={() => setOpen(true)}>{t.reload}</button>
      </div>
      {open && (
        <Confirm title={t.reload} go={t.reload} act={reload} close={() => setOpen(false)}>
          <p>{t.reloadWhat}</p>
        </Confirm>
      )}
    </>
  );
}
