// Whose connection is whose: the tap sees that connections come and go, not who they are.

/**
 * @param seats each member's connection as it was; 0 where there is none known
 * @param open the connections that there are now
 * @returns each member's connection as it is. A lost one is found again if one member alone lacks one, and one alone is nobody's; else it is 0
 */
export function seatAnew(seats: readonly number[], open: ReadonlySet<number>): number[] {
  const kept = seats.map((seat) => (open.has(seat) ? seat : 0));
  const free = [...open].filter((connection) => !kept.includes(connection));
  const lacking = kept.filter((seat) => seat === 0).length;
  const [found] = free;
  return kept.map((seat) => (seat === 0 && lacking === 1 && free.length === 1 && found !== undefined ? found : seat));
}
