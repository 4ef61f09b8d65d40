/** The topic tree on the screen: only the lines in sight are there, so that any number of topics stays smooth. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { visible } from "../format.ts";
import { shortPayload } from "../parts/payload.tsx";
import { text } from "../strings.ts";
import { TreeModel, type TreeRow } from "./tree_model.ts";

const ROW_PIXELS = 32;
/** Lines beyond the edges, so that scrolling shows no gaps. */
const SPARE_ROWS = 10;
const REFRESH_MS = 2000;

interface TreeProps {
  /** `undefined`: the tree; else a list of what holds it. */
  readonly search: string | undefined;
  readonly selected: string | undefined;
  select(topicName: string): void;
}

/** The open part of the tree; it is revealed where a topic is selected from the start. */
function useTreeModel(search: string | undefined, selected: string | undefined): TreeModel {
  const [, setTurn] = useState(0);
  const model = useMemo(() => new TreeModel(search, () => setTurn((before) => before + 1)), [search]);
  useEffect(() => {
    if (selected !== undefined) model.reveal(selected);
    return () => model.close();
  }, [model]);
  return model;
}

/** The lines in sight, which are fetched, and fetched again at intervals. */
function useSight(model: TreeModel) {
  const element = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 600 });
  const { rows } = model;
  const first = Math.max(0, Math.floor(view.top / ROW_PIXELS) - SPARE_ROWS);
  const shown = rows.slice(first, Math.ceil((view.top + view.height) / ROW_PIXELS) + SPARE_ROWS);
  const sight = useRef(shown);
  sight.current = shown;
  useEffect(() => void model.see(sight.current, false), [model, first, shown.length, rows]);
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState !== "hidden") void model.see(sight.current, true);
    }, REFRESH_MS);
    return () => clearInterval(timer);
  }, [model]);
  const measure = () => {
    if (!element.current) return;
    const { scrollTop: top, clientHeight: height } = element.current;
    setView((before) => before.top === top && before.height === height ? before : { top, height });
  };
  useEffect(measure, []);
  return { element, first, shown, measure, page: Math.floor(view.height / ROW_PIXELS) };
}

export function TopicTree({ search, selected, select }: TreeProps) {
  const model = useTreeModel(search, selected);
  const { element, first, shown, measure, page } = useSight(model);
  const [active, setActive] = useState(0);
  const { rows } = model;
  const go = (to: number) => {
    const at = Math.max(0, Math.min(rows.length - 1, to));
    setActive(at);
    keepInSight(element.current!, at);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (press(event.key, { model, rows, active, go, select, page })) event.preventDefault();
  };
  const click = (at: number) => {
    setActive(at);
    pick(model, rows[at]!, select);
  };
  if (model.error !== undefined && !model.loaded) return <p class="notice bad" role="alert">{model.error}</p>;
  if (model.loaded && rows.length === 0) {
    return <p class="quiet">{search === undefined ? text.topics.empty : text.topics.noMatch}</p>;
  }
  return (
    <div
      ref={element}
      class="tree"
      role="tree"
      aria-label={text.topics.tree}
      tabIndex={0}
      aria-activedescendant={rows[active]?.item ? `row-${active}` : undefined}
      onScroll={measure}
      onKeyDown={onKeyDown}
    >
      <Rows {...{ shown, first, active, selected, click }} total={rows.length} flat={model.isFlat} />
    </div>
  );
}

function Rows({ shown, first, total, flat, active, selected, click }: {
  readonly shown: readonly TreeRow[];
  /** Place of the first of them. */
  readonly first: number;
  readonly total: number;
  readonly flat: boolean;
  readonly active: number;
  readonly selected: string | undefined;
  click(at: number): void;
}) {
  return (
    <div class="tree-rows" role="presentation" style={{ height: `${total * ROW_PIXELS}px` }}>
      {shown.map((row, index) => {
        const at = first + index;
        return (
          <Row
            key={row.item ? row.item.topicName : `${row.parent ?? ""}//`}
            {...{ row, at, flat }}
            click={() => click(at)}
            active={at === active}
            selected={row.item !== undefined && row.item.topicName === selected}
          />
        );
      })}
    </div>
  );
}

function keepInSight(element: HTMLElement, at: number): void {
  const top = at * ROW_PIXELS;
  if (top < element.scrollTop) element.scrollTop = top;
  else if (top + ROW_PIXELS > element.scrollTop + element.clientHeight) {
    element.scrollTop = top + ROW_PIXELS - element.clientHeight;
  }
}

/** A topic is shown; a branch above topics is opened or closed, too. */
function pick(model: TreeModel, { item, open }: TreeRow, select: (topicName: string) => void): void {
  if (!item) return;
  if (item.children > 0) model.setOpen(item.topicName, !open);
  select(item.topicName);
}

interface Keys {
  readonly model: TreeModel;
  readonly rows: readonly TreeRow[];
  readonly active: number;
  readonly page: number;
  go(to: number): void;
  select(topicName: string): void;
}

/** The keys of a tree as the ARIA practices have them; whether it was one of them. */
function press(key: string, { model, rows, active, page, go, select }: Keys): boolean {
  const row = rows[active];
  const moves: Readonly<Record<string, number>> = {
    ArrowDown: active + 1,
    ArrowUp: active - 1,
    PageDown: active + page,
    PageUp: active - page,
    Home: 0,
    End: rows.length - 1,
  };
  if (moves[key] !== undefined) go(moves[key]);
  else if (!row?.item) return false;
  else if (key === "Enter" || key === " ") pick(model, row, select);
  else if (key === "ArrowRight") {
    if (row.open) go(active + 1);
    else if (row.item.children > 0) model.setOpen(row.item.topicName, true);
  } else if (key === "ArrowLeft") {
    if (row.open) model.setOpen(row.item.topicName, false);
    else go(rows.findIndex(({ item }) => item !== undefined && item.topicName === row.parent));
  } else return false;
  return true;
}

function Row({ row, at, flat, active, selected, click }: {
  readonly row: TreeRow;
  readonly at: number;
  readonly flat: boolean;
  readonly active: boolean;
  readonly selected: boolean;
  click(): void;
}) {
  const { item, depth, open, place } = row;
  const style = { transform: `translateY(${at * ROW_PIXELS}px)`, paddingLeft: `${8 + Math.min(depth, 12) * 16}px` };
  if (!item) return <div class="tree-row quiet" role="presentation" style={style}>{text.loading}</div>;
  const isBranch = !flat && item.children > 0;
  const name = flat ? item.topicName : item.level;
  return (
    <div
      id={`row-${at}`}
      class={`tree-row${active ? " active" : ""}`}
      role="treeitem"
      aria-level={depth + 1}
      aria-posinset={place}
      aria-setsize={-1}
      aria-expanded={isBranch ? open : undefined}
      aria-selected={selected}
      title={visible(item.topicName)}
      style={style}
      onClick={click}
    >
      <span class="twig" aria-hidden="true">{isBranch ? open ? "▾" : "▸" : ""}</span>
      <bdi class="name">{visible(name) || '""'}</bdi>
      {item.last?.retained && <span class="tag">{text.topics.isRetained}</span>}
      {item.last && <bdi class="value">{visible(shortPayload(item.last.payload))}</bdi>}
      {isBranch && <span class="quiet count">{text.topics.below(item.below)}</span>}
    </div>
  );
}
