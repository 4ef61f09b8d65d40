import { fieldProblem } from "./problem.ts";

/** How a list is asked for. */
export interface ListQuery {
  readonly limit: number;
  readonly cursor?: string;
  readonly order: "asc" | "desc";
}

/** What a list is made of. */
export interface ListParts<Item> {
  /** Everything there is; `undefined` is passed over. */
  readonly items: Iterable<Item | undefined>;
  /** @default all */
  readonly wanted?: (item: Item) => boolean;
  /** What it is sorted by. @default the identity */
  readonly key?: (item: Item) => string | number;
  /** What tells an item from all others. */
  readonly identity: (item: Item) => string;
  readonly show: (item: Item) => unknown;
  /** Lets others have their turn. */
  letRun(): Promise<void>;
}

/** A part of a list. */
export interface Page {
  readonly items: readonly unknown[];
  /** All that were found. */
  readonly total: number;
  readonly nextCursor: string | null;
}

/** Items that are looked at between two turns of others. */
const ITEMS_AT_ONCE = 2000;

type Place = readonly [key: string | number, identity: string];

/**
 * One page of a list, sorted. Everything is looked at, but no more than a page is kept: what is shown is made for those
 * items alone.
 *
 * @throws {Problem} if the cursor is none
 */
export async function page<Item>(query: ListQuery, parts: ListParts<Item>): Promise<Page> {
  const { items, wanted, identity, letRun, show } = parts;
  const key = parts.key ?? identity;
  const after = query.cursor === undefined ? undefined : readCursor(query.cursor);
  const sign = query.order === "desc" ? -1 : 1;
  const best: { readonly place: Place; readonly item: Item }[] = [];
  let total = 0;
  let seen = 0;
  for (const item of items) {
    if (++seen % ITEMS_AT_ONCE === 0) await letRun();
    if (item === undefined || (wanted && !wanted(item))) continue;
    total++;
    const place: Place = [key(item), identity(item)];
    if (after && sign * compare(place, after) <= 0) continue;
    const last = best.at(-1);
    if (best.length > query.limit && last && sign * compare(place, last.place) >= 0) continue;
    best.splice(placeIn(best, place, sign), 0, { place, item });
    if (best.length > query.limit + 1) best.pop();
  }
  const shown = best.slice(0, query.limit);
  const next = best.length > query.limit ? writeCursor(shown.at(-1)!.place) : null;
  return { items: shown.map(({ item }) => show(item)), total, nextCursor: next };
}

function placeIn(sorted: readonly { readonly place: Place }[], place: Place, sign: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sign * compare(sorted[middle]!.place, place) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function compare(a: Place, b: Place): number {
  return compareValues(a[0], b[0]) || compareValues(a[1], b[1]);
}

function compareValues(a: string | number, b: string | number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function writeCursor(place: Place): string {
  return encodeURIComponent(JSON.stringify(place));
}

function readCursor(text: string): Place {
  try {
    const place: unknown = JSON.parse(decodeURIComponent(text));
    const isPlace = Array.isArray(place) && place.length === 2 && typeof place[1] === "string" &&
      (typeof place[0] === "string" || typeof place[0] === "number");
    if (isPlace) return place as unknown as Place;
  } catch {
    // It is said below.
  }
  throw fieldProblem("cursor", "must be the nextCursor of the page before");
}
