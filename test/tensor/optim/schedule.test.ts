import { cosine, linearWarmUp, multiStep } from '@lua-webgpu/tensor';
import { describe, expect, it } from 'vitest';

describe('schedules', () => {
  it('multiStep halves at each milestone, from the step of that number on', () => {
    const schedule = multiStep({ lr: 8, milestones: [3, 6, 8], gamma: 0.5 });
    expect(Array.from({ length: 10 }, (_, step) => schedule(step))).toEqual([8, 8, 8, 4, 4, 4, 2, 2, 1, 1]);
  });

  it('multiStep reached twice at once multiplies twice', () => {
    expect(multiStep({ lr: 1, milestones: [2, 2], gamma: 0.5 })(2)).toBe(0.25);
  });

  it('cosine goes from lr by the middle to the minimum and stays there', () => {
    const schedule = cosine({ lr: 1, steps: 100, minimum: 0.2 });
    expect([0, 50, 100, 150].map(schedule)).toEqual([1, expect.closeTo(0.6, 12), 0.2, 0.2]);
    expect(cosine({ lr: 1, steps: 4 })(1)).toBeCloseTo((1 + Math.SQRT1_2) / 2, 12);
  });

  it('linearWarmUp rises from the start factor to the schedule', () => {
    const inner = multiStep({ lr: 6, milestones: [8], gamma: 0.5 });
    const schedule = linearWarmUp(inner, { steps: 4, startFactor: 0.5 });
    expect([0, 1, 2, 3, 4, 7, 8].map(schedule)).toEqual([3, 3.75, 4.5, 5.25, 6, 6, 3]);
    expect(linearWarmUp(inner, { steps: 4 })(0)).toBeCloseTo(2, 12);
  });
});
