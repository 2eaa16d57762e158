// How often one customer may call the API.
export interface Limit { perMinute: number; burst: number }

// Twice the limit for a moment is fine; it is the minute that counts.
const BURST = 2;

// The plans' limits are the same by now.
export const PER_MINUTE = 60;

export function limit(): Limit {
  return { perMinute: PER_MINUTE, burst: PER_MINUTE * BURST };
}
