// Random words as a pure function of a counter and a key: Threefry-4x32 with 20 rounds (Salmon et al. 2011, "Parallel
// random numbers: as easy as 1, 2, 3"). Additions, rotations and exclusive ors of u32 only, which every device computes
// alike. The state is kept as even = (x0, x2) and odd = (x1, x3); a round pairs x0 with x1 and x2 with x3, the next one x0
// with x3 and x2 with x1, which is the same round on odd.yx.
//
// The key is (seed, step, stream, 0), the counter (group of four elements, sample, purpose, 0): PURPOSE_ELEMENT draws for
// elements, PURPOSE_SAMPLE for whole samples, so that the two never meet.

const PURPOSE_ELEMENT: u32 = 0u;
const PURPOSE_SAMPLE: u32 = 1u;

struct Words {
  even: vec2u,
  odd: vec2u,
}

fn round_of(x: Words, by: vec2u) -> Words {
  let even = x.even + x.odd;
  let odd = ((x.odd << by) | (x.odd >> (vec2u(32u) - by))) ^ even;
  return Words(even, odd.yx);
}

fn rounds_a(x: Words) -> Words {
  let two = round_of(round_of(x, vec2u(10u, 26u)), vec2u(11u, 21u));
  return round_of(round_of(two, vec2u(13u, 27u)), vec2u(23u, 5u));
}

fn rounds_b(x: Words) -> Words {
  let two = round_of(round_of(x, vec2u(6u, 20u)), vec2u(17u, 11u));
  return round_of(round_of(two, vec2u(25u, 10u)), vec2u(18u, 20u));
}

fn inject(x: Words, even: vec2u, odd: vec2u, number: u32) -> Words {
  return Words(x.even + even, x.odd + odd + vec2u(0u, number));
}

fn threefry(counter: vec4u, key: vec4u) -> vec4u {
  let parity = 0x1bd11bdau ^ key.x ^ key.y ^ key.z ^ key.w;
  var x = Words(counter.xz + key.xz, counter.yw + key.yw);
  x = inject(rounds_a(x), vec2u(key.y, key.w), vec2u(key.z, parity), 1u);
  x = inject(rounds_b(x), vec2u(key.z, parity), vec2u(key.w, key.x), 2u);
  x = inject(rounds_a(x), vec2u(key.w, key.x), vec2u(parity, key.y), 3u);
  x = inject(rounds_b(x), vec2u(parity, key.y), vec2u(key.x, key.z), 4u);
  x = inject(rounds_a(x), vec2u(key.x, key.z), vec2u(key.y, key.w), 5u);
  return vec4u(x.even.x, x.odd.x, x.even.y, x.odd.y);
}
