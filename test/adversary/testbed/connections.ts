// Assigns connections to members: the tap sees connections begin and end, and does not see whose they are.

/**
 * @param connections each member's connection as it was; 0 where there is none known
 * @param open the connections that there are now
 * @returns each member's connection as it is. A lost one is found again if one member alone lacks one, and one alone is nobody's; else it is 0
 */
export function assignConnections(connections: readonly number[], open: ReadonlySet<number>): number[] {
  const kept = connections.map((connection) => (open.has(connection) ? connection : 0));
  const free = [...open].filter((other) => !kept.includes(other));
  const lacking = kept.filter((connection) => connection === 0).length;
  const [found] = free;
  return kept.map((connection) =>
    connection === 0 && lacking === 1 && free.length === 1 && found !== undefined ? found : connection,
  );
}
