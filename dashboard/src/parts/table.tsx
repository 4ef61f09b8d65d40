/** Lists that the server sorts, searches and cuts into pages. */
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Query } from "../api.ts";
import { useDelayed, useFetch } from "../hooks.ts";
import { text } from "../strings.ts";
import type { Page } from "../types.ts";
import { Fault } from "./basics.tsx";

export interface Column<Item> {
  readonly title: string;
  /** What the server calls it, if it can sort by it. */
  readonly sort?: string;
  readonly right?: boolean;
  cell(item: Item): ComponentChildren;
}

export function Table<Item>({ label, columns, items, sort, onSort }: {
  readonly label: string;
  readonly columns: readonly Column<Item>[];
  readonly items: readonly Item[];
  readonly sort?: Sorting;
  onSort?(by: string): void;
}) {
  return (
    <div class="scroll" role="region" aria-label={label} tabIndex={0}>
      <table>
        <thead>
          <tr>{columns.map((column) => <Heading key={column.title} {...{ column, sort, onSort }} />)}</tr>
        </thead>
        <tbody>
          {items.map((item, row) => (
            <tr key={row}>
              {columns.map((column) => (
                <td key={column.title} class={column.right ? "right" : undefined}>{column.cell(item)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {items.length === 0 && <p class="quiet">{text.nothing}</p>}
    </div>
  );
}

export interface Sorting {
  readonly by: string;
  readonly order: "asc" | "desc";
}

function Heading<Item>({ column, sort, onSort }: {
  readonly column: Column<Item>;
  readonly sort?: Sorting;
  onSort?(by: string): void;
}) {
  const { title, right, sort: by } = column;
  const sorted = by !== undefined && sort?.by === by;
  const direction = sorted ? sort.order === "asc" ? "ascending" : "descending" : undefined;
  return (
    <th scope="col" class={right ? "right" : undefined} aria-sort={direction}>
      {by === undefined || !onSort ? title : (
        <button type="button" class="plain" onClick={() => onSort(by)}>
          {title}
          <span aria-hidden="true">{direction === undefined ? "" : direction === "ascending" ? " ▲" : " ▼"}</span>
        </button>
      )}
    </th>
  );
}

const ROWS = 50;
const REFRESH_MS = 5000;

/** A list of the API with search, sorting and pages. */
export function List<Item>({ label, path, query = {}, columns, search, firstSort, turn = 0, children }: {
  readonly label: string;
  readonly path: string;
  readonly query?: Query;
  readonly columns: readonly Column<Item>[];
  /** Words beside the search; `undefined`: it cannot be searched. */
  readonly search?: string;
  readonly firstSort?: Sorting;
  /** Another value fetches anew. */
  readonly turn?: number;
  /** Beside the search. */
  readonly children?: ComponentChildren;
}) {
  const [words, setWords] = useState("");
  const looked = useDelayed(words, 250);
  const [sort, setSort] = useState(firstSort);
  const [cursors, setCursors] = useState<readonly string[]>([]);
  const key = JSON.stringify([query, looked, sort]);
  useEffect(() => setCursors([]), [key]);
  const asked = {
    ...query,
    limit: ROWS,
    search: looked === "" ? undefined : looked,
    sort: sort?.by,
    order: sort?.order,
    cursor: cursors.at(-1),
  };
  const { data, error, reload } = useFetch<Page<Item>>(path, asked, REFRESH_MS);
  useEffect(() => reload(), [turn]);
  const onSort = (by: string) =>
    setSort((before) => ({ by, order: before?.by === by && before.order === "asc" ? "desc" : "asc" }));
  return (
    <>
      <div class="bar">
        {search !== undefined && (
          <input
            type="search"
            aria-label={search}
            placeholder={search}
            value={words}
            onInput={({ currentTarget }) => setWords(currentTarget.value)}
          />
        )}
        {children}
      </div>
      <Fault of={error} />
      {data ? <Table {...{ label, columns, sort, onSort }} items={data.items} /> : !error && <p>{text.loading}</p>}
      {data && (
        <div class="bar">
          <span class="quiet">{text.shownOf(data.items.length, data.total)}</span>
          {(cursors.length > 0 || data.nextCursor !== null) && (
            <>
              <button type="button" disabled={cursors.length === 0} onClick={() => setCursors(cursors.slice(0, -1))}>
                {text.previous}
              </button>
              <button
                type="button"
                disabled={data.nextCursor === null}
                onClick={() => data.nextCursor !== null && setCursors([...cursors, data.nextCursor])}
              >
                {text.next}
              </button>
            </>
          )}
        </div>
      )}
    </>
  );
}
