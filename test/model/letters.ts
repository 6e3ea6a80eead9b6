// Members of a model are letters; a set or an order of them is a string, which makes short states.

export const lettersOf = (set: string): readonly string[] => Array.from(set);
export const without = (set: string, letter: string): string => set.replace(letter, '');
export const keepOf = (set: string, keep: (letter: string) => boolean): string => lettersOf(set).filter(keep).join('');
