import { dateTime, number, visible } from "../format.ts";
import { useFetch } from "../hooks.ts";
import { Fault, Name } from "../parts/basics.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { text } from "../strings.ts";
import type { Listener } from "../types.ts";

const t = text.listeners;
const DAY_MS = 86_400_000;
const SOON_DAYS = 14;

function Certificate({ of }: { readonly of: Listener["certificate"] }) {
  if (!of) return <span class="quiet">{text.none}</span>;
  const days = Math.floor((Date.parse(of.notAfter) - Date.now()) / DAY_MS);
  return <span class={days < SOON_DAYS ? "bad" : ""}>{t.validUntil(dateTime(of.notAfter), days)}</span>;
}

const columns: readonly Column<Listener>[] = [
  { title: t.name, cell: (one) => <Name of={one.name} /> },
  { title: t.type, cell: (one) => visible(one.type) },
  { title: t.address, cell: (one) => <Name of={one.address} /> },
  { title: t.tls, cell: (one) => one.secure ? text.yes : text.no },
  {
    title: t.clients,
    right: true,
    cell: ({ clients, maxConnections }) =>
      maxConnections > 0 ? text.ofMaximum(number(clients), number(maxConnections)) : number(clients),
  },
  { title: t.certificate, cell: (one) => <Certificate of={one.certificate} /> },
];

export function ListenersView() {
  const { data, error } = useFetch<{ items: readonly Listener[] }>("/listeners", {}, 5000);
  return (
    <>
      <Fault of={error} />
      {data && <Table label={t.list} columns={columns} items={data.items} />}
    </>
  );
}
