// The one function of sodium-native that we call. The package comes without types.

declare module 'sodium-native' {
  /**
   * Allocates bytes between guard pages, locked and left out of dumps as far as the system allows.
   * It does not report whether the system allowed it.
   */
  export function sodium_malloc(bytes: number): Uint8Array;
}
