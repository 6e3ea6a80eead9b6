// Figures that a run measures are printed beside its tests, in a form that can be searched for.

export function printFigure(text: string): void {
  process.stdout.write(`figure: ${text.replaceAll('\n', '\nfigure: ')}\n`);
}
