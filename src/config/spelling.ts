/** Reads a key in any of its spellings: `max-connections`, `max_connections` and `maxConnections` are one. */
export function toCamelCase(key: string): string {
  return key.replace(/[-_]([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** The spelling of YAML files: `maxConnections` is `max-connections`. */
export function toHyphens(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/**
 * The known name that an unknown one was probably meant to be, in the unknown one's spelling; `undefined` if none is
 * near.
 *
 * @param known names in camelCase
 */
export function nearestName(unknown: string, known: readonly string[]): string | undefined {
  const nearest = nearestOf(unknown, known);
  return nearest === undefined ? undefined : spellLike(unknown, nearest);
}

/** The known name that is nearest to an unknown one, as it stands; `undefined` if none is near. */
export function nearestOf<Name extends string>(unknown: string, known: readonly Name[]): Name | undefined {
  const wanted = simplify(unknown);
  let best: Name | undefined;
  // A third of the letters may be wrong; what differs more was hardly meant.
  let bestDistance = Math.floor(wanted.length / 3) + 1;
  for (const name of known) {
    const distance = editDistance(wanted, simplify(name));
    if (distance < bestDistance) [best, bestDistance] = [name, distance];
  }
  return best;
}

function spellLike(example: string, name: string): string {
  if (/[a-z][A-Z]/.test(example)) return name;
  return example.includes("_") ? toHyphens(name).replaceAll("-", "_") : toHyphens(name);
}

function simplify(name: string): string {
  return name.replace(/[-_.]/g, "").toLowerCase();
}

/** Letters to insert, remove, replace or swap with their neighbour to make one text the other. */
function editDistance(from: string, to: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 1; i <= from.length; i++) {
    const current = [i];
    for (let j = 1; j <= to.length; j++) {
      const same = from[i - 1] === to[j - 1];
      let cost = Math.min(at(previous, j) + 1, at(current, j - 1) + 1, at(previous, j - 1) + (same ? 0 : 1));
      const swapped = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      if (swapped) cost = Math.min(cost, at(beforePrevious, j - 2) + 1);
      current.push(cost);
    }
    [beforePrevious, previous] = [previous, current];
  }
  return at(previous, to.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Infinity;
}
