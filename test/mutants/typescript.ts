import ts from 'typescript';
import type { Edit } from './mutation.ts';
import {
  replacementsOfNumber,
  replacementsOfOperator,
  replacementsOfPrefix,
  replacementsOfWord,
} from './replacements.ts';

/** Every mutation of single tokens inside a piece of code; not of types, nor of the messages of what it throws. */
export function mutationsOfCode(code: ts.Node): Edit[] {
  const file = code.getSourceFile();
  const edits: Edit[] = [];
  const add = (offset: number, token: string, replacements: readonly string[]) => {
    for (const replacement of replacements) edits.push({ offset, token, replacement });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isTypeNode(node) || ts.isThrowStatement(node)) return;
    const start = node.getStart(file);
    if (ts.isBinaryExpression(node)) {
      const token = node.operatorToken.getText(file);
      add(node.operatorToken.getStart(file), token, replacementsOfOperator(token));
    } else if (ts.isPrefixUnaryExpression(node)) {
      const token = ts.tokenToString(node.operator) ?? '';
      add(start, token, token.length > 1 ? replacementsOfOperator(token) : replacementsOfPrefix(token));
    } else if (ts.isPostfixUnaryExpression(node)) {
      const token = ts.tokenToString(node.operator) ?? '';
      add(node.end - token.length, token, replacementsOfOperator(token));
    } else if (ts.isNumericLiteral(node)) {
      const token = node.getText(file);
      add(start, token, replacementsOfNumber(token.replaceAll('_', '')));
    } else if (node.kind === ts.SyntaxKind.TrueKeyword || node.kind === ts.SyntaxKind.FalseKeyword) {
      add(start, node.getText(file), replacementsOfWord(node.getText(file)));
    } else if (ts.isPropertyAccessExpression(node) && node.expression.getText(file) === 'Math') {
      add(node.name.getStart(file), node.name.text, replacementsOfWord(node.name.text));
    }
    ts.forEachChild(node, visit);
  };
  visit(code);
  return edits;
}
