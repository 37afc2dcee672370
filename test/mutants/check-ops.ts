/**
 * Runs checks of ops in this tree: `check-ops.ts '{"adapter": …, "units": […]}'`. After each it prints a line of JSON,
 * `{"passed": index, "ms": …}`; the first that fails ends the process with code 1.
 */
import { registry } from '@lua-webgpu/tensor';
import { DeviceSet } from '../support/adapters.ts';
import { type AnyOp, checkForward, checkRefusals, labelOf } from '../support/op-checks.ts';
import { checkVjp } from '../support/vjp-checks.ts';
import type { OpUnit } from './plan.ts';

const { adapter, units } = JSON.parse(process.argv[2] ?? '') as { adapter: string; units: OpUnit[] };
const devices = new DeviceSet({ label: adapter, options: { adapter } });

async function run({ check, op: name, force }: OpUnit): Promise<void> {
  const op = (registry as readonly AnyOp[]).find((entry) => entry.name === name);
  if (!op) throw new Error(`the registry has no ${name}`);
  const device = await devices.open({ force });
  const label = labelOf(op, force);
  if (check === 'forward') await checkForward(device, op, label);
  else if (check === 'vjp') await checkVjp(device, op, force, label);
  else checkRefusals(device, op);
}

for (const [index, unit] of units.entries()) {
  const began = performance.now();
  try {
    await run(unit);
  } catch (error) {
    console.log(
      JSON.stringify({ failed: index, why: error instanceof Error ? error.message : String(error) }),
    );
    process.exit(1);
  }
  console.log(JSON.stringify({ passed: index, ms: Math.round(performance.now() - began) }));
}
devices.close();
