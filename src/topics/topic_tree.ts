/** One level of the tree; `+` and `#` are levels like any other. */
interface Node<T> {
  value: T | undefined;
  children: Map<string, Node<T>> | undefined;
}

/**
 * Values by topic name or filter, level by level, with the two questions a broker has: which stored filters match a
 * name, and which stored names a filter matches (MQTT 3.1.1 §4.7, MQTT 5.0 §4.7).
 */
export class TopicTree<T> {
  readonly #root: Node<T> = { value: undefined, children: undefined };
  #size = 0;

  /** How many values are stored. */
  get size(): number {
    return this.#size;
  }

  get(topic: string): T | undefined {
    let node: Node<T> | undefined = this.#root;
    for (const level of topic.split("/")) {
      node = node.children?.get(level);
      if (!node) return undefined;
    }
    return node.value;
  }

  /** Stores `value` in place of what was there. */
  set(topic: string, value: T): void {
    let node = this.#root;
    for (const level of topic.split("/")) {
      const children: Map<string, Node<T>> = node.children ??= new Map();
      let child = children.get(level);
      if (!child) children.set(level, child = { value: undefined, children: undefined });
      node = child;
    }
    if (node.value === undefined) this.#size++;
    node.value = value;
  }

  /** Removes a value and every level that served it alone. */
  delete(topic: string): boolean {
    const levels = topic.split("/");
    const path = [this.#root];
    for (const level of levels) {
      const child = path[path.length - 1].children?.get(level);
      if (!child) return false;
      path.push(child);
    }
    const leaf = path[path.length - 1];
    if (leaf.value === undefined) return false;
    leaf.value = undefined;
    this.#size--;
    for (let depth = levels.length; depth > 0; depth--) {
      const { value, children } = path[depth];
      if (value !== undefined || children) break;
      const siblings = path[depth - 1].children!;
      siblings.delete(levels[depth - 1]);
      if (siblings.size === 0) path[depth - 1].children = undefined;
    }
    return true;
  }

  clear(): void {
    this.#root.children = undefined;
    this.#size = 0;
  }

  /** Every value, in no particular order. */
  *values(): Generator<T> {
    const nodes = [this.#root];
    for (let node = nodes.pop(); node; node = nodes.pop()) {
      if (node.value !== undefined) yield node.value;
      if (node.children) { for (const child of node.children.values()) nodes.push(child); }
    }
  }

  /** Calls `visit` with the value of every stored filter that matches the topic name. */
  matchName(topicName: string, visit: (value: T) => void): void {
    // [MQTT-4.7.2-1] 3.1.1 and 5.0: a leading wildcard does not match a leading "$".
    visitFilters(this.#root, topicName.split("/"), 0, !topicName.startsWith("$"), visit);
  }

  /** Calls `visit` with the value of every stored name that the topic filter matches. */
  matchFilter(topicFilter: string, visit: (value: T) => void): void {
    visitNames(this.#root, topicFilter.split("/"), 0, visit);
  }
}

function visitFilters<T>(
  node: Node<T>,
  levels: string[],
  depth: number,
  wildcards: boolean,
  visit: (value: T) => void,
): void {
  const children = node.children;
  // "a/#" matches "a" too, so "#" is looked at before the end of the name.
  if (children && wildcards) visitValue(children.get("#"), visit);
  if (depth === levels.length) return visitValue(node, visit);
  if (!children) return;
  const exact = children.get(levels[depth]);
  if (exact) visitFilters(exact, levels, depth + 1, true, visit);
  const plus = wildcards ? children.get("+") : undefined;
  if (plus) visitFilters(plus, levels, depth + 1, true, visit);
}

function visitNames<T>(node: Node<T>, levels: string[], depth: number, visit: (value: T) => void): void {
  if (depth === levels.length) return visitValue(node, visit);
  const level = levels[depth];
  if (level === "#") {
    if (depth > 0) visitValue(node, visit);
    return visitAll(node, depth === 0, visit);
  }
  if (level !== "+") {
    const child = node.children?.get(level);
    if (child) visitNames(child, levels, depth + 1, visit);
    return;
  }
  for (const [name, child] of node.children ?? []) {
    if (depth > 0 || !name.startsWith("$")) visitNames(child, levels, depth + 1, visit);
  }
}

function visitAll<T>(node: Node<T>, top: boolean, visit: (value: T) => void): void {
  for (const [name, child] of node.children ?? []) {
    if (top && name.startsWith("$")) continue;
    visitValue(child, visit);
    visitAll(child, false, visit);
  }
}

function visitValue<T>(node: Node<T> | undefined, visit: (value: T) => void): void {
  if (node && node.value !== undefined) visit(node.value);
}
