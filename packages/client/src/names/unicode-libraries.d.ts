// Types for two libraries that come without any, as far as they are used.

declare module 'tr46' {
  export interface ToUnicodeOptions {
    readonly checkHyphens: boolean;
    readonly checkBidi: boolean;
    readonly checkJoiners: boolean;
    readonly useSTD3ASCIIRules: boolean;
    readonly transitionalProcessing: boolean;
  }
  export function toUnicode(
    label: string,
    options: ToUnicodeOptions,
  ): { readonly domain: string; readonly error: boolean };
}

declare module 'unicode-confusables' {
  /** Puts the prototype of UTS 39 in the place of each code point that has one. */
  export function rectifyConfusion(text: string): string;
}
