import type { TopicFilter } from "../packet/topic.ts";

/**
 * Counts how many of a session's subscriptions can match one and the same topic, at most. Filters without wildcards match one
 * topic each, so that no two of them overlap; nor do two whose wildcards stand in the same levels.
 */
export class Overlap {
  /** How many filters there are of each shape; `undefined`: there never was one. */
  #shapes: Map<string, number> | undefined;

  /** The most subscriptions that one topic can match. */
  get most(): number {
    return this.#shapes?.size ?? 0;
  }

  /** What {@linkcode Overlap.most} would be with this filter. */
  mostWith(key: TopicFilter): number {
    return this.most + (this.#shapes?.has(shapeOf(key)) ? 0 : 1);
  }

  /** @param key as the client gave it: `$share/…` included; it was not there before */
  add(key: TopicFilter): void {
    const shapes = this.#shapes ??= new Map();
    const shape = shapeOf(key);
    shapes.set(shape, (shapes.get(shape) ?? 0) + 1);
  }

  /** @param key one that was added */
  remove(key: TopicFilter): void {
    const shape = shapeOf(key);
    const left = (this.#shapes?.get(shape) ?? 0) - 1;
    if (left > 0) this.#shapes?.set(shape, left);
    else this.#shapes?.delete(shape);
  }
}

/** Where the wildcards of a filter stand: the levels between are left out but for their number. */
function shapeOf(key: TopicFilter): string {
  let shape = "";
  let from = 0;
  if (key.startsWith("$share/")) {
    from = key.indexOf("/", 7) + 1;
    shape = key.slice(0, from);
  }
  let level = 0;
  let isWild = false;
  for (let at = from; at < key.length; at++) {
    const character = key[at];
    if (character === "/") level++;
    else if ((character === "+" || character === "#") && (at === from || key[at - 1] === "/")) {
      shape += character + level + ",";
      isWild = true;
    }
  }
  // "+/a" and "+/a/b" cannot match the same topic, whereas a "#" makes the number of levels mean nothing.
  return isWild && !key.endsWith("#") ? shape + level : shape;
}
