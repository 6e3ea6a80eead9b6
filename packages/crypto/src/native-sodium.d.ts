// What is used of sodium-native, which comes without types.

declare module 'sodium-native' {
  /** Bytes between guard pages, locked and left out of dumps as far as the system allows; it does not say how far that was. */
  export function sodium_malloc(bytes: number): Uint8Array;
}
