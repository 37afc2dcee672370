import { readFileSync } from 'node:fs';
import { lossNames, lossTerms, stageObjectives } from '@lua-webgpu/train';
import { expect, it } from 'vitest';

const page = readFileSync(new URL('../../../docs/losses.md', import.meta.url), 'utf8');

it('docs/losses.md has every loss with its stages and weights', () => {
  const rows = [...page.matchAll(/^\| `(\w+)` \| .* \| ([I, ]+) \| (\S+) \|$/gm)].map(
    ([, name = '', stages = '', weight]) => ({ name, stages: stages.split(', '), weight: Number(weight) }),
  );
  expect(rows.map(({ name }) => name)).toEqual(lossNames);
  for (const [stage, objective] of Object.entries(stageObjectives)) {
    const listed = rows.filter(({ stages }) => stages.includes(stage)).map((row) => [row.name, row.weight]);
    expect(Object.fromEntries(listed)).toEqual(objective);
  }
});

it('docs/losses.md names every option', () => {
  for (const name of lossNames) {
    for (const option of Object.keys(lossTerms[name].options)) expect(page).toContain(`\`${option}\``);
  }
});
