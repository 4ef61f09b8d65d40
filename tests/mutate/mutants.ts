/** Finds what can be changed in a source text, and writes a text in which each change can be switched on. */
import ts from "typescript";

/** One change of a source text: a condition that is taken for its contrary, or a statement that is left out. */
export interface Mutant {
  readonly kind: "negated" | "dropped";
  /** Path of the file. */
  readonly file: string;
  /** Line of the beginning, from 1. */
  readonly line: number;
  /** The function, method or constant around it. */
  readonly member: string;
  /** What is changed, on one line. */
  readonly text: string;
  /** The line of the source text that it begins on, without what indents it. */
  readonly sourceLine: string;
  /** Where that begins and ends in the source text. */
  readonly start: number;
  readonly end: number;
}

const COMPARISONS: ReadonlySet<ts.SyntaxKind> = new Set([
  ts.SyntaxKind.EqualsEqualsEqualsToken,
  ts.SyntaxKind.ExclamationEqualsEqualsToken,
  ts.SyntaxKind.LessThanToken,
  ts.SyntaxKind.LessThanEqualsToken,
  ts.SyntaxKind.GreaterThanToken,
  ts.SyntaxKind.GreaterThanEqualsToken,
  ts.SyntaxKind.InstanceOfKeyword,
  ts.SyntaxKind.InKeyword,
]);

/** Everything that can be changed in a file. */
export function mutantsOf(file: string, source: string): Mutant[] {
  const tree = ts.createSourceFile(file, source, ts.ScriptTarget.Latest, true);
  const found: Mutant[] = [];
  const lines = source.split("\n");
  const add = (kind: Mutant["kind"], node: ts.Node) => {
    const [start, end] = [node.getStart(tree), node.getEnd()];
    const line = tree.getLineAndCharacterOfPosition(start).line + 1;
    const text = source.slice(start, end).replaceAll(/\s+/g, " ");
    found.push({ kind, file, line, member: memberAround(node), text, sourceLine: lines[line - 1]!.trim(), start, end });
  };
  /** @param decides the value of the node is asked for its truth alone */
  const visit = (node: ts.Node, decides: boolean): void => {
    if (ts.isTypeNode(node)) return;
    if (ts.isParenthesizedExpression(node)) return visit(node.expression, decides);
    if (ts.isBinaryExpression(node) && isLogical(node)) {
      visit(node.left, true);
      return visit(node.right, decides);
    }
    if (ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.ExclamationToken) {
      if (!isJunction(node.operand)) add("negated", node);
      return ts.forEachChild(node.operand, (child) => visit(child, isJunction(node.operand)));
    }
    if (decides || (ts.isBinaryExpression(node) && COMPARISONS.has(node.operatorToken.kind))) add("negated", node);
    else if (canBeDropped(node, tree)) add("dropped", node);
    const condition = conditionOf(node);
    ts.forEachChild(node, (child) => visit(child, child === condition));
  };
  visit(tree, false);
  return found;
}

/**
 * The source text with switches around these mutants, which are numbered as `numberOf` says; lines keep their numbers.
 *
 * @param switches specifier of the module `switch.ts`
 */
export function withSwitches(
  source: string,
  mutants: readonly Mutant[],
  { numberOf, switches }: { readonly numberOf: (mutant: Mutant) => number; readonly switches: string },
): string {
  const insertions: { at: number; text: string; opens: boolean; size: number }[] = [];
  for (const mutant of mutants) {
    const [before, after] = mutant.kind === "negated" ? ["$negated(", ")"] : ["{ if ($kept(", " } }"];
    const open = mutant.kind === "negated" ? `${before}${numberOf(mutant)}, ` : `${before}${numberOf(mutant)})) { `;
    const size = mutant.end - mutant.start;
    insertions.push({ at: mutant.start, text: open, opens: true, size }, {
      at: mutant.end,
      text: after,
      opens: false,
      size,
    });
  }
  // At one place what ends comes before what begins; of those that begin the longest is first, of those that end last.
  insertions.sort((a, b) =>
    a.at - b.at || Number(a.opens) - Number(b.opens) || (a.opens ? b.size - a.size : a.size - b.size)
  );
  let text = `import { $kept, $negated } from ${JSON.stringify(switches)}; `;
  let from = 0;
  for (const { at, text: inserted } of insertions) {
    text += source.slice(from, at) + inserted;
    from = at;
  }
  return text + source.slice(from);
}

function isLogical({ operatorToken }: ts.BinaryExpression): boolean {
  return operatorToken.kind === ts.SyntaxKind.AmpersandAmpersandToken ||
    operatorToken.kind === ts.SyntaxKind.BarBarToken;
}

/** Whether a node is `(a && b)` or `(a || b)`, whose parts are changed one by one. */
function isJunction(node: ts.Node): boolean {
  return ts.isParenthesizedExpression(node) && ts.isBinaryExpression(node.expression) && isLogical(node.expression);
}

function conditionOf(node: ts.Node): ts.Node | undefined {
  if (ts.isIfStatement(node) || ts.isWhileStatement(node) || ts.isDoStatement(node)) return node.expression;
  if (ts.isForStatement(node) || ts.isConditionalExpression(node)) return node.condition;
  return undefined;
}

/** A declaration cannot go, nor what a constructor must do; what is logged for debugging nobody counts on. */
function canBeDropped(node: ts.Node, tree: ts.SourceFile): boolean {
  if (ts.isReturnStatement(node) || ts.isThrowStatement(node) || ts.isBreakOrContinueStatement(node)) return true;
  if (!ts.isExpressionStatement(node)) return false;
  return !/^super\(|\blogger\.debug\(/.test(node.getText(tree));
}

function memberAround(node: ts.Node): string {
  for (let around: ts.Node | undefined = node.parent; around; around = around.parent) {
    if (ts.isConstructorDeclaration(around)) return "constructor";
    if (ts.isFunctionDeclaration(around) || ts.isClassElement(around) || isConstant(around)) {
      if (around.name) return around.name.getText();
    }
  }
  return "module";
}

function isConstant(node: ts.Node): node is ts.VariableDeclaration {
  return ts.isVariableDeclaration(node) && ts.isSourceFile(node.parent.parent.parent);
}
